//! As many sessions as are asked for in one process, without sockets: requests go straight into the engine, so that the
//! transport of a session is its two queues. What the sessions take, and what an event to all of them costs for each.
//!
//! The argument is the number of sessions. The answer is one line of JSON: bytes of resident memory for each session, and
//! nanoseconds of processor time for each member of a broadcast, until the member has taken it: with a tenth of the sessions,
//! and with all of them.

use std::{
    error::Error,
    fs,
    io::{self, Write},
    time::Duration,
};

use axum::{
    body::{Body, to_bytes},
    http::Request,
};
use rustix::time::{ClockId, clock_gettime};
use socketio::{Config, Server};

/// 16 bytes, as on the other lines.
const PAYLOAD: &str = "0123456789abcdef";
/// How often everybody gets an event; the cheapest time counts, since what else the machine did is no cost of it.
const CASTS: usize = 5;
/// Bytes of a session's id.
const SID_BYTES: usize = 20;

type Sid = [u8; SID_BYTES];

fn main() -> Result<(), Box<dyn Error>> {
    let count: usize = std::env::args().nth(1).ok_or("give the number of sessions")?.parse()?;
    // One thread, so that processor time is what the work takes and not what threads wait for each other.
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(measure(count))
}

async fn measure(count: usize) -> Result<(), Box<dyn Error>> {
    let mut config = Config::default();
    // Nobody answers pings here.
    config.engine.limits.ping_interval = Duration::from_secs(24 * 3600);
    let io = Server::with_config(config);
    io.of("/");
    let mut sids = Vec::with_capacity(count);
    let before = resident_bytes()?;
    join(&io, &mut sids, count / 10).await?;
    let few = cast(&io, &sids).await?;
    join(&io, &mut sids, count).await?;
    let many = cast(&io, &sids).await?;
    let resident = resident_bytes()?;
    let bytes = resident.saturating_sub(before) / count.max(1);
    let rest = format!(r#""cast_ns_few":{few:.1},"cast_ns_many":{many:.1}"#);
    writeln!(io::stdout(), r#"{{"count":{count},"bytes_each":{bytes},"resident_bytes":{resident},{rest}}}"#)?;
    Ok(())
}

/// Opens sessions and joins the main namespace, until there are so many.
async fn join(io: &Server, sids: &mut Vec<Sid>, count: usize) -> Result<(), Box<dyn Error>> {
    while sids.len() < count {
        let open = request(io, "GET", None, "").await?;
        let sid = open.split("\"sid\":\"").nth(1).and_then(|rest| rest.get(..SID_BYTES)).ok_or("no session")?;
        let sid: Sid = sid.as_bytes().try_into()?;
        request(io, "POST", Some(&sid), "40").await?;
        // The session's task is to see it.
        tokio::task::yield_now().await;
        let joined = request(io, "GET", Some(&sid), "").await?;
        if !joined.starts_with("40{") {
            return Err(format!("not joined: {joined}").into());
        }
        sids.push(sid);
    }
    Ok(())
}

/// What an event to everybody takes for each, in nanoseconds.
async fn cast(io: &Server, sids: &[Sid]) -> Result<f64, Box<dyn Error>> {
    let mut best = f64::INFINITY;
    for _ in 0..CASTS {
        let begun = cpu();
        io.emit("news", PAYLOAD)?;
        for sid in sids {
            let news = request(io, "GET", Some(sid), "").await?;
            if !news.contains(PAYLOAD) {
                return Err(format!("not the news: {news}").into());
            }
        }
        // The tasks that the event has woken look for what there is to do.
        for _ in 0..=sids.len() / 16 {
            tokio::task::yield_now().await;
        }
        best = best.min((cpu() - begun).as_secs_f64() * 1e9 / sids.len().max(1) as f64);
    }
    Ok(best)
}

async fn request(io: &Server, method: &str, sid: Option<&Sid>, body: &'static str) -> Result<String, Box<dyn Error>> {
    let mut uri = String::from("/socket.io/?EIO=4&transport=polling");
    if let Some(sid) = sid {
        uri.push_str("&sid=");
        uri.push_str(std::str::from_utf8(sid)?);
    }
    let request = Request::builder().method(method).uri(uri).header("Host", "localhost").body(Body::from(body))?;
    let response = io.engine().handle::<_, Body>(request).await;
    Ok(String::from_utf8(to_bytes(Body::new(response.into_body()), usize::MAX).await?.into())?)
}

fn cpu() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap_or_default()
}

fn resident_bytes() -> Result<usize, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no resident memory")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<usize>()? * 1024)
}
