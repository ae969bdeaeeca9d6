//! The client of the crate rust_socketio, in the form that it has without features: threads that block.

use std::{
    error::Error,
    sync::mpsc::{channel, sync_channel},
    time::Duration,
};

use bench_clients::{PAYLOAD, Stretch, Task};
use rust_socketio::{ClientBuilder, Payload, RawClient, TransportType};
use serde_json::json;

fn main() -> Result<(), Box<dyn Error>> {
    let task = Task::from_args()?;
    let (all, done) = sync_channel(1);
    let (opened, joined) = channel();
    let count = task.count;
    let mut seen = 0;
    let socket = ClientBuilder::new(&*task.url)
        .transport_type(TransportType::Websocket)
        .on("event", move |_: Payload, _: RawClient| {
            seen += 1;
            if seen == count {
                let _ = all.send(());
            }
        })
        .on("open", move |_: Payload, _: RawClient| {
            let _ = opened.send(());
        })
        .connect()?;
    joined.recv()?;
    let stretch = Stretch::begin();
    if task.asks {
        let (answered, answers) = channel();
        for _ in 0..task.count {
            let answered = answered.clone();
            let heard = move |_: Payload, _: RawClient| {
                let _ = answered.send(());
            };
            socket.emit_with_ack("ask", json!(PAYLOAD), Duration::from_secs(5), heard)?;
            answers.recv()?;
        }
    } else {
        socket.emit("flood", json!(task.count))?;
        done.recv()?;
    }
    stretch.end(task.count)?;
    std::process::exit(0)
}
