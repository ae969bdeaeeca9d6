//! What a WebSocket session costs: one task and no more. Real sockets on loopback; the client is the
//! protocol crate's own frame codec in the role of a client.

#![allow(clippy::unwrap_used, reason = "a failed expectation here is a failed test")]

use std::{net::SocketAddr, time::Duration};

use bytes::{Bytes, BytesMut};
use engineio::{CloseReason, Config, MessageFrame, SendError, Session, server::Engine};
use engineio_proto::{
    Message,
    websocket::{FrameDecoder, FrameEvent, FrameLimits, Opcode, Role, encode_frame},
};
use http_body_util::{BodyExt, Full};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufStream, DuplexStream},
    net::TcpStream,
};

const MASK: Option<[u8; 4]> = Some([1, 2, 3, 4]);
const DEADLINE: Duration = Duration::from_secs(10);

struct Client<S = TcpStream> {
    tcp: S,
    decoder: FrameDecoder,
    read: BytesMut,
}

impl Client {
    /// Opens a session on a WebSocket.
    async fn open(address: SocketAddr) -> Self {
        let tcp = TcpStream::connect(address).await.unwrap();
        tcp.set_nodelay(true).unwrap();
        Self::open_on(tcp).await
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    async fn open_on(mut tcp: S) -> Self {
        let request = "GET /engine.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        tcp.write_all(request.as_bytes()).await.unwrap();
        let mut read = BytesMut::new();
        let head = loop {
            assert!(tcp.read_buf(&mut read).await.unwrap() > 0, "closed during the handshake");
            if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
                break read.split_to(end + 4);
            }
        };
        assert!(head.starts_with(b"HTTP/1.1 101"), "{head:?}");
        let mut client = Self { tcp, decoder: FrameDecoder::new(Role::Client, FrameLimits::default()), read };
        let open = client.text().await;
        assert!(open.starts_with("0{"), "{open}");
        client
    }

    async fn send(&mut self, packet: &str) {
        let mut frame = BytesMut::new();
        encode_frame(Opcode::Text, packet.as_bytes(), MASK, &mut frame);
        self.tcp.write_all(&frame).await.unwrap();
    }

    async fn text(&mut self) -> String {
        let read = async {
            loop {
                match self.decoder.decode(&mut self.read).unwrap() {
                    Some(FrameEvent::Message(Message::Text(text))) => return text.to_string(),
                    Some(other) => panic!("unexpected {other:?}"),
                    None => assert!(self.tcp.read_buf(&mut self.read).await.unwrap() > 0, "closed"),
                }
            }
        };
        tokio::time::timeout(DEADLINE, read).await.expect("no frame in time")
    }
}

async fn alive_tasks_become(expected: usize) {
    let metrics = tokio::runtime::Handle::current().metrics();
    let wait = async {
        while metrics.num_alive_tasks() != expected {
            tokio::task::yield_now().await;
        }
    };
    let outcome = tokio::time::timeout(DEADLINE, wait).await;
    outcome.unwrap_or_else(|_| panic!("{} tasks instead of {expected}", metrics.num_alive_tasks()));
}

/// Hazards R37, S23.
#[tokio::test]
async fn a_websocket_session_is_one_task_and_leaves_none() {
    let engine = Engine::new(Config::default(), |session| async move {
        while let Some(message) = session.recv().await {
            let _ = session.send(message);
        }
    });
    let listener = engine.bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(listener.serve(engine.service()));
    alive_tasks_become(1).await;

    let mut clients = Vec::new();
    for _ in 0..20 {
        clients.push(Client::open(address).await);
    }
    for (n, client) in clients.iter_mut().enumerate() {
        client.send(&format!("4hello {n}")).await;
        assert_eq!(client.text().await, format!("4hello {n}"));
    }
    assert_eq!(engine.session_count(), 20);
    alive_tasks_become(1 + 20).await;

    drop(clients);
    alive_tasks_become(1).await;
    assert_eq!(engine.session_count(), 0);

    engine.close().await;
    tokio::time::timeout(DEADLINE, serving).await.expect("the listener ends").unwrap();
}

