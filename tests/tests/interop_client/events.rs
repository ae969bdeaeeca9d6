//! Events and acknowledgements of every shape, both ways, on every transport and with both parsers.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use socketio::client::{Client, Config, Socket};
use socketio::{AckError, AnyParser, Args, Data, Event, MsgpackParser, RawEvent};
use socketio_tests::Settings;

use crate::harness::{
    BOTH, EACH_WAY, Log, POLLING, WEBSOCKET, client, config, expect_alive, lines, on_each_peer, output_of, printed,
    run, soon, url_of, witness,
};

/// Runs a scenario with both servers, both parsers, and each way to connect.
fn in_every_way(test: &impl AsyncFn(&Client)) {
    for msgpack in [false, true] {
        on_each_peer(&Settings { msgpack, ..Settings::calm() }, &async |server| {
            for transports in EACH_WAY {
                test(&Client::with_config(&server.url(), parsing(config(transports), msgpack)).unwrap()).await;
            }
        });
    }
}

fn parsing(mut config: Config, msgpack: bool) -> Config {
    if msgpack {
        config.parser = AnyParser::new(MsgpackParser);
    }
    config
}

/// E11, E36, E43, E55, E56, R21: what is asked comes back as it was, be it nothing, much, or strange.
#[test]
fn arguments_of_every_number_and_kind_come_back_as_they_were() {
    in_every_way(&async |client| {
        let echo = client.of("/echo");
        soon(echo.connect()).await.unwrap();
        let none = soon(echo.emit_with_ack::<()>("none", &()).raw()).await.unwrap();
        assert_eq!(none.ack_args::<Args<Value>>().unwrap().0, Vec::<Value>::new());
        let many: Vec<u32> = (0..500).collect();
        let answer = soon(echo.emit_with_ack::<()>("many", &Args(many.clone())).raw()).await.unwrap();
        assert_eq!(answer.ack_args::<Args<u32>>().unwrap().0, many);
        for text in ["", "é", "😀 and \u{2028} and \u{1e} and \0", "[\"x\"]", "51-[{\"_placeholder\":true,\"num\":0}]"]
        {
            assert_eq!(soon(echo.emit_with_ack::<String>(text, text)).await.unwrap(), text);
        }
        let value = json!({ "a": [null, true, -1, 0.5, { "": {} }], "é": "😀", "big": 9_007_199_254_740_991_u64 });
        let answer = soon(echo.emit_with_ack::<(Value, Option<()>, Value)>("mixed", &(&value, (), [1]))).await;
        assert_eq!(answer.unwrap(), (value, None, json!([1])));
        let long = "long ".repeat(20_000);
        assert_eq!(soon(echo.emit_with_ack::<String>("long", &long)).await.unwrap(), long);
    });
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Album {
    title: String,
    cover: Bytes,
    pages: Vec<BTreeMap<String, Bytes>>,
}

/// B44, E55: binary anywhere in the arguments, as much as a packet of the reference may have.
#[test]
fn binary_comes_back_from_wherever_it_was_in_the_arguments() {
    in_every_way(&async |client| {
        let echo = client.of("/echo");
        let mut events = echo.events();
        soon(echo.connect()).await.unwrap();
        let page = |n: u8| BTreeMap::from([(format!("page {n}"), Bytes::from(vec![n; usize::from(n) * 1000]))]);
        let album = Album {
            title: "été".to_owned(),
            cover: Bytes::from_static(&[0, 1, 254, 255, 30]),
            pages: (0..8).map(page).collect(),
        };
        let args = (&album, "between", Bytes::new());
        let answer = soon(echo.emit_with_ack::<(Album, String, Bytes)>("album", &args)).await.unwrap();
        assert_eq!(answer, (album.clone(), "between".to_owned(), Bytes::new()));
        echo.emit("album", &args).unwrap();
        let event = soon(events.next()).await.unwrap();
        assert_eq!(event.name(), "album");
        assert_eq!(event.data::<(Album, String, Bytes)>().unwrap().0, album);
    });
}

/// E46, R21: the server asks, and the client's handlers answer, at once or later, with binary and without.
#[test]
fn questions_of_the_server_are_answered_by_handlers() {
    in_every_way(&async |client| {
        let asking = client.of("/asking");
        asking.on("question", async |Data((kind, bytes)): Data<(String, Bytes)>| {
            if kind == "later" {
                tokio::task::yield_now().await;
            }
            Ok((format!("{kind}!"), bytes))
        });
        soon(asking.connect()).await.unwrap();
        for kind in ["now", "later"] {
            let bytes = Bytes::from_static(&[7, 0, 255]);
            let asked = soon(asking.emit_with_ack::<(String, String, Bytes)>("ask-me", &(5000, kind, &bytes))).await;
            assert_eq!(asked.unwrap(), ("answered".to_owned(), format!("{kind}!"), bytes));
        }
    });
}

/// E41, E44, R21: who does not answer in time is not waited for, and what comes late is nobody's.
#[test]
fn an_answer_that_does_not_come_in_time_is_an_error_and_disturbs_no_other() {
    on_each_peer(&Settings::calm(), &async |server| {
        let socket = client(&server.url(), BOTH).of("/asking");
        soon(socket.connect()).await.unwrap();
        // Nobody answers this one: there is no such event.
        let waits = socket.timeout(std::time::Duration::from_millis(50)).emit_with_ack::<()>("nothing", &());
        assert_eq!(soon(waits).await, Err(AckError::Timeout));
        let forgotten = socket.emit_with_ack::<String>("ask-me", &(1, "x"));
        drop(forgotten);
        let answer = soon(socket.emit_with_ack::<String>("ask-me", &(1, "y"))).await;
        assert_eq!(answer.unwrap(), "timed out");
    });
}

/// E45, R21: acknowledgements with ids of nobody, and twice the same.
#[test]
fn acknowledgements_that_nobody_asked_for_are_nobodys() {
    let server = witness(&json!({}));
    run(async {
        for transports in EACH_WAY {
            let socket = client(&url_of(&server), transports).of("/");
            soon(socket.connect()).await.unwrap();
            for _ in 0..5 {
                expect_alive(&socket).await;
            }
            // Those that were answered, and some that were never asked for.
            let ids = [0, 1, 2, 3, 1000, 4_294_967_296, 9_007_199_254_740_991_u64];
            let answer: String = soon(socket.emit_with_ack("muddle", &Args(vec![ids]))).await.unwrap();
            assert_eq!(answer, "once");
            for _ in 0..30 {
                expect_alive(&socket).await;
            }
        }
    });
}

/// E51 to E53: catch-alls see each event, in and out; `once` is once; what is taken away is silent.
#[test]
fn handlers_hear_what_they_were_registered_for() {
    on_each_peer(&Settings::calm(), &async |server| {
        let echo = client(&server.url(), BOTH).of("/echo");
        let (log, sent) = (Log::new(), Log::new());
        let (any, first, each, other) = (log.clone(), log.clone(), log.clone(), log.clone());
        let outgoing = sent.clone();
        echo.on_any(move |Event(name): Event| {
            any.push(format_args!("any {name}"));
            async {}
        })
        .once("word", move |Data(n): Data<u32>| {
            first.push(format_args!("once {n}"));
            async {}
        })
        .on("word", move |Data(n): Data<u32>| {
            each.push(format_args!("on {n}"));
            async {}
        })
        .on_fallback(move |RawEvent(event): RawEvent| {
            other.push(format_args!("fallback {}", event.json()));
            async {}
        })
        .on_any_outgoing(move |event| outgoing.push(event.json()));
        echo.emit("word", &0).unwrap();
        assert_eq!(sent.entries(), Vec::<String>::new(), "it is kept, and not sent yet");
        soon(echo.connect()).await.unwrap();
        echo.emit("word", &1).unwrap();
        echo.emit("else", &()).unwrap();
        let expected = ["any word", "once 0", "on 0", "any word", "on 1", "any else", r#"fallback ["else"]"#];
        assert_eq!(log.reaches(expected.len()).await, expected);
        assert_eq!(sent.entries(), [r#"["word",0]"#, r#"["word",1]"#, r#"["else"]"#]);
        echo.off("word").off_any().off_any_outgoing();
        expect_alive(&echo).await;
        echo.emit("word", &2).unwrap();
        let entries = log.reaches(expected.len() + 1).await;
        assert_eq!((entries.last().unwrap().as_str(), sent.entries().len()), (r#"fallback ["word",2]"#, 3));
    });
}

/// E51: the stream has all events in order, and holds the connection up where it is not read.
#[test]
fn a_stream_that_is_read_slowly_misses_nothing() {
    on_each_peer(&Settings::calm(), &async |server| {
        for transports in [POLLING, WEBSOCKET] {
            let mut config = config(transports);
            config.limits.max_stream_events = 8;
            let socket = Client::with_config(&server.url(), config).unwrap().of("/");
            let mut events = socket.events();
            soon(socket.connect()).await.unwrap();
            socket.emit("count-to", &2000).unwrap();
            let mut expected = 0;
            while expected < 2000 {
                let event = soon(events.next()).await.unwrap();
                if event.name() == "tick" {
                    assert_eq!(event.data::<u32>().unwrap(), expected);
                    expected += 1;
                }
            }
        }
    });
}

/// E54: `send` is an event called message.
#[test]
fn send_is_an_event_called_message() {
    on_each_peer(&Settings::calm(), &async |server| {
        let socket = client(&server.url(), WEBSOCKET).of("/");
        let mut events = socket.events();
        soon(socket.connect()).await.unwrap();
        socket.send(&("a", 1)).unwrap();
        loop {
            let event = soon(events.next()).await.unwrap();
            if event.name() == "message-back" {
                break assert_eq!(event.data::<(String, u32)>().unwrap(), ("a".to_owned(), 1));
            }
        }
    });
}

/// E30, R39: what a handler for `connect` emits arrives, after what was kept.
#[test]
fn what_is_emitted_on_connect_comes_behind_what_was_kept() {
    for transports in EACH_WAY {
        let server = Arc::new(witness(&json!({})));
        run(async {
            let socket = client(&url_of(&server), transports).of("/");
            socket.on_connect(async |socket: Socket| {
                let answer: u32 = socket.emit_with_ack("number", &100).await?;
                Ok(socket.emit("number", &(answer + 1))?)
            });
            for number in 0..10 {
                socket.emit("number", &number).unwrap();
            }
            soon(socket.connect()).await.unwrap();
            printed(&server, "got 101").await;
            let expected: Vec<_> = (0..10).chain([100, 101]).map(|n| n.to_string()).collect();
            assert_eq!(lines(&output_of(&server, &socket).await, "got "), expected);
        });
    }
}

/// E39: of volatile events at once the first leaves, or none, and none is kept; what is not volatile always arrives.
#[test]
fn volatile_events_leave_at_once_or_never() {
    for transports in EACH_WAY {
        let server = Arc::new(witness(&json!({})));
        run(async {
            let socket = client(&url_of(&server), transports).of("/");
            socket.volatile().emit("number", &1).unwrap();
            assert!(socket.buffered().is_empty());
            let asked = socket.volatile().emit_with_ack::<u32>("number", &2);
            assert_eq!(soon(asked).await, Err(AckError::Disconnected));
            soon(socket.connect()).await.unwrap();
            for number in 10..1000 {
                socket.volatile().emit("number", &number).unwrap();
            }
            socket.emit("number", &1000).unwrap();
            let got = lines(&output_of(&server, &socket).await, "got ");
            assert_eq!(got.last().unwrap(), "1000");
            assert!(got.iter().all(|n| n.parse::<u32>().unwrap() >= 10), "{got:?}");
            if transports == POLLING {
                assert!(got.len() < 100, "one POST at a time, so that most were dropped: {}", got.len());
            }
        });
    }
}
