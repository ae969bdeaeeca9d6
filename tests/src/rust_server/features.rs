//! What the Rust test server does for the tests of single features: namespaces made on demand, middlewares, and `/control`,
//! by which a client has a hand in them. The same as `tests/js/reference_features.mjs`, name for name.

use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::json;
use socketio::{AckSender, Auth, Body, Data, HandlerError, Namespace, Server, Socket, SocketData};
use tokio::sync::oneshot;

use super::book::Book;
use super::namespaces::send;

/// Names that are written down, one after the other. Clones are the same list.
#[derive(Clone, Default)]
struct Names(Arc<Mutex<Vec<String>>>);

impl Names {
    fn push(&self, name: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(name.to_owned());
    }

    fn matching(&self, matches: impl Fn(&str) -> bool) -> Vec<String> {
        let names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        names.iter().filter(|name| matches(name)).cloned().collect()
    }
}

/// A middleware says that it has been arrived at, and goes on when it is released.
#[derive(Clone)]
struct Gates {
    arrived: Book<()>,
    released: Book<()>,
}

pub(super) fn install(io: &Server) {
    let made = Names::default();
    let hook = made.clone();
    io.on_new_namespace(move |namespace| hook.push(namespace.name()));
    let gates = Gates { arrived: Book::new(), released: Book::new() };
    let (rooms, late) = install_parents(io);
    let admitted = install_middlewares(io, gates.clone());
    let control = install_control_of_namespaces(io, rooms, late, made);
    install_control_of_middlewares(control, io, gates, admitted);
}

fn install_control_of_namespaces(io: &Server, rooms: Namespace, late: Namespace, made: Names) -> Namespace {
    let (lister, closer) = (io.clone(), io.clone());
    io.of("/control")
        .on("announce", move |Data(text): Data<String>| {
            send(rooms.emit("news", &text));
            async {}
        })
        .on("namespaces", move |Data(prefix): Data<String>| {
            let names = lister.namespaces().into_iter().map(|namespace| namespace.name().to_owned());
            let mut names: Vec<_> = names.filter(|name| name.starts_with(&prefix)).collect();
            names.sort();
            async { Ok(names) }
        })
        .on("made", move |Data(prefix): Data<String>| {
            let names = made.matching(|name| name.starts_with(&prefix));
            async { Ok(names) }
        })
        .on("add-late-handler", move || {
            late.clone().on_connected(async |socket: Socket| send(socket.emit("late", &())));
            async {}
        })
        .on("close-server", move || {
            let io = closer.clone();
            // The close waits for this handler, so it must not be waited for here.
            tokio::spawn(async move { io.close().await });
            async {}
        })
}

fn install_control_of_middlewares(control: Namespace, io: &Server, gates: Gates, admitted: Names) {
    let (io, arrived) = (io.clone(), gates.arrived);
    control
        .on("arrived", move |Data(token): Data<String>, ack: AckSender| {
            arrived.ask(&token, move |()| send(ack.send(&())));
            async {}
        })
        .on("release", move |Data(token): Data<String>| {
            gates.released.record(&token, ());
            async {}
        })
        .on("admitted", move |Data(token): Data<String>| {
            let times = admitted.matching(|name| name == token).len();
            async move { Ok(times) }
        })
        .on("members", move |Data((namespace, room)): Data<(String, String)>| {
            let members = io.of(&namespace).room_len(&room);
            async move { Ok(members) }
        });
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// D22 to D27: which parent takes which name, with which auth, is told to the client in `hello`.
fn install_parents(io: &Server) -> (Namespace, Namespace) {
    let numbered = |prefix: &'static str| move |name: &str| name.strip_prefix(prefix).is_some_and(is_number);
    let rooms = greet(io.of_matching(numbered("/room-")), "first pattern");
    let rooms = rooms.middleware(async |namespace: Namespace, Auth(wants): Auth<Wants>| match wants.refuse {
        Some(_) => Err(HandlerError::new("not in this room").with_data(&json!({ "name": namespace.name() }))),
        None => Ok(()),
    });
    greet(io.of_matching(move |name| numbered("/room-")(name) || numbered("/hall-")(name)), "second pattern");
    let key = |auth: Option<Body>| auth.and_then(|auth| auth.data::<Key>().ok()).unwrap_or_default().key;
    let first = move |name: String, auth| async move { name.starts_with("/tenant-") && key(auth) == "a" };
    greet(io.of_allowed(first), "first function");
    let second = move |name: String, auth| async move {
        tokio::task::yield_now().await;
        name.starts_with("/tenant-") && ["a", "b"].contains(&key(auth).as_str())
    };
    greet(io.of_allowed(second), "second function");
    greet(io.of_matching(numbered("/tenant-")), "third pattern");
    greet(io.of("/room-7"), "static");
    greet(io.of("/tenant-static"), "static");
    (rooms, greet(io.of_matching(numbered("/late-")), "late pattern"))
}

#[derive(Deserialize, Default)]
struct Key {
    key: String,
}

fn greet(namespace: Namespace, label: &'static str) -> Namespace {
    namespace
        .on_connected(move |socket: Socket, namespace: Namespace| {
            send(socket.emit("hello", &(label, namespace.name())));
            async {}
        })
        .on("sync", async || ())
        .on("say", async |namespace: Namespace, Data(text): Data<String>| send(namespace.emit("said", &text)))
}

/// What a client tells the middlewares.
#[derive(Deserialize)]
struct Wants {
    #[serde(default)]
    token: String,
    refuse: Option<String>,
    wait: Option<String>,
}

/// What the middlewares have done to a socket.
#[derive(Serialize)]
struct Steps(Vec<serde_json::Value>);

/// D29, D30: three in a row; what they did is in the data of the socket.
fn install_middlewares(io: &Server, gates: Gates) -> Names {
    let admitted = Names::default();
    let names = admitted.clone();
    io.of("/middlewares")
        .middleware(async |socket: Socket| {
            socket.set_data(Steps(vec!["first".into(), socket.is_connected().into()]));
            send(socket.emit("during", "admission"));
            socket.join("early");
        })
        .middleware(async |socket: Socket, SocketData(steps): SocketData<Steps>, Auth(wants): Auth<Wants>| {
            let steps = [steps.0.as_slice(), &["second".into()]].concat();
            socket.set_data(Steps(steps.clone()));
            match wants.refuse {
                Some(why) => Err(HandlerError::new(why).with_data(&json!({ "steps": steps }))),
                None => Ok(()),
            }
        })
        .middleware(move |Auth(wants): Auth<Wants>| {
            let gates = gates.clone();
            async move {
                let Some(token) = wants.wait else { return };
                let (release, released) = oneshot::channel::<()>();
                gates.released.ask(&token, move |()| drop(release));
                gates.arrived.record(&token, ());
                let _released = released.await;
            }
        })
        .on_connected(move |socket: Socket, SocketData(steps): SocketData<Steps>, Auth(wants): Auth<Wants>| {
            names.push(&wants.token);
            send(socket.emit("welcome", &(&*steps, socket.rooms())));
            async {}
        });
    admitted
}
