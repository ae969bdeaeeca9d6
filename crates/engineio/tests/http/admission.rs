//! How many may come: sessions and connections over a bound are turned away with 503, and those inside notice nothing.

use std::{net::SocketAddr, num::NonZeroU32, time::Duration};

use engineio::{AdmissionLimits, AllowRequest, CloseMode, PeerAddr};
use tokio::net::TcpStream;

use super::*;

fn admitting(change: impl FnOnce(&mut AdmissionLimits)) -> Config {
    let mut config = Config::default();
    change(&mut config.admission);
    config
}

async fn get_from(engine: &Engine, peer: &str) -> Answer {
    let mut request = Request::get(HANDSHAKE).body(Full::default()).unwrap();
    request.extensions_mut().insert(PeerAddr(SocketAddr::new(peer.parse().unwrap(), 4711)));
    send(engine, request).await
}

#[track_caller]
fn is_turned_away(answer: &Answer) {
    assert_eq!((answer.status, answer.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, Some("5")));
}

/// S17, R13: also a WebSocket is turned away, who is in goes on, and a place is free when its session has ended.
#[tokio::test(start_paused = true)]
async fn sessions_over_the_bound_are_turned_away_until_one_ends() {
    let (engine, mut sessions) = engine(admitting(|admission| admission.max_sessions = Some(2)));
    let sid = get(&engine, HANDSHAKE).await.session();
    let (head, mut wire) = Wire::open(&engine, WEBSOCKET).await;
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    is_turned_away(&get(&engine, HANDSHAKE).await);
    let (head, _) = Wire::open(&engine, WEBSOCKET).await;
    assert!(head.starts_with("HTTP/1.1 503") && head.contains("retry-after: 5"), "{head}");
    assert_eq!(engine.counters().sessions_turned_away, 2);

    assert_eq!(post(&engine, &sid, "4x").await.text(), "ok");
    wire.send("4y").await;
    let (first, second) = (sessions.recv().await.unwrap(), sessions.recv().await.unwrap());
    for session in [&first, &second] {
        assert!(session.recv().await.is_some());
    }
    first.close(CloseMode::Discard);
    first.closed().await;
    while engine.session_count() == 2 {
        tokio::task::yield_now().await;
    }
    get(&engine, HANDSHAKE).await.session();
    is_turned_away(&get(&engine, HANDSHAKE).await);
}

/// S17: one address cannot take all places, and an upgrade needs none of its own.
#[tokio::test(start_paused = true)]
async fn an_address_has_its_own_bound() {
    let (engine, _sessions) = engine(admitting(|admission| admission.max_sessions_per_address = Some(1)));
    let sid = get_from(&engine, "192.0.2.1").await.session();
    is_turned_away(&get_from(&engine, "192.0.2.1").await);
    get_from(&engine, "192.0.2.2").await.session();
    let (head, mut wire) = Wire::open(&engine, &sid.replace("polling", "websocket")).await;
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    wire.send("2probe").await;
    assert_eq!(wire.text().await, "3probe");
}

/// R13: a storm of clients is let in at the rate that was chosen.
#[tokio::test(start_paused = true)]
async fn sessions_begin_no_faster_than_they_may() {
    let (engine, _sessions) = engine(admitting(|admission| admission.sessions_per_second = NonZeroU32::new(20)));
    let mut waiting = 100;
    let mut seconds = Vec::new();
    while waiting > 0 {
        let mut came = 0;
        for _ in 0..waiting {
            came += usize::from(get(&engine, HANDSHAKE).await.status == StatusCode::OK);
        }
        waiting -= came;
        seconds.push(came);
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    assert_eq!(seconds, [20; 5]);
}

/// S1, S17: who is not allowed in gives the place back, and cannot be used to keep others out.
#[tokio::test(start_paused = true)]
async fn a_refused_client_takes_no_place() {
    let mut config = admitting(|admission| admission.max_sessions = Some(1));
    config.allow_request = Some(AllowRequest::new(|request| match request.headers.get("token") {
        Some(_) => Ok(()),
        None => Err("no token".into()),
    }));
    let (engine, _sessions) = engine(config);
    for _ in 0..10 {
        assert_eq!(get(&engine, HANDSHAKE).await.status, StatusCode::FORBIDDEN);
    }
    ask(&engine, "GET", HANDSHAKE, &[("token", "x")], "").await.session();
}

/// S44: the listener's own connections; a WebSocket is its session's, and makes room for the next.
#[tokio::test]
async fn connections_over_the_bound_are_turned_away_before_they_have_said_anything() {
    let (engine, _sessions) = engine(admitting(|admission| {
        admission.max_connections = Some(1);
        admission.retry_after = Duration::from_secs(7);
    }));
    let listener = engine.bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(listener.serve(engine.service()));
    let mut first = TcpStream::connect(address).await.unwrap();
    // It is counted when it is accepted, which is before the next.
    let mut second = TcpStream::connect(address).await.unwrap();
    let mut told = String::new();
    second.read_to_string(&mut told).await.unwrap();
    assert!(told.starts_with("HTTP/1.1 503") && told.contains("retry-after: 7"), "{told}");
    assert_eq!(engine.counters().connections_turned_away, 1);

    let mut head = format!("GET {WEBSOCKET} HTTP/1.1\r\nhost: x\r\n");
    for (name, value) in UPGRADE {
        head += &format!("{name}: {value}\r\n");
    }
    first.write_all((head + "\r\n").as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    first.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 101");
    loop {
        let mut third = TcpStream::connect(address).await.unwrap();
        third.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut told = String::new();
        // The HTTP part of the first ends some time after its answer.
        if third.read_to_string(&mut told).await.is_ok() && told.starts_with("HTTP/1.1 404") {
            break;
        }
        assert!(told.is_empty() || told.starts_with("HTTP/1.1 503"), "{told}");
    }
    drop(first);
    engine.close().await;
    serving.await.unwrap();
}

/// R13: who comes back at the same moment as hundreds of others is connected by the system until the server gets to it.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn hundreds_who_come_at_once_wait_for_the_server() {
    let allowed = std::fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap();
    let crowd = allowed.trim().parse::<usize>().unwrap().min(1000);
    let engine = Engine::new(Config::default(), |_| async {});
    // Nobody is served yet.
    let listener = engine.bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    for number in 0..crowd {
        let connecting = TcpStream::connect(address);
        let connected = tokio::time::timeout(Duration::from_secs(10), connecting).await;
        waiting.push(connected.unwrap_or_else(|_| panic!("number {number} is not connected")).unwrap());
    }
    assert_eq!(waiting.len(), crowd);
}
