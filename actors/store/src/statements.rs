//! The statements that make and keep the schema. All of them can be run again and again.

use crate::{
    config::StoreConfig, dialect::Dialect, error::StoreError, migrations::MIGRATIONS,
    schema::GroupColumn, table::Table,
};

/// Rows of a skip index's granule, in granules of the table.
const INDEX_GRANULARITY: u32 = 2;

/// Blocks whose deduplication tokens a table remembers. A spool that sends a block again after a
/// lost answer does so within far fewer.
const DEDUPLICATION_WINDOW: u32 = 10_000;

/// From this many bytes on, a part has files of its own for each column. What an insert writes
/// stays below: a hundred columns in one file cost a third of the CPU (measured with blocks of
/// 100,000 rows), and merges make wide parts of it soon enough.
const WIDE_PART: u64 = 256 << 20;

/// Where the applied migrations are written down.
pub(crate) const VERSION_TABLE: &str = "flowstage.schema_version";

/// Everything a new server needs, in order: databases, tables, the list of migrations.
///
/// # Errors
///
/// [`StoreError::Config`] for a storage policy that is not a plain name.
pub fn create_statements(config: &StoreConfig) -> Result<Vec<String>, StoreError> {
    let mut databases: Vec<&str> = Table::ALL.iter().map(|table| table.database()).collect();
    databases.push("flowstage");
    databases.dedup();
    let mut statements: Vec<String> = databases
        .into_iter()
        .map(|database| format!("CREATE DATABASE IF NOT EXISTS {database}"))
        .collect();
    statements.push(format!(
        "CREATE TABLE IF NOT EXISTS {VERSION_TABLE} \
         (version UInt32, name String, applied DateTime DEFAULT now()) \
         ENGINE = MergeTree ORDER BY version"
    ));
    for table in Table::ALL {
        statements.push(create_table(table, config)?);
    }
    Ok(statements)
}

/// Writes a migration down, once.
pub(crate) fn record_migration(version: u32, name: &str) -> String {
    format!(
        "INSERT INTO {VERSION_TABLE} (version, name) SELECT {version}, '{name}' \
         WHERE toUInt32({version}) NOT IN (SELECT version FROM {VERSION_TABLE})"
    )
}

/// The newest migration this program knows.
#[must_use]
pub fn schema_version() -> u32 {
    MIGRATIONS.last().map_or(0, |migration| migration.version)
}

/// The statement that inserts one encoded [`crate::Block`] into `table`.
#[must_use]
pub fn insert_statement(table: Table) -> String {
    let columns: Vec<String> = table
        .filled_columns()
        .map(|column| format!("`{}`", column.name()))
        .collect();
    format!(
        "INSERT INTO {} ({}) FORMAT Native",
        table.quoted(),
        columns.join(",")
    )
}

fn create_table(table: Table, config: &StoreConfig) -> Result<String, StoreError> {
    let modern = config.dialect == Dialect::Modern;
    let mut lines: Vec<String> = table
        .columns()
        .map(|column| column_line(&column, config.dialect))
        .collect();
    if modern {
        let all = config.index_all_columns;
        lines.extend(
            table
                .columns()
                .filter_map(|column| index_line(&column, all)),
        );
    }
    let key = table.key().join(", ");
    let mut sql = format!(
        "CREATE TABLE IF NOT EXISTS {}\n(\n    {}\n)\nENGINE = MergeTree\nPARTITION BY {}\nPRIMARY KEY ({key})\nORDER BY ({key})\n",
        table.quoted(),
        lines.join(",\n    "),
        table.partition().sql(config.dialect),
    );
    if !modern {
        sql = sql.replace(&format!("PRIMARY KEY ({key})\n"), "");
    }
    if let Some(ttl) = config.ttl(table) {
        sql.push_str(&format!("TTL {ttl}\n"));
    }
    let mut settings = vec!["index_granularity = 8192".to_owned()];
    if modern {
        settings.push("ttl_only_drop_parts = 1".into());
        settings.push(format!("min_bytes_for_wide_part = {WIDE_PART}"));
        settings.push(format!(
            "non_replicated_deduplication_window = {DEDUPLICATION_WINDOW}"
        ));
    }
    if let Some(policy) = storage_policy(config)? {
        settings.push(format!("storage_policy = '{policy}'"));
    }
    sql.push_str(&format!("SETTINGS {}", settings.join(", ")));
    Ok(sql)
}

