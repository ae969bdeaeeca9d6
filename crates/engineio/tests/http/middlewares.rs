//! Row A25: the application's code in front of every request of the engine.

use engineio::{ConnectionErrorHook, ErrorContext, Middleware, PeerAddr, Refusal, SecureTransport};
use http::{HeaderValue, Response, StatusCode};

use super::*;

fn with(middleware: Middleware) -> Config {
    let mut config = Config::default();
    config.middlewares.push(middleware);
    config
}

/// A25, A42, S14: there is no way into the engine that passes a middleware by, and it comes before every check.
#[tokio::test(start_paused = true)]
async fn a_middleware_sees_every_request_before_the_engine_does() {
    let log = Log::default();
    let seen = log.clone();
    let (engine, _sessions) = engine(with(Middleware::new(move |exchange| {
        let websocket = exchange.request.headers.contains_key("upgrade");
        seen.write(format!("{}{}", exchange.request.method, if websocket { " websocket" } else { "" }));
        async move { Ok(exchange) }
    })));
    let sid = get(&engine, HANDSHAKE).await.session();
    post(&engine, &sid, "4hello").await;
    ask(&engine, "OPTIONS", &sid, &[], "").await;
    assert_eq!(get(&engine, "/engine.io/?transport=none").await.status, StatusCode::BAD_REQUEST);
    let (head, _wire) = Wire::open(&engine, WEBSOCKET).await;
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    let (head, _candidate) = Wire::open(&engine, &sid.replace("polling", "websocket")).await;
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    assert_eq!(log.read(), ["GET", "POST", "OPTIONS", "GET", "GET websocket", "GET websocket"]);
}

