//! What the engine adds to its answers over HTTP when it is told to: CORS, compression, the cookie, the initial packet and the
//! application's headers. A10, A12 to A14, A17, A25, A27, A28.

use std::io::Read;

use flate2::read::{GzDecoder, ZlibDecoder};
use socketio_tests::{
    Connection, CorsSettings, Frame, HttpSettings, OriginSettings, PollingSession, Response, Settings, TestServer, Wire,
};

const HANDSHAKE: &str = "/engine.io/?EIO=4&transport=polling";
const WEBSOCKET: &str = "/engine.io/?EIO=4&transport=websocket";
const HERE: &str = "https://here.example";
const AWAY: &str = "https://away.test";

fn server(http: HttpSettings) -> TestServer {
    TestServer::start(&Settings { http, ..Settings::calm() })
}

fn of_origins(origins: OriginSettings, elaborate: bool) -> TestServer {
    server(HttpSettings { cors: Some(CorsSettings { origins, elaborate }), ..HttpSettings::default() })
}

fn ask(server: &TestServer, method: &str, target: &str, headers: &[(&str, &str)]) -> Response {
    let mut connection = Connection::open(server.addr());
    let headers = [headers, &[("Connection", "close")]].concat();
    connection.send_request(method, target, &headers, (method == "POST").then_some(&b""[..]));
    connection.response()
}

/// The headers about origins, one a line and sorted.
fn about_origins(response: &Response) -> Vec<String> {
    let about = |name: &str| name == "vary" || name.starts_with("access-control-");
    let mut lines: Vec<String> = response
        .headers
        .iter()
        .filter(|(name, _)| about(name))
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    lines.sort();
    lines
}

// A13, S2: without CORS nothing is said about origins, and OPTIONS is a bad handshake.
#[test]
fn without_cors_nothing_is_said_about_origins() {
    let server = TestServer::calm();
    for method in ["GET", "OPTIONS"] {
        let response = ask(&server, method, HANDSHAKE, &[("Origin", HERE)]);
        assert_eq!(about_origins(&response), Vec::<String>::new(), "{method}");
        assert_eq!(response.status, if method == "GET" { 200 } else { 400 });
    }
}

// A13: each way of naming origins, for an origin that is allowed, one that is not, and none.
#[test]
fn an_answer_names_the_origin_as_the_configuration_has_it() {
    let origin = |origin: &str| format!("access-control-allow-origin: {origin}");
    let vary = || "vary: Origin".to_owned();
    let list: &[&str] = &[HERE, "https://other.example"];
    for (origins, here, away, none) in [
        (OriginSettings::Any, vec![origin("*")], vec![origin("*")], vec![origin("*")]),
        (OriginSettings::Mirror, vec![origin(HERE), vary()], vec![origin(AWAY), vary()], vec![vary()]),
        (
            OriginSettings::Exact(HERE),
            vec![origin(HERE), vary()],
            vec![origin(HERE), vary()],
            vec![origin(HERE), vary()],
        ),
        (OriginSettings::List(list), vec![origin(HERE), vary()], vec![vary()], vec![vary()]),
        (OriginSettings::EndingWith(".example"), vec![origin(HERE), vary()], vec![vary()], vec![vary()]),
    ] {
        let server = of_origins(origins, false);
        for (asks, expected) in [(Some(HERE), here), (Some(AWAY), away), (None, none)] {
            let headers: Vec<_> = asks.iter().map(|origin| ("Origin", *origin)).collect();
            let opened = ask(&server, "GET", HANDSHAKE, &headers);
            assert_eq!((opened.status, about_origins(&opened)), (200, expected.clone()), "{origins:?} {asks:?}");
            // A34: an error has them as well.
            let refused = ask(&server, "GET", "/engine.io/?transport=x", &headers);
            assert_eq!((refused.status, about_origins(&refused)), (400, expected), "{origins:?} {asks:?}");
        }
    }
}

