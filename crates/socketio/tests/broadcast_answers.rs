//! Answers from many, of one server's clients and of several servers': all of them, or what there is, who is missing,
//! and why. Contract rows D81 to D83, F3, F15, I7; hazards R18, R22, R23.

#![allow(clippy::unwrap_used, reason = "a failed expectation here is a failed test")]

#[allow(dead_code, reason = "each of the files beside this one uses another part of the client")]
mod client;
mod servers;

use std::time::Duration;

use client::Client;
use servers::{Servers, settle};
use socketio::{
    AckError, Config, EmitError, HandlerError, Incomplete, PendingAnswers, Server, Socket,
    cluster::Absence,
    testing::{ReceivedEvent, TestClient},
};
use tokio::time::Instant;

const MINUTE: Duration = Duration::from_secs(60);

/// Asks everybody that the server can reach.
fn ask(io: &Server, timeout: Duration) -> PendingAnswers<u32> {
    io.of("/").broadcast().timeout(timeout).emit_with_ack("q", &"?").unwrap()
}

async fn connect(io: &Server, count: usize) -> Vec<TestClient> {
    let mut clients = Vec::new();
    for _ in 0..count {
        clients.push(TestClient::connect(io).await);
    }
    clients
}

async fn questions(clients: &[TestClient]) -> Vec<ReceivedEvent> {
    let mut questions = Vec::new();
    for client in clients {
        questions.push(client.receive_event("q").await);
    }
    questions
}

/// The whole of what is missing, in one line.
fn summary<T: std::fmt::Debug>(incomplete: &Incomplete<T>) -> String {
    let Incomplete { answers, missing_clients, missing_servers, timed_out, unreadable, .. } = incomplete;
    let absences: Vec<_> = missing_servers.iter().map(|(_, absence)| *absence).collect();
    format!("{answers:?} {missing_clients} {absences:?} {timed_out} {}", unreadable.is_some())
}

/// D81, D82: in the order of arrival, and of each the first argument alone; over as soon as all have answered.
#[tokio::test(start_paused = true)]
async fn all_answers_come_in_the_order_of_their_arrival() {
    let io = Server::new();
    let clients = connect(&io, 3).await;
    let started = Instant::now();
    let answers = ask(&io, MINUTE);
    let mut questions = questions(&clients).await;
    assert_eq!(questions[0].args::<String>(), "?");
    for answer in [30, 20, 10] {
        questions.pop().unwrap().ack(&(answer, "a second argument"));
        settle().await;
    }
    assert_eq!(answers.await.unwrap(), [30, 20, 10]);
    assert!(started.elapsed() < Duration::from_secs(1));
}

/// D81: nobody is asked, so nobody is waited for.
#[tokio::test(start_paused = true)]
async fn nobody_to_ask_is_answered_by_nobody_at_once() {
    let io = Server::new();
    let started = Instant::now();
    assert!(ask(&io, MINUTE).await.unwrap().is_empty());
    let _client = TestClient::connect(&io).await;
    let selection = io.of("/").to("nobody").timeout(MINUTE);
    assert!(selection.emit_with_ack::<u32>("q", &()).unwrap().await.unwrap().is_empty());
    assert!(started.elapsed() < Duration::from_millis(10));
}

/// D81, D82, I7: those who are late are missing, those who answered are there; the time is the configured one unless
/// the call says another, and a late answer disturbs nobody.
#[tokio::test(start_paused = true)]
async fn a_client_that_is_late_is_missing_and_the_answers_of_the_others_are_there() {
    let mut config = Config::default();
    config.limits.ack_timeout = Duration::from_secs(7);
    let io = Server::with_config(config);
    let clients = connect(&io, 3).await;
    for (selection, seconds) in
        [(io.of("/").broadcast(), 7), (io.of("/").broadcast().timeout(Duration::from_secs(2)), 2)]
    {
        let started = Instant::now();
        let answers = selection.emit_with_ack::<u32>("q", &()).unwrap();
        let mut questions = questions(&clients).await;
        let late = questions.remove(1);
        questions.into_iter().for_each(|question| question.ack(&5));
        let error = answers.await.unwrap_err();
        assert_eq!(started.elapsed().as_secs(), seconds);
        assert_eq!(summary(&error), "[5, 5] 1 [] true false");
        assert!(error.to_string().contains("timed out"), "{error}");
        late.ack(&6);
        settle().await;
    }
    assert!(clients.iter().all(TestClient::is_connected));
}

