//! Ways through a proxy.

use tokio::net::TcpStream;

use super::*;
use crate::client::TransportErrorKind;

/// A proxy that does with each connection what a function says; a function from a connection to what was asked for, if
/// the proxy is to go on from there to `server`.
async fn proxy<Fut>(
    server: u16,
    ask: impl Fn(TcpStream) -> Fut + Clone + Send + 'static,
) -> (u16, mpsc::UnboundedReceiver<String>)
where
    Fut: Future<Output = Option<(TcpStream, String)>> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, asked) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (ask, sender) = (ask.clone(), sender.clone());
            tokio::spawn(async move {
                let Some((mut stream, what)) = ask(stream).await else { return };
                sender.send(what).unwrap();
                let mut server = TcpStream::connect(("127.0.0.1", server)).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut stream, &mut server).await;
            });
        }
    });
    (port, asked)
}

/// Answers a CONNECT with `200`, if it names the user.
async fn connect(mut stream: TcpStream) -> Option<(TcpStream, String)> {
    let request = read_request(&mut stream).await?;
    if header(&request, "proxy-authorization") != Some("Basic dXNlcjpwQHNz") {
        let _ = stream.write_all(b"HTTP/1.1 407 X\r\nContent-Length: 0\r\n\r\n").await;
        return None;
    }
    stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.ok()?;
    Some((stream, request))
}

/// Speaks SOCKS 5, and gives what was asked for: kind of address, address, port.
async fn socks(mut stream: TcpStream, user: Option<(&str, &str)>) -> Option<(TcpStream, String)> {
    let count = { (stream.read_u8().await.ok()? == 5).then_some(stream.read_u8().await.ok()?)? };
    let mut methods = vec![0; usize::from(count)];
    stream.read_exact(&mut methods).await.ok()?;
    let method = if user.is_some() { 2 } else { 0 };
    if !methods.contains(&method) {
        stream.write_all(&[5, 0xff]).await.ok()?;
        return None;
    }
    stream.write_all(&[5, method]).await.ok()?;
    if let Some((user, password)) = user {
        let mut expected = vec![1, u8::try_from(user.len()).unwrap()];
        expected.extend(user.bytes());
        expected.push(u8::try_from(password.len()).unwrap());
        expected.extend(password.bytes());
        let mut sent = vec![0; expected.len()];
        stream.read_exact(&mut sent).await.ok()?;
        stream.write_all(&[1, u8::from(sent != expected)]).await.ok()?;
    }
    let mut head = [0; 4];
    stream.read_exact(&mut head).await.ok()?;
    assert_eq!(head[..3], [5, 1, 0]);
    let len = match head[3] {
        1 => 4,
        4 => 16,
        _ => usize::from(stream.read_u8().await.ok()?),
    };
    let mut address = vec![0; len];
    stream.read_exact(&mut address).await.ok()?;
    let port = stream.read_u16().await.ok()?;
    let address = if head[3] == 3 { String::from_utf8(address).ok()? } else { format!("{address:?}") };
    // Bound to a name, of all things.
    stream.write_all(b"\x05\x00\x00\x03\x05proxy\x00\x00").await.ok()?;
    Some((stream, format!("{} {address} {port}", head[3])))
}

fn config(proxy: &str) -> Config {
    Config { proxy: Some(proxy.parse().unwrap()), ..Config::default() }
}

/// B16: a tunnel for http as well; the proxy finds out where the server is.
#[tokio::test]
async fn an_http_proxy_is_asked_to_connect_with_the_user_of_its_url() {
    let answer = |request: &str| if request.contains("websocket") { switching(request, "", b"") } else { ok("ok") };
    let mut server = Server::start(answer).await;
    let (port, mut asked) = proxy(server.port, connect).await;
    let config = config(&format!("http://user:p%40ss@127.0.0.1:{port}"));
    let endpoint = endpoint("http://nowhere.invalid", config);
    assert_eq!(get(&endpoint).await.unwrap(), "ok");
    let request = asked.recv().await.unwrap();
    assert!(request.starts_with("CONNECT nowhere.invalid:80 HTTP/1.1\r\n"), "{request}");
    assert_eq!(header(&request, "host"), Some("nowhere.invalid:80"));
    let inner = server.request().await;
    assert!(inner.starts_with("GET /engine.io/?"), "{inner}");
    assert_eq!((header(&inner, "host"), header(&inner, "proxy-authorization")), (Some("nowhere.invalid"), None));

    websocket(&endpoint).await.unwrap();
    assert!(asked.recv().await.unwrap().starts_with("CONNECT nowhere.invalid:80 "));
}

