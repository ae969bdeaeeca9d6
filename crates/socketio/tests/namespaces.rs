//! Namespaces that exist because a client asked for them: patterns, functions, parents and children, their number and
//! their end; and what the application can see of all namespaces. Contract rows D17, D20, D22–D27, C34; hazards R8, R31,
//! S17, S18.

#![allow(clippy::unwrap_used, reason = "a failed expectation here is a failed test")]

#[allow(dead_code, reason = "each of the files beside this one uses another part of the client")]
mod client;

use std::{sync::Arc, time::Duration};

use client::{Client, Log};
use serde::Deserialize;
use socketio::{AckError, Body, Config, HandlerError, Namespace, Server, Socket};
use tokio::sync::Notify;

/// Takes `/x-1`, `/x-22` and so on.
fn is_x(name: &str) -> bool {
    name.strip_prefix("/x-").is_some_and(|number| number.parse::<u32>().is_ok())
}

/// The names of all namespaces, sorted.
fn names(io: &Server) -> Vec<String> {
    let mut names: Vec<_> = io.namespaces().iter().map(|namespace| namespace.name().to_owned()).collect();
    names.sort();
    names
}

/// A parent that says yes when the gate is opened.
fn of_gated(io: &Server) -> (Namespace, Arc<Notify>) {
    let gate = Arc::new(Notify::new());
    let opened = gate.clone();
    let parent = io.of_allowed(move |_, _| {
        let opened = opened.clone();
        async move {
            opened.notified().await;
            true
        }
    });
    (parent, gate)
}

/// D22, D26: a pattern makes a namespace of each name that it matches, and of no other; handlers see the child.
#[tokio::test(start_paused = true)]
async fn a_namespace_that_a_pattern_matches_is_made_for_the_client_that_asks() {
    let io = Server::new();
    io.of_matching(is_x)
        .on_connected(async |socket: Socket, namespace: Namespace| {
            socket.emit("in", &(namespace.name(), socket.namespace().name()))?;
            Ok(())
        })
        .on("where", async |namespace: Namespace| Ok(namespace.name().to_owned()));
    let client = Client::open(&io).await;
    assert_eq!(client.join("/x-7").await, ["42/x-7,[\"in\",\"/x-7\",\"/x-7\"]"]);
    assert_eq!(client.join("/x-8").await, ["42/x-8,[\"in\",\"/x-8\",\"/x-8\"]"]);
    assert_eq!(client.exchange("42/x-7,0[\"where\"]").await, ["43/x-7,0[\"/x-7\"]"]);
    for unknown in ["/x-", "/x-1y", "/z/x-1", "/X-1"] {
        let refusal = format!("44{unknown},{{\"message\":\"Invalid namespace\"}}");
        assert_eq!(client.exchange(&format!("40{unknown},")).await, [refusal]);
    }
    assert_eq!(names(&io), ["/", "/x-7", "/x-8"]);
}

/// D22, D23: parents are asked in the order of their declaration, until one takes the client.
#[tokio::test(start_paused = true)]
async fn parents_are_asked_in_the_order_of_their_declaration() {
    let io = Server::new();
    let log = Log::default();
    io.of_matching(|name| name.starts_with("/a")).on_connected(log.note("first"));
    let asked = log.clone();
    io.of_allowed(move |name, _| {
        asked.push(format!("asked for {name}"));
        async move { name.starts_with("/b") }
    })
    .on_connected(log.note("second"));
    io.of_matching(|_| true).on_connected(log.note("third"));
    let client = Client::open(&io).await;
    for (name, expected) in
        [("/a", &["first"][..]), ("/b", &["asked for /b", "second"]), ("/c", &["asked for /c", "third"])]
    {
        client.join(name).await;
        assert_eq!(log.take(), expected, "{name}");
    }
}

