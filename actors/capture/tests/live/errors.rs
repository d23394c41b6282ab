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
            filter: Filter {
                exclude,
                expression: None,
            },
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

/// Leaves this thread no other capability than `number` (linux/capability.h); false if it may not.
fn keep_only(number: u32) -> bool {
    const VERSION: u32 = 0x2008_0522;
    let header = [VERSION, 0];
    let kept = 1u32 << number;
    // Effective, permitted and inheritable, of capabilities 0 to 31 and of those above.
    let sets = [kept, kept, 0, 0, 0, 0];
    // SAFETY: both pointers are to what the call reads, of the version's sizes; it changes this thread only.
    unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), sets.as_ptr()) == 0 }
}

#[test]
fn the_right_to_open_packet_sockets_is_enough() {
    in_namespace(|| {
        const NET_RAW: u32 = 13;
        if !keep_only(NET_RAW) {
            return eprintln!("skipped: cannot change capabilities");
        }
        assert!(Ring::open(&small("lo")).is_ok());
        let promiscuous = RingOptions {
            promiscuous: true,
            ..small("lo")
        };
        // Kernels differ in whether they ask for more here.
        match Ring::open_group(&promiscuous, 2) {
            Ok(rings) => assert_eq!(rings.len(), 2),
            Err(e) => assert!(
                e.to_string().starts_with(
                    "cannot capture on interface `lo`: CAP_NET_ADMIN is missing; run as root, or give the program the \
                     capability: setcap cap_net_raw,cap_net_admin+ep /"
                ),
                "{e}"
            ),
        }
    });
}