// A13: the answer to a preflight, with the defaults and with everything set.
#[test]
fn a_preflight_is_answered_in_full() {
    let asks = [
        ("Origin", HERE),
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "x-one, x-two"),
    ];
    let plain = [
        "access-control-allow-headers: x-one, x-two",
        "access-control-allow-methods: GET,HEAD,PUT,PATCH,POST,DELETE",
        "access-control-allow-origin: https://here.example",
        "vary: Origin, Access-Control-Request-Headers",
    ];
    let elaborate = [
        "access-control-allow-credentials: true",
        "access-control-allow-headers: x-in",
        "access-control-allow-methods: GET,POST",
        "access-control-allow-origin: https://here.example",
        "access-control-expose-headers: x-out",
        "access-control-max-age: 600",
        "vary: Origin",
    ];
    for (all, status, expected) in [(false, 204, &plain[..]), (true, 200, &elaborate[..])] {
        let server = of_origins(OriginSettings::List(&[HERE]), all);
        let answer = ask(&server, "OPTIONS", HANDSHAKE, &asks);
        assert_eq!(
            (answer.status, about_origins(&answer)),
            (status, expected.iter().map(|s| (*s).to_owned()).collect())
        );
        assert_eq!(answer.body, b"");
    }
    let server = of_origins(OriginSettings::Any, false);
    let bare = ask(&server, "OPTIONS", "/engine.io/?no=session", &[]);
    let expected = [plain[1], "access-control-allow-origin: *", "vary: Access-Control-Request-Headers"];
    assert_eq!((bare.status, about_origins(&bare)), (204, expected.map(str::to_owned).to_vec()));
}

// A13: beside the origin, an ordinary answer says what may be read and whether cookies count.
#[test]
fn an_ordinary_answer_says_what_a_script_may_read() {
    let server = of_origins(OriginSettings::List(&[HERE]), true);
    let expected = [
        "access-control-allow-credentials: true",
        "access-control-allow-origin: https://here.example",
        "access-control-expose-headers: x-out",
        "vary: Origin",
    ];
    let session = PollingSession::open(&server);
    for (method, target) in [("GET", HANDSHAKE), ("POST", HANDSHAKE), ("POST", &session.target())] {
        let answer = ask(&server, method, target, &[("Origin", HERE)]);
        assert_eq!(about_origins(&answer), expected, "{method} {target}");
    }
}

fn unpacked(response: &Response) -> String {
    let mut text = String::new();
    match response.header("content-encoding") {
        Some("gzip") => GzDecoder::new(&response.body[..]).read_to_string(&mut text).expect("gzip"),
        Some("deflate") => ZlibDecoder::new(&response.body[..]).read_to_string(&mut text).expect("zlib"),
        Some(other) => panic!("nobody asked for {other}"),
        None => return response.text().to_owned(),
    };
    text
}

// A10: an answer of 1,024 bytes and more is compressed, in the coding that the client likes best.
#[test]
fn a_long_answer_is_compressed_as_the_client_likes() {
    let server = server(HttpSettings { compression: true, ..HttpSettings::default() });
    let session = PollingSession::open(&server);
    let (long, short) = (format!("4{}", "x".repeat(1023)), format!("4{}", "x".repeat(1022)));
    for (message, accept, coding) in [
        (&long, "gzip, deflate, br", Some("gzip")),
        (&long, "deflate, gzip", Some("deflate")),
        (&long, "deflate;q=0.5, gzip;q=0.8", Some("gzip")),
        (&long, "gzip;q=0, *", Some("deflate")),
        (&long, "*", Some("gzip")),
        (&long, "br, identity", None),
        (&long, "*;q=0", None),
        (&long, "", None),
        (&short, "gzip", None),
    ] {
        let posted = session.post(message);
        assert_eq!((posted.status, posted.text()), (200, "ok"));
        let answer = ask(&server, "GET", &session.target(), &[("Accept-Encoding", accept)]);
        assert_eq!(answer.header("content-encoding"), coding, "{accept:?}, {} bytes", message.len());
        assert_eq!(answer.header("content-type"), Some("text/plain; charset=UTF-8"));
        assert_eq!((answer.header("vary"), answer.header("cache-control")), (None, Some("no-store")));
        assert_eq!(&unpacked(&answer), message, "{accept:?}");
    }
}

