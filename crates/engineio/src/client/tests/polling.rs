//! Requests of long-polling.

use std::{
    io::Write as _,
    net::{IpAddr, Ipv4Addr},
    sync::Mutex,
};

use flate2::{Compression, write::GzEncoder};
use http::{HeaderValue, header};
use tokio::io::DuplexStream;

use super::*;
use crate::client::{Connector, Family, TransportErrorKind};

/// B25, B43.
#[tokio::test]
async fn a_request_has_what_the_protocol_wants_and_nothing_that_it_does_not() {
    let mut server = Server::saying(ok("ok")).await;
    let requests = Requests::new(server.endpoint(Config::default()));
    assert_eq!(within(requests.get(None, MAX_BYTES)).await.unwrap(), "ok");
    let get = server.request().await;
    let (start, stamp) = get.lines().next().unwrap().split_once("&t=").unwrap();
    assert_eq!(start, "GET /engine.io/?EIO=4&transport=polling");
    assert!(stamp.len() > 10, "{stamp}");
    assert_eq!(header(&get, "host"), Some(&*format!("127.0.0.1:{}", server.port)));
    assert_eq!((header(&get, "accept"), header(&get, "accept-encoding")), (Some("*/*"), Some("gzip, deflate")));
    assert_eq!((header(&get, "content-type"), header(&get, "cookie")), (None, None));

    within(requests.post(sid(), "4hello".into())).await.unwrap();
    let post = server.request().await;
    assert!(post.starts_with("POST /engine.io/?EIO=4&transport=polling&t="), "{post}");
    assert!(post.contains("&sid=the-sid HTTP/1.1") && post.ends_with("\r\n\r\n4hello"), "{post}");
    assert_eq!((header(&post, "accept"), header(&post, "content-length")), (Some("*/*"), Some("6")));
    assert_eq!(header(&post, "content-type"), Some("text/plain;charset=UTF-8"));
}

/// B11: two URLs are never the same.
#[tokio::test]
async fn the_stamp_has_the_name_it_was_given_and_another_value_each_time() {
    let mut server = Server::saying(ok("ok")).await;
    let config = Config { timestamp_param: "stamp".into(), force_base64: true, ..Config::default() };
    let requests = Requests::new(server.endpoint(config));
    let mut seen = std::collections::HashSet::new();
    for _ in 0..20 {
        within(requests.get(sid(), MAX_BYTES)).await.unwrap();
        let request = server.request().await;
        let (_, query) = request.lines().next().unwrap().split_once("&stamp=").unwrap();
        let (stamp, rest) = query.split_once('&').unwrap();
        assert_eq!(rest, "sid=the-sid&b64=1 HTTP/1.1");
        assert!(seen.insert(stamp.to_owned()), "{stamp} twice");
    }
}

/// B2, B7, B8, B13: what is the user's is sent, and what is the protocol's stays.
#[tokio::test]
async fn a_request_has_what_the_user_wants() {
    let mut server = Server::saying(ok("ok")).await;
    let mut config = Config { path: "chät/x%20y".into(), ..Config::default() };
    config.query = vec![("room".into(), "b".into()), ("sid".into(), "mine".into())];
    config.extra_headers.insert(header::AUTHORIZATION, HeaderValue::from_static("Bearer x"));
    config.extra_headers.append(header::ACCEPT_LANGUAGE, HeaderValue::from_static("de"));
    config.extra_headers.append(header::ACCEPT_LANGUAGE, HeaderValue::from_static("fr"));
    config.extra_headers.insert(header::HOST, HeaderValue::from_static("virtual"));
    config.extra_headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("99"));
    config.extra_headers.insert(header::UPGRADE, HeaderValue::from_static("h2c"));
    config.polling.timestamp_requests = Some(false);
    let url = format!("{}/admin?room=a&token=%26#x", server.url());
    get(&endpoint(&url, config)).await.unwrap();
    let request = server.request().await;
    assert!(
        request.starts_with("GET /ch%C3%A4t/x%20y/?token=%26&room=b&EIO=4&transport=polling HTTP/1.1\r\n"),
        "{request}"
    );
    assert_eq!((header(&request, "authorization"), header(&request, "host")), (Some("Bearer x"), Some("virtual")));
    assert_eq!(request.matches("accept-language: ").count(), 2);
    assert_eq!((header(&request, "content-length"), header(&request, "upgrade")), (None, None));
}

#[tokio::test]
async fn a_path_that_no_url_can_have_is_an_error_of_the_configuration() {
    let server = Server::saying(ok("ok")).await;
    for path in ["/%", "/a b\r\nx: y", "/?x#y", "//"] {
        let result = get(&server.endpoint(Config { path: path.into(), ..Config::default() })).await;
        assert!(result.is_ok() || result.is_err_and(|error| error.is_configuration()), "{path}");
    }
}

