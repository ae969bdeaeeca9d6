//! Events between servers: who gets them, what is answered, and what becomes of a server that does not answer. Contract
//! rows D89, D90, F5, F14, F20; hazards R25, R34.

#![allow(clippy::unwrap_used, reason = "a failed expectation here is a failed test")]

#[allow(dead_code, reason = "each of the files beside this one uses another part of the client")]
mod client;
mod servers;

use std::{future::pending, time::Duration};

use bytes::Bytes;
use client::Log;
use servers::{Servers, settle};
use socketio::{
    Data, EmitError, Event, HandlerError, Namespace, RawEvent, Server, cluster::Absence, testing::TestClient,
};
use tokio::time::Instant;

/// D89: the others, once and in order, not this one, and no client.
#[tokio::test(start_paused = true)]
async fn an_event_for_servers_reaches_the_others_alone() {
    let servers = Servers::new(3).await;
    let clients = servers.clients().await;
    let log = Log::default();
    for (index, io) in servers.io.iter().enumerate() {
        let log = log.clone();
        io.of("/").on_server_event("ban", move |event: Event, Data(args): Data<(String, u32)>| {
            log.push(format!("{index} {} {args:?}", event.0));
            std::future::ready(())
        });
    }
    servers.io[0].of("/").server_side_emit("ban", &("Eve", 7)).unwrap();
    settle().await;
    let mut seen = log.take();
    seen.sort();
    assert_eq!(seen, ["1 ban (\"Eve\", 7)", "2 ban (\"Eve\", 7)"]);
    for number in 0..100 {
        servers.io[1].of("/").server_side_emit("ban", &("Mallory", number)).unwrap();
    }
    settle().await;
    for index in [0, 2] {
        let expected: Vec<_> = (0..100).map(|number| format!("{index} ban (\"Mallory\", {number})")).collect();
        let of_this: Vec<_> = log.entries().into_iter().filter(|entry| entry.starts_with(&index.to_string())).collect();
        assert_eq!(of_this, expected);
    }
    assert_eq!(log.entries().len(), 200);
    for client in &clients {
        client.expect_nothing().await;
    }
}

/// D89: a namespace is one, on each server; several handlers all run, also while an earlier one waits.
#[tokio::test(start_paused = true)]
async fn an_event_for_servers_stays_in_its_namespace() {
    let servers = Servers::new(2).await;
    let log = Log::default();
    servers.io[1].of("/").on_server_event("x", log.note("main"));
    servers.io[1]
        .of("/other")
        .on_server_event("x", async || pending::<()>().await)
        .on_server_event("x", log.note("first"))
        .on_server_event("x", log.note("second"))
        .on_server_event("y", log.note("another event"));
    servers.io[0].of("/other").server_side_emit("x", &()).unwrap();
    settle().await;
    assert_eq!(log.entries(), ["first", "second"]);
}

/// D90: one answer of each other server, binary and all.
#[tokio::test(start_paused = true)]
async fn each_other_server_answers_once() {
    let servers = Servers::new(3).await;
    for (index, io) in servers.io.iter().enumerate() {
        io.of("/")
            .on_server_event("load?", move |Data(factor): Data<usize>| async move {
                tokio::time::sleep(Duration::from_millis(100 * (3 - index as u64))).await;
                Ok(index * factor)
            })
            .on_server_event("load?", async || Ok("only the first handler's answer counts"))
            .on_server_event("bytes", async |RawEvent(event): RawEvent| {
                let (bytes, text): (Bytes, String) =
                    event.args().map_err(|error| HandlerError::new(error.to_string()))?;
                Ok((bytes, text))
            });
    }
    let chat = servers.io[0].of("/");
    let started = Instant::now();
    let loads = chat.server_side_emit_with_ack::<usize>("load?", &10).unwrap().await.unwrap();
    assert_eq!(loads, [20, 10], "in the order of their arrival");
    assert!(started.elapsed() < Duration::from_millis(300));
    let bytes = Bytes::from_static(&[0, 255]);
    let echoes = chat.server_side_emit_with_ack::<Bytes>("bytes", &(bytes.clone(), "ü")).unwrap();
    assert_eq!(echoes.await.unwrap(), [bytes.clone(), bytes]);
}

/// D89: names that the reference tells its own listeners, and those that the protocol reserves.
#[tokio::test(start_paused = true)]
async fn reserved_names_are_refused_between_servers() {
    let servers = Servers::new(2).await;
    for chat in [servers.io[0].of("/"), Server::new().of("/")] {
        for event in ["connection", "new_namespace", "connect", "disconnect", "connect_error", "disconnecting"] {
            assert!(matches!(chat.server_side_emit(event, &()), Err(EmitError::Encode(_))), "{event}");
            let asked = chat.server_side_emit_with_ack::<()>(event, &());
            assert!(matches!(asked, Err(EmitError::Encode(_))), "{event}");
        }
    }
}