/// A lagging application: reading stops while a message waits, and must go on once it is taken.
#[tokio::test]
async fn reading_goes_on_when_a_lagging_application_has_caught_up() {
    let turn = std::sync::Arc::new(tokio::sync::Semaphore::new(0));
    let turns = turn.clone();
    let engine = Engine::new(Config::default(), move |session| {
        let turns = turns.clone();
        async move {
            loop {
                turns.acquire().await.unwrap().forget();
                let Some(message) = session.recv().await else { return };
                if message != Message::from("second") {
                    let _ = session.send(message);
                }
            }
        }
    });
    let listener = engine.bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(listener.serve(engine.service()));
    let mut client = Client::open(address).await;
    for round in 0..20 {
        // Both in one read: the first is taken at once, the second makes reading stop.
        let mut frames = BytesMut::new();
        encode_frame(Opcode::Text, b"4first", MASK, &mut frames);
        encode_frame(Opcode::Text, b"4second", MASK, &mut frames);
        client.tcp.write_all(&frames).await.unwrap();
        turn.add_permits(1);
        assert_eq!(client.text().await, "4first", "round {round}");
        // The application takes the second in silence and waits for a third: only reading can wake it now.
        turn.add_permits(2);
        client.send("4third").await;
        assert_eq!(client.text().await, "4third", "round {round}");
    }
    turn.add_permits(1);
    drop(client);
    engine.close().await;
}

/// A session may be received from outside its own task: taking a message there makes reading go on.
#[tokio::test]
async fn a_session_can_be_received_from_in_another_task() {
    // The session's own task waits for something that has nothing to do with the session.
    let done = std::sync::Arc::new(tokio::sync::Notify::new());
    let finish = done.clone();
    let (taken, mut takes) = tokio::sync::mpsc::unbounded_channel();
    let engine = Engine::new(Config::default(), move |receiver| {
        let (done, taken) = (done.clone(), taken.clone());
        tokio::spawn(async move {
            while let Some(message) = receiver.recv().await {
                if message == Message::from("last") {
                    let _ = receiver.send(message);
                } else {
                    taken.send(()).unwrap();
                }
            }
        });
        async move { done.notified().await }
    });
    let listener = engine.bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(listener.serve(engine.service()));
    let mut client = Client::open(address).await;
    for round in 0..50 {
        client.send("4first").await;
        // Only when it has been taken, in silence: no other message is on its way to set things moving.
        tokio::time::timeout(DEADLINE, takes.recv()).await.expect("the first is taken").unwrap();
        client.send("4last").await;
        assert_eq!(client.text().await, "4last", "round {round}");
    }
    drop(client);
    finish.notify_one();
    engine.close().await;
}

/// A stream that keeps what is written until it is flushed, and takes more than one go for it, as TLS does.
#[tokio::test]
async fn a_stream_that_buffers_is_flushed_to_the_end() {
    let engine = Engine::new(Config::default(), |session| async move {
        while let Some(message) = session.recv().await {
            let _ = session.send(message);
        }
    });
    let (near, far) = tokio::io::duplex(16);
    let stream = TokioIo::new(BufStream::new(far));
    let service = TowerToHyperService::new(engine.service());
    let connection = hyper::server::conn::http1::Builder::new().serve_connection(stream, service).with_upgrades();
    tokio::spawn(connection);
    let mut client = tokio::time::timeout(DEADLINE, Client::open_on(near)).await.expect("no open packet in time");
    client.send(&format!("4{}", "x".repeat(1000))).await;
    assert_eq!(client.text().await.len(), 1001);
    drop(client);
    engine.close().await;
}

/// S44: half a request's head is not waited for without end. On a paused clock, which moves when all wait.
#[tokio::test(start_paused = true)]
async fn half_a_request_is_cut_off() {
    let engine = Engine::new(Config::default(), |_| async {});
    let listener = engine.bind("127.0.0.1:0").await.unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    tokio::spawn(listener.serve(engine.service()));
    client.write_all(b"GET /engine.io/?EIO=4 HTTP/1.1\r\nHost").await.unwrap();
    let mut answer = Vec::new();
    let started = tokio::time::Instant::now();
    // Whether it is answered or just closed is hyper's to say.
    let _ = client.read_to_end(&mut answer).await;
    assert!(started.elapsed() >= Duration::from_secs(30), "{:?}", started.elapsed());
    engine.close().await;
}