// A14: the answer to a handshake over polling sets it, and no other.
#[test]
fn the_cookie_is_set_by_the_polling_handshake_only() {
    let server = server(HttpSettings { cookie: true, ..HttpSettings::default() });
    let opened = ask(&server, "GET", HANDSHAKE, &[]);
    let sid = opened.text().split('"').nth(3).expect("a session id");
    let expected = format!("io={sid}; Path=/; HttpOnly; SameSite=Lax");
    assert_eq!(opened.header("set-cookie"), Some(expected.as_str()));
    let session = PollingSession::open(&server);
    assert_eq!(session.post("4x").header("set-cookie"), None);
    assert_eq!(session.get().header("set-cookie"), None);
    assert_eq!(switched(&server, WEBSOCKET).header("set-cookie"), None);
}

// A17: it comes with the open packet over polling, and as the second frame over WebSocket.
#[test]
fn the_initial_packet_follows_the_open_packet() {
    let server = server(HttpSettings { initial_packet: Some("welcome"), ..HttpSettings::default() });
    let opened = ask(&server, "GET", HANDSHAKE, &[]);
    let (open, initial) = opened.text().split_once('\u{1e}').expect("two packets");
    assert!(open.starts_with("0{") && open.ends_with('}'), "{open}");
    assert_eq!(initial, "4welcome");
    let (mut wire, _handshake) = Wire::open_session(&server);
    assert_eq!(wire.receive(), Frame::Text("4welcome".to_owned()));
}

/// The 101 for a WebSocket.
fn switched(server: &TestServer, target: &str) -> Response {
    let mut connection = Connection::open(server.addr());
    connection.send_head(
        "GET",
        target,
        &[
            ("Connection", "Upgrade"),
            ("Upgrade", "websocket"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ],
    );
    connection.try_head().expect("an answer")
}

// A25, A27, A28: what middlewares and hooks add, answer by answer.
#[test]
fn headers_of_the_application_are_where_they_belong() {
    let server = server(HttpSettings { hooks: true, ..HttpSettings::default() });
    let added = |answer: &Response| {
        ["x-middleware", "x-initial", "x-each"].map(|name| u8::from(answer.header(name) == Some("1")))
    };
    let session = PollingSession::open(&server);
    assert_eq!(added(&ask(&server, "GET", HANDSHAKE, &[])), [1, 1, 1], "the handshake");
    assert_eq!(added(&session.post("4x")), [1, 0, 1], "a POST");
    assert_eq!(added(&session.get()), [1, 0, 1], "a GET");
    assert_eq!(added(&ask(&server, "GET", "/engine.io/?transport=x", &[])), [1, 0, 0], "a refusal");
    let opened = switched(&server, WEBSOCKET);
    assert_eq!((opened.status, added(&opened)), (101, [1, 1, 1]), "a WebSocket");
    let upgrade = switched(&server, &session.target_for("websocket"));
    assert_eq!((upgrade.status, added(&upgrade)), (101, [1, 0, 1]), "an upgrade");
    let refused = switched(&server, "/engine.io/?transport=x");
    assert_eq!((refused.status, added(&refused)), (400, [0, 0, 0]), "a WebSocket that is refused");
}

// A25, A39, A42: a middleware comes before every check, and its refusal is code 3.
#[test]
fn a_middleware_that_refuses_comes_before_every_check() {
    let server = server(HttpSettings { hooks: true, ..HttpSettings::default() });
    for target in ["/engine.io/?fail=1", "/engine.io/?EIO=4&transport=polling&fail=1"] {
        let answer = ask(&server, "GET", target, &[]);
        assert_eq!((answer.status, answer.text()), (400, r#"{"code":3,"message":"Bad request"}"#));
    }
    assert_eq!(switched(&server, &format!("{WEBSOCKET}&fail=1")).status, 400);
}
