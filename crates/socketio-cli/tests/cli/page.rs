//! What a browser loads before it talks Socket.IO: the page, and the official client (rows D3, D8).

use crate::{program::Served, request};

const CLIENT: &str = "/socket.io/socket.io.esm.min.js";

#[test]
fn the_page_is_served_at_the_root_and_nothing_elsewhere() {
    let served = Served::start(&[]);
    let page = request::get(served.addr(), "/", &[]);
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(page.text().starts_with("<!doctype html>"));
    assert!(page.text().contains(CLIENT));
    for target in ["/index.html", "/assets/chat.html", "/socket.iox/", "/socket.io/../x"] {
        assert_eq!(request::get(served.addr(), target, &[]).status, 404, "{target}");
    }
}

#[test]
fn the_client_is_served_from_the_installed_package_and_only_once_to_who_keeps_it() {
    let package = testkit::npm_dir().join("node_modules/socket.io-client");
    let bundle = std::fs::read(package.join("dist/socket.io.esm.min.js")).expect("run `cargo xtask install`");
    let package = package.to_str().unwrap();
    // Found by itself, and where it was told to be.
    for options in [&[][..], &["--client-dir", package]] {
        let served = Served::start(options);
        let client = request::get(served.addr(), CLIENT, &[]);
        assert_eq!((client.status, &client.body), (200, &bundle));
        assert!(client.header("content-type").is_some_and(|kind| kind.starts_with("application/javascript")));
        let tag = client.header("etag").expect("an ETag");
        let again = request::get(served.addr(), CLIENT, &[("If-None-Match", tag)]);
        assert_eq!((again.status, again.body.len()), (304, 0));
    }
}

#[test]
fn without_the_package_the_client_is_redirected_to_the_public_cdn() {
    let served = Served::start(&["--client-dir", "cdn"]);
    let client = request::get(served.addr(), CLIENT, &[]);
    assert_eq!(client.status, 302);
    let location = client.header("location").expect("a Location");
    assert!(
        location.starts_with("https://cdn.socket.io/4.") && location.ends_with("/socket.io.esm.min.js"),
        "{location}"
    );
    let page = request::get(served.addr(), "/", &[]);
    assert!(page.text().contains("script-src 'self' 'unsafe-inline' https://cdn.socket.io"), "the page may load it");
}