/// D23: a function sees the name and the payload of the CONNECT, may wait, and says no as if there were no such name.
#[tokio::test(start_paused = true)]
async fn a_function_decides_by_name_and_auth_and_may_wait() {
    #[derive(Deserialize)]
    struct Key {
        key: u32,
    }
    let io = Server::new();
    io.of_allowed(async |name: String, auth: Option<Body>| {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let key = auth.and_then(|auth| auth.data::<Key>().ok());
        name == "/tenant" && key.is_some_and(|key| key.key == 42)
    });
    let client = Client::open(&io).await;
    for refused in ["40/tenant,", "40/tenant,{\"key\":41}", "40/tenant,{\"key\":\"42\"}"] {
        assert_eq!(client.exchange(refused).await, ["44/tenant,{\"message\":\"Invalid namespace\"}"], "{refused}");
    }
    assert_eq!(client.exchange("40/other,{\"key\":42}").await, ["44/other,{\"message\":\"Invalid namespace\"}"]);
    assert_eq!(names(&io), ["/"]);
    let started = tokio::time::Instant::now();
    assert!(client.exchange("40/tenant,{\"key\":42}").await[0].starts_with("40/tenant,{\"sid\""));
    assert_eq!(started.elapsed().as_secs(), 1);
    assert_eq!(names(&io), ["/", "/tenant"]);
}

/// D23, J27: a function that does not decide has refused when the time is over, and that is counted.
#[tokio::test(start_paused = true)]
async fn a_function_that_never_decides_has_refused_after_the_connect_timeout() {
    let mut config = Config::default();
    config.limits.connect_timeout = Duration::from_secs(7);
    let io = Server::with_config(config);
    let (_parent, _never) = of_gated(&io);
    let client = Client::connected(&io).await;
    let started = tokio::time::Instant::now();
    assert_eq!(client.exchange("40/slow,").await, ["44/slow,{\"message\":\"Invalid namespace\"}"]);
    assert_eq!(started.elapsed().as_secs(), 7);
    assert_eq!((names(&io), io.counters().connect_timeouts), (vec!["/".to_owned()], 1));
}

/// D34, D23: a second CONNECT while the application is still being asked about the first ends the connection.
#[tokio::test(start_paused = true)]
async fn a_second_connect_while_a_function_decides_ends_the_connection() {
    let io = Server::new();
    let log = Log::default();
    let (parent, gate) = of_gated(&io);
    parent.on_connected(log.note("joined"));
    io.of("/").on_disconnect(log.reasons());
    let client = Client::connected(&io).await;
    client.send("40/slow,").await;
    client.settle().await;
    client.send("40/slow,").await;
    log.becomes(&["forced server close"]).await;
    gate.notify_waiters();
    io.close().await;
    assert_eq!((names(&io), log.entries().len()), (vec!["/".to_owned()], 1));
}

/// R8, D23: a client that goes while a function decides leaves nothing, whatever the function says then.
#[tokio::test(start_paused = true)]
async fn a_client_that_goes_while_a_function_decides_leaves_nothing() {
    let io = Server::new();
    let log = Log::default();
    let (parent, gate) = of_gated(&io);
    let parent = parent.middleware(log.note("middleware")).on_disconnect(log.reasons());
    io.on_new_namespace({
        let log = log.clone();
        move |namespace| log.push(namespace.name().to_owned())
    });
    let client = Client::connected(&io).await;
    client.send("40/slow,").await;
    client.settle().await;
    client.close().await;
    gate.notify_waiters();
    tokio::time::timeout(Duration::from_secs(60), io.close()).await.expect("nobody is left to wait for");
    assert_eq!((names(&io), parent.socket_count()), (vec!["/".to_owned()], 0));
    assert_eq!(log.entries(), [""; 0]);
}

/// D24: what exists comes before every parent; a function is not asked about it either.
#[tokio::test(start_paused = true)]
async fn a_namespace_that_exists_comes_before_every_parent() {
    let io = Server::new();
    let log = Log::default();
    io.of("/x-1").on_connected(log.note("itself"));
    let asked = log.clone();
    io.of_allowed(move |name, _| {
        asked.push(format!("asked for {name}"));
        async { true }
    });
    io.of_matching(is_x).on_connected(log.note("child"));
    let client = Client::open(&io).await;
    client.join("/x-1").await;
    assert_eq!(log.take(), ["itself"]);
    client.join("/x-2").await;
    assert_eq!(log.take(), ["asked for /x-2"]);
}

