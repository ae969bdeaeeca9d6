//! [`burst`]: so many clients of every behaviour at the same time, and what became of them.

use std::{collections::BTreeMap, sync::Arc};

use anyhow::Result;
use serde_json::{Value, json};
use tokio::{task::JoinSet, time::sleep};

use crate::{
    behaviour::{BEHAVIOURS, Place},
    casting::{Reader, cast},
};

/// What has become of the clients of one behaviour.
#[derive(Default)]
struct Outcome {
    clients: usize,
    /// Complaints, and how often.
    faults: BTreeMap<String, usize>,
}

/// Runs some `size` clients, and ends with the last of them. The answer says how many there were of which kind, what went wrong,
/// and the number of the last event that was cast, which is never far ahead of what the readers have heard.
///
/// # Errors
/// Where the casts do not arrive at the server.
pub(crate) async fn burst(place: Place, size: usize, readers: Vec<Arc<Reader>>) -> Result<(Value, u64)> {
    let mut running = JoinSet::new();
    let mut outcomes: BTreeMap<&str, Outcome> = BTreeMap::new();
    for behaviour in BEHAVIOURS {
        // Each has variants by number, and all of them are to occur.
        let count = (size * behaviour.share).div_ceil(100).max(4);
        outcomes.entry(behaviour.name).or_default().clients = count;
        let window = place.pace.burst();
        for number in 0..count {
            let start = if behaviour.at_once { Default::default() } else { window * number as u32 / count as u32 };
            running.spawn(async move {
                sleep(start).await;
                (behaviour.name, (behaviour.act)(place, number).await)
            });
        }
    }
    let casting = tokio::spawn(cast(place, readers));
    while let Some(ended) = running.join_next().await {
        let (name, result) = ended?;
        if let Err(error) = result {
            *outcomes.entry(name).or_default().faults.entry(format!("{error:#}")).or_default() += 1;
        }
    }
    let last_cast = casting.await??;
    let clients = outcomes
        .into_iter()
        .map(|(name, outcome)| (name.to_owned(), json!({ "clients": outcome.clients, "faults": outcome.faults })));
    Ok((Value::Object(clients.collect()), last_cast))
}
