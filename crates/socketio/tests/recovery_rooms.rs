//! Connection state recovery, and rooms that a client comes to and leaves: what went to a room is for those who were in it
//! then, whoever is in it when the connection is lost. Contract row D109; hazard R32.

#![allow(clippy::unwrap_used, reason = "a failed expectation here is a failed test")]

#[allow(dead_code, reason = "each of the files beside this one uses another part of the client")]
mod client;
#[allow(dead_code, reason = "each of the files beside this one uses another part of it")]
mod returning;

use std::{sync::Arc, time::Duration};

use client::Client;
use returning::{Returning, recovering, serving};
use serde_json::json;
use socketio::Socket;
use tokio::sync::Notify;

/// A client left the room behind the event that it has not got: that one is not lost.
#[tokio::test(start_paused = true)]
async fn what_went_to_a_room_before_the_client_left_it_is_sent_again() {
    let io = serving(recovering());
    let namespace = io.of("/");
    let mut client = Returning::new(&io).await;
    let socket = namespace.sockets().remove(0);
    socket.join("room");
    namespace.to("room").emit("n", &1).unwrap();
    socket.leave("room");
    namespace.to("room").emit("n", &2).unwrap();
    namespace.except("room").emit("n", &3).unwrap();
    // More than once: the second connection knows of it as well.
    for _ in 0..3 {
        client.lose().await;
        client.forget_connection(Client::open(&io).await);
        client.client.send(&client.connect_packet(&json!({}))).await;
        client.client.settle().await;
    }
    client.come_back(&io).await;
    assert!(client.recovered);
    assert_eq!(client.received(), ["[\"n\",1]", "[\"n\",3]"]);
}

/// A client joined the room behind the event, which was not for it.
#[tokio::test(start_paused = true)]
async fn what_went_to_a_room_before_the_client_joined_it_is_not_sent_to_it() {
    let io = serving(recovering());
    let namespace = io.of("/");
    let mut client = Returning::new(&io).await;
    namespace.to("room").emit("n", &1).unwrap();
    namespace.except("room").emit("n", &2).unwrap();
    namespace.sockets()[0].join("room");
    namespace.to("room").emit("n", &3).unwrap();
    namespace.except("room").emit("n", &4).unwrap();
    client.lose().await;
    namespace.to("room").emit("n", &5).unwrap();
    client.come_back(&io).await;
    assert!(client.recovered);
    assert_eq!(client.received(), ["[\"n\",2]", "[\"n\",3]", "[\"n\",5]"]);
}

/// A client that is on its way back is in its rooms already, and can be taken out of them.
#[tokio::test(start_paused = true)]
async fn who_is_taken_out_of_a_room_on_the_way_back_gets_no_more_of_it() {
    let io = serving(recovering());
    let gate = Arc::new(Notify::new());
    let door = gate.clone();
    io.of("/").on_connect(move |socket: Socket| {
        let door = door.clone();
        async move {
            if socket.is_recovered() {
                door.notified().await;
            }
        }
    });
    let namespace = io.of("/");
    let mut client = Returning::new(&io).await;
    namespace.sockets()[0].join("room");
    client.lose().await;
    namespace.to("room").emit("n", &1).unwrap();
    let back = Client::open(&io).await;
    back.send(&client.connect_packet(&json!({}))).await;
    back.settle().await;
    namespace.to("room").emit("n", &2).unwrap();
    namespace.to("room").sockets_leave(["room"]);
    namespace.to("room").emit("n", &3).unwrap();
    gate.notify_one();
    client.forget_connection(back);
    client.read_connect().await;
    assert!(client.recovered && namespace.sockets()[0].rooms().is_empty());
    assert_eq!(client.received(), ["[\"n\",1]", "[\"n\",2]"]);
}

/// F6: rooms that were left are remembered up to a number; who would need more of them begins anew, and misses nothing
/// unseen.
#[tokio::test(start_paused = true)]
async fn who_has_left_more_rooms_than_are_remembered_gets_a_new_session_and_never_a_gap() {
    for (left, recovered) in [(64, true), (65, false)] {
        let io = serving(recovering());
        let namespace = io.of("/");
        let mut client = Returning::new(&io).await;
        let socket = namespace.sockets().remove(0);
        for n in 0..left {
            let room = format!("room {n}");
            socket.join(&room);
            namespace.to(&room).emit("n", &n).unwrap();
            socket.leave(&room);
            // What nothing went to needs no memory.
            socket.join("quiet");
            socket.leave("quiet");
        }
        client.lose().await;
        client.come_back(&io).await;
        assert_eq!(client.recovered, recovered, "{left}");
        let expected = if recovered { (0..left).map(|n| format!("[\"n\",{n}]")).collect() } else { Vec::new() };
        assert_eq!(client.received(), expected);
        // One that has read them can do without.
        let socket = namespace.sockets().remove(0);
        for n in 0..left {
            socket.join("room");
            namespace.to("room").emit("n", &n).unwrap();
            socket.leave("room");
        }
        assert_eq!(client.all().await.len(), left);
        client.lose().await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        client.come_back(&io).await;
        assert!(client.recovered);
    }
}
