//! Limits that nobody would choose, hazard R43: nothing at all, and without end.

use std::time::Duration;

use engineio::{CloseMode, Limits};
use tokio::time::timeout;

use super::*;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Odd {
    Nothing,
    WithoutEnd,
}

impl Odd {
    const fn time(self) -> Duration {
        match self {
            Self::Nothing => Duration::ZERO,
            Self::WithoutEnd => Duration::MAX,
        }
    }

    const fn count(self) -> usize {
        match self {
            Self::Nothing => 0,
            Self::WithoutEnd => usize::MAX,
        }
    }
}

type Change = fn(&mut Limits, Odd);

const CHANGES: [(&str, Change); 7] = [
    ("max_payload_bytes", |limits, odd| limits.max_payload_bytes = odd.count()),
    ("max_fragments", |limits, odd| limits.max_fragments = odd.count() as u32),
    ("max_queue_bytes", |limits, odd| limits.max_queue_bytes = odd.count()),
    ("ping_interval", |limits, odd| limits.ping_interval = odd.time()),
    ("ping_timeout", |limits, odd| limits.ping_timeout = odd.time()),
    ("upgrade_timeout", |limits, odd| limits.upgrade_timeout = odd.time()),
    ("close_timeout", |limits, odd| limits.close_timeout = odd.time()),
];

/// Says and hears something over each transport, as far as that goes; whoever gets no answer gives up.
async fn converse(engine: &Engine) {
    let patience = Duration::from_secs(60);
    let opened = get(engine, HANDSHAKE).await;
    assert_eq!(opened.status, StatusCode::OK, "{opened:?}");
    let target = opened.session();
    let posted = post(engine, &target, "4hello").await.status;
    assert!([200, 400, 413].contains(&posted.as_u16()), "{posted}");
    let _ = timeout(patience, get(engine, &target)).await;

    let (_, mut wire) = Wire::open(engine, &target.replace("polling", "websocket")).await;
    let _ = timeout(patience, wire.pipe.write_all(b"\x81\x86\0\0\0\x002probe")).await;
    let (_, mut wire) = Wire::open(engine, WEBSOCKET).await;
    assert!(wire.text().await.starts_with("0{"), "the open packet comes whatever the limits are");
    let _ = timeout(patience, wire.pipe.write_all(b"\x81\x82\0\0\0\x004x")).await;
    let _ = timeout(patience, wire.pipe.read_buf(&mut wire.read)).await;
}

/// R43: whatever a limit is, sessions are opened and answered, and end; nothing panics, overflows or spins.
#[tokio::test(start_paused = true)]
async fn no_limit_of_nothing_or_without_end_hangs_or_panics() {
    for (name, change) in CHANGES {
        for odd in [Odd::Nothing, Odd::WithoutEnd] {
            let mut config = Config::default();
            change(&mut config.limits, odd);
            let (engine, mut sessions) = engine(config);
            let conversation = tokio::spawn({
                let engine = engine.clone();
                async move { converse(&engine).await }
            });
            let mut opened = Vec::new();
            while let Ok(Some(session)) = timeout(Duration::from_secs(600), sessions.recv()).await {
                let _ = session.send("to the client");
                opened.push(session);
            }
            conversation.await.unwrap_or_else(|error| panic!("{name} {odd:?}: {error}"));
            assert_eq!(opened.len(), 2, "{name} {odd:?}");
            opened.iter().for_each(|session| session.close(CloseMode::Discard));
            let closed = timeout(Duration::from_secs(600), engine.close()).await;
            assert!(closed.is_ok() && engine.session_count() == 0, "{name} {odd:?}");
        }
    }
}