/// R22, R8: who leaves is counted and not waited for, wherever in the middle; the others' answers still come.
#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_midway_is_missing_and_not_waited_for() {
    let io = Server::new();
    for way in ["disconnect", "close", "cut", "thrown out", "connection thrown out"] {
        let clients = connect(&io, 3).await;
        let started = Instant::now();
        let answers = ask(&io, MINUTE);
        let mut questions = questions(&clients).await;
        questions.pop().unwrap().ack(&3);
        let id = clients[1].id();
        match way {
            "disconnect" => clients[1].disconnect(),
            "close" => clients[1].close_connection(),
            "cut" => clients[1].drop_connection(),
            "thrown out" => io.of("/").to(id).disconnect_sockets(false),
            _ => io.of("/").to(id).disconnect_sockets(true),
        }
        settle().await;
        questions.remove(0).ack(&1);
        let error = answers.await.unwrap_err();
        assert_eq!(summary(&error), "[3, 1] 1 [] false false", "{way}");
        assert!(started.elapsed() < Duration::from_secs(1), "{way}");
        drop(clients);
        settle().await;
    }
}

/// The clients of a server that is closed while it asks are gone, and so is the question.
#[tokio::test(start_paused = true)]
async fn the_end_of_the_server_ends_its_question() {
    let servers = Servers::new(2).await;
    let clients = servers.clients().await;
    let asked = ask(&servers.io[0], MINUTE);
    questions(&clients).await;
    let started = Instant::now();
    servers.io[0].close().await;
    let error = asked.await.unwrap_err();
    assert_eq!(summary(&error), "[] 2 [Closed] false false");
    assert!(started.elapsed() < Duration::from_secs(1));
    assert!(ask(&servers.io[0], MINUTE).await.unwrap().is_empty());
}

/// An answer of another type is told, and costs the others nothing.
#[tokio::test(start_paused = true)]
async fn an_answer_of_another_type_is_told_beside_the_others() {
    let io = Server::new();
    let clients = connect(&io, 3).await;
    let answers = ask(&io, MINUTE);
    let mut questions = questions(&clients).await;
    questions.pop().unwrap().ack("three");
    questions.pop().unwrap().ack(&());
    questions.pop().unwrap().ack(&1);
    let error = answers.await.unwrap_err();
    assert_eq!(summary(&error), "[1] 0 [] false true");
    assert!(error.to_string().contains("does not fit"), "{error}");
}

/// D83: the same id for all, of the namespace's own sequence; an answer that comes twice, or from nowhere, counts once or
/// not at all.
#[tokio::test(start_paused = true)]
async fn one_id_serves_all_and_each_client_counts_once() {
    let io = Server::new();
    let (one, two) = (Client::connected(&io).await, Client::connected(&io).await);
    for round in 0..3 {
        let answers = ask(&io, MINUTE);
        let question = format!("42{round}[\"q\",\"?\"]");
        assert_eq!((one.receive().await, two.receive().await), (vec![question.clone()], vec![question]));
        one.send(&format!("43{round}[1]\u{1e}43{round}[1]\u{1e}4399[1]")).await;
        settle().await;
        two.send(&format!("43{round}[2]")).await;
        assert_eq!(answers.await.unwrap(), [1, 2]);
    }
}

/// D80: what cannot be sent is asked of nobody.
#[tokio::test(start_paused = true)]
async fn a_question_that_cannot_be_sent_is_refused() {
    let io = Server::new();
    let client = TestClient::connect(&io).await;
    for event in ["connect", "disconnect", "connect_error"] {
        let refused = io.of("/").broadcast().emit_with_ack::<()>(event, &());
        assert!(matches!(refused, Err(EmitError::Encode(_))), "{refused:?}");
    }
    client.expect_nothing().await;
}

/// A client that is on its way in cannot answer yet, and is not waited for.
#[tokio::test(start_paused = true)]
async fn a_client_that_is_not_in_yet_is_not_asked() {
    let io = Server::new();
    io.of("/").on_connect(async |socket: Socket| {
        socket.join("lobby");
        let lobby = socket.namespace().to("lobby").timeout(MINUTE);
        match lobby.emit_with_ack::<u32>("q", &())?.await {
            Ok(answers) if answers.is_empty() => Ok(()),
            other => Err(HandlerError::new(format!("{other:?}"))),
        }
    });
    let client = TestClient::connect(&io).await;
    client.expect_nothing().await;
}

