//! What only shows when a lock is held at the wrong moment; the rest of the connection is tested from outside.

use std::{sync::Arc, time::Duration};

use http_body_util::{BodyExt, Full};
use tokio::sync::Notify;

use crate::{DisconnectReason, Server};

async fn ask(io: &Server, method: &str, query: &str, body: &'static str) -> String {
    let request = http::Request::builder().method(method).uri(format!("/socket.io/?EIO=4&transport=polling{query}"));
    let request = request.body(Full::<bytes::Bytes>::from(body)).unwrap();
    let response: http::Response<engineio::server::Body> = io.engine().handle(request).await;
    let body = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

/// R10, R8: a thread is in the middle of disconnecting a socket when its connection ends: the handler still runs.
#[tokio::test]
#[expect(
    clippy::await_holding_lock,
    reason = "holding it is what the test is about; nobody else on this thread takes it"
)]
async fn a_disconnect_that_is_overtaken_by_the_end_of_the_connection_is_not_lost() {
    let io = Server::new();
    let told = Arc::new(Notify::new());
    let tell = told.clone();
    let namespace = io.of("/").on_disconnect(move |reason: DisconnectReason| {
        assert_eq!(reason, DisconnectReason::ServerNamespaceDisconnect);
        tell.notify_one();
        std::future::ready(())
    });
    let open = ask(&io, "GET", "", "").await;
    let sid = format!("&sid={}", open.split('"').nth(3).unwrap());
    ask(&io, "POST", &sid, "40").await;
    assert!(ask(&io, "GET", &sid, "").await.starts_with("40"));

    let socket = namespace.sockets().remove(0);
    let rooms = namespace.rooms();
    let thread = std::thread::spawn({
        let socket = socket.clone();
        move || socket.disconnect()
    });
    while socket.is_connected() {
        std::thread::yield_now();
    }
    // The thread now waits for the rooms, with the socket gone and nothing announced.
    assert_eq!(ask(&io, "POST", &sid, "1").await, "ok");
    while io.engine().session_count() > 0 {
        tokio::task::yield_now().await;
    }
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    drop(rooms);
    thread.join().unwrap();
    tokio::time::timeout(Duration::from_secs(10), told.notified()).await.expect("the disconnect handler runs");
    io.close().await;
}
