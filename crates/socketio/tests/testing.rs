//! The test kit (contract rows J15, H2, H3), from the seat of somebody who tests a small chat server with it. The
//! first tests are those of docs/guide/testing.md, word for word; what the kit promises beyond comes after them.

#![allow(clippy::unwrap_used, reason = "a failed expectation here is a failed test")]

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::json;
use socketio::{AllowRequest, Auth, Config, Data, DisconnectReason, HandlerError, Server, Socket, testing::TestClient};
use tokio::{
    runtime::Handle,
    sync::mpsc,
    time::{Instant, sleep},
};

const HOUR: Duration = Duration::from_secs(3600);

#[derive(Deserialize)]
struct Login {
    name: String,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Message {
    from: String,
    text: String,
}

fn chat() -> Server {
    let io = Server::new();
    io.of("/chat")
        .on_connect(async |socket: Socket, Auth(login): Auth<Login>| {
            if login.name == "Eve" {
                return Err(HandlerError::new("not welcome").with_data(&json!({ "code": 403 })));
            }
            socket.join("lobby");
            socket.to("lobby").emit("joined", &login.name)?;
            Ok(())
        })
        .on("say", async |socket: Socket, Auth(login): Auth<Login>, Data(text): Data<String>| {
            socket.to("lobby").emit("message", &Message { from: login.name, text })?;
            Ok("delivered")
        })
        .on_disconnect(async |socket: Socket, Auth(login): Auth<Login>, reason: DisconnectReason| {
            let _ = socket.to("lobby").emit("left", &(login.name, reason.as_str()));
        });
    io
}

async fn enter(io: &Server, name: &str) -> TestClient {
    TestClient::connect(io).namespace("/chat").auth(&json!({ "name": name })).await
}

#[tokio::test(start_paused = true)]
async fn a_message_reaches_the_others_in_the_room() {
    let io = chat();
    let ada = enter(&io, "Ada").await;
    let bob = enter(&io, "Bob").await;
    assert_eq!(ada.receive::<String>("joined").await, "Bob");

    let answer: String = ada.emit_with_ack("say", "hello").await;
    assert_eq!(answer, "delivered");
    let message: Message = bob.receive("message").await;
    assert_eq!(message, Message { from: "Ada".into(), text: "hello".into() });
    ada.expect_nothing().await;
}

#[tokio::test(start_paused = true)]
async fn eve_is_refused() {
    let eve = TestClient::connect(&chat()).namespace("/chat").auth(&json!({ "name": "Eve" }));
    let refusal = eve.expect_refused().await;
    assert_eq!(refusal.message, "not welcome");
    assert_eq!(refusal.data, Some(json!({ "code": 403 })));
}

#[tokio::test(start_paused = true)]
async fn the_others_learn_why_somebody_left() {
    let io = chat();
    let ada = enter(&io, "Ada").await;

    let bob = enter(&io, "Bob").await;
    bob.disconnect();
    assert_eq!(ada.receive::<(String, String)>("left").await.1, "client namespace disconnect");

    drop(enter(&io, "Bob").await);
    assert_eq!(ada.receive::<(String, String)>("left").await.1, "transport close");

    enter(&io, "Bob").await.drop_connection();
    assert_eq!(ada.receive::<(String, String)>("left").await.1, "transport error");

    let bob = enter(&io, "Bob").await;
    bob.fall_silent();
    assert_eq!(ada.receive::<(String, String)>("left").within(HOUR).await.1, "ping timeout");
}

#[tokio::test(start_paused = true)]
async fn a_question_that_is_not_answered_in_an_hour_is_dropped() {
    let io = Server::new();
    io.of("/").on("order", async |socket: Socket| {
        let sure = socket.emit_with_ack::<bool>("are you sure", &()).timeout(Duration::from_secs(3600));
        Ok(sure.await.unwrap_or(false))
    });
    let client = TestClient::connect(&io).await;

    let order = client.emit_with_ack::<bool>("order", &());
    client.receive_event("are you sure").await.ack(&true);
    assert!(order.await);

    let order = client.emit_with_ack::<bool>("order", &());
    assert!(!order.within(Duration::from_secs(3601)).await);
}

// ------------------------------------------------------------------------------------------- the guide ends here

#[test]
fn the_code_in_the_guide_is_that_of_these_tests() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guide/testing.md");
    let guide = std::fs::read_to_string(path).unwrap();
    let blocks: Vec<_> = guide.split("```rust\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(blocks.len() >= 5, "{} blocks of code", blocks.len());
    for block in blocks {
        assert!(include_str!("testing.rs").contains(block), "these are not in tests/testing.rs:\n{block}");
    }
}

/// The handlers' and the client's events cross: a question of the server inside the handler of a question.
#[tokio::test(start_paused = true)]
async fn acknowledgements_cross_in_both_directions() {
    let io = Server::new();
    io.of("/").on("sum", async |socket: Socket, Data((a, b)): Data<(u32, u32)>| {
        let factor: u32 = socket.emit_with_ack("factor", &(a, b)).await?;
        Ok(((a + b) * factor, "done"))
    });
    let client = TestClient::connect(&io).await;
    let sum = client.emit_with_ack::<(u32, String)>("sum", &(1, 2));
    let question = client.receive_event("factor").await;
    assert!(question.wants_ack());
    assert_eq!((question.name(), question.args::<(u32, u32)>()), ("factor", (1, 2)));
    question.ack(&10);
    assert_eq!(sum.await, (30, "done".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn bytes_travel_both_ways_in_events_and_acknowledgements() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Picture {
        name: String,
        parts: Vec<Bytes>,
    }
    let io = Server::new();
    io.of("/").on("store", async |socket: Socket, Data(picture): Data<Picture>| {
        socket.emit("stored", &(&picture, 1))?;
        let thumbnail: Bytes = socket.emit_with_ack("thumbnail", &picture.parts[0]).await?;
        Ok((thumbnail, picture.name))
    });
    let client = TestClient::connect(&io).await;
    // More than one POST can carry together, so that the attachments of one packet come in several.
    let parts = vec![Bytes::from(vec![0x1e; 400_000]), Bytes::from_static(&[0, 255]), Bytes::from(vec![7; 400_000])];
    let picture = Picture { name: "dot".into(), parts };
    let stored = client.emit_with_ack::<(Bytes, String)>("store", &picture);
    assert_eq!(client.receive::<(Picture, u8)>("stored").await, (picture, 1));
    let question = client.receive_event("thumbnail").await;
    assert_eq!(question.body().attachments()[0].len(), 400_000);
    question.ack(&Bytes::from_static(b"small"));
    assert_eq!(stored.await, (Bytes::from_static(b"small"), "dot".to_owned()));
}

/// What is not asked for yet waits in order, and is not lost for who asks later.
#[tokio::test(start_paused = true)]
async fn events_are_taken_by_name_and_the_others_wait_in_order() {
    let io = Server::new();
    io.of("/").on_connect(async |socket: Socket| {
        for (name, number) in [("a", 1), ("b", 2), ("a", 3), ("c", 4)] {
            socket.emit(name, &number)?;
        }
        Ok(())
    });
    let client = TestClient::connect(&io).await;
    assert_eq!(client.receive::<u8>("c").await, 4);
    assert_eq!(client.receive::<u8>("a").await, 1);
    let mut rest = Vec::new();
    for _ in 0..2 {
        let event = client.next_event().await;
        rest.push((event.name().to_owned(), event.args::<u8>()));
    }
    assert_eq!(rest, [("b".to_owned(), 2), ("a".to_owned(), 3)]);
    client.expect_nothing().within(HOUR).await;
}

/// Hours go by on the paused clock; the background task answers some 2880 pings.
#[tokio::test(start_paused = true)]
async fn an_idle_client_stays_connected_for_virtual_hours() {
    let io = Server::new();
    io.of("/").on("still there?", async || Ok("yes"));
    let (client, started) = (TestClient::connect(&io).await, std::time::Instant::now());
    let socket = io.of("/").sockets().remove(0);
    sleep(20 * HOUR).await;
    assert!(client.is_connected() && socket.is_connected());
    tokio::time::advance(HOUR).await;
    assert_eq!(client.emit_with_ack::<String>("still there?", &()).await, "yes");
    assert_eq!(client.id(), socket.id().as_str());
    assert!(started.elapsed() < Duration::from_secs(60), "hours cost nothing");
}

/// R37: the task ends with the client, whatever ends the client, and so does the session's.
#[tokio::test(start_paused = true)]
async fn no_task_or_session_outlives_the_clients() {
    let io = Server::new();
    io.of("/second");
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    let clients = async || {
        let client = TestClient::connect(&io).await;
        let second = client.join("/second").await;
        (client, second)
    };
    let [closed, cut, silent, left, dropped] =
        [clients().await, clients().await, clients().await, clients().await, clients().await];
    assert_eq!((io.engine().session_count(), tasks() - before), (5, 10), "a task for either side");
    closed.0.close_connection();
    assert_eq!(closed.1.disconnected().await, DisconnectReason::TransportClose);
    cut.1.drop_connection();
    assert_eq!(cut.0.disconnected().await, DisconnectReason::TransportError);
    silent.0.fall_silent();
    left.0.disconnect();
    left.1.disconnect();
    drop((dropped, silent, left));
    sleep(Duration::from_secs(1)).await;
    assert_eq!((io.engine().session_count(), tasks()), (0, before));
    drop(TestClient::connect(&io).deadline(HOUR).expect_refused());
    drop((closed, cut));
}

/// A server that reads nothing any more is not waited for without end by a client that wants to go.
#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_read_cannot_keep_the_clients_task() {
    let mut config = Config::default();
    config.limits.max_pending_handlers = 1;
    let io = Server::with_config(config);
    io.of("/").on("stuck", async || std::future::pending::<()>().await);
    let before = Handle::current().metrics().num_alive_tasks();
    let client = TestClient::connect(&io).await;
    for _ in 0..3 {
        client.emit("stuck", &());
        sleep(Duration::from_secs(1)).await;
    }
    drop(client);
    sleep(HOUR).await;
    assert!(Handle::current().metrics().num_alive_tasks() <= before + 1, "only the server's, whose handler is stuck");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_in_the_middle_of_an_acknowledgement_is_noticed_by_either_side() {
    let io = Server::new();
    let (asked, mut outcome) = mpsc::unbounded_channel();
    io.of("/").on("ask me", move |socket: Socket| {
        let asked = asked.clone();
        async move {
            let answer = socket.emit_with_ack::<()>("question", &()).await;
            asked.send(answer.unwrap_err()).unwrap();
        }
    });
    let client = TestClient::connect(&io).await;
    let never = client.emit_with_ack::<()>("ask me", &());
    let question = client.receive_event("question").await;
    client.drop_connection();
    assert!(outcome.recv().await.unwrap().is_disconnected());
    let error = never.result().await.unwrap_err();
    assert!(error.is_disconnected() && error.to_string().contains("transport error"), "{error}");
    question.ack(&());
    assert!(!client.is_connected());
}

#[tokio::test(start_paused = true)]
async fn a_client_sees_that_the_server_disconnects_it_and_keeps_what_came_before() {
    let io = Server::new();
    io.of("/other");
    io.of("/").on("kick me", async |socket: Socket| {
        let _ = socket.emit("bye", "for now");
        socket.disconnect();
    });
    let client = TestClient::connect(&io).await;
    let other = client.join("/other").await;
    client.emit("kick me", &());
    assert_eq!(client.disconnected().await, DisconnectReason::IoServerDisconnect);
    assert_eq!(client.receive::<String>("bye").await, "for now");
    assert!(client.receive::<()>("more").result().await.unwrap_err().is_disconnected());
    assert!(other.is_connected(), "the rest of the connection is untouched");
    let again = other.join("/").await;
    assert_ne!(again.id(), client.id());
    io.close().await;
    assert!(matches!(other.disconnected().await, DisconnectReason::TransportClose | DisconnectReason::TransportError));
}

#[tokio::test(start_paused = true)]
async fn one_connection_joins_several_namespaces_each_with_its_own_auth() {
    let io = chat();
    io.of("/admin").on_connect(async |Auth(login): Auth<Login>| match login.name.as_str() {
        "root" => Ok(()),
        _ => Err(HandlerError::new("only root")),
    });
    let client = TestClient::connect(&io).await;
    assert_eq!(client.join("/admin").auth(&json!({ "name": "Ada" })).expect_refused().await.message, "only root");
    assert_eq!(client.join("/nowhere").expect_refused().await.message, "Invalid namespace");
    let admin = client.join("admin").auth(&json!({ "name": "root" })).await;
    let ada = client.join("/chat").auth(&json!({ "name": "Ada" })).await;
    assert_eq!((admin.namespace(), ada.namespace(), io.engine().session_count()), ("/admin", "/chat", 1));
    let error = client.join("/chat").result_of_entry().await;
    assert!(error.contains("a second time is not allowed"), "{error}");
    let bob = enter(&io, "Bob").await;
    assert_eq!(ada.receive::<String>("joined").await, "Bob");
    drop(ada);
    assert_eq!(bob.receive::<(String, String)>("left").await.1, "client namespace disconnect");
    assert!(admin.is_connected());
}

/// The outcome of a [`socketio::testing::Join`] that is expected to fail.
trait EntryError {
    async fn result_of_entry(self) -> String;
}

impl EntryError for socketio::testing::Join {
    async fn result_of_entry(self) -> String {
        self.into_future().result().await.unwrap_err().to_string()
    }
}

/// Headers, query and address are the request's, as handlers and `allow_request` see them.
#[tokio::test(start_paused = true)]
async fn the_handshake_has_the_headers_query_and_address_that_the_test_chose() {
    let mut config = Config::default();
    config.engine.path = "/elsewhere/".into();
    config.engine.allow_request = Some(AllowRequest::new(|request| {
        request.headers.get("authorization").map(|_| ()).ok_or_else(|| "no token".to_owned())
    }));
    let io = Server::with_config(config);
    let refusal = TestClient::connect(&io).expect_refused().await;
    assert_eq!((refusal.message.as_str(), refusal.status.unwrap().as_u16()), ("no token", 403));

    let client = TestClient::connect(&io)
        .header("authorization", "Bearer abc")
        .query("room", "a&b=c é")
        .peer_addr(([192, 0, 2, 1], 4000).into())
        .await;
    let socket = io.of("/").sockets().remove(0);
    let request = &socket.handshake().request;
    assert_eq!(request.headers["authorization"], "Bearer abc");
    assert_eq!(request.uri.to_string(), "/elsewhere/?EIO=4&transport=polling&room=a%26b%3Dc+%C3%A9");
    assert_eq!(request.peer.unwrap().to_string(), "192.0.2.1:4000");
    drop(client);
}

/// What a test prints when it fails is the point of a test.
#[tokio::test(start_paused = true)]
async fn an_expectation_that_fails_says_where_and_what_came_instead() {
    let io = Server::new();
    io.of("/").on_connect(async |socket: Socket| {
        socket.emit("welcome", &("Ada", 1))?;
        Ok(())
    });
    let client = TestClient::connect(&io).await.with_deadline(Duration::from_secs(2));
    let started = Instant::now();
    let waiting = async move {
        client.receive::<String>("message").await;
    };
    let text = panic_of(waiting).await;
    let here = format!("{}:", file!());
    assert!(text.starts_with(&here), "{text}");
    assert!(
        text.ends_with(
            "waiting for the event \"message\": it did not come within 2s; \
             events that came and were not taken: [\"welcome\",\"Ada\",1]"
        ),
        "{text}"
    );
    assert_eq!(started.elapsed(), Duration::from_secs(2));

    let connecting = async move { drop(TestClient::connect(&io).namespace("/nowhere").await) };
    let text = panic_of(connecting).await;
    assert!(text.starts_with(&here) && text.contains("refused with \"Invalid namespace\""), "{text}");
}

/// What the future panics with.
async fn panic_of(future: impl Future<Output = ()> + Send + 'static) -> String {
    let panic = tokio::spawn(future).await.unwrap_err().into_panic();
    panic.downcast_ref::<String>().unwrap().clone()
}

#[tokio::test(start_paused = true)]
async fn every_way_to_fail_has_its_words() {
    let io = chat();
    io.of("/chat").on("wave", async |socket: Socket| socket.emit("wave", "x").map_err(HandlerError::from));
    let ada = enter(&io, "Ada").await;
    let text = |outcome: Result<(), socketio::testing::TestError>| outcome.unwrap_err().to_string();

    ada.emit("wave", &());
    assert_eq!(
        text(ada.receive::<u8>("wave").result().await.map(|_| ())).split(": argument").next().unwrap(),
        "waiting for the event \"wave\": it came as [\"wave\",\"x\"], which does not fit"
    );
    ada.emit("wave", &());
    assert_eq!(
        text(ada.expect_nothing().result().await),
        "waiting for nothing to come: something came; events that came and were not taken: [\"wave\",\"x\"]"
    );
    assert_eq!(ada.next_event().await.name(), "wave");
    assert_eq!(
        text(ada.emit_with_ack::<()>("nobody handles this", &()).result().await),
        "waiting for the acknowledgement of \"nobody handles this\": it did not come within 5s; \
         no event is left untaken"
    );
    let eve = TestClient::connect(&io).namespace("/chat").auth(&json!({ "name": "Eve" }));
    let error = eve.into_future().result().await.unwrap_err();
    assert_eq!(error.refusal().unwrap().message, "not welcome");
    assert_eq!(
        error.to_string(),
        "waiting for the client to be let into /chat: refused with \"not welcome\" and the data {\"code\":403}; \
         no event is left untaken"
    );
    let error = TestClient::connect(&io).expect_refused().result().await.unwrap_err();
    assert!(error.to_string().contains("waiting for the client to be refused by /: the client was let in"), "{error}");
    ada.disconnect();
    assert_eq!(
        text(ada.expect_nothing().result().await),
        "waiting for nothing to come: the client was disconnected (io client disconnect); no event is left untaken"
    );
}

#[tokio::test(start_paused = true)]
async fn misuse_panics_with_what_is_wrong() {
    let io = chat();
    let ada = enter(&io, "Ada").await;
    let attempt = |call: &dyn Fn()| {
        let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(call)).unwrap_err();
        panic.downcast_ref::<String>().unwrap().clone()
    };
    assert_eq!(attempt(&|| ada.emit("disconnect", &())), "\"disconnect\" cannot be sent: this event name is reserved");
    assert_eq!(
        attempt(&|| drop(TestClient::connect(&io).auth(&1))),
        "this cannot be sent as an auth payload: a connect payload must be an object"
    );
    assert_eq!(
        attempt(&|| drop(TestClient::connect(&io).header("no name", "x"))),
        "\"no name\": \"x\" is no header of HTTP"
    );
    ada.disconnect();
    assert_eq!(
        attempt(&|| ada.emit("say", "x")),
        "\"say\" cannot be sent: the client is disconnected (io client disconnect)"
    );
}

/// Nothing depends on the paused clock or on the runtime having one thread.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_works_on_a_real_clock_and_several_threads() {
    let io = chat();
    let ada = Arc::new(enter(&io, "Ada").await);
    let others = (0..20).map(|number| {
        let (io, name) = (io.clone(), format!("guest {number}"));
        tokio::spawn(async move {
            let guest = enter(&io, &name).await;
            for text in ["one", "two", "three"] {
                guest.emit_with_ack::<String>("say", text).await;
            }
        })
    });
    for other in others.collect::<Vec<_>>() {
        other.await.unwrap();
    }
    for _ in 0..60 {
        ada.receive::<Message>("message").await;
    }
    for _ in 0..20 {
        ada.receive::<(String, String)>("left").await;
    }
}

/// The server's own bounds hold: what is too large for its limits costs the connection, as over a network.
#[tokio::test(start_paused = true)]
async fn the_limits_of_the_server_apply() {
    let mut config = Config::default();
    config.engine.limits.max_payload_bytes = 1000;
    let io = Server::with_config(config);
    let client = TestClient::connect(&io).await;
    client.emit("large", &"x".repeat(1000));
    assert_eq!(client.disconnected().await, DisconnectReason::TransportError);
}
