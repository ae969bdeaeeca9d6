//! Clients of revision 3 (rows C22, C23; hazards S4, S45) against what was made for the others: bounds, recovery, logs.
//! What the official ones do is `tests/tests/interop_legacy.rs`.

#![allow(clippy::unwrap_used, reason = "a failed expectation here is a failed test")]

use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use socketio::{Config, ConnectionStateRecovery, Server};

type Body = engineio::server::Body<Full<bytes::Bytes>>;

async fn ask(io: &Server, method: &str, query: &str, body: &str) -> (u16, String) {
    let request = Request::builder().method(method).uri(format!("/socket.io/?transport=polling{query}"));
    let request = request.body(Full::<bytes::Bytes>::from(body.to_owned())).unwrap();
    let response: Response<Body> = io.engine().handle(request).await;
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

/// Opens a session and gives its id.
async fn open(io: &Server, revision: u8) -> String {
    let (status, open) = ask(io, "GET", &format!("&EIO={revision}"), "").await;
    assert_eq!(status, 200, "{open}");
    open.split('"').nth(3).unwrap().to_owned()
}

/// A packet of the old kind, with its length.
fn packet(packet: &str) -> String {
    format!("{}:{packet}", packet.len())
}

fn lenient() -> Config {
    let mut config = Config::default();
    config.engine.allow_eio3 = true;
    config
}

/// C22, S4: the room for a query is not for the name; and such a name does not become a namespace.
#[tokio::test(start_paused = true)]
async fn an_old_client_may_have_a_long_query_but_no_longer_name_than_others() {
    let io = Server::with_config(lenient());
    io.of_matching(|_| true);
    let limit = io.config().limits.decoder.max_namespace_bytes;
    let long = format!("/{}", "n".repeat(limit));
    for (name, taken) in [
        (format!("{}?token={}", &long[..limit], "q".repeat(4000)), true),
        (long.clone(), false),
        (format!("{long}?token=1"), false),
    ] {
        let sid = open(&io, 3).await;
        let session = format!("&EIO=3&sid={sid}");
        assert_eq!(ask(&io, "GET", &session, "").await.1, "2:40");
        assert_eq!(ask(&io, "POST", &session, &packet(&format!("40{name}"))).await.1, "ok");
        let answer = ask(&io, "GET", &session, "").await.1;
        let joined = format!("40{}", name.split('?').next().unwrap());
        assert_eq!(answer.contains(&joined), taken, "{} bytes: {answer}", name.len());
        assert_eq!(io.namespaces().iter().filter(|namespace| namespace.name().len() > limit).count(), 0);
    }
    assert_eq!(io.counters().undecodable_packets, 2);
}

/// C23: nobody comes back to the session of an old client, so it does not push out that of a newer one.
#[tokio::test(start_paused = true)]
async fn the_session_of_an_old_client_is_not_kept_in_place_of_a_newer_ones() {
    let mut config = lenient();
    let mut recovery = ConnectionStateRecovery::default();
    recovery.max_sessions = 1;
    config.connection_state_recovery = Some(recovery);
    let io = Server::with_config(config);
    let new = format!("&EIO=4&sid={}", open(&io, 4).await);
    ask(&io, "POST", &new, "40").await;
    let greeting = ask(&io, "GET", &new, "").await.1;
    let pid = greeting.split("\"pid\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    io.emit("news", "one").unwrap();
    let event = ask(&io, "GET", &new, "").await.1;
    let offset = event.rsplit('"').nth(1).unwrap().to_owned();
    ask(&io, "POST", &new, "1").await;

    let old = format!("&EIO=3&sid={}", open(&io, 3).await);
    assert_eq!(ask(&io, "GET", &old, "").await.1, "2:40");
    ask(&io, "POST", &old, "1:1").await;
    while io.engine().session_count() > 0 {
        tokio::task::yield_now().await;
    }

    let back = format!("&EIO=4&sid={}", open(&io, 4).await);
    ask(&io, "POST", &back, &format!(r#"40{{"pid":"{pid}","offset":"{offset}"}}"#)).await;
    let greeting = ask(&io, "GET", &back, "").await.1;
    assert!(greeting.contains(&pid), "{greeting}");
    assert_eq!((io.counters().recoveries, io.counters().recoveries_failed), (1, 0));
}

/// S45: the id of such a socket is the secret of its session; what is written down of it is not.
#[tokio::test(start_paused = true)]
async fn an_old_clients_socket_does_not_show_the_id_of_its_session_in_a_log() {
    let io = Server::with_config(lenient());
    let sid = open(&io, 3).await;
    assert_eq!(ask(&io, "GET", &format!("&EIO=3&sid={sid}"), "").await.1, "2:40");
    let socket = io.of("/").sockets().remove(0);
    assert_eq!(socket.id().as_str(), sid);
    let shown = format!("{socket:?}");
    assert!(!shown.contains(&sid) && shown.contains(&sid[..4]), "{shown}");
}