/// B16: names, addresses, and the user of the URL.
#[tokio::test]
async fn a_socks_proxy_is_told_where_to_go() {
    let server = Server::saying(ok("ok")).await;
    let (open, mut asked_open) = proxy(server.port, |stream| socks(stream, None)).await;
    let (closed, mut asked_closed) = proxy(server.port, |stream| socks(stream, Some(("user", "p@ss")))).await;
    for (url, expected) in [
        ("http://nowhere.invalid", "3 nowhere.invalid 80"),
        ("http://10.0.0.1:81", "1 [10, 0, 0, 1] 81"),
        ("ws://[::1]", "4 [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1] 80"),
    ] {
        for user in ["", "user:p%40ss@"] {
            let config = config(&format!("socks5://{user}127.0.0.1:{open}"));
            assert_eq!(get(&endpoint(url, config)).await.unwrap(), "ok");
            assert_eq!(asked_open.recv().await.unwrap(), expected);
        }
        let config = config(&format!("socks5://user:p%40ss@127.0.0.1:{closed}"));
        assert_eq!(get(&endpoint(url, config)).await.unwrap(), "ok");
        assert_eq!(asked_closed.recv().await.unwrap(), expected);
    }
}

/// B16: who does not let through says why, and the error says that it was the proxy.
#[tokio::test]
async fn a_proxy_that_refuses_is_an_error_of_the_proxy() {
    let (http, _asked) = proxy(1, connect).await;
    let (socks, _asked) = proxy(1, |stream| socks(stream, Some(("user", "p@ss")))).await;
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    for (url, status, says) in [
        (format!("http://127.0.0.1:{http}"), Some(407), "put them into its URL"),
        (format!("http://user:wrong@127.0.0.1:{http}"), Some(407), "put them into its URL"),
        (format!("socks5://127.0.0.1:{socks}"), None, "put them into its URL"),
        (format!("socks5://user:wron@127.0.0.1:{socks}"), None, "does not accept the user"),
        (format!("socks5://127.0.0.1:{gone}"), None, "no connection to the proxy"),
    ] {
        let error = get(&endpoint("http://nowhere.invalid", config(&url))).await.unwrap_err();
        assert_eq!((error.kind(), error.status()), (TransportErrorKind::Proxy, status), "{url}: {error}");
        assert!(error.to_string().contains(says) && error.is_connect(), "{url}: {error}");
        assert!(!format!("{error} {error:?}").contains("wron"), "{error:?}");
    }
}

/// S27: what is no proxy is an error too, and nothing that it says is taken for the server's.
#[tokio::test]
async fn what_does_not_speak_like_a_proxy_is_left() {
    let cases: &[(&str, &[u8])] = &[
        ("http", b"SSH-2.0-OpenSSH_9.6\r\n"),
        ("http", b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ("http", b"HTTP/1.1 302 X\r\nLocation: http://other\r\nContent-Length: 0\r\n\r\n"),
        ("http", b""),
        ("socks5", b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        ("socks5", b"\x05\x00\x05\x05\x00\x01\x00\x00\x00\x00\x00\x00"),
        ("socks5", b"\x05\x00\x05\x00\x00\x09\x00\x00\x00\x00\x00\x00"),
        ("socks5", b"\x05\x00\x05\x00\x00\x03\xff"),
        ("socks5", b"\x05\x02"),
        ("socks5", b"\x05\x01"),
        ("socks5", b"\x04\x00"),
        ("socks5", b""),
    ];
    for &(scheme, answer) in cases {
        let (port, _asked) = proxy(1, move |mut stream| async move {
            stream.write_all(answer).await.unwrap();
            // Reads on, so that what was said is not lost to a reset; then there is no more.
            stream.shutdown().await.unwrap();
            while matches!(stream.read(&mut [0; 100]).await, Ok(1..)) {}
            None
        })
        .await;
        let error = get(&endpoint("http://x.invalid", config(&format!("{scheme}://127.0.0.1:{port}")))).await;
        let error = error.unwrap_err();
        assert_eq!(error.kind(), TransportErrorKind::Proxy, "{scheme} {answer:?}: {error}");
    }
}
