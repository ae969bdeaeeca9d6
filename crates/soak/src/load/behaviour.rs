//! [`Behaviour`]: what one client of a burst does, from its dialling to its end. Each is what some client in the field
//! does; where the server has to do something about it, that is checked, and what it did not do is an error.

use std::{future::Future, net::SocketAddr, pin::Pin, time::Duration};

use anyhow::{Context, Result, ensure};
use soak::Pace;
use tokio::time::{sleep, timeout};

use crate::wire::{Http, Polling, WebSocket, connect, reset};

/// Child namespaces that clients ask for in turn.
const TENANTS: usize = 20;

/// Rooms that clients join in turn.
const ROOMS: usize = 50;

/// Where to, and how fast.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) addr: SocketAddr,
    pub(crate) pace: Pace,
}

type Doing = Pin<Box<dyn Future<Output = Result<()>> + Send>>;

/// One kind of client.
#[derive(Clone, Copy)]
pub(crate) struct Behaviour {
    pub(crate) name: &'static str,
    /// How many of a burst of 100 clients.
    pub(crate) share: usize,
    /// Whether all begin at one moment; otherwise one after the other, over the burst.
    pub(crate) at_once: bool,
    /// What the client of that number does.
    pub(crate) act: fn(Place, usize) -> Doing,
}

impl Behaviour {
    /// One after the other, over the burst.
    const fn spread(name: &'static str, share: usize, act: fn(Place, usize) -> Doing) -> Self {
        Self { name, share, at_once: false, act }
    }

    /// All at one moment.
    const fn at_once(name: &'static str, share: usize, act: fn(Place, usize) -> Doing) -> Self {
        Self { name, share, at_once: true, act }
    }
}

/// All there are.
pub(crate) const BEHAVIOURS: [Behaviour; 11] = [
    Behaviour::spread("leave", 12, |place, number| Box::pin(leave(place, number))),
    Behaviour::spread("kill", 10, |place, number| Box::pin(kill(place, number))),
    Behaviour::spread("abandon", 10, |place, number| Box::pin(abandon(place, number))),
    Behaviour::spread("half upgrade", 8, |place, number| Box::pin(half_upgrade(place, number))),
    Behaviour::at_once("slow reader", 4, |place, _| Box::pin(read_slowly(place))),
    Behaviour::spread("refused", 8, |place, number| Box::pin(be_refused(place, number))),
    Behaviour::spread("vanish", 8, |place, number| Box::pin(vanish(place, number))),
    Behaviour::spread("no answer", 6, |place, number| Box::pin(never_answer(place, number))),
    Behaviour::spread("silent", 4, |place, number| Box::pin(fall_silent(place, number))),
    Behaviour::spread("half request", 4, |place, number| Box::pin(send_half(place, number))),
    Behaviour::at_once("reconnect storm", 26, |place, _| Box::pin(storm(place))),
];

fn room(number: usize) -> String {
    format!("[\"join\",\"room-{}\"]", number % ROOMS)
}

fn tenant(number: usize) -> String {
    if number.is_multiple_of(3) { format!("/tenant-{}", number % TENANTS) } else { "/".to_owned() }
}

/// Comes, joins a room, asks, and leaves as one should, in each of the ways.
async fn leave(place: Place, number: usize) -> Result<()> {
    if number % 4 == 3 {
        let mut polling = Polling::join(place.addr, "/").await?;
        polling.post(&format!("427{}", room(number))).await?;
        polling.until(|packet| packet.starts_with("437")).await?;
        return polling.post("1").await;
    }
    let namespace = tenant(number);
    let mut socket = WebSocket::join(place.addr, &namespace).await?;
    socket.ask(&namespace, &room(number)).await?;
    let answer = socket.ask(&namespace, "[\"ask\",42]").await?;
    ensure!(answer.ends_with("[42]"), "{answer}");
    match number % 4 {
        0 => socket.close().await,
        1 => {
            socket.send("1").await?;
            socket.closed().await;
            Ok(())
        }
        // The namespace, but not the connection, on which it says nothing more.
        _ => {
            socket.send(&connect(&namespace, "").replacen("40", "41", 1)).await?;
            timeout(place.pace.hold(), socket.closed()).await.context("a connection without a word stays open")
        }
    }
}

/// Joins a room, and is gone in the middle of a message, or between two.
async fn kill(place: Place, number: usize) -> Result<()> {
    let namespace = tenant(number);
    let mut socket = WebSocket::join(place.addr, &namespace).await?;
    socket.ask(&namespace, &room(number)).await?;
    if number.is_multiple_of(2) {
        socket.send_half().await?;
    }
    socket.reset();
    Ok(())
}

/// Opens a session, and does nothing more; with the connection held open or not.
async fn abandon(place: Place, number: usize) -> Result<()> {
    let polling = Polling::open(place.addr).await?;
    if number.is_multiple_of(2) {
        sleep(place.pace.hold()).await;
    }
    drop(polling);
    Ok(())
}

