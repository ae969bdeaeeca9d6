//! Rows A10, A12: compression of the answers of long-polling.

use std::{future::Future, io::Read as _, pin::pin, task::Poll, time::Duration};

use engineio::{CloseReason, HttpCompression, MessageFrame};
use flate2::read::{GzDecoder, ZlibDecoder};

use super::*;

async fn polled(config: Config, message: &str, accept: &str, compress: bool) -> (Option<String>, Bytes) {
    let (engine, mut sessions) = engine(config);
    let sid = get(&engine, HANDSHAKE).await.session();
    let frame = MessageFrame::text(&[message]);
    let frame = if compress { frame } else { frame.uncompressed() };
    sessions.recv().await.unwrap().send_frames(&[frame]).unwrap();
    let answer = ask(&engine, "GET", &sid, &[("accept-encoding", accept)], "").await;
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=UTF-8"));
    (answer.header("content-encoding").map(str::to_owned), answer.body)
}

fn unpack(coding: Option<&str>, body: &[u8]) -> String {
    let mut text = String::new();
    match coding {
        Some("gzip") => GzDecoder::new(body).read_to_string(&mut text).unwrap(),
        Some("deflate") => ZlibDecoder::new(body).read_to_string(&mut text).unwrap(),
        Some(other) => panic!("{other}"),
        None => return String::from_utf8(body.to_vec()).unwrap(),
    };
    text
}

/// A10, A12: from the threshold on, in the coding that the client likes best, unless the message is not to be.
#[tokio::test(start_paused = true)]
async fn an_answer_is_compressed_from_the_threshold_on_in_the_coding_that_the_client_likes() {
    let yes = true;
    let off = || {
        let mut config = Config::default();
        config.http_compression = None;
        config
    };
    // With the packet's kind in front: 1,024 bytes, and one less.
    let (long, short, huge) = ("x".repeat(1023), "x".repeat(1022), "x".repeat(900_000));
    for (config, message, accept, compress, coding) in [
        (Config::default(), &long, "gzip, deflate", yes, Some("gzip")),
        (Config::default(), &long, "deflate, gzip;q=0.9", yes, Some("deflate")),
        (Config::default(), &huge, "gzip", yes, Some("gzip")),
        (Config::default(), &short, "gzip", yes, None),
        (Config::default(), &long, "br", yes, None),
        (Config::default(), &long, "gzip", false, None),
        (off(), &long, "gzip", yes, None),
    ] {
        let (said, body) = polled(config, message, accept, compress).await;
        assert_eq!(said.as_deref(), coding, "{} {accept} {compress}", message.len());
        assert_eq!(unpack(coding, &body), format!("4{message}"));
        assert!(coding.is_none() || body.len() < message.len() / 10, "{} bytes", body.len());
    }
}

/// A10: threshold and level are the configuration's.
#[tokio::test(start_paused = true)]
async fn threshold_and_level_can_be_chosen() {
    let mut config = Config::default();
    let mut compression = HttpCompression::default();
    (compression.threshold, compression.level) = (10, 0);
    config.http_compression = Some(compression);
    let (coding, body) = polled(config, "hello hello hello", "gzip", true).await;
    assert_eq!(coding.as_deref(), Some("gzip"));
    assert!(body.windows(5).any(|part| part == b"hello"), "level 0 stores");
}

/// A65: while a large answer is compressed, its messages are in nobody else's hands: a client that goes away then has
/// lost them, and the session says so.
#[tokio::test(start_paused = true)]
async fn a_client_that_goes_while_its_answer_is_compressed_ends_the_session() {
    let (engine, mut sessions) = engine(Config::default());
    let sid = get(&engine, HANDSHAKE).await.session();
    let session = sessions.recv().await.unwrap();
    session.send("x".repeat(900_000)).unwrap();
    {
        let mut answer = pin!(ask(&engine, "GET", &sid, &[("accept-encoding", "gzip")], ""));
        std::future::poll_fn(|cx| {
            assert!(answer.as_mut().poll(cx).is_pending(), "another thread compresses");
            Poll::Ready(())
        })
        .await;
        assert_eq!(session.queued_bytes(), 0);
    }
    let closed = tokio::time::timeout(Duration::from_secs(1), session.closed()).await.unwrap();
    assert_eq!(closed.reason, CloseReason::TransportError);
}