/// D90, F5: without others there is nobody to wait for: alone in a cluster, or without one.
#[tokio::test(start_paused = true)]
async fn without_other_servers_nobody_answers_and_nobody_is_waited_for() {
    let alone = Servers::new(1).await;
    let started = Instant::now();
    for io in [Server::new(), alone.io[0].clone()] {
        let chat = io.of("/").on_server_event("x", async || Ok(1));
        chat.server_side_emit("x", &()).unwrap();
        assert!(chat.server_side_emit_with_ack::<u32>("x", &()).unwrap().await.unwrap().is_empty());
        assert_eq!(io.counters().cluster_failures, 0);
    }
    assert_eq!(started.elapsed(), Duration::ZERO);
}

/// R34: a server that has nothing to say says that at once: no namespace, no handler, or one that fails or panics. Who asks
/// for a value is told that there is none; who does not need one is not bothered.
#[tokio::test(start_paused = true)]
async fn a_server_that_cannot_answer_says_so_at_once() {
    let servers = Servers::new(2).await;
    let io = &servers.io[1];
    io.of("/")
        .on_server_event("fails", async || Err::<u32, _>(HandlerError::new("no")))
        .on_server_event("panics", async || -> Result<u32, HandlerError> { panic!("as it is meant to") })
        .on_server_event("wants a number", async |Data(number): Data<u32>| Ok(number));
    let started = Instant::now();
    let table = [("/", "nobody knows"), ("/", "fails"), ("/", "panics"), ("/", "wants a number"), ("/only here", "x")];
    for (name, event) in table {
        let namespace = servers.io[0].of(name);
        let error = namespace.server_side_emit_with_ack::<u32>(event, "text").unwrap().await.unwrap_err();
        assert!(error.answers.is_empty() && error.missing_servers.is_empty() && !error.timed_out, "{event}: {error}");
        assert!(error.unreadable.is_some(), "{event}");
        let answers = namespace.server_side_emit_with_ack::<Option<u32>>(event, "text").unwrap();
        assert_eq!(answers.await.unwrap(), [None], "{event}");
    }
    assert!(started.elapsed() < Duration::from_millis(100), "{:?}", started.elapsed());
    let counters = io.counters();
    assert_eq!((counters.handler_errors, counters.handler_panics), (6, 2));
}

/// D90, F20, R34: five seconds, then what there is; and a server that is gone is not waited for.
#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_answer_in_time_is_missing() {
    let servers = Servers::new(3).await;
    servers.io[1].of("/").on_server_event("x", async || Ok(1));
    servers.io[2].of("/").on_server_event("x", async || {
        pending::<()>().await;
        Ok(2)
    });
    let chat = servers.io[0].of("/");
    let ask = |chat: &Namespace| chat.server_side_emit_with_ack::<u32>("x", &()).unwrap();

    let started = Instant::now();
    let error = ask(&chat).await.unwrap_err();
    assert_eq!(started.elapsed().as_secs(), 5);
    assert_eq!((error.answers, error.timed_out, error.missing_clients), (vec![1], true, 0));
    assert_eq!(error.missing_servers, [(servers.ids[2].clone(), Absence::Late)]);

    let (asked, started) = (ask(&chat), Instant::now());
    servers.io[2].close().await;
    let error = asked.await.unwrap_err();
    assert_eq!(error.missing_servers, [(servers.ids[2].clone(), Absence::Left)]);
    assert_eq!((error.answers, error.timed_out), (vec![1], false));
    assert_eq!(ask(&chat).await.unwrap(), [1]);
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
}

/// A handler of a server that is closed meanwhile is not waited for.
#[tokio::test(start_paused = true)]
async fn a_handler_that_waits_does_not_hold_up_the_closing() {
    let servers = Servers::new(2).await;
    let log = Log::default();
    let begun = log.clone();
    servers.io[1].of("/").on_server_event("x", move || {
        begun.push("begun".into());
        pending::<()>()
    });
    let client = TestClient::connect(&servers.io[1]).await;
    let _asked = servers.io[0].of("/").server_side_emit_with_ack::<()>("x", &()).unwrap();
    log.reaches(1).await;
    let started = Instant::now();
    servers.io[1].close().await;
    assert!(started.elapsed() < Duration::from_secs(1));
    client.disconnected().await;
}
