//! `sio load` against `sio serve`, and against a server of this test that broadcasts: its counts add up.

use std::net::SocketAddr;

use serde_json::Value;
use socketio::{AckSender, Args, Data, Namespace, Server, Socket};

use crate::program::{Served, run};

/// Runs a load of these words and returns its result, which has to be a success.
fn load(url: &str, words: &str) -> Value {
    let args = [&["load", url, "--json", "--warm-up", "1ms"], &*words.split(' ').collect::<Vec<_>>()].concat();
    let output = run(&args);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words}: {stderr}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{words}: {error}: {stderr}"))
}

fn count(result: &Value, name: &str) -> u64 {
    result[name].as_u64().unwrap_or_else(|| panic!("no {name} in {result}"))
}

/// Nothing failed, and everything that was sent came to `times` connections.
fn assert_adds_up(result: &Value, connections: u64, times: u64) {
    assert_eq!(count(result, "joined"), connections, "{result}");
    assert_eq!((count(result, "failed"), count(result, "lost"), count(result, "others")), (0, 0, 0), "{result}");
    assert_eq!(count(result, "received"), count(result, "sent") * times, "{result}");
}

#[test]
fn every_echo_comes_back_over_both_transports() {
    let served = Served::start(&[]);
    for (words, percent) in [("", 0), ("--polling 50", 50), ("--polling 100", 100)] {
        let words = format!("--namespace /echo --connections 4 --in-flight 3 --count 200 --duration 20s {words}");
        let result = load(&served.url(), words.trim_end());
        assert_adds_up(&result, 4, 1);
        assert!(count(&result, "measured") >= 200 && result["polling_percent"] == percent, "{result}");
        let percentiles = &result["latency"]["percentiles"];
        assert!(percentiles["p50"].as_f64() <= percentiles["p99"].as_f64() && percentiles["max"].is_f64(), "{result}");
    }
}

#[test]
fn every_question_is_acknowledged_also_with_an_event_of_another_name_and_a_large_payload() {
    let served = Served::start(&[]);
    let words = "--mode ack --namespace /echo --event what? --connections 3 --in-flight 8 --payload 70000 --count 100 --duration 20s";
    assert_adds_up(&load(&served.url(), words), 3, 1);
}

#[test]
fn messages_go_on_schedule_where_a_rate_is_asked_for() {
    let served = Served::start(&[]);
    for mode in ["echo", "ack"] {
        let words = format!("--mode {mode} --namespace /echo --connections 3 --rate 500 --count 50 --duration 20s");
        let result = load(&served.url(), &words);
        assert_adds_up(&result, 3, 1);
        assert_eq!(count(&result, "skipped"), 0, "{result}");
    }
}

#[test]
fn a_broadcast_is_counted_once_for_each_connection_or_each_member_of_its_room() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let addr: SocketAddr = runtime.block_on(async {
        let io = Server::new();
        io.of("/")
            .on("join", async |socket: Socket, Data(room): Data<String>, ack: AckSender| {
                socket.join(room);
                Ok(ack.send(&())?)
            })
            .on("cast", async |all: Namespace, Data(args): Data<Args<String>>| match &*args.0 {
                [room, _] => Ok(all.to(room).emit("cast", &args)?),
                _ => Ok(all.broadcast().emit("cast", &args)?),
            });
        let listener = io.bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        tokio::spawn(listener.serve(io.service()));
        addr
    });
    let url = format!("http://{addr}");
    let common = "--mode cast --connections 6 --count 120 --duration 20s";
    for (words, members) in
        [("--in-flight 1", 6), ("--in-flight 4 --polling 50", 6), ("--rooms 3 --in-flight 2", 2), ("--rate 300", 6)]
    {
        assert_adds_up(&load(&url, &format!("{common} {words}")), 6, members);
    }
}

#[test]
fn connections_are_opened_again_and_again_where_that_is_the_load() {
    let served = Served::start(&[]);
    let result = load(&served.url(), "--mode connect --connections 5 --count 60 --duration 20s");
    assert!(count(&result, "measured") >= 60 && count(&result, "joined") >= 60, "{result}");
    assert_eq!((count(&result, "failed"), count(&result, "lost")), (0, 0), "{result}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_process_that_is_watched_is_charged_for_its_connections() {
    let served = Served::start(&[]);
    let pid = served.pid().to_string();
    let result =
        load(&served.url(), &format!("--mode idle --connections 200 --ramp-up 2000 --duration 100ms --watch {pid}"));
    assert_adds_up(&result, 200, 1);
    assert!(result["server"]["resident_bytes"].as_u64() > Some(1_000_000), "{result}");
    assert!(result["server"]["bytes_per_connection"].is_f64(), "{result}");
    assert!(result["opening"]["server_cpu_us_each"].is_f64(), "{result}");
}

#[test]
fn people_get_a_histogram_and_progress() {
    let served = Served::start(&[]);
    let output = run(&["load", &served.url(), "--namespace", "/echo", "--duration", "1500ms", "--warm-up", "1ms"]);
    let (text, progress) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    for part in ["50 joined, 0 failed, 0 lost", "a second", "p99", "█"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(progress.lines().any(|line| line.contains("measuring") && line.contains("50 connections")), "{progress}");
}

#[test]
fn where_nobody_can_join_the_load_says_why_and_fails() {
    let served = Served::start(&[]);
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (url, words, part) in [
        (format!("http://{free}"), &[][..], "refused"),
        (format!("{}/elsewhere", served.url()), &[], "404"),
        (format!("{}/elsewhere", served.url()), &["--polling", "100"], "404"),
        (served.url(), &["--namespace", "/nowhere"], "Invalid namespace"),
    ] {
        let output = run(&[&["load", &*url, "--connections", "2"], words].concat());
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{url}: {stderr}");
        assert!(stderr.contains("not one connection has joined") && stderr.contains(part), "{part}: {stderr}");
    }
}
