//! The words of `sio`: the help, and errors that say what to do.

use std::{net::TcpListener, process::Output};

use crate::{program::run, request};

const OPTIONS: [(&str, &str); 8] = [
    ("--addr", "[default: 127.0.0.1:3000]"),
    ("--path", "[default: /socket.io]"),
    ("--ping-interval", "[default: 25s]"),
    ("--ping-timeout", "[default: 20s]"),
    ("--max-payload", "[default: 1000000]"),
    ("--transports", "[default: polling,websocket]"),
    ("--client-dir", "[default: searched for in ./npm/node_modules"),
    ("--log", "[default: info]"),
];

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn the_help_shows_every_option_with_its_default() {
    let output = run(&["serve", "--help"]);
    assert!(output.status.success());
    let help = stdout(&output);
    // Each option and what is said of it, up to the next.
    let entries: Vec<&str> = help.split("\n      --").skip(1).collect();
    assert_eq!(entries.len(), OPTIONS.len(), "{help}");
    for (option, default) in OPTIONS {
        let entry = entries.iter().find(|entry| entry.starts_with(&option[2..]));
        assert!(entry.is_some_and(|entry| entry.contains(default)), "{option} {default}: {help}");
    }
    assert!(help.contains("[env: SIO_LOG="), "{help}");
}

#[test]
fn a_wrong_word_is_a_matter_of_usage_and_exits_with_2() {
    for (args, part) in [
        (&["serve", "--ping-interval", "25"][..], "25s"),
        (&["serve", "--path", "/"], "the chat page's"),
        (&["serve", "--transports", "webtransport"], "polling, websocket"),
        (&["serve", "--nonsense"], "--nonsense"),
        (&["serve", "--addr", "localhost"], "a host and a port"),
        (&["serve", "--addr", ":3000"], "a host and a port"),
        (&["serve", "--addr", "127.0.0.1:70000"], "a host and a port"),
        (&["connect"], "<URL>"),
        (&["connect", "ftp://localhost"], "http"),
        (&["connect", "http://localhost", "--auth", "abc"], "a JSON object"),
        (&["connect", "http://localhost", "--header", "abc"], "Authorization: Bearer abc"),
        (&["connect", "http://localhost", "--query", "abc"], "room=lobby"),
        (&["connect", "http://localhost", "--path", "abc"], "begins with a slash"),
        (&["connect", "http://localhost", "--parser", "xml"], "msgpack"),
        (&["emit", "http://localhost"], "<EVENT>"),
        (&["emit", "http://localhost", "add", "{1"], "begins as JSON"),
        (&[], "serve"),
    ] {
        let output = run(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(stderr(&output).contains(part), "{args:?}: {}", stderr(&output));
    }
}

#[test]
fn an_address_in_use_is_said_to_be_with_a_way_out() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = taken.local_addr().unwrap().to_string();
    let output = run(&["serve", "--addr", &addr]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stdout(&output), "");
    for part in [&*addr, "another program listens there", "--addr", "port 0"] {
        assert!(stderr(&output).contains(part), "{part}: {}", stderr(&output));
    }
}

#[test]
fn what_cannot_be_served_is_an_error_and_exits_with_1() {
    for (args, part) in [
        (["serve", "--addr", "203.0.113.1:0"], "choose one of its own with --addr"),
        (["serve", "--client-dir", "/nowhere/at/all"], "name the folder of socket.io-client or socket.io, or `cdn`"),
        (["serve", "--client-dir", "crates"], "is not an installed npm package"),
    ] {
        let output = run(&args);
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        assert!(stderr(&output).contains(part), "{args:?}: {}", stderr(&output));
    }
}

#[test]
fn the_options_reach_the_clients() {
    let options = "--path /live --ping-interval 2m --ping-timeout 300ms --max-payload 5000 --transports polling";
    let served = crate::program::Served::start(&options.split(' ').collect::<Vec<_>>());
    let open = request::get(served.addr(), "/live/?EIO=4&transport=polling", &[]);
    for part in [r#""pingInterval":120000"#, r#""pingTimeout":300"#, r#""maxPayload":5000"#, r#""upgrades":[]"#] {
        assert!(open.text().contains(part), "{part}: {}", open.text());
    }
    assert_eq!(request::get(served.addr(), "/socket.io/?EIO=4&transport=polling", &[]).status, 404);
    let page = request::get(served.addr(), "/", &[]);
    assert!(page.text().contains(r#"from "/live/socket.io.esm.min.js""#));
    assert_eq!(request::get(served.addr(), "/live/socket.io.esm.min.js", &[]).status, 200);
}
