//! [`cast`]: what the busy room gets to hear during a burst, and [`Reader`]: how far one of the well-behaved has heard it.
//!
//! The room is so busy that who does not read is soon met by its full queue. Who does read is not to be, however slow the machine:
//! so nothing is cast that is far ahead of the slowest of those who count.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use anyhow::{Context, Result};
use tokio::time::{sleep, timeout};

use crate::{behaviour::Place, wire::WebSocket};

/// What is cast at once, in bytes, and how often in a burst: more than a slow reader's queue and the buffers of the system take.
const CAST_BYTES: usize = 32 * 1024;
const CASTS: u32 = 240;

/// How far a reader may be behind: half of what a queue takes.
const AHEAD: u64 = 4;

/// How long a reader may take, on a machine that does something else as well.
const HEARING_TIMEOUT: Duration = Duration::from_secs(20);

/// How often it is looked whether a reader has heard more.
const LOOK_INTERVAL: Duration = Duration::from_millis(5);

/// The last number that was cast in this process.
static CAST: AtomicU64 = AtomicU64::new(0);

/// What a reader of the busy room has seen of it.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    last: AtomicU64,
    missed: AtomicU64,
}

impl Reader {
    /// It has heard that number.
    pub(crate) fn hear(&self, number: u64) {
        let last = self.last.swap(number, Relaxed);
        self.missed.fetch_add(number.abs_diff(last + 1), Relaxed);
    }

    /// How many it has not heard of those up to that number.
    pub(crate) fn missing(&self, last_cast: u64) -> u64 {
        self.missed.load(Relaxed) + last_cast.saturating_sub(self.last.load(Relaxed))
    }
}

/// Waits until all of them have heard that number; `false` where one has not after a long time.
pub(crate) async fn heard(readers: &[Arc<Reader>], number: u64) -> bool {
    let waiting = async {
        while readers.iter().any(|reader| reader.last.load(Relaxed) < number) {
            sleep(LOOK_INTERVAL).await;
        }
    };
    timeout(HEARING_TIMEOUT, waiting).await.is_ok()
}

/// Casts into the busy room over a burst; the number of the last one.
pub(crate) async fn cast(place: Place, readers: Vec<Arc<Reader>>) -> Result<u64> {
    let mut socket = WebSocket::join(place.addr, "/").await?;
    let padding = "x".repeat(CAST_BYTES);
    let pause = place.pace.burst() / CASTS;
    // Until then the readers have joined.
    sleep(place.pace.burst() / 8).await;
    // One who has not heard it after a long time is gone, and is not waited for with each of the others.
    let mut are_hearing = true;
    for _ in 0..CASTS {
        let number = CAST.fetch_add(1, Relaxed) + 1;
        // Answered when it was cast; pings are answered meanwhile.
        let cast = socket.ask("/", &format!("[\"cast\",{number},\"{padding}\"]")).await;
        cast.context("the caster")?;
        are_hearing = are_hearing && heard(&readers, number.saturating_sub(AHEAD)).await;
        sleep(pause).await;
    }
    socket.close().await?;
    Ok(CAST.load(Relaxed))
}
