//! The table of bounds in SECURITY.md is that of the code.

#![allow(clippy::unwrap_used, reason = "a failed expectation here is a failed test")]

use std::{fs, path::Path, time::Duration};

use socketio::{Config, ConnectionStateRecovery};

/// A default as the table writes it.
trait Written {
    fn written(&self) -> String;
}

impl Written for usize {
    fn written(&self) -> String {
        let digits = self.to_string();
        let groups: Vec<&str> =
            digits.as_bytes().rchunks(3).rev().map(|group| str::from_utf8(group).unwrap()).collect();
        groups.join(",")
    }
}

impl Written for u32 {
    fn written(&self) -> String {
        usize::try_from(*self).unwrap().written()
    }
}

impl Written for Duration {
    fn written(&self) -> String {
        format!("{} s", self.as_secs())
    }
}

impl<T> Written for Option<T> {
    /// Off, or the table has to say more.
    fn written(&self) -> String {
        assert!(self.is_none());
        "none".to_owned()
    }
}

/// The rows of each group, in the order in which the table has them.
fn groups() -> Vec<(&'static str, Vec<(&'static str, String)>)> {
    let config = Config::default();
    assert!(config.connection_state_recovery.is_none());
    macro_rules! rows {
        ($of:expr; $($name:literal $($field:ident).+),+ $(,)?) => { vec![$(($name, ($of).$($field).+.written())),+] };
    }
    let engine = rows![config.engine.limits;
        "`max_payload_bytes`" max_payload_bytes, "`max_fragments`" max_fragments, "`max_queue_bytes`" max_queue_bytes,
        "`ping_interval`" ping_interval, "`ping_timeout`" ping_timeout, "`upgrade_timeout`" upgrade_timeout,
        "`close_timeout`" close_timeout,
    ];
    let admission = rows![config.engine.admission;
        "`max_sessions`" max_sessions, "`max_sessions_per_address`" max_sessions_per_address,
        "`sessions_per_second`" sessions_per_second, "`max_connections`" max_connections,
        "`max_connections_per_address`" max_connections_per_address, "`retry_after`" retry_after,
    ];
    let limits = rows![config.limits;
        "`decoder.max_attachments`" decoder.max_attachments, "`decoder.max_attachment_bytes`" decoder.max_attachment_bytes,
        "`decoder.max_namespace_bytes`" decoder.max_namespace_bytes, "`attachment_timeout`" attachment_timeout,
        "`connect_timeout`" connect_timeout, "`ack_timeout`" ack_timeout, "`max_pending_handlers`" max_pending_handlers, "`handler_grace`" handler_grace,
        "`max_namespaces`" max_namespaces, "`max_child_namespaces`" max_child_namespaces, "`max_rooms`" max_rooms,
    ];
    let recovery = rows![ConnectionStateRecovery::default();
        "`max_disconnection_duration`" max_disconnection_duration, "`max_packets`" max_packets, "`max_bytes`" max_bytes,
        "`max_sessions` that are remembered" max_sessions,
    ];
    vec![
        ("**`config.engine.limits`**", engine),
        ("**`config.engine.admission`**", admission),
        ("**`config.limits`**", limits),
        ("**`config.connection_state_recovery`, off by default**", recovery),
    ]
}

#[test]
fn the_bounds_in_the_security_policy_are_the_defaults() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../SECURITY.md");
    let policy = fs::read_to_string(path).unwrap();
    let cells = |line: &str| line.split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    let table: Vec<_> = policy.lines().filter(|line| line.starts_with('|')).map(cells).collect();
    let mut written = table.iter().skip(2);
    for (group, rows) in groups() {
        assert_eq!(written.next().unwrap()[1], group);
        for (name, default) in rows {
            assert_eq!(written.next().unwrap()[1..3], [name.to_owned(), default]);
        }
    }
}