/// Sends a WebSocket handshake and is gone before the answer can be written.
async fn vanish_during_the_handshake(engine: &Engine, query: &str) {
    let (mut near, far) = tokio::io::duplex(4096);
    let request = format!(
        "GET /engine.io/?EIO=4&transport=websocket{query} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    near.write_all(request.as_bytes()).await.unwrap();
    let near = std::sync::Mutex::new(Some(near));
    let service = hyper::service::service_fn(async |request| {
        let response: http::Response<engineio::server::Body> = engine.handle(request).await;
        assert_eq!(response.status(), 101);
        drop(near.lock().unwrap().take());
        Ok::<_, std::convert::Infallible>(response)
    });
    let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(far), service);
    assert!(connection.with_upgrades().await.is_err(), "the answer cannot be written");
}

/// R2, R8, S6: a client that vanishes before its handshake is through ends its own session, once and in order; and where
/// it was only a candidate, not even that.
#[tokio::test]
async fn a_websocket_that_vanishes_during_its_handshake_harms_nothing() {
    let (ended, mut ends) = tokio::sync::mpsc::unbounded_channel();
    let engine = Engine::new(Config::default(), move |session| {
        let ended = ended.clone();
        async move {
            while let Some(message) = session.recv().await {
                let _ = session.send(message);
            }
            let _ = ended.send(session.closed().await.reason);
        }
    });
    vanish_during_the_handshake(&engine, "").await;
    let reason = tokio::time::timeout(DEADLINE, ends.recv()).await.expect("the application is told").unwrap();
    assert_eq!(reason, CloseReason::TransportClose);

    let ask = async |method: &str, query: &str, body: &'static str| {
        let request =
            http::Request::builder().method(method).uri(format!("/engine.io/?EIO=4&transport=polling{query}"));
        let response: http::Response<engineio::server::Body> =
            engine.handle(request.body(Full::<Bytes>::from(body)).unwrap()).await;
        let body = response.into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(body.to_vec()).unwrap()
    };
    let open = ask("GET", "", "").await;
    let sid = format!("&sid={}", open.split('"').nth(3).unwrap());
    for round in 0..3 {
        vanish_during_the_handshake(&engine, &sid).await;
        assert_eq!(ask("POST", &sid, "4still here").await, "ok", "round {round}");
        assert_eq!(ask("GET", &sid, "").await, "4still here", "round {round}");
    }
    engine.close().await;
}

// ---- ways of sending; over long-polling they are in `sending.rs` ----

/// A session over a pipe of 64 bytes, its server side, and its client.
async fn piped(config: Config) -> (Engine, Session, Client<DuplexStream>) {
    let (sender, mut sessions) = tokio::sync::mpsc::unbounded_channel();
    let engine = Engine::new(config, move |session: Session| {
        sender.send(session.clone()).unwrap();
        async move {
            session.closed().await;
        }
    });
    let (near, far) = tokio::io::duplex(64);
    let service = TowerToHyperService::new(engine.service());
    let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(far), service);
    tokio::spawn(connection.with_upgrades());
    let client = Client::open_on(near).await;
    (engine, sessions.recv().await.unwrap(), client)
}

/// Waits until no task has anything to do: on a paused clock only then does the time move.
async fn all_wait() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

/// Rows A59, D53, J2; hazard R15: what the connection has not taken has not left, and nothing volatile goes behind it.
#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_holds_up_who_waits_and_gets_nothing_volatile() {
    let (_engine, session, mut client) = piped(Config::default()).await;
    all_wait().await;
    let small = [MessageFrame::text(&["now"])];
    assert_eq!(session.send_volatile(&small), Ok(true));
    assert_eq!(session.send_volatile(&small), Ok(false), "the second of a burst");
    assert_eq!(client.text().await, "4now");

    let large = [MessageFrame::text(&["x".repeat(1000).as_str()])];
    let mut sending = std::pin::pin!(session.send_flushed(&large));
    assert!(tokio::time::timeout(Duration::from_secs(1), sending.as_mut()).await.is_err(), "the pipe is full");
    assert_eq!(session.queued_bytes(), 0, "it is being written");
    assert_eq!(session.send_volatile(&small), Ok(false));
    let all = session.flushed();
    let (sent, text) = tokio::join!(sending, client.text());
    assert_eq!((sent, text.len()), (Ok(()), 1001));
    assert_eq!(all.await, Ok(()));
    assert_eq!(session.send_volatile(&small), Ok(true), "it has been written");
    assert_eq!(client.text().await, "4now");

    session.send_frames(&large).unwrap();
    all_wait().await;
    let lost = session.flushed();
    drop(client);
    assert_eq!(lost.await, Err(SendError::Closed), "it was never written");
}

