//! Events that are sent again until they are acknowledged. (E42, E47 to E50)

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use socketio::AckError;
use socketio::client::{ClientSocketOptions, Socket};
use socketio_tests::Proxy;

use crate::harness::{BOTH, EACH_WAY, client, expect_alive, lines, output_of, run, soon, url_of, witness};

fn retrying(url: &str, transports: &[socketio::TransportKind], retries: u32, ack_timeout: Option<Duration>) -> Socket {
    let mut options = ClientSocketOptions::default();
    options.retries = Some(retries);
    options.ack_timeout = ack_timeout;
    client(url, transports).of_with("/", options)
}

/// E47, E49: one at a time and in order; the one that the server never answers is tried n+1 times and fails, and those behind
/// it have their turn.
#[test]
fn an_event_is_tried_until_it_is_answered_and_no_more_than_it_may_be() {
    for transports in EACH_WAY {
        let server = Arc::new(witness(&json!({})));
        run(async {
            let socket = retrying(&url_of(&server), transports, 2, Some(Duration::from_millis(60)));
            let answers = [("second", 2_u32), ("never", 1000), ("first", 1), ("third", 3)]
                .map(|word| socket.emit_with_ack::<(String, u32)>("stubborn", &word));
            assert_eq!(socket.queued().len(), 4);
            soon(socket.connect()).await.unwrap();
            let mut outcomes = Vec::new();
            for answer in answers {
                outcomes.push(soon(answer).await);
            }
            let given = |word: &str, count| Ok((word.to_owned(), count));
            assert_eq!(outcomes, [given("second", 2), Err(AckError::Timeout), given("first", 1), given("third", 3)]);
            expect_alive(&socket).await;
            let expected = [("second", 1..=2), ("never", 1..=3), ("first", 1..=1), ("third", 1..=3)];
            let expected: Vec<_> =
                expected.into_iter().flat_map(|(word, tries)| tries.map(move |n| format!("{word} {n}"))).collect();
            assert_eq!(lines(&output_of(&server, &socket).await, "try "), expected, "{transports:?}");
            assert!(socket.queued().len() <= 1, "the mark at most: {:?}", socket.queued());
        });
    }
}

/// E47, E50: the first in the queue is sent again at once on the next connection; order is kept, and everything arrives at least
/// once.
#[test]
fn a_queue_goes_on_over_reconnections_in_order() {
    for ack_timeout in [None, Some(Duration::from_secs(5))] {
        let server = Arc::new(witness(&json!({})));
        let proxy = Proxy::start(([127, 0, 0, 1], server.port()).into());
        run(async {
            let socket = retrying(&proxy.url(), BOTH, 10, ack_timeout);
            let log = crate::harness::log_of(socket.client());
            soon(socket.connect()).await.unwrap();
            let mut next = 0_u32;
            for round in 1..=5 {
                for _ in 0..10 {
                    socket.emit("number", &next).unwrap();
                    next += 1;
                }
                proxy.cut();
                log.has_times("reconnected", round).await;
            }
            let output = output_of(&server, &socket).await;
            let mut got: Vec<u32> = lines(&output, "got ").iter().map(|number| number.parse().unwrap()).collect();
            assert!(got.windows(2).all(|pair| pair[0] <= pair[1]), "{got:?}");
            got.dedup();
            assert_eq!(got, (0..next).collect::<Vec<_>>());
        });
    }
}

/// E42, E44, R22: the time limit of the socket counts for each acknowledgement where there are no retries.
#[test]
fn the_ack_timeout_of_a_socket_counts_without_retries() {
    let server = Arc::new(witness(&json!({})));
    run(async {
        let mut options = ClientSocketOptions::default();
        options.ack_timeout = Some(Duration::from_millis(50));
        let socket = client(&url_of(&server), BOTH).of_with("/", options);
        let offline = socket.emit_with_ack::<u32>("number", &1);
        assert_eq!(soon(offline).await, Err(AckError::Timeout));
        assert!(socket.buffered().is_empty(), "what has timed out is not sent any more");
        soon(socket.connect()).await.unwrap();
        let asked = socket.emit_with_ack::<(String, u32)>("stubborn", &("word", 2));
        assert_eq!(soon(asked).await, Err(AckError::Timeout));
        expect_alive(&socket).await;
        let output = output_of(&server, &socket).await;
        assert_eq!((lines(&output, "got "), lines(&output, "try ").len()), (vec!["4711".to_owned()], 1));
    });
}