/// Begins an upgrade and does not finish it. The session has to be usable over long-polling after that.
async fn half_upgrade(place: Place, number: usize) -> Result<()> {
    let mut polling = Polling::join(place.addr, "/").await?;
    let mut second = polling.second_transport().await?;
    if !number.is_multiple_of(3) {
        second.send("2probe").await?;
        second.until(|packet| packet == "3probe").await?;
    }
    if number % 3 == 2 {
        second.reset();
    } else {
        let limit = place.pace.patience() * 2;
        timeout(limit, second.closed()).await.context("half an upgrade stays open")?;
    }
    polling.post("427[\"ask\",7]").await?;
    let answer = timeout(place.pace.patience(), polling.until(|packet| packet.starts_with("437"))).await;
    let answer = answer.context("long-polling stands still after half an upgrade")??;
    ensure!(answer == "437[7]", "{answer}");
    Ok(())
}

/// Joins the busy room, answers pings that it has not seen, and never reads: has to be thrown out for its full queue.
async fn read_slowly(place: Place) -> Result<()> {
    let mut socket = WebSocket::join_narrow(place.addr).await?;
    socket.send("42[\"join\",\"busy\"]").await?;
    let pause = place.pace.ping_interval() / 2;
    let end = tokio::time::Instant::now() + place.pace.hold();
    while tokio::time::Instant::now() < end {
        sleep(pause).await;
        if socket.send("3").await.is_err() {
            break;
        }
    }
    Ok(())
}

/// Shows the wrong token. Afterwards it leaves at once, or waits until it is thrown out.
async fn be_refused(place: Place, number: usize) -> Result<()> {
    let mut socket = WebSocket::open(place.addr).await?;
    for _ in 0..3 {
        socket.send(&connect(&tenant(number), "{\"token\":\"wrong\"}")).await?;
        let answer = socket.until(|packet| packet.starts_with("44") || packet.starts_with("40")).await?;
        ensure!(answer.contains("not authorized"), "{answer}");
    }
    match number % 3 {
        0 => socket.close().await,
        1 => {
            socket.reset();
            Ok(())
        }
        _ => timeout(place.pace.hold(), socket.closed()).await.context("who was refused stays connected"),
    }
}

/// Long-polling, gone with a GET open.
async fn vanish(place: Place, number: usize) -> Result<()> {
    let mut polling = Polling::join(place.addr, &tenant(number)).await?;
    polling.send_get().await?;
    sleep(place.pace.patience() / 10).await;
    if number.is_multiple_of(2) {
        reset(polling.http.tcp);
    }
    Ok(())
}

/// Is asked, and never answers: the wait has to end by itself, or with the connection.
async fn never_answer(place: Place, number: usize) -> Result<()> {
    let mut socket = WebSocket::join(place.addr, "/").await?;
    socket.send("427[\"examine\"]").await?;
    socket.until(|packet| packet.contains("\"question\"")).await?;
    match number % 3 {
        0 => {
            let waited = timeout(place.pace.patience() * 2, socket.until(|packet| packet.starts_with("437"))).await;
            let answer = waited.context("a question without an answer waits on")??;
            ensure!(answer == "437[\"timeout\"]", "{answer}");
            socket.close().await
        }
        1 => socket.close().await,
        _ => {
            socket.reset();
            Ok(())
        }
    }
}

/// Joins a room, and answers no ping: has to be taken for dead.
async fn fall_silent(place: Place, number: usize) -> Result<()> {
    let namespace = tenant(number);
    let mut socket = WebSocket::join(place.addr, &namespace).await?;
    socket.ask(&namespace, &room(number)).await?;
    timeout(place.pace.hold(), socket.closed()).await.context("who answers no ping stays connected")
}

/// Half a head, half a body of a session, and a connection without a word.
async fn send_half(place: Place, number: usize) -> Result<()> {
    match number % 3 {
        0 => {
            let mut http = Http::dial(place.addr).await?;
            http.send("GET /socket.io/?EIO=4&transport=poll").await?;
            sleep(place.pace.hold()).await;
        }
        1 => {
            let mut polling = Polling::open(place.addr).await?;
            polling.send_post("42[\"ask\"", 1000).await?;
            sleep(place.pace.hold()).await;
        }
        _ => {
            let http = Http::dial(place.addr).await?;
            sleep(place.pace.hold()).await;
            drop(http);
        }
    }
    Ok(())
}

/// One of many that come back at the same moment, and are thrown off again, three times over.
async fn storm(place: Place) -> Result<()> {
    for _ in 0..3 {
        let mut socket = WebSocket::join(place.addr, "/").await?;
        socket.ask("/", "[\"ask\",1]").await?;
        sleep(Duration::from_millis(100)).await;
        socket.reset();
    }
    Ok(())
}