/// A volatile question that could not leave, and one for which there was no room: nobody can answer them.
#[tokio::test(start_paused = true)]
async fn a_client_that_did_not_get_the_question_is_not_waited_for() {
    let mut config = Config::default();
    config.engine.limits.max_queue_bytes = 1000;
    config.when_full = socketio::WhenFull::DropNewest;
    let io = Server::with_config(config);
    let (_busy, ready) = (Client::connected(&io).await, TestClient::connect(&io).await);
    settle().await;
    let started = Instant::now();
    let volatile = io.of("/").broadcast().volatile().timeout(MINUTE).emit_with_ack::<u32>("q", &()).unwrap();
    ready.receive_event("q").await.ack(&1);
    assert_eq!(summary(&volatile.await.unwrap_err()), "[1] 1 [] false false");
    for _ in 0..10 {
        io.of("/").emit("filling", &"x".repeat(200)).unwrap();
        ready.receive_event("filling").await;
    }
    let selection = io.of("/").broadcast().timeout(MINUTE);
    let dropped = selection.emit_with_ack::<u32>("q", &"x".repeat(200)).unwrap();
    ready.receive_event("q").await.ack(&2);
    assert_eq!(summary(&dropped.await.unwrap_err()), "[2] 1 [] false false");
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
}

/// D81, F3, F15, R23: over three servers.
#[tokio::test(start_paused = true)]
async fn the_clients_of_all_servers_are_asked() {
    let servers = Servers::new(3).await;
    let mut clients = servers.clients().await;
    clients.extend(servers.clients().await);
    let started = Instant::now();
    let answers = ask(&servers.io[0], MINUTE);
    for (number, question) in questions(&clients).await.into_iter().enumerate() {
        assert_eq!(question.args::<String>(), "?");
        question.ack(&(number, "a second argument"));
        settle().await;
    }
    assert_eq!(answers.await.unwrap(), [0, 1, 2, 3, 4, 5]);
    assert!(started.elapsed() < Duration::from_secs(1));

    // D84, and a selection that is elsewhere only.
    let chat = servers.io[0].of("/");
    let local = chat.broadcast().local().timeout(MINUTE).emit_with_ack::<u32>("q", &()).unwrap();
    for question in [clients.remove(3), clients.remove(0)] {
        question.receive_event("q").await.ack(&7);
    }
    assert_eq!(local.await.unwrap(), [7, 7]);
    let far = chat.to(clients[0].id()).timeout(MINUTE).emit_with_ack::<u32>("q", &()).unwrap();
    clients[0].receive_event("q").await.ack(&8);
    assert_eq!(far.await.unwrap(), [8]);
    for client in &clients {
        client.expect_nothing().await;
    }
}

/// D81, R23: late clients here and there; both servers' clients are counted, and the time is not exceeded.
#[tokio::test(start_paused = true)]
async fn late_clients_of_other_servers_are_missing_and_the_answers_are_there() {
    let servers = Servers::new(2).await;
    let mut clients = servers.clients().await;
    clients.extend(servers.clients().await);
    for late in [vec![0], vec![1], vec![0, 1], vec![1, 3], vec![0, 1, 2, 3]] {
        let started = Instant::now();
        let answers = ask(&servers.io[0], Duration::from_secs(3));
        let questions = questions(&clients).await;
        let (mut late_ones, mut expected) = (Vec::new(), Vec::new());
        for (number, question) in questions.into_iter().enumerate() {
            if late.contains(&number) {
                late_ones.push(question);
            } else {
                question.ack(&number);
                expected.push(number as u32);
                settle().await;
            }
        }
        let error = answers.await.unwrap_err();
        assert_eq!((error.answers, error.missing_clients), (expected, late.len() as u64), "{late:?}");
        assert!(error.timed_out, "{late:?}");
        let is_far_late = late.iter().any(|number| number % 2 == 1);
        let expected: &[_] = if is_far_late { &[(servers.ids[1].clone(), Absence::Late)] } else { &[] };
        assert_eq!(error.missing_servers, expected, "{late:?}");
        assert_eq!(started.elapsed().as_millis() / 10, 300, "{late:?}");
        late_ones.into_iter().for_each(|question| question.ack(&99));
        settle().await;
    }
}

/// However late somebody looks at it: the time was up, and it is said so.
#[tokio::test(start_paused = true)]
async fn a_result_that_is_taken_late_still_says_that_the_time_was_up() {
    let servers = Servers::new(2).await;
    let clients = servers.clients().await;
    let answers = ask(&servers.io[0], Duration::from_secs(3));
    clients[0].receive_event("q").await.ack(&1);
    tokio::time::sleep(MINUTE).await;
    assert_eq!(summary(&answers.await.unwrap_err()), "[1] 1 [Late] true false");
}

/// R22, R23: a client of another server leaves in the middle, first or last: the answers of all others come, it is missing,
/// and nobody waits for it.
#[tokio::test(start_paused = true)]
async fn a_client_of_another_server_that_leaves_midway_is_missing_and_not_waited_for() {
    let servers = Servers::new(2).await;
    for leaves_first in [true, false] {
        let mut clients = servers.clients().await;
        clients.extend(servers.clients().await);
        let started = Instant::now();
        let answers = ask(&servers.io[0], MINUTE);
        let mut questions = questions(&clients).await;
        questions.truncate(3);
        if leaves_first {
            clients[3].disconnect();
            settle().await;
        }
        for (number, question) in questions.into_iter().enumerate() {
            question.ack(&number);
            settle().await;
        }
        clients[3].disconnect();
        assert_eq!(summary(&answers.await.unwrap_err()), "[0, 1, 2] 1 [] false false");
        assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
        drop(clients);
        settle().await;
    }
}