#[derive(Clone, Debug, PartialEq)]
struct User(&'static str);

/// A25, A57, D41: what was found out about a request is with its session, also after the middleware has waited.
#[tokio::test(start_paused = true)]
async fn what_a_middleware_puts_into_the_extensions_stays_with_the_session() {
    let (engine, mut sessions) = engine(with(Middleware::new(|mut exchange| async move {
        tokio::task::yield_now().await;
        exchange.request.extensions.insert(User("ann"));
        exchange.request.extensions.insert(SecureTransport(true));
        Ok(exchange)
    })));
    let peer = "192.0.2.1:9".parse().unwrap();
    let mut request = Request::get(HANDSHAKE).body(Full::default()).unwrap();
    request.extensions_mut().insert(PeerAddr(peer));
    send(&engine, request).await;
    let request = sessions.recv().await.unwrap().request();
    assert_eq!(request.extensions.get::<User>(), Some(&User("ann")));
    assert_eq!((request.peer, request.secure), (Some(peer), true));
    assert!(request.extensions.get::<PeerAddr>().is_none(), "what has its own field is kept once");

    Wire::open(&engine, WEBSOCKET).await;
    let request = sessions.recv().await.unwrap().request();
    assert_eq!(request.extensions.get::<User>(), Some(&User("ann")));
}

/// A25, A29, A39: a refusal is code 3; the reason is the application's, not the client's.
#[tokio::test(start_paused = true)]
async fn a_refusal_is_a_bad_request_and_its_reason_stays_here() {
    let log = Log::default();
    let told = log.clone();
    let mut config = with(Middleware::new(|exchange| async move {
        let token = exchange.request.headers.get("authorization").ok_or_else(|| Refusal::new("no token"))?;
        let _number: u32 = token.to_str()?.parse()?;
        Ok(exchange)
    }));
    config.connection_error = Some(ConnectionErrorHook::new(move |error| {
        let ErrorContext::MiddlewareFailure { error: reason } = &error.context else { panic!("{error:?}") };
        let path = error.request.uri.path();
        told.write(format!("{path} {} {} {:?} {reason}", error.code, error.message, error.context.name()));
    }));
    let (engine, _sessions) = engine(config);
    let answer = get(&engine, HANDSHAKE).await;
    assert_eq!((answer.status.as_u16(), answer.text()), (400, r#"{"code":3,"message":"Bad request"}"#));
    let answer = ask(&engine, "GET", WEBSOCKET, &UPGRADE, "").await;
    assert_eq!((answer.status.as_u16(), answer.text()), (400, "Bad request"));
    assert_eq!((answer.header("connection"), answer.header("content-type")), (Some("close"), Some("text/html")));
    assert_eq!(log.read(), ["/engine.io/ 3 Bad request Some(\"MIDDLEWARE_FAILURE\") no token"; 2]);
    ask(&engine, "GET", HANDSHAKE, &[("authorization", "x")], "").await;
    assert!(log.read()[0].ends_with("invalid digit found in string"));
    assert_eq!(ask(&engine, "GET", HANDSHAKE, &[("authorization", "1")], "").await.status, StatusCode::OK);
    assert_eq!(engine.session_count(), 1);
}

/// A25: a middleware answers by itself, and those behind it do not run.
#[tokio::test(start_paused = true)]
async fn a_middleware_may_answer_in_place_of_the_engine() {
    let mut config = with(Middleware::new(|mut exchange| async move {
        exchange.response_headers.insert("x-first", HeaderValue::from_static("1"));
        Ok(exchange)
    }));
    config.middlewares.push(Middleware::new(|_| async {
        let answer = Response::builder().status(StatusCode::UNAUTHORIZED).body("log in first".into())?;
        Err(Refusal::answer(answer))
    }));
    config.middlewares.push(Middleware::new(|_| async { panic!("not reached") }));
    config.connection_error = Some(ConnectionErrorHook::new(|_| panic!("nothing was refused")));
    let (engine, _sessions) = engine(config);
    let answer = get(&engine, HANDSHAKE).await;
    assert_eq!((answer.status, answer.text()), (StatusCode::UNAUTHORIZED, "log in first"));
    assert_eq!(answer.header("x-first"), Some("1"));
    assert_eq!(engine.session_count(), 0);
}

/// A25, A34: added headers are on every answer, errors included; the engine's own win; cookies add up.
#[tokio::test(start_paused = true)]
async fn headers_of_middlewares_are_on_every_answer_and_the_engines_own_count_before_them() {
    let mut config = with(Middleware::new(|mut exchange| async move {
        let headers = &mut exchange.response_headers;
        headers.insert("x-mine", HeaderValue::from_static("1"));
        headers.append("x-mine", HeaderValue::from_static("2"));
        headers.insert("content-type", HeaderValue::from_static("text/x"));
        headers.insert("set-cookie", HeaderValue::from_static("a=b"));
        Ok(exchange)
    }));
    config.cookie = Some(engineio::Cookie::default());
    let (engine, _sessions) = engine(config);
    let opened = get(&engine, HANDSHAKE).await;
    let sid = opened.session();
    let all = |answer: &Answer, name: &str| answer.headers.get_all(name).iter().count();
    assert_eq!((all(&opened, "x-mine"), all(&opened, "set-cookie")), (2, 2));
    for answer in [opened, post(&engine, &sid, "4x").await, get(&engine, "/engine.io/").await] {
        assert_eq!(all(&answer, "x-mine"), 2, "{answer:?}");
        assert_ne!(answer.header("content-type"), Some("text/x"));
    }
    let (head, _wire) = Wire::open(&engine, WEBSOCKET).await;
    assert!(head.starts_with("HTTP/1.1 101") && head.contains("x-mine: 1\r\nx-mine: 2\r\n"), "{head}");
    let refused = ask(&engine, "GET", &WEBSOCKET.replace("websocket", "x"), &UPGRADE, "").await;
    assert_eq!(refused.header("x-mine"), None, "as in the reference");
}

/// A25: they run in order, and the engine goes by what the last one passes on.
#[tokio::test(start_paused = true)]
async fn middlewares_run_in_order_and_may_change_the_request() {
    let step = |from: &'static str, to: &'static str| {
        Middleware::new(move |mut exchange| async move {
            let query = exchange.request.uri.query().unwrap().replace(from, to);
            exchange.request.uri = format!("/engine.io/?{query}").parse()?;
            Ok(exchange)
        })
    };
    let mut config = with(step("one", "two"));
    config.middlewares.push(step("two", "polling"));
    let (engine, _sessions) = engine(config);
    assert_eq!(get(&engine, "/engine.io/?EIO=4&transport=one").await.status, StatusCode::OK);
}
