//! [`Steady`]: the well-behaved clients, who are there all the time. Each asks without pause and checks that the answers come,
//! and in their order; some of them read the busy room, and check that they miss nothing of it. They are this project's own
//! client, on all its transports.

use std::{
    future::{IntoFuture, ready},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use futures_util::{StreamExt, stream::FuturesUnordered};
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use socketio::{
    AckError, Data, DisconnectReason, TransportKind,
    client::{Client, Config, Socket},
};
use tokio::{
    sync::{OwnedRwLockWriteGuard, RwLock},
    time::{sleep, timeout},
};

use crate::{
    behaviour::Place,
    casting::{Reader, heard},
};

/// Questions of a client that are on their way together.
const TOGETHER: u64 = 4;

/// Between an answer and the next question.
const PAUSE: Duration = Duration::from_millis(20);

/// How long an answer may take, on a machine that does something else as well.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);

/// How many of them read the busy room.
const READERS: usize = 4;

/// What all of them have seen.
#[derive(Debug)]
struct Book {
    asked: AtomicU64,
    answered: AtomicU64,
    out_of_order: AtomicU64,
    failed: AtomicU64,
    disconnected: AtomicU64,
    /// Microseconds from a question to its answer.
    latency: Mutex<Histogram<u64>>,
}

/// The well-behaved, while they are connected.
#[derive(Debug)]
pub(crate) struct Steady {
    clients: Vec<Client>,
    book: Arc<Book>,
    readers: Vec<Arc<Reader>>,
    /// Held for reading by who has a question on its way.
    asking: Arc<RwLock<()>>,
    paused: Option<OwnedRwLockWriteGuard<()>>,
}

impl Steady {
    /// Connects them. They do not ask before [`Steady::resume`].
    ///
    /// # Errors
    /// Where one of them cannot connect.
    pub(crate) async fn connect(place: Place, count: usize) -> Result<Self> {
        let book = Book {
            asked: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            out_of_order: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            disconnected: AtomicU64::new(0),
            latency: Mutex::new(latencies()?),
        };
        let asking = Arc::new(RwLock::new(()));
        let paused = Some(asking.clone().write_owned().await);
        let mut steady = Self { clients: Vec::new(), book: Arc::new(book), readers: Vec::new(), asking, paused };
        for number in 0..count {
            steady.add(place, number).await.with_context(|| format!("the well-behaved client {number}"))?;
        }
        Ok(steady)
    }

    async fn add(&mut self, place: Place, number: usize) -> Result<()> {
        let mut config = Config::default();
        config.engine.transports = match number % 4 {
            0 | 1 => vec![TransportKind::WebSocket],
            2 => vec![TransportKind::Polling, TransportKind::WebSocket],
            _ => vec![TransportKind::Polling],
        };
        let client = Client::with_config(&format!("http://{}", place.addr), config)?;
        let socket = client.of("/");
        let book = self.book.clone();
        socket.on_disconnect(move |reason: DisconnectReason| {
            eprintln!("a well-behaved client was disconnected: {reason}");
            book.disconnected.fetch_add(1, Relaxed);
            ready(())
        });
        if number < READERS {
            let reader = Arc::new(Reader::default());
            self.readers.push(reader.clone());
            socket.on("cast", move |Data((number, _)): Data<(u64, String)>| {
                reader.hear(number);
                ready(())
            });
        }
        timeout(ANSWER_TIMEOUT, socket.connect()).await??;
        if number < READERS {
            socket.emit_with_ack::<bool>("join", "busy").timeout(ANSWER_TIMEOUT).await?;
        }
        tokio::spawn(ask_on(socket, self.book.clone(), self.asking.clone()));
        self.clients.push(client);
        Ok(())
    }

    /// Those who read the busy room.
    pub(crate) fn readers(&self) -> Vec<Arc<Reader>> {
        self.readers.clone()
    }

    /// They ask from now on.
    pub(crate) fn resume(&mut self) {
        self.paused = None;
    }

    /// Waits for what is on its way, and lets nobody ask any more. What they have seen: all of it, but for the latencies, which
    /// are of the time since the last pause.
    pub(crate) async fn pause(&mut self, last_cast: u64) -> Value {
        if self.paused.is_none() {
            self.paused = Some(self.asking.clone().write_owned().await);
        }
        // Who has not heard it all by then misses it, which is counted.
        heard(&self.readers, last_cast).await;
        let book = &self.book;
        let mut latency = book.latency.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = json!({
            "clients": self.clients.len(),
            "asked": book.asked.load(Relaxed),
            "answered": book.answered.load(Relaxed),
            "out_of_order": book.out_of_order.load(Relaxed),
            "failed": book.failed.load(Relaxed),
            "disconnected": book.disconnected.load(Relaxed),
            "casts": last_cast,
            "casts_missed": self.readers.iter().map(|reader| reader.missing(last_cast)).sum::<u64>(),
            "p50_us": latency.value_at_quantile(0.5),
            "p99_us": latency.value_at_quantile(0.99),
            "max_us": latency.max(),
        });
        latency.reset();
        answer
    }
}

/// For microseconds, as many as a question can take. One without a bound takes none that is longer than the first few.
fn latencies() -> Result<Histogram<u64>> {
    Ok(Histogram::new_with_max(u64::try_from(ANSWER_TIMEOUT.as_micros())?, 3)?)
}

/// A question, sent now.
fn ask(socket: &Socket, number: u64) -> impl Future<Output = Result<u64, AckError>> + use<> {
    socket.emit_with_ack("ask", &number).into_future()
}

/// Asks until the process ends.
async fn ask_on(socket: Socket, book: Arc<Book>, asking: Arc<RwLock<()>>) {
    let mut next = 0;
    loop {
        let permit = asking.read().await;
        let started = Instant::now();
        let numbers = next..next + TOGETHER;
        next += TOGETHER;
        let mut questions: FuturesUnordered<_> =
            numbers.clone().map(|number| timeout(ANSWER_TIMEOUT, ask(&socket, number))).collect();
        book.asked.fetch_add(TOGETHER, Relaxed);
        let mut expected = numbers.start;
        while let Some(answer) = questions.next().await {
            match answer {
                Ok(Ok(number)) => {
                    book.answered.fetch_add(1, Relaxed);
                    book.out_of_order.fetch_add(u64::from(number != expected), Relaxed);
                    let elapsed = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
                    book.latency.lock().unwrap_or_else(PoisonError::into_inner).saturating_record(elapsed);
                }
                Ok(Err(error)) => {
                    eprintln!("a well-behaved client has no answer: {error}");
                    book.failed.fetch_add(1, Relaxed);
                }
                Err(_) => {
                    book.failed.fetch_add(1, Relaxed);
                }
            }
            expected += 1;
        }
        drop(permit);
        sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_is_seconds_late_is_recorded_as_that() {
        let mut latency = latencies().unwrap();
        latency.saturating_record(100);
        latency.saturating_record(3_000_000);
        assert!((2_990_000..3_010_000).contains(&latency.max()), "{}", latency.max());
    }
}
