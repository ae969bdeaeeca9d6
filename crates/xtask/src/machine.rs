//! The machine: which core does what, how many connections are allowed, and what it is called in a report.
//!
//! A child has the cores and the limits of who starts it, so both are set here and not in the child.

use std::{fs, process::Command};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use testkit::repository;

/// The cores for the server and for the load.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cores {
    pub(crate) server: usize,
    pub(crate) load: usize,
}

#[cfg(target_os = "linux")]
impl Cores {
    /// Two of those that this process may use; the same twice where it has only one.
    pub(crate) fn find() -> Result<Self> {
        let allowed = rustix::thread::sched_getaffinity(None).context("cannot ask for the cores")?;
        let mut cores = (0..rustix::thread::CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core));
        let server = cores.next().context("there is no core")?;
        Ok(Self { server, load: cores.next().unwrap_or(server) })
    }

    /// From now on this thread, and what it starts, runs on that core only.
    pub(crate) fn pin(core: usize) -> Result<()> {
        let mut cores = rustix::thread::CpuSet::new();
        cores.set(core);
        rustix::thread::sched_setaffinity(None, &cores).context("cannot choose a core")
    }
}

#[cfg(not(target_os = "linux"))]
impl Cores {
    pub(crate) fn find() -> Result<Self> {
        anyhow::bail!(
            "the benchmark reads processor time from Linux's /proc and pins programs to cores: run it on Linux"
        )
    }

    pub(crate) fn pin(_core: usize) -> Result<()> {
        Ok(())
    }
}

/// Allows as many connections as may be; how many descriptors that is.
pub(crate) fn raise_descriptor_limit(wanted: u64) -> u64 {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let limit = getrlimit(Resource::Nofile);
        // Only root may go over the maximum; everybody may go up to it.
        let most = limit.maximum.map(|maximum| maximum.max(wanted));
        for (current, maximum) in [(most, most), (limit.maximum, limit.maximum)] {
            if setrlimit(Resource::Nofile, Rlimit { current, maximum }).is_ok() {
                break;
            }
        }
        getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
    }
    #[cfg(not(unix))]
    {
        wanted
    }
}

/// What a reader has to know about where the figures come from.
pub(crate) fn describe() -> Value {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")).and_then(|rest| rest.split_once(": "));
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let memory = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:")).unwrap_or_default().trim();
    json!({
        "date": first_line("date", &["-u", "+%Y-%m-%d %H:%M UTC"]),
        "commit": commit(),
        "cpu": model.map(|(_, name)| name),
        "cores": std::thread::available_parallelism().map_or(1, |cores| cores.get()),
        "memory": memory,
        "kernel": first_line("uname", &["-sr"]),
        "rustc": first_line("rustc", &["--version"]),
    })
}

/// The same where servers of others are measured too, each on its core.
pub(crate) fn describe_with_peers(cores: Cores) -> Value {
    let mut machine = describe();
    machine["pinned"] = json!({ "server": cores.server, "load": cores.load });
    machine["node"] = json!(first_line("node", &["--version"]));
    machine["versions"] = versions();
    machine
}

/// The versions of the peers, from the files that lock them.
fn versions() -> Value {
    let lock = fs::read_to_string(repository().join("bench/Cargo.lock")).unwrap_or_default();
    let krate = |name: &str| {
        let (_, rest) = lock.split_once(&format!("name = \"{name}\"\nversion = \""))?;
        rest.split('"').next().map(str::to_owned)
    };
    let package = |folder: &str, name: &str| {
        let lock = fs::read_to_string(repository().join(folder).join("package-lock.json")).ok()?;
        let lock: Value = serde_json::from_str(&lock).ok()?;
        lock["packages"][format!("node_modules/{name}")]["version"].as_str().map(str::to_owned)
    };
    json!({
        "socketioxide": krate("socketioxide"),
        "rust_socketio": krate("rust_socketio"),
        "tokio": krate("tokio"),
        "socket.io": package("npm", "socket.io"),
        "socket.io-client": package("npm", "socket.io-client"),
        "ws": package("npm", "ws"),
        "uWebSockets": package("bench/node", "@trufflesuite/uws-js-unofficial"),
    })
}

/// The commit, and whether there is more in the tree than that.
fn commit() -> Option<String> {
    let commit = first_line("git", &["rev-parse", "--short", "HEAD"])?;
    let is_clean = first_line("git", &["status", "--porcelain", "--untracked-files=no"]).is_none();
    Some(if is_clean { commit } else { format!("{commit}, changed") })
}

/// The first line that a program prints; `None` where it cannot, or prints nothing.
fn first_line(program: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).current_dir(repository()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.lines().next().filter(|_| output.status.success()).map(str::to_owned)
}