/// A GET that waits does not hold up a POST, and both connections are used again.
#[tokio::test]
async fn get_and_post_have_a_connection_each_and_keep_it() {
    let mut server = Server::start(|request| if request.contains("hold") { Vec::new() } else { ok("ok") }).await;
    let requests = Requests::new(server.endpoint(Config::default()));
    let waiting = tokio::spawn(requests.get(Some(SessionId::new("hold")), MAX_BYTES));
    assert!(matches!(server.seen().await, Seen::Request(0, _)));
    for _ in 0..3 {
        within(requests.post(sid(), "4x".into())).await.unwrap();
        assert!(matches!(server.seen().await, Seen::Request(1, _)));
    }
    waiting.abort();
    server.end_of(0).await;
    for _ in 0..3 {
        within(requests.get(sid(), MAX_BYTES)).await.unwrap();
        assert!(matches!(server.seen().await, Seen::Request(1, _)));
    }
    requests.close_idle();
    server.end_of(1).await;
}

/// A server may close an idle connection whenever it likes; nobody is to notice.
#[tokio::test]
async fn a_connection_that_the_server_closed_is_not_used_again() {
    let mut server = Server::start(|request| {
        let mut answer = ok("ok");
        if request.starts_with("GET") {
            answer.splice(17..17, *b"Connection: close\r\n");
        }
        answer
    })
    .await;
    let requests = Requests::new(server.endpoint(Config::default()));
    for number in 0..3 {
        within(requests.get(sid(), MAX_BYTES)).await.unwrap();
        server.end_of(number).await;
    }
    // Without a word, in the middle of the idle time.
    let (config, mut servers) = in_memory(2);
    let requests = Requests::new(endpoint("http://memory", config));
    while let Some(mut server) = servers.pop() {
        let (posted, request) = tokio::join!(within(requests.post(sid(), "4a".into())), async {
            let request = read_request(&mut server).await;
            server.write_all(&ok("ok")).await.unwrap();
            request
        });
        assert!(posted.is_ok() && request.is_some());
        drop(server);
    }
}

/// A client that makes so many connections, which lead here; the last one is the first.
fn in_memory(count: usize) -> (Config, Vec<DuplexStream>) {
    let (clients, servers): (Vec<_>, Vec<_>) = (0..count).map(|_| tokio::io::duplex(1000)).unzip();
    let clients = Mutex::new(clients);
    let connector = Connector::new(move |_| {
        let client = clients.lock().unwrap().pop();
        async { client.ok_or_else(|| std::io::Error::other("there are no more")) }
    });
    (Config { connector: Some(connector), ..Config::default() }, servers)
}

/// What a server sends between two answers belongs to none of them.
#[tokio::test]
async fn an_answer_that_nobody_asked_for_ends_the_connection() {
    let mut server = Server::start(|_| [ok("ok"), ok("smuggled")].concat()).await;
    let requests = Requests::new(server.endpoint(Config::default()));
    for number in 0..3 {
        assert_eq!(within(requests.get(sid(), MAX_BYTES)).await.unwrap(), "ok");
        assert!(matches!(server.seen().await, Seen::Request(..)), "{number}");
        server.end_of(number).await;
    }
}

#[tokio::test]
async fn an_answer_may_be_packed_and_in_pieces() {
    let body = "4hello\u{1e}".repeat(1000);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(6));
    encoder.write_all(body.as_bytes()).unwrap();
    let packed = encoder.finish().unwrap();
    let mut answer = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for chunk in packed.chunks(7) {
        answer.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
        answer.extend(chunk);
        answer.extend(b"\r\n");
    }
    answer.extend(b"0\r\n\r\n");
    let mut server = Server::saying(answer).await;
    let requests = Requests::new(server.endpoint(Config::default()));
    for _ in 0..2 {
        assert_eq!(within(requests.get(None, MAX_BYTES)).await.unwrap(), body);
        assert!(matches!(server.seen().await, Seen::Request(0, _)), "on the same connection");
    }
}

