//! A link that is cut around an upgrade: what was said arrives at most once and in order, and the client comes back. (B33 to
//! B37, E19)

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use socketio::client::Socket;
use socketio_tests::{CutPoint, DEADLINE, Proxy, Reach};
use testkit::NodeServer;

use crate::harness::{BOTH, Log, client, expect_alive, lines, log_of, output_of, run, soon, url_of, witness};

/// Emits the numbers from `first` on, with turns of the runtime between them, until `is_over` says so; gives the next number.
async fn emit_until(socket: &Socket, first: u32, is_over: impl Fn() -> bool) -> u32 {
    let (mut next, started) = (first, Instant::now());
    while !is_over() {
        assert!(started.elapsed() < DEADLINE, "it is not over at number {next}");
        socket.emit("number", &next).unwrap();
        next += 1;
        tokio::task::yield_now().await;
        // A pace, so that the other side has its turns on a machine with few cores.
        tokio::time::sleep(Duration::from_micros(100)).await;
    }
    next
}

/// Whether a question is lost with its link.
async fn is_unanswered(socket: &Socket) -> bool {
    soon(socket.emit_with_ack::<u32>("number", &4711)).await.is_err()
}

/// What came is in order, and nothing came twice.
fn expect_sequence(got: &[u32]) {
    assert!(got.windows(2).all(|pair| pair[0] < pair[1]), "{got:?}");
}

fn numbers(output: &str) -> Vec<u32> {
    lines(output, "got ").iter().map(|number| number.parse().unwrap()).filter(|number| *number != 4711).collect()
}

/// Some time after the upgrade, whose two messages are the first. Which number that is depends on how long the upgrade took.
const LATER: CutPoint = CutPoint::SaidSoMany(42);

/// R39, R14, B34: a link that is cut at one moment of the upgrade, while numbers stream, as a whole or only the WebSocket.
#[test]
fn a_stream_survives_a_cut_at_each_moment_of_the_upgrade() {
    let late = [CutPoint::Said("5"), LATER];
    let before = [CutPoint::Asked, CutPoint::Accepted, CutPoint::Said("2probe"), CutPoint::Answered("3probe")];
    for point in before.into_iter().chain(late) {
        for reach in [Reach::One, Reach::All] {
            let server = Arc::new(witness(&json!({})));
            let proxy = Proxy::start(([127, 0, 0, 1], server.port()).into());
            run(expect_survival(&proxy, &server, point, reach, late.contains(&point)));
        }
    }
}

async fn expect_survival(proxy: &Proxy, server: &Arc<NodeServer>, point: CutPoint, reach: Reach, is_late: bool) {
    proxy.cut_at(point, reach);
    let client = client(&proxy.url(), BOTH);
    let (log, socket) = (log_of(&client), client.of("/"));
    soon(socket.connect()).await.unwrap();
    let is_in_log = |sign: &str| log.entries().iter().any(|entry| entry == sign);
    let next = emit_until(&socket, 0, || is_in_log("reconnected") || (!is_late && is_in_log("upgrade failed"))).await;
    // Where all was cut, the link is lost, unless nothing of long-polling was under way at that moment: then it goes on with new
    // connections. What an answer comes by is the link that goes on.
    if is_late || (reach == Reach::All && is_unanswered(&socket).await) {
        log.until(|log| log.iter().any(|entry| entry == "reconnected")).await;
    }
    let is_lost = is_in_log("reconnected");
    assert!(!is_lost || is_late || reach == Reach::All, "{point:?}: {:?}", log.entries());
    soon(socket.connect()).await.unwrap();
    for number in next..next + 50 {
        socket.emit("number", &number).unwrap();
    }
    expect_alive(&socket).await;
    assert!(!proxy.is_armed(), "{point:?}");
    let got = numbers(&output_of(server, &socket).await);
    expect_sequence(&got);
    let tail: Vec<u32> = (next..next + 50).collect();
    assert!(got.ends_with(&tail), "{point:?} {reach:?}: {got:?}");
    if !is_lost {
        assert_eq!(got, (0..next + 50).collect::<Vec<_>>(), "{point:?} {reach:?} {:?}", log.entries());
    }
}

/// B33, B34, R39: through an upgrade that succeeds, nothing is lost, doubled or overtaken, in both directions.
#[test]
fn nothing_is_lost_or_doubled_by_an_upgrade() {
    let server = Arc::new(witness(&json!({})));
    run(async {
        let client = client(&url_of(&server), BOTH);
        let (log, socket) = (log_of(&client), client.of("/"));
        let answers = Log::new();
        let heard = answers.clone();
        socket.on("question", move |socketio::Data(n): socketio::Data<u32>| {
            heard.push(n);
            async move { Ok(n + 1) }
        });
        drop(socket.connect());
        socket.emit("ask", &200).unwrap();
        let next = emit_until(&socket, 0, || log.entries().iter().any(|entry| entry == "upgraded")).await;
        expect_alive(&socket).await;
        answers.reaches(200).await;
        let output = output_of(&server, &socket).await;
        assert_eq!(numbers(&output), (0..next).collect::<Vec<_>>());
        let expected: Vec<_> = (0..200).map(|n| format!("{n} {}", n + 1)).collect();
        assert_eq!(lines(&output, "answer "), expected);
        assert_eq!(answers.entries(), (0..200).map(|n| n.to_string()).collect::<Vec<_>>());
    });
}

/// E19, E37, R14: a link that is cut again and again.
#[test]
fn a_link_that_is_cut_again_and_again_loses_no_order_and_doubles_nothing() {
    for transports in crate::harness::EACH_WAY {
        let server = Arc::new(witness(&json!({})));
        let proxy = Proxy::start(([127, 0, 0, 1], server.port()).into());
        run(async {
            let client = client(&proxy.url(), transports);
            let (log, socket) = (log_of(&client), client.of("/"));
            soon(socket.connect()).await.unwrap();
            let mut next = 0;
            for round in 1..=10 {
                for _ in 0..20 {
                    socket.emit("number", &next).unwrap();
                    next += 1;
                }
                proxy.cut();
                let entries = log.until(|log| log.iter().filter(|entry| *entry == "opened").count() > round).await;
                assert!(!entries.contains(&"gave up".to_owned()));
            }
            soon(socket.connect()).await.unwrap();
            socket.emit("number", &next).unwrap();
            let got = numbers(&output_of(&server, &socket).await);
            expect_sequence(&got);
            assert_eq!(got.last(), Some(&next));
        });
    }
}