/// D24: a name that the application names itself and that a pattern matches makes a child of it, which stays.
#[tokio::test(start_paused = true)]
async fn a_name_that_matches_a_pattern_inherits_when_the_application_makes_it() {
    let io = Server::new();
    let log = Log::default();
    io.of_allowed(async |_, _| panic!("the application need not be asked about what it makes itself"));
    let parent = io.of_matching(is_x).middleware(log.note("middleware")).on("ask", async || Ok("inherited"));
    io.of("/x-1").on_connected(log.note("own"));
    let other = io.of("/other");
    let client = Client::open(&io).await;
    client.join("/x-1").await;
    client.join("/other").await;
    assert_eq!(log.take(), ["middleware", "own"]);
    assert_eq!(client.exchange("42/x-1,0[\"ask\"]").await, ["43/x-1,0[\"inherited\"]"]);
    parent.emit("news", &1).unwrap();
    assert_eq!(client.receive().await, ["42/x-1,[\"news\",1]"]);
    assert_eq!((parent.socket_count(), other.socket_count()), (1, 1));
    client.close().await;
    io.close().await;
    assert_eq!(names(&io), ["/", "/other", "/x-1"], "what the application made stays");
}

/// D25: a child has what its parent had when it was made; what is registered later is for later children.
#[tokio::test(start_paused = true)]
async fn handlers_registered_later_do_not_reach_the_children_that_exist() {
    let io = Server::new();
    let log = Log::default();
    let parent = io.of_matching(is_x).on("ask", async || Ok("early"));
    let client = Client::open(&io).await;
    client.join("/x-1").await;
    let parent = parent
        .middleware(log.note("middleware"))
        .on_connected(log.note("connected"))
        .on("late", async || Ok("late"))
        .on_fallback(log.note("fallback"));
    let second = Client::open(&io).await;
    second.join("/x-1").await;
    second.send("42/x-1,[\"late\"]").await;
    assert_eq!(second.exchange("42/x-1,0[\"ask\"]").await, ["43/x-1,0[\"early\"]"]);
    assert_eq!(log.take(), [""; 0]);
    second.join("/x-2").await;
    assert_eq!(log.take(), ["middleware", "connected"]);
    assert_eq!(second.exchange("42/x-2,0[\"late\"]").await, ["43/x-2,0[\"late\"]"]);
    drop(parent);
    second.join("/x-3").await;
    assert_eq!(log.take(), ["middleware", "connected"], "the server keeps its parents");
}

/// D25: what a child registers for itself is its own.
#[tokio::test(start_paused = true)]
async fn what_a_child_registers_reaches_neither_parent_nor_siblings() {
    let io = Server::new();
    let log = Log::default();
    io.of_matching(is_x).on("ask", async || Ok("parent"));
    io.of("/x-1").on_connected(log.note("only here")).on_fallback(log.note("here too"));
    let client = Client::open(&io).await;
    client.join("/x-2").await;
    client.send("42/x-2,[\"unknown\"]").await;
    client.settle().await;
    assert_eq!(log.take(), [""; 0]);
    client.join("/x-1").await;
    client.send("42/x-1,[\"unknown\"]").await;
    log.becomes(&["only here", "here too"]).await;
}