/// S27, R27: a server that never stops, or announces that it will not, is left at once.
#[tokio::test]
async fn an_answer_that_is_too_large_is_given_up_and_its_connection_closed() {
    let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
    let endless = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{}", chunk.repeat(30));
    let announced = "HTTP/1.1 200 OK\r\nContent-Length: 100001\r\n\r\n".to_owned();
    let mut bomb = GzEncoder::new(Vec::new(), Compression::new(9));
    bomb.write_all(&vec![b'x'; 10_000_000]).unwrap();
    let bomb = bomb.finish().unwrap();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", bomb.len());
    for answer in [endless.into_bytes(), announced.into_bytes(), [head.into_bytes(), bomb].concat()] {
        let mut server = Server::saying(&answer).await;
        let error = get(&server.endpoint(Config::default())).await.unwrap_err();
        assert_eq!(error.kind(), TransportErrorKind::BodyTooLarge);
        assert!(error.to_string().contains("100000 bytes"), "{error}");
        server.end_of(0).await;
    }
}

/// B45: a status that is no success is an error with the status, and with what the body says.
#[tokio::test]
async fn a_refusal_has_the_status_and_what_the_server_says() {
    let refused = |status: &str, body: &str| {
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n", body.len());
        [head, body.to_owned()].concat()
    };
    let unknown = r#"{"code":1,"message":"Session ID unknown"}"#;
    let long = format!(r#"{{"code":1,"message":"{}"}}"#, "x".repeat(10_000));
    for (answer, status, code) in [
        (refused("400 Bad Request", unknown), 400, Some(1)),
        (refused("502 Bad Gateway", "<html>"), 502, None),
        (refused("500 Oh", ""), 500, None),
        (refused("403 Forbidden", &long), 403, None),
    ] {
        let server = Server::saying(answer).await;
        let error = get(&server.endpoint(Config::default())).await.unwrap_err();
        assert_eq!((error.kind(), error.status()), (TransportErrorKind::Status, Some(status)));
        assert_eq!(error.refusal().map(|refusal| refusal.code), code, "{error}");
    }
    // As for `fetch`, any success is one.
    for answer in ["HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n"] {
        let server = Server::saying(answer).await;
        within(Requests::new(server.endpoint(Config::default())).post(sid(), "4x".into())).await.unwrap();
    }
}

/// What a refusal says is not waited for without end.
#[tokio::test(start_paused = true)]
async fn a_refusal_whose_body_never_comes_is_one_all_the_same() {
    let mut server = Server::saying("HTTP/1.1 503 X\r\nContent-Length: 10\r\n\r\nhalf").await;
    let error = get(&server.endpoint(Config::default())).await.unwrap_err();
    assert_eq!((error.kind(), error.status()), (TransportErrorKind::Status, Some(503)));
    server.end_of(0).await;
}

/// S27: who redirects would get the session's secrets, or could do so for ever.
#[tokio::test]
async fn a_redirect_is_not_followed() {
    for status in [301, 302, 307, 308] {
        let mut server =
            Server::saying(format!("HTTP/1.1 {status} X\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n")).await;
        let error = get(&server.endpoint(Config::default())).await.unwrap_err();
        assert_eq!((error.kind(), error.status()), (TransportErrorKind::Redirect, Some(status)));
        assert!(error.to_string().contains("redirects to \"/other\""), "{error}");
        server.request().await;
        assert_eq!(server.seen().await, Seen::End(0), "and nothing else was asked");
    }
}

/// S33: what is no HTTP is an error, whatever it is.
#[tokio::test]
async fn an_answer_that_breaks_the_rules_is_an_error() {
    let many: String = (0..200).map(|i| format!("x-{i}: y\r\n")).collect();
    for answer in [
        "SSH-2.0-OpenSSH_9.6\r\n".to_owned(),
        "HTTP/2 200\r\n\r\n".to_owned(),
        format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(1 << 20)),
        format!("HTTP/1.1 200 OK\r\n{many}\r\n"),
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n".to_owned(),
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n".to_owned(),
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\nConnection: close\r\n\r\nshort".to_owned(),
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\nok\r\n".to_owned(),
    ] {
        let name: String = answer.chars().take(60).collect();
        let mut server = Server::saying(answer).await;
        let error = get(&server.endpoint(Config::default())).await.unwrap_err();
        assert_eq!(error.kind(), TransportErrorKind::Http, "{name}: {error}");
        server.end_of(0).await;
    }
    for coding in ["br", "gzip"] {
        let server =
            Server::saying(format!("HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: 5\r\n\r\nhello"))
                .await;
        let error = get(&server.endpoint(Config::default())).await.unwrap_err();
        assert_eq!(error.kind(), TransportErrorKind::ContentCoding, "{coding}");
    }
}

/// B12.
#[tokio::test(start_paused = true)]
async fn a_request_ends_with_its_timeout_and_takes_the_connection_along() {
    for answer in ["", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"] {
        let mut server = Server::saying(answer).await;
        let config = Config { request_timeout: Some(Duration::from_secs(5)), ..Config::default() };
        let error = get(&server.endpoint(config)).await.unwrap_err();
        assert!(error.is_timeout() && error.to_string().contains("Config::request_timeout, 5s"), "{error}");
        server.end_of(0).await;
    }
}

