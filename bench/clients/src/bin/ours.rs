//! This project's client.

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use bench_clients::{PAYLOAD, Stretch, Task};
use socketio::{
    TransportKind,
    client::{Client, Config},
};
use tokio::sync::Notify;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let task = Task::from_args()?;
    let mut config = Config::default();
    config.engine.transports = vec![TransportKind::WebSocket];
    let socket = Client::with_config(&task.url, config)?.of("/");
    let (seen, all) = (Arc::new(AtomicU32::new(0)), Arc::new(Notify::new()));
    let done = all.clone();
    socket.on("event", move || {
        if seen.fetch_add(1, Ordering::Relaxed) + 1 == task.count {
            done.notify_one();
        }
        async {}
    });
    socket.connect().await?;
    let stretch = Stretch::begin();
    if task.asks {
        for _ in 0..task.count {
            let answer: String = socket.emit_with_ack("ask", PAYLOAD).await?;
            assert_eq!(answer, PAYLOAD);
        }
    } else {
        socket.emit("flood", &task.count)?;
        all.notified().await;
    }
    Ok(stretch.end(task.count)?)
}