/// D25: what is emitted to a parent goes to all its children, and to nobody else; rooms and exceptions count in each.
#[tokio::test(start_paused = true)]
async fn what_is_emitted_to_a_parent_reaches_all_its_children() {
    let io = Server::new();
    let parent = io.of_matching(is_x).on("enter", async |socket: Socket| {
        socket.join("room");
        Ok(())
    });
    let (one, two) = (Client::connected(&io).await, Client::connected(&io).await);
    one.join("/x-1").await;
    one.join("/x-2").await;
    two.join("/x-2").await;
    assert_eq!(two.exchange("42/x-2,0[\"enter\"]").await, ["43/x-2,0[]"]);
    assert_eq!((parent.socket_count(), parent.sockets().len(), parent.room_len("room")), (3, 3, 1));

    parent.emit("all", &("x", 1)).unwrap();
    let mut heard = one.receive().await;
    heard.sort();
    assert_eq!(heard, ["42/x-1,[\"all\",\"x\",1]", "42/x-2,[\"all\",\"x\",1]"]);
    assert_eq!(two.receive().await, ["42/x-2,[\"all\",\"x\",1]"]);

    parent.to("room").emit("room", &()).unwrap();
    parent.except("room").emit("except", &()).unwrap();
    io.of("/").emit("end", &()).unwrap();
    let mut heard = one.receive().await;
    heard.sort();
    assert_eq!(heard, ["42/x-1,[\"except\"]", "42/x-2,[\"except\"]", "42[\"end\"]"]);
    assert_eq!(two.receive().await, ["42/x-2,[\"room\"]", "42[\"end\"]"]);
    let lonely: Vec<_> =
        parent.to("room").sockets().iter().map(|socket| socket.namespace().name().to_owned()).collect();
    assert_eq!(lonely, ["/x-2"]);
}

/// D25: parents are called `/_0`, `/_1` and so on, and no client can join one.
#[tokio::test(start_paused = true)]
async fn a_parent_has_a_name_that_nobody_can_join() {
    let io = Server::new();
    let parents = [io.of_matching(is_x), io.of_allowed(async |name, _| name == "/f")];
    assert_eq!(parents.each_ref().map(Namespace::name), ["/_0", "/_1"]);
    let client = Client::open(&io).await;
    assert_eq!(client.exchange("40/_0,").await, ["44/_0,{\"message\":\"Invalid namespace\"}"]);
    assert_eq!(names(&io), ["/"], "and they are in no list (row D20)");
}

/// D27, R31: a child that the last client has left, or whose only client was refused, is gone.
#[tokio::test(start_paused = true)]
async fn a_child_is_gone_when_nobody_is_in_it() {
    let io = Server::new();
    io.of_matching(is_x).middleware(async |socket: Socket| {
        if socket.namespace().name() == "/x-13" {
            return Err(HandlerError::new("no"));
        }
        Ok(())
    });
    let (one, two) = (Client::connected(&io).await, Client::connected(&io).await);
    one.join("/x-1").await;
    two.join("/x-1").await;
    one.send("41/x-1,").await;
    one.settle().await;
    assert_eq!(names(&io), ["/", "/x-1"], "somebody is left");
    two.close().await;
    two.settle().await;
    assert_eq!(names(&io), ["/"]);
    assert_eq!(one.exchange("40/x-13,").await, ["44/x-13,{\"message\":\"no\"}"]);
    assert_eq!(names(&io), ["/"]);
    one.join("/x-1").await;
    assert_eq!(io.of("/x-1").socket_count(), 1, "the same name again is a new namespace");
    io.of("/x-1").sockets().remove(0).disconnect();
    assert_eq!(one.receive().await, ["41/x-1,"]);
    one.settle().await;
    assert_eq!(names(&io), ["/"]);
}

/// D27: where empty children are to stay, they do, with what was registered on them.
#[tokio::test(start_paused = true)]
async fn empty_children_stay_where_the_configuration_says_so() {
    let mut config = Config::default();
    config.cleanup_empty_child_namespaces = false;
    let io = Server::with_config(config);
    let log = Log::default();
    io.of_matching(is_x);
    let client = Client::connected(&io).await;
    client.join("/x-1").await;
    io.of("/x-1").on_connected(log.note("registered on the child"));
    client.send("41/x-1,").await;
    client.settle().await;
    assert_eq!((names(&io), io.of("/x-1").socket_count()), (vec!["/".into(), "/x-1".into()], 0));
    client.join("/x-1").await;
    assert_eq!(log.entries(), ["registered on the child"]);
}

