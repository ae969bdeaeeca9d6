//! What the Rust test server does for the tests of many sockets: `/broadcasts`, the same as in
//! `tests/js/reference_sockets.mjs`, name for name.

use std::time::Duration;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;
use socketio::{
    AckSender, Broadcast, Data, EmitError, HandlerError, Incomplete, Namespace, PendingAnswers, RemoteSocket, Server,
    Socket,
};

use super::namespaces::send;

/// Which sockets a request is about.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Selection {
    /// From the view of the socket that asks, which is left out then.
    others: bool,
    to: Vec<String>,
    except: Vec<String>,
    local: bool,
}

impl Selection {
    fn of(&self, socket: &Socket) -> Broadcast {
        let all = if self.others { socket.broadcast() } else { socket.namespace().broadcast() };
        let selected = self.to.iter().fold(all, Broadcast::to);
        let selected = self.except.iter().fold(selected, Broadcast::except);
        if self.local { selected.local() } else { selected }
    }
}

type Question<T> = (Selection, u64, T);

pub(super) fn install(io: &Server) {
    let namespace = install_requests(io.of("/broadcasts"));
    namespace
        .on("move-in", async |socket: Socket, Data((selection, rooms)): Data<(Selection, Vec<String>)>| {
            selection.of(&socket).sockets_join(rooms);
        })
        .on("move-out", async |socket: Socket, Data((selection, rooms)): Data<(Selection, Vec<String>)>| {
            selection.of(&socket).sockets_leave(rooms);
        })
        .on("throw-out", async |socket: Socket, Data((selection, close)): Data<(Selection, bool)>| {
            selection.of(&socket).disconnect_sockets(close);
        })
        .on("fetch", async |socket: Socket, Data(selection): Data<Selection>| {
            let found = selection.of(&socket).fetch_sockets().await?;
            found.iter().map(describe).collect::<Result<Vec<_>, _>>()
        })
        .on("order", async |namespace: Namespace, Data((id, order)): Data<(String, String)>, ack: AckSender| {
            let found = namespace.to(id).fetch_sockets().await?;
            obey(found.first().expect("it is there"), &order, ack).await
        });
}

fn install_requests(namespace: Namespace) -> Namespace {
    namespace
        .on("join", async |socket: Socket, Data((rooms,)): Data<(Vec<String>,)>| {
            rooms.iter().for_each(|room| socket.join(room));
        })
        .on("set-data", async |socket: Socket, Data(data): Data<serde_json::Value>| socket.set_data(data))
        .on("say", async |socket: Socket, Data((selection, what)): Data<(Selection, serde_json::Value)>| {
            send(selection.of(&socket).emit("said", &(what,)));
        })
        .on("say-at-once", async |socket: Socket, Data((selection, what)): Data<(Selection, serde_json::Value)>| {
            send(selection.of(&socket).volatile().emit("said", &(what,)));
        })
        .on("ask", async |socket: Socket, Data(question): Data<Question<serde_json::Value>>, ack: AckSender| {
            report(ask(&socket, question)?, ack).await
        })
        .on("ask-bytes", async |socket: Socket, Data(question): Data<Question<Bytes>>, ack: AckSender| {
            report(ask(&socket, question)?, ack).await
        })
        .on("await", async |socket: Socket, Data(question): Data<Question<serde_json::Value>>, ack: AckSender| {
            report(ask(&socket, question)?, ack).await
        })
}

/// D81, D82.
fn ask<T: Serialize + DeserializeOwned>(
    socket: &Socket,
    (selection, millis, question): Question<T>,
) -> Result<PendingAnswers<T>, EmitError> {
    let timeout = Duration::from_millis(millis);
    selection.of(socket).timeout(timeout).emit_with_ack("question", &(question,))
}

async fn report<T>(answers: PendingAnswers<T>, ack: AckSender) -> Result<(), HandlerError>
where
    T: Serialize + DeserializeOwned + Send + 'static,
{
    match answers.await {
        Ok(answers) => send(ack.send(&("complete", answers))),
        Err(Incomplete { answers, .. }) => send(ack.send(&("incomplete", answers))),
    }
    Ok(())
}

/// D85: what is known of a socket.
fn describe(socket: &RemoteSocket) -> Result<serde_json::Value, HandlerError> {
    let data = socket.data::<serde_json::Value>()?.unwrap_or_else(|| json!({}));
    Ok(json!({ "id": socket.id(), "handshake": socket.handshake()?, "rooms": socket.rooms(), "data": data }))
}

/// D85, D86: what can be done to a socket that was fetched.
async fn obey(remote: &RemoteSocket, order: &str, ack: AckSender) -> Result<(), HandlerError> {
    match order {
        "emit" => remote.emit("said", "to you")?,
        "join" => remote.join(["hall", "attic"]),
        "leave" => remote.leave(["hall"]),
        "disconnect" => remote.disconnect(false),
        _ => {
            let answer = remote.emit_with_ack::<String>(Duration::from_millis(200), "question", "you").await;
            match answer {
                Ok(answer) => send(ack.send(&("answered", answer))),
                Err(_) => send(ack.send("no answer")),
            }
            return Ok(());
        }
    }
    Ok(ack.send(&())?)
}
