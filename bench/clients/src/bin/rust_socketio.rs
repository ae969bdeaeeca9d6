//! The client of the crate rust_socketio, in its asynchronous form.

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use bench_clients::{PAYLOAD, Stretch, Task};
use futures_util::FutureExt;
use rust_socketio::{
    Payload, TransportType,
    asynchronous::{Client, ClientBuilder},
};
use serde_json::json;
use tokio::sync::Notify;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let task = Task::from_args()?;
    let (seen, all, joined) = (Arc::new(AtomicU32::new(0)), Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (done, opened) = (all.clone(), joined.clone());
    let count = task.count;
    let socket = ClientBuilder::new(&*task.url)
        .transport_type(TransportType::Websocket)
        .on("event", move |_: Payload, _: Client| {
            if seen.fetch_add(1, Ordering::Relaxed) + 1 == count {
                done.notify_one();
            }
            async {}.boxed()
        })
        .on("open", move |_: Payload, _: Client| {
            opened.notify_one();
            async {}.boxed()
        })
        .connect()
        .await?;
    joined.notified().await;
    let stretch = Stretch::begin();
    if task.asks {
        for _ in 0..task.count {
            let answered = all.clone();
            let heard = move |_: Payload, _: Client| {
                answered.notify_one();
                async {}.boxed()
            };
            socket.emit_with_ack("ask", PAYLOAD, Duration::from_secs(5), heard).await?;
            all.notified().await;
        }
    } else {
        socket.emit("flood", json!(task.count)).await?;
        all.notified().await;
    }
    stretch.end(task.count)?;
    std::process::exit(0)
}