/// S18: there are at most so many namespaces that clients asked for; those of the application are not counted.
#[tokio::test(start_paused = true)]
async fn clients_make_only_so_many_namespaces() {
    let mut config = Config::default();
    config.limits.max_child_namespaces = 2;
    let io = Server::with_config(config);
    io.of_matching(is_x);
    io.of_allowed(async |name, _| name.starts_with("/f"));
    io.of("/x-100");
    let (one, two) = (Client::open(&io).await, Client::open(&io).await);
    one.join("/x-1").await;
    one.join("/f-1").await;
    for refused in ["/x-2", "/f-2"] {
        let refusal = format!("44{refused},{{\"message\":\"Too many namespaces\"}}");
        assert_eq!(two.exchange(&format!("40{refused},")).await, [refusal]);
    }
    assert_eq!(io.counters().child_namespaces_refused, 2);
    two.join("/x-1").await;
    two.join("/x-100").await;
    one.send("41/f-1,").await;
    one.settle().await;
    two.join("/x-2").await;
    assert_eq!(
        (names(&io), io.counters().child_namespaces_refused),
        (["/", "/x-1", "/x-100", "/x-2"].map(str::to_owned).to_vec(), 2)
    );
}

/// S17: those that the application is still asked about count as joined; what is left makes place.
#[tokio::test(start_paused = true)]
async fn namespaces_that_are_still_looked_for_count_against_the_bound_of_a_connection() {
    let mut config = Config::default();
    config.limits.max_namespaces = 3;
    let io = Server::with_config(config);
    let (_parent, gate) = of_gated(&io);
    let client = Client::connected(&io).await;
    client.send("40/a,\u{1e}40/b,\u{1e}40/c,").await;
    assert_eq!(client.receive().await, ["44/c,{\"message\":\"Too many namespaces\"}"]);
    assert_eq!(io.counters().namespaces_refused, 1);
    gate.notify_waiters();
    client.settle().await;
    assert_eq!(names(&io), ["/", "/a", "/b"]);
    assert_eq!(client.receive().await.len(), 2);
    client.send("41/a,\u{1e}40/d,").await;
    client.settle().await;
    gate.notify_waiters();
    assert!(client.receive().await[0].starts_with("40/d,{\"sid\""));
    assert_eq!(io.counters().namespaces_refused, 1);
}

/// D17: the hook is told of each namespace once, whoever makes it, before the client that asked for it is let in; not of
/// the main one, and not of parents.
#[tokio::test(start_paused = true)]
async fn the_hook_on_new_namespaces_is_told_of_each_before_anybody_is_in_it() {
    let io = Server::new();
    let log = Log::default();
    io.of("/too-early");
    let entries = log.clone();
    io.on_new_namespace(move |namespace| {
        entries.push(format!("{} {}", namespace.name(), namespace.socket_count()));
        let refuse = async || -> Result<(), HandlerError> { Err(HandlerError::new("closed")) };
        if namespace.name() == "/x-13" {
            drop(namespace.clone().middleware(refuse));
        }
    });
    let parent = io.of_matching(is_x);
    for name in ["/a", "a", "/", "/x-1"] {
        io.of(name);
    }
    let client = Client::connected(&io).await;
    client.join("/x-1").await;
    client.join("/x-2").await;
    assert_eq!(log.take(), ["/a 0", "/x-1 0", "/x-2 0"]);
    assert_eq!(client.exchange("40/x-13,").await, ["44/x-13,{\"message\":\"closed\"}"]);
    assert_eq!(client.exchange("40/nowhere,").await, ["44/nowhere,{\"message\":\"Invalid namespace\"}"]);
    assert_eq!(log.take(), ["/x-13 0"]);
    parent.emit("x", &()).unwrap();
    assert_eq!(client.receive().await.len(), 2);
}

