//! The wire against a real ClickHouse server: Debian's 18.16, the reduced schema. It is found in
//! `PATH` or by `CLICKHOUSE_SERVER_18`; without it the tests do nothing.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a helper that fails, fails its test"
)]

use std::{
    env,
    net::{Ipv4Addr, Ipv6Addr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use store::{
    Block, ClickHouse, ClickHouseConfig, Dialect, Secret, StoreError, Table,
    rows::{
        EndRow, L4FlowLogRow, L7FlowLogRow, NetworkMapRow, ObservationPoint, RequestLists,
        RequestTexts, RequestValues,
    },
    tables::{L4FlowLog, L7FlowLog, NetworkMap},
};

fn executable() -> Option<PathBuf> {
    let given = env::var_os("CLICKHOUSE_SERVER_18").map(PathBuf::from);
    let found = given.or_else(|| {
        env::split_paths(&env::var_os("PATH")?)
            .chain(["/usr/sbin".into()])
            .map(|folder| folder.join("clickhouse-server"))
            .find(|path| path.is_file())
    });
    if found.is_none() {
        println!("skipped: no clickhouse-server (Debian: apt-get install clickhouse-server)");
    }
    found
}

struct Server {
    child: Child,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// Starts the server on a folder. The port is free when it is chosen; should another process
    /// take it first, the caller sees no answer and tries once more.
    async fn start(exe: &Path, folder: &Path) -> Self {
        for _ in 0..3 {
            let free = TcpListener::bind("127.0.0.1:0").unwrap();
            let port = free.local_addr().unwrap().port();
            drop(free);
            let server = Self::launch(exe, folder, port);
            if server.answers().await {
                return server;
            }
        }
        panic!("{} does not answer", exe.display());
    }

    fn launch(exe: &Path, folder: &Path, port: u16) -> Self {
        let path = folder.display();
        let config = format!(
            "<yandex><logger><level>warning</level><log>{path}/log</log><errorlog>{path}/err</errorlog></logger>\
             <http_port>{port}</http_port><listen_host>127.0.0.1</listen_host><path>{path}/data/</path>\
             <tmp_path>{path}/tmp/</tmp_path><mark_cache_size>5368709</mark_cache_size>\
             <users_config>{path}/users.xml</users_config><default_profile>default</default_profile>\
             <default_database>default</default_database><timezone>UTC</timezone></yandex>"
        );
        let users = "<yandex><profiles><default/></profiles><quotas><default/></quotas>\
             <users><writer><password>hunter2</password><networks><ip>::/0</ip></networks>\
             <profile>default</profile><quota>default</quota></writer></users></yandex>";
        std::fs::create_dir_all(folder.join("tmp")).unwrap();
        std::fs::write(folder.join("config.xml"), config).unwrap();
        std::fs::write(folder.join("users.xml"), users).unwrap();
        let child = Command::new(exe)
            .arg(format!("--config-file={path}/config.xml"))
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, port }
    }

    async fn answers(&self) -> bool {
        let client = self.client("hunter2");
        for _ in 0..300 {
            if client.ping().await.is_ok() {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        false
    }

    fn client(&self, password: &str) -> ClickHouse {
        let mut config = ClickHouseConfig::new(format!("http://127.0.0.1:{}", self.port));
        config.user = Some("writer".into());
        config.password = Some(Secret::new(password));
        config.compress = true;
        config.store.dialect = Dialect::V18;
        ClickHouse::new(config).unwrap()
    }
}

#[tokio::test]
async fn a_real_server_takes_the_blocks_and_its_faults_are_told_apart() {
    let Some(exe) = executable() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::start(&exe, folder.path()).await;
    let client = server.client("hunter2");

    let stranger = server.client("wrong-secret");
    let error = stranger.ping().await.unwrap_err();
    assert!(
        matches!(
            error,
            StoreError::Transient {
                code: Some(193),
                ..
            }
        ),
        "{error:?}"
    );
    assert!(!format!("{error} {error:?}").contains("wrong-secret"));

    let mut block = Block::<NetworkMap>::new(Dialect::V18);
    block.append(&NetworkMapRow {
        time_s: 1_700_000_000,
        client: EndRow {
            ip4: Ipv4Addr::new(10, 0, 0, 1),
            ip6: Ipv6Addr::LOCALHOST,
            l3_epc_id: -2,
            ..EndRow::default()
        },
        observation_point: ObservationPoint(1),
        ..NetworkMapRow::default()
    });
    let mut sent = Vec::new();
    block.encode(&mut sent);
    let error = client
        .insert(Table::NetworkMap1s, sent.clone().into())
        .await
        .unwrap_err();
    assert!(
        matches!(error, StoreError::UnknownTable { .. }),
        "{error:?}"
    );
    client.ensure_schema().await.unwrap();
    client.ensure_schema().await.unwrap();
    client
        .insert(Table::NetworkMap1s, sent.clone().into())
        .await
        .unwrap();
    let sql = "SELECT IPv4NumToString(ip4_0), IPv6NumToString(ip6_0), l3_epc_id_0, observation_point \
               FROM flow_metrics.`network_map.1s`";
    let answer = client.query_raw(sql, "TabSeparated", true).await.unwrap();
    assert_eq!(answer, "10.0.0.1\t::1\t-2\tc\n");

    let mut flows = Block::<L4FlowLog>::new(Dialect::V18);
    flows.append(&L4FlowLogRow {
        end_time_us: 1_700_000_000_000_001,
        acl_gids: &[7, 8],
        ..L4FlowLogRow::default()
    });
    let mut flow = Vec::new();
    flows.encode(&mut flow);
    client.insert(Table::L4FlowLog, flow.into()).await.unwrap();
    let sql = "SELECT end_time, acl_gids FROM flow_log.l4_flow_log";
    let answer = client.query_raw(sql, "TabSeparated", true).await.unwrap();
    assert_eq!(answer, "1700000000000001\t[7,8]\n");

    let mut requests = Block::<L7FlowLog>::new(Dialect::V18);
    let values = RequestValues {
        response_code: Some(404),
        ..RequestValues::default()
    };
    let lists = RequestLists {
        attribute_names: ["a", "b"].into_iter().collect(),
        attribute_values: ["1", "2"].into_iter().collect(),
        ..RequestLists::EMPTY
    };
    requests.append(&L7FlowLogRow {
        values: &values,
        texts: RequestTexts::default(),
        lists: &lists,
    });
    let mut request = Vec::new();
    requests.encode(&mut request);
    client
        .insert(Table::L7FlowLog, request.into())
        .await
        .unwrap();
    let sql = "SELECT response_code, request_id, attribute_names, attribute_values FROM flow_log.l7_flow_log";
    let answer = client.query_raw(sql, "TabSeparated", true).await.unwrap();
    assert_eq!(answer, "404\t\\N\t['a','b']\t['1','2']\n");

    let cut = sent.get(..sent.len() - 2).unwrap().to_vec();
    let error = client
        .insert(Table::NetworkMap1s, cut.into())
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::Rejected { .. }), "{error:?}");
    let error = client
        .query_raw("DROP DATABASE flow_log", "Null", true)
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            StoreError::Transient {
                code: Some(164),
                ..
            }
        ),
        "{error:?}"
    );

    server.child.kill().unwrap();
    server.child.wait().unwrap();
    let error = client
        .insert(Table::NetworkMap1s, sent.into())
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::Unreachable { .. }), "{error:?}");

    let server = Server::start(&exe, folder.path()).await;
    let sql = "SELECT count() FROM flow_metrics.`network_map.1s`";
    let answer = server
        .client("hunter2")
        .query_raw(sql, "TabSeparated", true)
        .await
        .unwrap();
    assert_eq!(answer, "1\n");
}
