//! [`Crowd`]: very many clients who come, are there together, and go; and [`Returning`]: those whose server is restarted.

use std::{
    future::IntoFuture,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use socketio::{
    TransportKind,
    client::{Client, Config, Socket},
};
use tokio::time::{sleep, timeout};

use crate::{behaviour::Place, wire::WebSocket};

/// Clients that are on their way in at the same time.
const TOGETHER: usize = 100;

/// How long all of a crowd may take to come, to go, or to come back.
const DEADLINE: Duration = Duration::from_secs(180);

/// Connections that are there together.
#[derive(Debug, Default)]
pub(crate) struct Crowd(Vec<WebSocket>);

impl Crowd {
    /// # Errors
    /// Where one of them is not let in.
    pub(crate) async fn come(place: Place, count: usize) -> Result<Self> {
        let joining = stream::iter(0..count).map(|number| async move {
            let mut socket = WebSocket::join(place.addr, "/").await?;
            socket.ask("/", &format!("[\"join\",\"room-{}\"]", number % 100)).await?;
            anyhow::Ok(socket)
        });
        let joined: Vec<_> = timeout(DEADLINE, joining.buffer_unordered(TOGETHER).collect()).await?;
        Ok(Self(joined.into_iter().collect::<Result<_>>()?))
    }

    /// One half says goodbye, the other is killed.
    pub(crate) async fn go(self) -> Result<Value> {
        let count = self.0.len();
        let going =
            stream::iter(self.0.into_iter().enumerate()).for_each_concurrent(TOGETHER, |(number, socket)| async move {
                if number.is_multiple_of(2) {
                    // The server may have been first, where it was long until it was this one's turn.
                    let _ = socket.close().await;
                } else {
                    socket.reset();
                }
            });
        timeout(DEADLINE, going).await.context("they do not get away")?;
        Ok(json!({ "clients": count }))
    }
}

/// This project's own clients, which come back by themselves.
pub(crate) struct Returning {
    sockets: Vec<Socket>,
}

impl Returning {
    /// # Errors
    /// Where one of them cannot connect.
    pub(crate) async fn connect(place: Place, count: usize) -> Result<Self> {
        let connecting = stream::iter(0..count).map(|_| async move {
            let mut config = Config::default();
            config.engine.transports = vec![TransportKind::WebSocket];
            let socket = Client::with_config(&format!("http://{}", place.addr), config)?.of("/");
            socket.connect().await?;
            anyhow::Ok(socket)
        });
        let connected: Vec<_> = timeout(DEADLINE, connecting.buffer_unordered(TOGETHER).collect()).await?;
        Ok(Self { sockets: connected.into_iter().collect::<Result<_>>()? })
    }

    /// Waits until all have noticed that the server is gone.
    pub(crate) async fn lost(&self) -> Result<Value> {
        self.until(|there| there == 0).await
    }

    /// Waits until all are back, and each has had an answer.
    pub(crate) async fn back(&self) -> Result<Value> {
        let started = Instant::now();
        self.until(|there| there == self.sockets.len()).await?;
        let seconds = started.elapsed().as_secs_f64();
        let asking = stream::iter(&self.sockets).map(|socket| socket.emit_with_ack::<u64>("ask", &1_u64).into_future());
        let answers = asking.buffer_unordered(TOGETHER).filter(|answer| std::future::ready(answer.is_ok()));
        let answered = timeout(DEADLINE, answers.count()).await?;
        Ok(json!({ "clients": self.sockets.len(), "seconds": seconds, "answered": answered }))
    }

    async fn until(&self, is_it: impl Fn(usize) -> bool) -> Result<Value> {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let there = self.sockets.iter().filter(|socket| socket.is_connected()).count();
            if is_it(there) {
                return Ok(json!({ "connected": there }));
            }
            ensure!(Instant::now() < deadline, "{there} of {} are connected", self.sockets.len());
            sleep(Duration::from_millis(50)).await;
        }
    }
}