/// D86: the same for the one who is asked alone.
#[tokio::test(start_paused = true)]
async fn a_socket_of_another_server_that_leaves_is_not_waited_for() {
    let servers = Servers::new(3).await;
    let client = TestClient::connect(&servers.io[1]).await;
    let remote = servers.io[0].of("/").fetch_sockets().await.unwrap().remove(0);
    let started = Instant::now();
    let (answer, ()) = tokio::join!(remote.emit_with_ack::<u32>(MINUTE, "q", &()), async {
        client.receive_event("q").await;
        client.drop_connection();
    });
    assert_eq!(answer, Err(AckError::Disconnected));
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
}

/// R23, and calls that do not lie: a server is cut off before it is asked, between its count and its answers, or is
/// dropped; each time the others' answers are there, and it is named with what became of it.
#[tokio::test(start_paused = true)]
async fn a_server_that_goes_midway_is_named_with_what_became_of_it() {
    // What happens to the third, when, for how long it is waited for, and what is said of it.
    let table = [
        ("cut off before", 3, 3, "[0, 1] 0 [Late] true"),
        ("cut off midway", 3, 3, "[0, 1] 1 [Late] true"),
        ("cut off midway", 60, 10, "[0, 1] 1 [Lost] false"),
        ("cut off before", 60, 10, "[0, 1] 0 [Lost] false"),
        // Its client left it before it left itself.
        ("closed midway", 60, 0, "[0, 1] 1 [] false"),
    ];
    for (what, timeout, seconds, expected) in table {
        let servers = Servers::new(3).await;
        let clients = servers.clients().await;
        if what == "cut off before" {
            servers.hub.disconnect(&servers.ids[2]);
        }
        let started = Instant::now();
        let answers = ask(&servers.io[0], Duration::from_secs(timeout));
        for (number, client) in clients[..2].iter().enumerate() {
            client.receive_event("q").await.ack(&number);
            settle().await;
        }
        match what {
            "cut off midway" => servers.hub.disconnect(&servers.ids[2]),
            "closed midway" => servers.io[2].close().await,
            _ => {}
        }
        if what == "cut off midway" {
            // Its client answers, and nobody hears of it.
            clients[2].receive_event("q").await.ack(&2);
        }
        let error = answers.await.unwrap_err();
        assert_eq!(summary(&error), format!("{expected} false"), "{what}");
        assert!(error.missing_servers.iter().all(|(node, _)| *node == servers.ids[2]), "{what}");
        let waited = started.elapsed();
        assert!(waited.abs_diff(Duration::from_secs(seconds)) < Duration::from_millis(100), "{what}: {waited:?}");
        servers.close().await;
    }
}

/// R22, R23: a thousand questions that nobody answers, given up in every way, leave no task, and the next one is as good as
/// the first. What is kept of each is looked at where it is kept, in `server/cluster/tests.rs`.
#[tokio::test(start_paused = true)]
async fn a_thousand_questions_without_an_answer_leave_nothing_behind() {
    let servers = Servers::new(2).await;
    let clients = servers.clients().await;
    let alive = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = alive();
    for round in 0..1000 {
        let answers = ask(&servers.io[0], Duration::from_millis(5));
        questions(&clients).await;
        if round % 2 == 0 {
            drop(answers);
        } else {
            answers.await.unwrap_err();
        }
    }
    settle().await;
    assert_eq!(alive(), before);
    let answers = ask(&servers.io[0], MINUTE);
    for question in questions(&clients).await {
        question.ack(&1);
    }
    assert_eq!(answers.await.unwrap(), [1, 1]);
}

/// R18: emitting in a loop starves nobody: answers, events and the end of a client are seen in between.
#[tokio::test(start_paused = true)]
async fn asking_in_a_loop_starves_nobody() {
    let servers = Servers::new(2).await;
    for io in &servers.io {
        io.of("/").on("ping", async || Ok("pong"));
    }
    let clients = servers.clients().await;
    let all: Vec<_> = (0..1000).map(|_| ask(&servers.io[0], MINUTE)).collect();
    for client in &clients {
        assert_eq!(client.emit_with_ack::<String>("ping", &()).await, "pong");
        for number in 0..1000 {
            client.receive_event("q").await.ack(&number);
        }
    }
    for (number, answers) in all.into_iter().enumerate() {
        assert_eq!(answers.await.unwrap(), [number as u32; 2]);
    }
}
