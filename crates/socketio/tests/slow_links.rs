//! Both ends over a link so slow that what they say takes longer than any of their time limits: hazards R16, S11.
#![allow(clippy::unwrap_used, reason = "a failed expectation here is a failed test")]

mod network;

use std::{io, time::Duration};

use bytes::Bytes;
use network::Network;
use socketio::{
    Config, Data, Server, TransportKind,
    client::{Client, engine::Connector},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time::{Instant, sleep},
};

const PART_BYTES: usize = 10_000;

/// A client to whose server 10 kB a second pass, in either direction.
fn slow_client(io: &Server, transport: TransportKind) -> Client {
    let (network, io) = (Network::to(io), io.clone());
    let mut config = network.config(&[transport]);
    config.engine.connector = Some(Connector::new(move |_| {
        let (near, near_end) = tokio::io::duplex(PART_BYTES);
        let (far_end, far) = tokio::io::duplex(PART_BYTES);
        network::serve(&io, far);
        let ((near_in, near_out), (far_in, far_out)) = (tokio::io::split(near_end), tokio::io::split(far_end));
        tokio::spawn(carry_slowly(near_in, far_out));
        tokio::spawn(carry_slowly(far_in, near_out));
        async move { Ok::<_, io::Error>(near) }
    }));
    Client::with_config("http://server", config).unwrap()
}

async fn carry_slowly(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) {
    let mut part = [0; PART_BYTES];
    while let Ok(count @ 1..) = from.read(&mut part).await {
        sleep(Duration::from_millis(count as u64 / 10)).await;
        if to.write_all(&part[..count]).await.is_err() {
            break;
        }
    }
    let _ = to.shutdown().await;
}

/// R16, S11: an event of 600 kB takes a minute to get there, and its acknowledgement as long to come back; so does each of two
/// attachments. Both ends see that something moves: no heartbeat is missed, and no attachment is late.
#[tokio::test(start_paused = true)]
async fn what_takes_minutes_arrives_and_ends_no_connection() {
    let mut config = Config::default();
    config.engine.http_compression = None; // or little would have to pass
    let io = Server::with_config(config);
    io.of("/")
        .on("text", async |Data(text): Data<String>| Ok(text))
        .on("bytes", async |Data((first, second)): Data<(Bytes, Bytes)>| Ok((second, first)));
    for transport in [TransportKind::Polling, TransportKind::WebSocket] {
        let client = slow_client(&io, transport);
        let socket = client.of("/");
        socket.connect().await.unwrap();
        let id = socket.id();
        let started = Instant::now();
        let text = "x".repeat(600_000);
        assert_eq!(socket.emit_with_ack::<String>("text", &text).await.as_deref(), Ok(&*text), "{transport}");
        assert!(started.elapsed() > Duration::from_secs(118), "{transport}: {:?}", started.elapsed());

        let pieces = (Bytes::from(vec![1; 600_000]), Bytes::from(vec![2; 600_000]));
        let swapped = (pieces.1.clone(), pieces.0.clone());
        let answer = socket.emit_with_ack::<(Bytes, Bytes)>("bytes", &pieces).await;
        assert!(answer.as_ref() == Ok(&swapped), "{transport}: {:?}", answer.err());
        sleep(Duration::from_secs(100)).await;
        assert_eq!(socket.id(), id, "{transport}: it is still the first connection");
    }
    let counters = io.counters();
    assert_eq!((counters.attachment_timeouts, io.engine().counters().closed_ping_timeout), (0, 0));
}
