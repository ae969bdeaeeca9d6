//! What is wrong with the answers to the requests of long-polling: rubbish, redirects, heads and bodies without an end. (B39, B40,
//! B45, E18, E31; hazards R40, S27)

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use flate2::{Compression, write::GzEncoder};
use socketio_tests::{Caller, RawServer, Request};

use super::{BOUND, IN_TRANSIT, OPEN, bounded_client, open, serve_on};
use crate::harness::{POLLING, WEBSOCKET, expect_alive, log_of, run, soon};

/// A server that does this with each request of long-polling, and what is proper on WebSockets.
fn on_polling(misbehave: impl Fn(&mut Caller, &Request) + Send + Sync + 'static) -> RawServer {
    RawServer::start(move |mut caller| {
        while let Some(request) = caller.request() {
            if request.is_websocket() {
                open(&mut caller, &request);
                return serve_on(&mut caller);
            }
            misbehave(&mut caller, &request);
        }
    })
}

/// Something begins so in the client's log, after which it comes by WebSocket.
async fn expect_entry(server: &RawServer, entry: &str, what: &str) -> Vec<String> {
    let client = bounded_client(&server.url(), POLLING);
    let (log, socket) = (log_of(&client), client.of("/"));
    let connecting = socket.connect();
    let prefix = entry.to_owned();
    let entries = log.until(move |log| log.iter().any(|entry| entry != "opened")).await;
    let first = entries.iter().find(|entry| *entry != "opened").unwrap();
    assert!(first.starts_with(&prefix), "{what}: {entries:?} and not {entry:?}");
    client.configure(|config| config.engine.transports = WEBSOCKET.to_vec());
    soon(connecting).await.unwrap();
    soon(socket.connect()).await.unwrap();
    expect_alive(&socket).await;
    entries
}