/// R24, R25: the hook may use the server, and a panic in it is nobody else's.
#[tokio::test(start_paused = true)]
async fn a_hook_on_new_namespaces_may_make_namespaces_and_may_panic() {
    let io = Server::new();
    let log = Log::default();
    let (server, entries) = (io.clone(), log.clone());
    io.on_new_namespace(move |namespace| {
        entries.push(namespace.name().to_owned());
        if namespace.name() != "/audit" {
            server.of("/audit").emit("made", namespace.name()).unwrap();
            assert_eq!(server.of(namespace.name()).name(), namespace.name());
            panic!("boom");
        }
    });
    let after = log.clone();
    io.on_new_namespace(move |namespace| after.push(format!("and {}", namespace.name())));
    io.of_matching(is_x);
    let client = Client::open(&io).await;
    client.join("/x-1").await;
    assert_eq!(log.take(), ["/x-1", "/audit", "and /audit", "and /x-1"]);
    assert_eq!(names(&io), ["/", "/audit", "/x-1"]);
}

/// D20: the list has those of the application and those of clients.
#[tokio::test(start_paused = true)]
async fn all_namespaces_can_be_listed() {
    let io = Server::new();
    assert_eq!(names(&io), ["/"]);
    io.of_matching(is_x);
    io.of("b");
    io.of("/b");
    let client = Client::open(&io).await;
    client.join("/x-1").await;
    assert_eq!(names(&io), ["/", "/b", "/x-1"]);
    let found = io.namespaces().into_iter().find(|namespace| namespace.name() == "/x-1").unwrap();
    assert_eq!(found.socket_count(), 1);
}

/// C34, R21: acknowledgements are counted per namespace, for all its sockets; an answer counts only from who was asked.
#[tokio::test(start_paused = true)]
async fn acknowledgement_ids_are_counted_per_namespace() {
    let io = Server::new();
    io.of("/b");
    let (one, two) = (Client::connected(&io).await, Client::connected(&io).await);
    let sockets = io.of("/").sockets();
    let ask = |socket: &Socket| {
        let pending = socket.emit_with_ack::<u32>("q", &()).timeout(Duration::from_secs(5));
        (socket.id().to_string(), tokio::spawn(async move { pending.await }))
    };
    let asked = [ask(&sockets[0]), ask(&sockets[1])];
    let mut heard = [one.receive().await, two.receive().await];
    heard.sort();
    assert_eq!(heard, [["420[\"q\"]"], ["421[\"q\"]"]]);
    one.join("/b").await;
    let in_b = ask(&io.of("/b").sockets()[0]);
    assert_eq!(one.receive().await, ["42/b,0[\"q\"]"]);
    // Each answers both, and is heard with its own.
    one.send("430[1]\u{1e}431[1]\u{1e}43/b,0[3]").await;
    two.send("430[2]\u{1e}431[2]").await;
    let mut answers = Vec::new();
    for (_, answer) in asked.into_iter().chain([in_b]) {
        answers.push(answer.await.unwrap());
    }
    answers[..2].sort_by_key(|answer| *answer.as_ref().unwrap());
    assert_eq!(answers, [Ok::<_, AckError>(1), Ok(2), Ok(3)]);
}

/// R25: a parent that panics has not taken the client; the connection lives, and the next parent is asked.
#[tokio::test(start_paused = true)]
async fn a_parent_that_panics_takes_nobody_and_hurts_nobody() {
    let io = Server::new();
    io.of_matching(|name| {
        assert!(!name.starts_with("/pattern"), "boom");
        false
    });
    io.of_allowed(|name, _| {
        assert_ne!(name, "/function", "boom");
        async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            assert_ne!(name, "/later", "boom");
            false
        }
    });
    io.of_matching(|name| name == "/pattern-last" || name == "/function");
    let client = Client::connected(&io).await;
    client.join("/pattern-last").await;
    client.join("/function").await;
    for refused in ["/pattern", "/later"] {
        let refusal = format!("44{refused},{{\"message\":\"Invalid namespace\"}}");
        assert_eq!(client.exchange(&format!("40{refused},")).await, [refusal]);
    }
    assert_eq!(io.of("/pattern-own").name(), "/pattern-own");
    assert_eq!((io.of("/").socket_count(), io.engine().session_count()), (1, 1));
    // Each was asked for each name: three of the pattern, `of` included, two of the function.
    assert_eq!(io.counters().handler_panics, 5);
}

