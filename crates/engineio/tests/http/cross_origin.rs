//! Row A13, hazard S2: what the engine says of origins, and whom it lets in by them. The headers themselves are tested
//! beside `Cors`, and against the reference in the workspace's `tests/`.

use engineio::{Cors, Middleware, Origins};

use super::*;

const HERE: (&str, &str) = ("origin", "https://here.example");
const AWAY: (&str, &str) = ("origin", "https://away.example");

fn cors() -> Cors {
    Cors::new(Origins::list([HERE.1]))
}

fn of(cors: Cors) -> Engine {
    let mut config = Config::default();
    config.cors = Some(cors);
    engine(config).0
}

/// S2, A13: a server that was told nothing about origins says nothing about them.
#[tokio::test(start_paused = true)]
async fn without_cors_no_answer_says_anything_of_origins_and_options_is_refused() {
    let (engine, _sessions) = engine(Config::default());
    for method in ["GET", "OPTIONS", "POST"] {
        let answer = ask(&engine, method, HANDSHAKE, &[HERE], "").await;
        let said: Vec<_> = answer.headers.keys().filter(|name| name.as_str().starts_with("access-control")).collect();
        assert!(said.is_empty() && answer.header("vary").is_none(), "{method}: {said:?}");
        assert_eq!(answer.text().contains(r#""code":2"#), method != "GET", "{method}");
    }
}

/// A13, A34: the preflight is answered at once, and every other answer, errors included, names the origin.
#[tokio::test(start_paused = true)]
async fn a_preflight_is_answered_and_all_other_answers_name_the_origin() {
    let mut config = Config::default();
    config.cors = Some(cors());
    let log = Log::default();
    let seen = log.clone();
    config.middlewares.push(Middleware::new(move |exchange| {
        seen.write(exchange.request.method.as_str());
        async move { Ok(exchange) }
    }));
    let engine = engine(config).0;
    let preflight = ask(&engine, "OPTIONS", HANDSHAKE, &[HERE, ("access-control-request-headers", "x-a")], "").await;
    assert_eq!((preflight.status.as_u16(), preflight.text()), (204, ""));
    assert_eq!(preflight.header("access-control-allow-headers"), Some("x-a"));
    assert!(log.read().is_empty(), "nobody else sees a preflight");

    let opened = ask(&engine, "GET", HANDSHAKE, &[HERE], "").await;
    let posted = ask(&engine, "POST", &opened.session(), &[HERE], "4x").await;
    let refused = ask(&engine, "POST", HANDSHAKE, &[HERE], "").await;
    for answer in [preflight, opened, posted, refused] {
        assert_eq!(answer.header("access-control-allow-origin"), Some(HERE.1), "{answer:?}");
        assert!(answer.header("vary").unwrap().starts_with("Origin"));
    }
    let away = ask(&engine, "GET", HANDSHAKE, &[AWAY], "").await;
    assert_eq!((away.status.as_u16(), away.header("access-control-allow-origin")), (200, None), "the browser decides");
}

/// A13: a preflight that goes on is the engine's, which has no use for it.
#[tokio::test(start_paused = true)]
async fn a_preflight_that_goes_on_meets_the_engine() {
    let mut cors = cors();
    cors.preflight_continue = true;
    let answer = ask(&of(cors), "OPTIONS", HANDSHAKE, &[HERE], "").await;
    assert_eq!(answer.text(), r#"{"code":2,"message":"Bad handshake method"}"#);
    assert_eq!(answer.header("access-control-allow-origin"), Some(HERE.1));
}

/// S2, H13, S26: browsers ask nobody before a WebSocket, so the engine can look at the origin itself.
#[tokio::test(start_paused = true)]
async fn handshakes_of_other_origins_are_forbidden_where_the_engine_checks_them() {
    let mut checking = cors();
    checking.check_handshakes = true;
    let engine = of(checking);
    let refused = ask(&engine, "GET", HANDSHAKE, &[AWAY], "").await;
    assert_eq!((refused.status.as_u16(), refused.text()), (403, r#"{"code":4,"message":"Forbidden"}"#));
    let sid = ask(&engine, "GET", HANDSHAKE, &[HERE], "").await.session();
    for target in [WEBSOCKET, &sid.replace("polling", "websocket")] {
        let headers = [&UPGRADE[..], &[AWAY]].concat();
        let refused = ask(&engine, "GET", target, &headers, "").await;
        assert_eq!((refused.status.as_u16(), refused.text()), (400, "Forbidden"), "{target}");
    }
    assert_eq!(post(&engine, &sid, "4x").await.text(), "ok", "the session does not notice");
    let (head, _wire) = Wire::open(&engine, WEBSOCKET).await;
    assert!(head.starts_with("HTTP/1.1 101"), "without an origin it is no page: {head}");

    // Off by default: as far as the header goes, and no further.
    let headers = [&UPGRADE[..], &[AWAY]].concat();
    let answer = ask(&of(cors()), "GET", WEBSOCKET, &headers, "").await;
    assert_eq!(answer.text(), "This connection cannot be upgraded", "there is no connection behind it in this test");
}