/// The configured policy, if it is a plain name: it goes into a statement as it is.
fn storage_policy(config: &StoreConfig) -> Result<Option<&str>, StoreError> {
    let Some(policy) = config.storage_policy.as_deref() else {
        return Ok(None);
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if policy.is_empty() || policy.len() > 128 || !policy.chars().all(plain) {
        return Err(StoreError::Config(format!(
            "storage policy '{}' is not a plain name of letters, digits, '_' and '-'",
            policy.escape_debug()
        )));
    }
    Ok(Some(policy))
}

fn column_line(column: &GroupColumn, dialect: Dialect) -> String {
    let ty = column.def.ty.table_name(dialect);
    match column.def.codec() {
        Some(codec) if dialect == Dialect::Modern => {
            format!("`{}` {ty} CODEC({codec})", column.name())
        }
        _ => format!("`{}` {ty}", column.name()),
    }
}

fn index_line(column: &GroupColumn, all: bool) -> Option<String> {
    let index = column.def.index(all).sql()?;
    let name = column.name();
    Some(format!(
        "INDEX `{name}_idx` `{name}` TYPE {index} GRANULARITY {INDEX_GRANULARITY}"
    ))
}

/// Adds the columns of `table` that are not among `existing`: an older program made the table,
/// or somebody dropped one.
pub(crate) fn add_missing_columns(
    table: Table,
    existing: &[String],
    config: &StoreConfig,
) -> Option<String> {
    let mut changes = Vec::new();
    for column in table.columns() {
        if existing.contains(&column.name()) {
            continue;
        }
        changes.push(format!(
            "ADD COLUMN IF NOT EXISTS {}",
            column_line(&column, config.dialect)
        ));
        if config.dialect == Dialect::Modern
            && let Some(index) = index_line(&column, config.index_all_columns)
        {
            let index = index.replacen("INDEX", "ADD INDEX IF NOT EXISTS", 1);
            changes.push(index);
        }
    }
    (!changes.is_empty()).then(|| format!("ALTER TABLE {} {}", table.quoted(), changes.join(", ")))
}

/// Changes the retention of `table` if its `engine` clause (`system.tables.engine_full`) shows
/// another one than configured. Rows already there follow as their parts are merged.
pub(crate) fn change_retention(table: Table, engine: &str, config: &StoreConfig) -> Option<String> {
    if config.dialect == Dialect::V18 {
        return None;
    }
    let has_ttl = engine.contains(" TTL ");
    match config.ttl(table) {
        None if has_ttl => Some(format!("ALTER TABLE {} REMOVE TTL", table.quoted())),
        Some(ttl) if !engine.contains(&format!(" TTL {ttl} ")) => {
            Some(format!("ALTER TABLE {} MODIFY TTL {ttl}", table.quoted()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Retention;

    fn ddl(table: Table, config: &StoreConfig) -> String {
        create_table(table, config).unwrap()
    }

    #[test]
    fn a_table_has_its_codecs_indexes_key_and_ttl() {
        let sql = ddl(Table::NetworkMap1s, &StoreConfig::default());
        for part in [
            "CREATE TABLE IF NOT EXISTS flow_metrics.`network_map.1s`\n",
            "`time` DateTime('UTC') CODEC(DoubleDelta, LZ4),",
            "`_tid` UInt8,",
            "`ip4_0` IPv4,",
            "`observation_point` LowCardinality(String),",
            "`byte_tx` UInt64 CODEC(T64, LZ4),",
            "`rtt_sum` Float64 CODEC(Gorilla, LZ4),",
            "INDEX `ip6_1_idx` `ip6_1` TYPE minmax GRANULARITY 2",
            "PARTITION BY toStartOfInterval(time, toIntervalHour(4))\n",
            "ORDER BY (time, l3_epc_id_1, ip4_1, ip6_1, l3_epc_id_0, ip4_0, ip6_0, server_port)\n",
            "TTL time + toIntervalHour(24)\n",
            "ttl_only_drop_parts = 1",
        ] {
            assert!(sql.contains(part), "no {part:?} in:\n{sql}");
        }
        assert!(!sql.contains("storage_policy"));
        assert!(!sql.contains("INDEX `byte_idx`"));

        let all = StoreConfig {
            index_all_columns: true,
            ..StoreConfig::default()
        };
        let sql = ddl(Table::L4FlowLog, &all);
        for part in [
            "INDEX `protocol_idx` `protocol` TYPE set(300) GRANULARITY 2",
            "INDEX `byte_tx_idx` `byte_tx` TYPE minmax GRANULARITY 2",
            "INDEX `request_domain_idx` `request_domain` TYPE bloom_filter GRANULARITY 2",
            "INDEX `aggregated_flow_ids_idx` `aggregated_flow_ids` TYPE tokenbf_v1(",
        ] {
            assert!(sql.contains(part), "no {part:?} in:\n{sql}");
        }
        assert!(!sql.contains("`acl_gids_idx`") && !sql.contains("`province_0_idx`"));
    }

    #[test]
    fn retention_and_storage_policy_follow_the_configuration() {
        let mut config = StoreConfig {
            storage_policy: Some("hot_cold".into()),
            ..StoreConfig::default()
        };
        config.retention.insert(Table::L4FlowLog, Retention::Off);
        config
            .retention
            .insert(Table::Network1m, Retention::Hours(720));
        assert!(!ddl(Table::L4FlowLog, &config).contains("TTL time"));
        assert!(ddl(Table::Network1m, &config).contains("TTL time + toIntervalHour(720)\n"));
        assert!(ddl(Table::L4FlowLog, &config).ends_with("storage_policy = 'hot_cold'"));

        config.storage_policy = Some("x', a = 'b".into());
        let error = create_statements(&config).unwrap_err();
        assert!(matches!(error, StoreError::Config(_)), "{error}");
    }

    #[test]
    fn the_old_dialect_has_none_of_what_18_16_does_not_know() {
        let config = StoreConfig {
            dialect: Dialect::V18,
            ..StoreConfig::default()
        };
        for sql in create_statements(&config).unwrap() {
            for unknown in [
                "CODEC",
                "INDEX ",
                "TTL",
                "ttl_",
                "IPv4",
                "IPv6",
                "DateTime64",
                "LowCard",
                "PRIMARY KEY",
                "dedup",
            ] {
                assert!(!sql.contains(unknown), "{unknown} in:\n{sql}");
            }
        }
    }

    #[test]
    fn an_insert_names_the_filled_columns_only() {
        let sql = insert_statement(Table::Network1s);
        assert!(sql.starts_with("INSERT INTO flow_metrics.`network.1s` (`time`,`_tid`,"));
        assert!(sql.ends_with("`flow_load`) FORMAT Native"));
        assert!(!sql.contains("`pod_id`"));
    }

    #[test]
    fn missing_columns_are_added_with_their_codecs() {
        let mut existing: Vec<String> = Table::Network1s.columns().map(|c| c.name()).collect();
        assert_eq!(
            add_missing_columns(Table::Network1s, &existing, &StoreConfig::default()),
            None
        );
        existing.retain(|name| name != "byte" && name != "pod_id");
        assert_eq!(
            add_missing_columns(Table::Network1s, &existing, &StoreConfig::default()).unwrap(),
            "ALTER TABLE flow_metrics.`network.1s` ADD COLUMN IF NOT EXISTS `pod_id` UInt32, \
             ADD INDEX IF NOT EXISTS `pod_id_idx` `pod_id` TYPE minmax GRANULARITY 2, \
             ADD COLUMN IF NOT EXISTS `byte` UInt64 CODEC(T64, LZ4)"
        );
    }

    #[test]
    fn a_changed_retention_alters_the_table() {
        let engine = "MergeTree PARTITION BY toStartOfHour(time) ORDER BY time \
                      TTL time + toIntervalHour(72) SETTINGS index_granularity = 8192";
        let mut config = StoreConfig::default();
        assert_eq!(change_retention(Table::L4FlowLog, engine, &config), None);
        config
            .retention
            .insert(Table::L4FlowLog, Retention::Hours(7));
        assert_eq!(
            change_retention(Table::L4FlowLog, engine, &config).unwrap(),
            "ALTER TABLE flow_log.`l4_flow_log` MODIFY TTL time + toIntervalHour(7)"
        );
        config.retention.insert(Table::L4FlowLog, Retention::Off);
        assert_eq!(
            change_retention(Table::L4FlowLog, engine, &config).unwrap(),
            "ALTER TABLE flow_log.`l4_flow_log` REMOVE TTL"
        );
    }
}
