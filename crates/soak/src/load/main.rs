//! The clients of a soak. A line on standard input is an order, and is answered with a line of JSON when it is carried out:
//! `{"error":…}` where it could not be. The program ends with its standard input.
//!
//! | order | what |
//! |---|---|
//! | `steady N` | connects so many well-behaved clients |
//! | `burst N` | lets them ask, runs some `N` clients of every other behaviour to their end, and lets them ask no more |
//! | `come N`, `go` | a crowd of `N` is there, and is gone |
//! | `connect N`, `lost`, `back` | `N` clients that return by themselves: connected; all without their server; all back |
//!
//! Arguments: the unit of the [`Pace`] in milliseconds, and the server's address.

mod behaviour;
mod burst;
mod casting;
mod crowd;
mod steady;
mod wire;

use std::io::{self, BufRead, Write};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use soak::Pace;
use tokio::runtime::Runtime;

use self::{
    behaviour::Place,
    crowd::{Crowd, Returning},
    steady::Steady,
};

/// Who is connected.
struct Clients {
    place: Place,
    steady: Option<Steady>,
    crowd: Crowd,
    returning: Option<Returning>,
}

fn main() -> Result<()> {
    let mut words = std::env::args().skip(1);
    let usage = "usage: soak-load UNIT_IN_MILLISECONDS ADDRESS";
    let pace = Pace::from_word(words.next()).context(usage)?;
    let addr = words.next().context(usage)?.parse().context("the address")?;
    let runtime = Runtime::new()?;
    let mut clients = Clients { place: Place { addr, pace }, steady: None, crowd: Crowd::default(), returning: None };
    for order in io::stdin().lock().lines() {
        let answer = runtime.block_on(clients.obey(&order?));
        let answer = answer.unwrap_or_else(|error| json!({ "error": format!("{error:#}") }));
        writeln!(io::stdout(), "{answer}")?;
    }
    runtime.shutdown_background();
    Ok(())
}

impl Clients {
    async fn obey(&mut self, order: &str) -> Result<Value> {
        let (word, count) = order.split_once(' ').unwrap_or((order, "0"));
        let count: usize = count.parse().context("how many?")?;
        match word {
            "steady" => {
                self.steady = Some(Steady::connect(self.place, count).await?);
                Ok(json!({ "clients": count }))
            }
            "burst" => self.burst(count).await,
            "come" => {
                self.crowd = Crowd::come(self.place, count).await?;
                Ok(json!({ "clients": count }))
            }
            "go" => std::mem::take(&mut self.crowd).go().await,
            "connect" => {
                self.returning = Some(Returning::connect(self.place, count).await?);
                Ok(json!({ "clients": count }))
            }
            "lost" => self.returning.as_ref().context("nobody is connected")?.lost().await,
            "back" => self.returning.as_ref().context("nobody is connected")?.back().await,
            _ => bail!("there is no order `{word}`"),
        }
    }

    async fn burst(&mut self, size: usize) -> Result<Value> {
        let steady = self.steady.as_mut().context("nobody well-behaved is connected")?;
        steady.resume();
        let (clients, last_cast) = burst::burst(self.place, size, steady.readers()).await?;
        let steady = steady.pause(last_cast).await;
        Ok(json!({ "clients": clients, "steady": steady }))
    }
}
