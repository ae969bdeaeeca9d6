//! Connection state recovery against the servers that have it. (E57, E58, R12)

use std::time::Duration;

use serde_json::json;
use socketio::client::{Client, Socket};
use socketio::{Data, SocketId};
use socketio_tests::{Proxy, Settings};

use crate::harness::{EACH_WAY, Log, client, config, log_of_socket, on_each_peer, soon};

fn recovering(away: Duration) -> Settings {
    Settings {
        ping_interval: Duration::from_millis(200),
        ping_timeout: Duration::from_millis(300),
        recovery: Some(away),
        ..Settings::calm()
    }
}

/// Waits until the server has noticed that the socket is gone: the reference recovers nobody before.
async fn is_forgotten(control: &Socket, id: &SocketId) {
    while soon(control.emit_with_ack::<u32>("present", &("/recovery", id.as_str()))).await.unwrap() > 0 {}
}

/// E57, E58: whom the cable lost gets what it missed, in order and before `connect`, with its id and its rooms.
#[test]
fn a_client_that_comes_back_gets_what_it_missed_in_order() {
    on_each_peer(&recovering(Duration::from_secs(30)), &async |server| {
        for transports in EACH_WAY {
            let proxy = Proxy::start(server.addr());
            let socket = client(&proxy.url(), transports).of("/recovery");
            let control = client(&server.url(), transports).of("/control");
            let (log, heard) = (log_of_socket(&socket), Log::new());
            let (news, connects) = (heard.clone(), heard.clone());
            socket.on("news", move |Data((n, _offset)): Data<(u32, Option<String>)>| {
                news.push(n);
                async {}
            });
            socket.on_connect(move || {
                connects.push("connect");
                async {}
            });
            soon(control.connect()).await.unwrap();
            soon(socket.connect()).await.unwrap();
            assert!(!socket.is_recovered());
            let id = socket.id().unwrap();
            let say = async |n: u32| {
                let sent = control.emit_with_ack::<()>("emit", &("/recovery", Some("room"), false, "news", n));
                soon(sent.raw()).await.unwrap();
            };
            say(0).await;
            heard.reaches(2).await;
            for (round, from) in [1, 11, 21].into_iter().enumerate() {
                proxy.refuse(true);
                let losses = |entries: &[String]| entries.iter().filter(|entry| entry.starts_with("transport")).count();
                log.until(move |entries| losses(entries) > round).await;
                is_forgotten(&control, &id).await;
                for n in from..from + 10 {
                    say(n).await;
                }
                proxy.refuse(false);
                log.has_times("connect", round + 2).await;
                assert!(socket.is_recovered(), "{transports:?} {round}");
                assert_eq!(socket.id().unwrap(), id);
            }
            say(31).await;
            let expected = ["connect", "0"].map(str::to_owned).into_iter();
            let expected = [1..11, 11..21, 21..31].into_iter().fold(expected.collect::<Vec<_>>(), |mut all, round| {
                all.extend(round.map(|n| n.to_string()));
                all.push("connect".to_owned());
                all
            });
            let entries = heard.reaches(expected.len() + 1).await;
            assert_eq!(entries, [expected, vec!["31".to_owned()]].concat(), "{transports:?}");
            control.client().close();
            socket.client().close();
        }
    });
}

/// E57: who was away for too long, or asks a server that keeps nothing, begins anew, with another id.
#[test]
fn a_client_that_was_away_for_too_long_begins_anew() {
    on_each_peer(&recovering(Duration::from_millis(1)), &async |server| {
        let proxy = Proxy::start(server.addr());
        let (socket, control) =
            (client(&proxy.url(), EACH_WAY[1]).of("/recovery"), client(&server.url(), EACH_WAY[1]).of("/control"));
        let log = log_of_socket(&socket);
        soon(control.connect()).await.unwrap();
        soon(socket.connect()).await.unwrap();
        let id = socket.id().unwrap();
        soon(control.emit_with_ack::<()>("emit", &("/recovery", (), false, "news", 0)).raw()).await.unwrap();
        proxy.refuse(true);
        log.reaches(2).await;
        is_forgotten(&control, &id).await;
        soon(control.emit_with_ack::<()>("emit", &("/recovery", (), false, "news", 1)).raw()).await.unwrap();
        proxy.refuse(false);
        log.has_times("connect", 2).await;
        assert!(!socket.is_recovered());
        assert_ne!(socket.id().unwrap(), id);
    });
}

/// E57: the user's own `pid` in the auth counts, so that a recovery can be declined; nothing is replayed then.
#[test]
fn a_client_may_decline_its_recovery() {
    on_each_peer(&recovering(Duration::from_secs(30)), &async |server| {
        let proxy = Proxy::start(server.addr());
        let socket = Client::with_config(&proxy.url(), config(EACH_WAY[2])).unwrap().of("/recovery");
        socket.set_auth(&json!({ "pid": "of nobody" })).unwrap();
        let log = log_of_socket(&socket);
        soon(socket.connect()).await.unwrap();
        let id = socket.id();
        proxy.cut();
        log.has_times("connect", 2).await;
        assert!(!socket.is_recovered() && socket.id() != id);
    });
}