/// R24: patterns and functions are asked under no lock.
#[tokio::test(start_paused = true)]
async fn a_parent_may_use_the_server_while_it_decides() {
    let io = Server::new();
    let server = io.clone();
    io.of_matching(move |name| {
        server.of("/").emit("asked", name).unwrap();
        name != "/seen" && server.of("/seen").socket_count() > 0
    });
    let server = io.clone();
    io.of_allowed(move |name, _| {
        server.of_matching(move |other| *other == name);
        let found = server.namespaces().len();
        async move { found > 100 }
    });
    let client = Client::connected(&io).await;
    client.send("40/late,").await;
    let heard = client.receive_until("44/late,{\"message\":\"Invalid namespace\"}").await;
    assert!(heard.contains(&"42[\"asked\",\"/late\"]".to_owned()), "{heard:?}");
    client.send("40/late,").await;
    let joined = |packets: &[String]| packets.iter().any(|packet| packet.starts_with("40/late,"));
    let mut heard = client.receive().await;
    while !joined(&heard) {
        heard.extend(client.receive().await);
    }
}

/// R31, R8: clients that come and go on several threads at once never find a child that is about to go, and leave none.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_child_that_is_joined_while_it_is_left_is_never_missed() {
    let io = Server::new();
    let log = Log::default();
    let parent = io.of_matching(is_x).on_connected(log.note("joined"));
    let clients = (0..4).map(|_| {
        let io = io.clone();
        tokio::spawn(async move {
            let client = Client::connected(&io).await;
            for _ in 0..100 {
                assert_eq!(client.join("/x-1").await, [""; 0]);
                client.send("41/x-1,").await;
            }
            client.close().await;
        })
    });
    for client in clients.collect::<Vec<_>>() {
        tokio::time::timeout(Duration::from_secs(60), client).await.expect("no dead-lock").unwrap();
    }
    log.reaches(400).await;
    io.close().await;
    assert_eq!((names(&io), parent.socket_count()), (vec!["/".to_owned()], 0));
}

/// R8: where the runtime goes with all its tasks, nobody is left in a namespace either.
#[test]
fn a_runtime_that_is_torn_down_leaves_no_child_and_no_member() {
    let io = Server::new();
    let waiting = io.of_matching(is_x).middleware(async |socket: Socket| {
        socket.join("room");
        if socket.namespace().name() == "/x-2" {
            std::future::pending::<()>().await;
        }
        Ok(())
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = Client::connected(&io).await;
        client.join("/x-1").await;
        client.send("40/x-2,").await;
        client.settle().await;
        assert_eq!((names(&io).len(), waiting.socket_count(), waiting.room_len("room")), (3, 1, 2));
    });
    drop(runtime);
    assert_eq!((names(&io), waiting.socket_count(), waiting.room_len("room")), (vec!["/".to_owned()], 0, 0));
}

/// D17: while the hooks look at a new namespace, on whatever thread, no client gets into it: what they register holds for
/// the first one too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_gets_into_a_namespace_before_the_hooks_have_seen_it() {
    let io = Server::new();
    let (seen, let_go) = (Arc::new(std::sync::Barrier::new(2)), Arc::new(std::sync::Barrier::new(2)));
    let (announce, wait) = (seen.clone(), let_go.clone());
    io.on_new_namespace(move |namespace| {
        announce.wait();
        wait.wait();
        let _ = namespace.clone().middleware(async || Err::<(), _>(HandlerError::new("members only")));
    });
    let maker = io.clone();
    let making = std::thread::spawn(move || drop(maker.of("/club")));
    tokio::task::spawn_blocking(move || seen.wait()).await.unwrap();
    let client = Client::open(&io).await;
    client.send("40/club,").await;
    let joining = tokio::spawn(async move { client.receive().await });
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    tokio::task::spawn_blocking(move || let_go.wait()).await.unwrap();
    assert_eq!(joining.await.unwrap(), ["44/club,{\"message\":\"members only\"}"]);
    making.join().unwrap();
}
