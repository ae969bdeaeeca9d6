//! A quiz: teams are rooms. A client says `socket.emit("join team", "red")`, `socket.emit("answer", "42")` and
//! `socket.emit("who plays", (players) => …)`; the host, who is in the namespace `/host`, begins a round for all, moves a
//! team into the final, and closes the quiz.
//!
//!     cargo run --package socketio-examples --bin rooms
#![allow(clippy::print_stdout, reason = "it says where it listens")]

use socketio::{Data, HandlerError, Namespace, RoomEvent, Server, Socket};

const TEAMS: [&str; 2] = ["red", "blue"];

/// What players may do.
fn play(quiz: Namespace) {
    quiz.on("join team", async |socket: Socket, Data(team): Data<String>| {
        if !TEAMS.contains(&team.as_str()) {
            return Err(HandlerError::new("no such team"));
        }
        // A socket may be in many rooms; here in one team at a time.
        TEAMS.iter().for_each(|other| socket.leave(other));
        socket.join(&team);
        // Those in the room but the sender.
        socket.to(&team).emit("joined", socket.id())?;
        Ok(socket.namespace().room_len(&team))
    })
    .on("answer", async |socket: Socket, Data(answer): Data<String>| {
        // Two rooms are a union, and who is in both gets it once; who watches only is left out.
        socket.to("red").to("blue").except("watchers").emit("answered", &(socket.id(), answer))?;
        Ok(())
    })
    .on("watch", async |socket: Socket| socket.join("watchers"))
    .on("who plays", async |quiz: Namespace| {
        let players = quiz.to("red").to("blue").fetch_sockets().await?;
        Ok(players.iter().map(|player| player.id().to_owned()).collect::<Vec<_>>())
    })
    // Still in its rooms here; in `on_disconnect` no longer.
    .on_disconnecting(async |socket: Socket| {
        for team in socket.rooms() {
            socket.to(&*team).emit("left", socket.id())?;
        }
        Ok(())
    })
    .on_room_event(|event| {
        if let RoomEvent::Created { room } = event {
            println!("the first one is in {room}");
        }
    });
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let io = Server::new();
    play(io.of("/"));

    // A namespace of its own for the host, who speaks to the rooms of the other one.
    let (to_all, to_finalists, to_none) = (io.clone(), io.clone(), io.clone());
    io.of("/host")
        .on("begin", move |Data(question): Data<String>| {
            let io = to_all.clone();
            async move { Ok(io.emit("question", &question)?) }
        })
        .on("final", move |Data(team): Data<String>| {
            let io = to_finalists.clone();
            async move {
                io.to(&team).emit("final", &())?;
                io.to(&team).sockets_join(["finalists"]);
                Ok(io.of("/").room_len("finalists"))
            }
        })
        .on("close", move || {
            let io = to_none.clone();
            async move { io.broadcast().disconnect_sockets(false) }
        });

    // Another address may be given as an argument.
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:3000".to_owned());
    let listener = io.bind(address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    listener.serve(io.service()).await;
    Ok(())
}
