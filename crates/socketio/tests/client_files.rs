//! Rows D3, D8: the browser client under the server's path, as other pages and caches see it.

#![allow(clippy::unwrap_used, reason = "a failed expectation here is a failed test")]

use std::{fs, path::PathBuf};

use bytes::Bytes;
use engineio::{Cors, Origins};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use socketio::{ClientFiles, Config, Server};
use tower_service::Service as _;

/// A folder that looks like the installed package; it goes with the value.
struct Package(PathBuf);

impl Package {
    fn new(test: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("socketio-client-files-{}-{test}", std::process::id()));
        fs::create_dir_all(folder.join("dist")).unwrap();
        fs::write(folder.join("package.json"), r#"{"version":"4.8.4"}"#).unwrap();
        fs::write(folder.join("dist/socket.io.js"), "client ".repeat(1000)).unwrap();
        Self(folder)
    }

    fn server(&self, cors: Option<Cors>) -> Server {
        let mut config = Config::default();
        config.client_files = ClientFiles::from_package(&self.0).unwrap();
        config.engine.cors = cors;
        Server::with_config(config)
    }
}

impl Drop for Package {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

async fn ask(io: &Server, method: &str, path: &str, headers: &[(&str, &str)]) -> (StatusCode, HeaderMap, Bytes) {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (head, body) = io.service().call(request.body(Empty::<Bytes>::new()).unwrap()).await.unwrap().into_parts();
    (head.status, head.headers, body.collect().await.unwrap().to_bytes())
}

#[tokio::test]
async fn a_client_file_is_served_compressed_and_cached_by_its_version() {
    let package = Package::new("compressed");
    let io = package.server(None);
    let (status, headers, body) = ask(&io, "GET", "/socket.io/socket.io.js", &[("accept-encoding", "gzip, br")]).await;
    assert_eq!((status, &headers["content-encoding"]), (StatusCode::OK, &"gzip".parse().unwrap()));
    assert_eq!(
        (&headers["etag"], &headers["vary"]),
        (&"\"4.8.4\"".parse().unwrap(), &"Accept-Encoding".parse().unwrap())
    );
    assert!(body.len() < 700 && body.starts_with(&[0x1F, 0x8B]), "{} bytes", body.len());
    assert!(!headers.contains_key("access-control-allow-origin"), "nobody asked for it");
    let known = [("if-none-match", "W/\"4.8.4\""), ("accept-encoding", "gzip")];
    let (status, _, body) = ask(&io, "GET", "/socket.io/socket.io.js", &known).await;
    assert_eq!((status, body.len()), (StatusCode::NOT_MODIFIED, 0));
    for other in ["/socket.io/socket.io.min.js", "/socket.io/package.json", "/socket.io/../package.json"] {
        assert_eq!(ask(&io, "GET", other, &[]).await.0, StatusCode::NOT_FOUND, "{other}");
    }
}

#[tokio::test]
async fn what_holds_for_the_engine_of_other_origins_holds_for_the_client_files() {
    let package = Package::new("origins");
    let io = package.server(Some(Cors::new(Origins::list(["https://here.example"]))));
    for (origin, allowed) in [("https://here.example", true), ("https://away.example", false)] {
        let (status, headers, body) = ask(&io, "GET", "/socket.io/socket.io.js", &[("origin", origin)]).await;
        assert_eq!((status, body.len()), (StatusCode::OK, 7000));
        assert_eq!(headers.contains_key("access-control-allow-origin"), allowed, "{origin}");
        let vary: Vec<_> = headers.get_all("vary").iter().collect();
        assert_eq!(vary, ["Accept-Encoding", "Origin"]);
    }
    let (status, headers, _) =
        ask(&io, "OPTIONS", "/socket.io/socket.io.js", &[("origin", "https://here.example")]).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    assert_eq!(headers["access-control-allow-methods"], "GET,HEAD,PUT,PATCH,POST,DELETE");
    let bare = package.server(None);
    assert_eq!(ask(&bare, "OPTIONS", "/socket.io/socket.io.js", &[]).await.0, StatusCode::NOT_FOUND);
}