#[tokio::test]
async fn a_request_that_nobody_waits_for_closes_its_connection() {
    for answer in ["", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"] {
        let mut server = Server::saying(answer).await;
        let waiting = tokio::spawn(Requests::new(server.endpoint(Config::default())).get(None, MAX_BYTES));
        server.request().await;
        waiting.abort();
        server.end_of(0).await;
    }
}

/// B9: cookies come back, on requests and on WebSockets, where that was asked for.
#[tokio::test]
async fn cookies_come_back_beside_the_users_own() {
    let answer = |request: &str| {
        if header(request, "upgrade").is_some() {
            return switching(request, "Set-Cookie: ws=3\r\n", b"");
        }
        b"HTTP/1.1 200 OK\r\nSet-Cookie: lb=1; Path=/\r\nSet-Cookie: x=2; HttpOnly\r\nSet-Cookie: no; Domain=other\r\nContent-Length: 2\r\n\r\nok"
            .to_vec()
    };
    let mut server = Server::start(answer).await;
    let mut config = Config { with_credentials: true, ..Config::default() };
    config.extra_headers.insert(header::COOKIE, HeaderValue::from_static("user=0"));
    let endpoint = server.endpoint(config);
    for expected in ["user=0", "user=0; x=2; lb=1"] {
        get(&endpoint).await.unwrap();
        assert_eq!(header(&server.request().await, "cookie"), Some(expected));
    }
    for expected in ["user=0; x=2; lb=1", "user=0; x=2; ws=3; lb=1"] {
        websocket(&endpoint).await.unwrap();
        assert_eq!(header(&server.request().await, "cookie"), Some(expected));
    }
    let endpoint = server.endpoint(Config::default());
    for _ in 0..2 {
        get(&endpoint).await.unwrap();
        assert_eq!(header(&server.request().await, "cookie"), None, "they were not asked for");
    }
}

/// B18.
#[tokio::test]
async fn a_name_is_looked_up_and_its_addresses_are_tried() {
    let server = Server::saying(ok("ok")).await;
    let url = format!("http://localhost:{}", server.port);
    for family in [None, Some(Family::V4)] {
        let local_address = Some(IpAddr::V4(Ipv4Addr::LOCALHOST)).filter(|_| family.is_some());
        let config = Config { family, local_address, ..Config::default() };
        assert_eq!(get(&endpoint(&url, config)).await.unwrap(), "ok", "{family:?}");
    }
    let config = Config { family: Some(Family::V6), ..Config::default() };
    let error = get(&server.endpoint(config)).await.unwrap_err();
    assert!(error.is_connect(), "{error}");
}

#[tokio::test]
async fn where_nobody_listens_the_error_says_where_that_was() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let secret = format!("{url}/?token=secret");
    let error = get(&endpoint(&secret, Config::default())).await.unwrap_err();
    assert_eq!(error.kind(), TransportErrorKind::Connect);
    assert_eq!(
        error.to_string(),
        format!("polling: no connection to {url}: is the server there, and is this its port?")
    );
    assert!(std::error::Error::source(&error).is_some());
    assert!(!format!("{error:?}").contains("secret"));
}

/// A way of the user's own carries everything, and nothing of the client is a task beside who waits.
#[tokio::test]
async fn a_connector_takes_the_place_of_tcp_and_nothing_is_spawned() {
    let (mut config, mut servers) = in_memory(1);
    let in_memory = config.connector.take().unwrap();
    config.connector = Some(Connector::new(move |to| {
        assert_eq!((&*to.host, to.port, to.secure), ("example.com", 8080, false));
        let in_memory = in_memory.clone();
        async move { in_memory.connect(to).await }
    }));
    let mut server = servers.remove(0);
    let requests = Requests::new(endpoint("ws://example.com:8080", config));
    let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    for _ in 0..2 {
        let (body, ()) = tokio::join!(within(requests.get(None, MAX_BYTES)), async {
            assert!(read_request(&mut server).await.unwrap().contains("host: example.com:8080\r\n"));
            assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), tasks);
            server.write_all(&ok("ok")).await.unwrap();
        });
        assert_eq!(body.unwrap(), "ok");
    }
    requests.close_idle();
    assert_eq!(read_request(&mut server).await, None);
    let error = within(requests.get(None, MAX_BYTES)).await.unwrap_err();
    assert!(error.is_connect() && error.to_string().contains("Config::connector"), "{error}");
}
