use super::*;

#[test]
fn errors_name_the_interface_and_what_to_do() {
    in_namespace(|| {
        let e = Ring::open(&small("eth99")).err().unwrap();
        assert_eq!(
            e.to_string(),
            "there is no interface `eth99` in this network namespace; `ip link` lists those that there are"
        );
        let endpoints = (0..5_000)
            .map(|n: u16| (IpAddr::from([10, 0, 0, 1]), n))
            .collect();
        let exclude = Exclude {
            endpoints,
            ports: vec![],
        };
        let e = Ring::open(&RingOptions {
            exclude,
            ..small("lo")
        })
        .err()
        .unwrap();
        assert!(
            e.to_string()
                .starts_with("the filter of interface `lo`: 5000 endpoints"),
            "{e}"
        );
    });
}

#[test]
fn without_the_capability_the_error_says_how_to_get_it() {
    in_namespace(|| {
        // Taking every capability from this thread by changing its user leaves the process as it is.
        // SAFETY: no pointers; the raw call changes this thread only.
        if unsafe { libc::syscall(libc::SYS_setresuid, 65_534, 65_534, 65_534) } != 0 {
            eprintln!("skipped: cannot become another user");
            return;
        }
        let e = Ring::open(&small("lo")).err().unwrap().to_string();
        assert!(
            e.starts_with("cannot capture on interface `lo`: CAP_NET_RAW is missing; "),
            "{e}"
        );
        assert!(e.contains("setcap cap_net_raw+ep /"), "{e}");
    });
}