/// B39, B45: the first answer is not what it should be.
#[test]
fn a_first_answer_that_is_rubbish_is_an_attempt_that_failed() {
    let bodies = ["", "<html>", "0", "0{", "0{}", "2", "40", "\u{1e}", "4x\u{1e}0{}", "b4AQ==", r#"0{"sid":1}"#];
    for body in bodies {
        let server = on_polling(move |caller, _| {
            caller.answer(200, body);
        });
        run(async { drop(expect_entry(&server, "failed", body).await) });
    }
    for bytes in
        [&b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n\xff\xfe"[..], b"\0\0\0\0\r\n\r\n", b"HTTP/1.1 200 OK\r\n"]
    {
        let server = on_polling(move |caller, _| {
            caller.send(bytes);
            caller.abort();
        });
        run(async { drop(expect_entry(&server, "failed", "bytes").await) });
    }
}

/// B40, B45: a refusal says what the server said; a redirect is not followed, however long the chain.
#[test]
fn statuses_and_redirects_are_errors_with_a_reason() {
    for (status, body, expected) in [
        (400, r#"{"code":5,"message":"Unsupported protocol version"}"#, "Unsupported protocol version"),
        (403, r#"{"code":4,"message":"Forbidden"}"#, "Forbidden"),
        (404, "nothing", "404"),
        (503, "<html>busy</html>", "503"),
    ] {
        let server = on_polling(move |caller, _| {
            caller.answer(status, body);
        });
        run(async {
            let entries = expect_entry(&server, "failed: polling: ", expected).await;
            assert!(entries[0].contains(expected), "{entries:?}");
        });
    }
    let requests = Arc::new(AtomicUsize::new(0));
    let counted = requests.clone();
    let server = on_polling(move |caller, _| {
        let n = counted.fetch_add(1, Ordering::Relaxed);
        caller.send(format!("HTTP/1.1 302 Found\r\nLocation: /{n}\r\nContent-Length: 0\r\n\r\n").as_bytes());
    });
    run(async {
        let entries = expect_entry(&server, "failed: polling: the server redirects to ", "redirect").await;
        assert!(requests.load(Ordering::Relaxed) <= entries.len() + 2, "one request for each attempt");
    });
}

/// E10, S27, S36: heads that do not end, slow and fast, and answers that do not come.
#[test]
fn heads_without_an_end_are_given_up() {
    let taken = Arc::new(AtomicUsize::new(0));
    let counted = taken.clone();
    let server = on_polling(move |caller, _| {
        caller.send(b"HTTP/1.1 200 OK\r\n");
        while caller.send(b"X-Header: and so on\r\n") {
            counted.fetch_add(21, Ordering::Relaxed);
        }
    });
    run(async {
        expect_entry(&server, "failed", "fast").await;
        assert!(taken.load(Ordering::Relaxed) < IN_TRANSIT, "{}", taken.load(Ordering::Relaxed));
    });
    let server = on_polling(|caller, _| {
        caller.send(b"HTTP/1.1 200 OK\r\n");
        while caller.send(b"X: y\r\n") {
            // The slowness is the attack.
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    });
    run(async { drop(expect_entry(&server, "failed", "slow").await) });
    let server = on_polling(|caller, _| {
        caller.is_ended();
    });
    run(async { drop(expect_entry(&server, "failed", "silent").await) });
}

/// B18, S27: bodies that do not end, in either framing, that lie about their length, or that grow when they are unpacked.
#[test]
fn bodies_over_the_bound_are_refused_before_they_are_held() {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(&vec![b'x'; 32 << 20]).unwrap();
    let packed = packed.finish().unwrap();
    let bomb = [
        format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", packed.len()).into_bytes(),
        packed,
    ]
    .concat();
    let cases: [(&str, Vec<u8>, Vec<u8>); 4] = [
        ("to the end of the connection", b"HTTP/1.1 200 OK\r\n\r\n0".to_vec(), vec![b'x'; 1000]),
        (
            "in chunks",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec(),
            [&b"3e8\r\n"[..], &[b'x'; 1000], b"\r\n"].concat(),
        ),
        (
            "a length of a tebibyte",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1099511627776\r\n\r\n0".to_vec(),
            vec![b'x'; 1000],
        ),
        ("packed", bomb, Vec::new()),
    ];
    for (what, head, rest) in cases {
        let taken = Arc::new(AtomicUsize::new(0));
        let counted = taken.clone();
        let server = on_polling(move |caller, _| {
            caller.send(&head);
            while !rest.is_empty() && caller.send(&rest) {
                counted.fetch_add(rest.len(), Ordering::Relaxed);
            }
        });
        run(async {
            expect_entry(&server, "failed", what).await;
            let taken = taken.load(Ordering::Relaxed);
            assert!(taken < 4 * (BOUND + IN_TRANSIT), "{what}: {taken}");
        });
    }
}

/// B38 to B40, E34: a session that was opened and whose next answers are bad ends with a reason, and another comes.
#[test]
fn a_session_whose_answers_turn_bad_ends_with_a_reason() {
    type Play = fn(&mut Caller, &Request);
    let cases: [(&str, &str, Play); 6] = [
        ("a refused GET", "transport error", |caller, _| {
            caller.answer(400, r#"{"code":1,"message":"Session ID unknown"}"#);
        }),
        ("rubbish for an answer", "transport error", |caller, request| {
            caller.answer(200, if request.is_post() { "ok" } else { "<html>" });
        }),
        ("a close packet", "transport close", |caller, request| {
            caller.answer(200, if request.is_post() { "ok" } else { "1" });
        }),
        ("a parse error", "parse error", |caller, request| {
            caller.answer(200, if request.is_post() { "ok" } else { "42[" });
        }),
        ("a refused POST", "transport error", |caller, request| {
            if request.is_post() {
                caller.answer(413, "");
            } else {
                caller.is_ended();
            }
        }),
        ("an end instead of an answer", "transport error", |caller, _| caller.abort()),
    ];
    for (what, end, play) in cases {
        let server = on_polling(move |caller, request| {
            if request.has_sid() {
                play(caller, request);
            } else {
                caller.answer(200, OPEN);
            }
        });
        run(async { drop(expect_entry(&server, end, what).await) });
    }
}