/// Row D53: a group is sent as a whole, though the connection takes only a part of it at once.
#[tokio::test(start_paused = true)]
async fn a_volatile_group_is_written_whole_or_not_at_all() {
    let (_engine, session, mut client) = piped(Config::default()).await;
    all_wait().await;
    let group = |name: &str| [0, 1, 2].map(|part| MessageFrame::text(&[&format!("{name}{part}"), &"x".repeat(100)]));
    assert_eq!(session.send_volatile(&group("a")), Ok(true));
    all_wait().await;
    assert_eq!(session.send_volatile(&group("b")), Ok(false));
    for part in 0..3 {
        assert_eq!(client.text().await[..3], format!("4a{part}"));
    }
    all_wait().await;
    assert_eq!(session.send_volatile(&group("c")), Ok(true));
    assert_eq!(client.text().await[..3], *"4c0");
}

/// Rows J2, I15; hazard R20: tasks on several threads, a queue that is always full, and groups that must not be torn.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn groups_of_many_waiting_senders_arrive_whole_and_each_senders_in_order() {
    const SENDERS: usize = 20;
    const ROUNDS: usize = 100;
    let mut config = Config::default();
    config.limits.max_queue_bytes = 500;
    let engine = Engine::new(config, |session: Session| async move {
        let mut senders = tokio::task::JoinSet::new();
        for sender in 0..SENDERS {
            let session = session.clone();
            senders.spawn(async move {
                for round in 0..ROUNDS {
                    let group = ["a", "b", "c"].map(|part| MessageFrame::text(&[&format!("{sender} {round} {part}")]));
                    match round % 2 {
                        0 => session.send_flushed(&group).await.unwrap(),
                        _ => assert!(session.send_when_ready(&group).await.unwrap().is_queued()),
                    }
                }
            });
        }
        senders.join_all().await;
        session.flushed().await.unwrap();
    });
    let listener = engine.bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(listener.serve(engine.service()));
    let mut client = Client::open(address).await;
    let mut rounds = [0; SENDERS];
    for _ in 0..SENDERS * ROUNDS {
        let first = client.text().await;
        let mut words = first[1..].split(' ');
        let sender: usize = words.next().unwrap().parse().unwrap();
        assert_eq!(first, format!("4{sender} {} a", rounds[sender]));
        for part in ["b", "c"] {
            assert_eq!(client.text().await, format!("4{sender} {} {part}", rounds[sender]));
        }
        rounds[sender] += 1;
    }
    drop(client);
    engine.close().await;
}

/// Hazard R18: who sends without end leaves the session time to read, and stops when the client has gone.
#[tokio::test]
async fn a_loop_that_only_sends_starves_nothing() {
    let mut config = Config::default();
    config.limits.max_queue_bytes = 100_000;
    let (ended, end) = tokio::sync::oneshot::channel();
    let ended = std::sync::Mutex::new(Some(ended));
    let engine = Engine::new(config, move |session: Session| {
        let ended = ended.lock().unwrap().take();
        async move {
            let flood = async {
                let frame = [MessageFrame::text(&["flood".repeat(1000).as_str()])];
                while session.send_when_ready(&frame).await.is_ok() {}
            };
            let answer = async {
                while let Some(message) = session.recv().await {
                    session.send_when_ready(&[MessageFrame::from(&message)]).await.unwrap();
                }
            };
            tokio::join!(flood, answer);
            ended.unwrap().send(session.closed().await.reason).unwrap();
        }
    });
    let listener = engine.bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(listener.serve(engine.service()));
    let mut client = Client::open(address).await;
    for round in 0..5 {
        client.send(&format!("4{round}")).await;
        let seen = async { while client.text().await != format!("4{round}") {} };
        tokio::time::timeout(DEADLINE, seen).await.expect("the message is answered in the middle of the flood");
    }
    drop(client);
    let reason = tokio::time::timeout(DEADLINE, end).await.expect("the flood ends with the client").unwrap();
    assert_eq!(reason, CloseReason::TransportClose);
    engine.close().await;
}
