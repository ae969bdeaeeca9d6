//! The chat page at `/`: one file inside the program, told how this server is reached. What it shows is its own
//! business (`assets/chat.html`).

use axum::{
    http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS},
    response::IntoResponse,
};
use bytes::Bytes;
use serde_json::json;

use crate::{chat, options::ServeOptions};

const PAGE: &str = include_str!("../assets/chat.html");

/// What the page has where the server's own words belong. As it stands, it is right for the defaults.
const IMPORT: &str = r#"from "/socket.io/socket.io.esm.min.js";"#;
const SERVER: &str =
    r#"const SERVER = { path: "/socket.io", transports: ["polling", "websocket"], pictureLimit: 700_000 };"#;

/// The page for a server of these options.
pub(crate) fn write(options: &ServeOptions) -> Bytes {
    // Over polling binary grows by a third, and the packet around it wants its place too.
    let picture_limit = (options.max_payload / 4 * 3).saturating_sub(500).min(chat::LARGEST_PICTURE_BYTES);
    let transports: Vec<_> = options.transports.iter().map(|transport| transport.name()).collect();
    let server = json!({ "path": options.path, "transports": transports, "pictureLimit": picture_limit });
    // The path holds nothing that means anything in HTML or in a string: see `options.rs`.
    let import = format!(r#"from "{}/socket.io.esm.min.js";"#, options.path);
    PAGE.replace(IMPORT, &import).replace(SERVER, &format!("const SERVER = {server};")).into()
}

/// The page as an answer. It is not kept by browsers, since a restarted server may be another version.
pub(crate) fn respond(page: Bytes) -> impl IntoResponse {
    let headers =
        [(CONTENT_TYPE, "text/html; charset=utf-8"), (CACHE_CONTROL, "no-cache"), (X_CONTENT_TYPE_OPTIONS, "nosniff")];
    (headers, page)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::options::{Command, CommandLine};

    fn page(args: &[&str]) -> String {
        let words = ["sio", "serve"].iter().chain(args);
        let CommandLine { command: Command::Serve(options), .. } = CommandLine::parse_from(words) else {
            panic!("another command")
        };
        String::from_utf8(write(&options).into()).unwrap()
    }

    #[test]
    fn the_page_has_each_place_once() {
        for place in [IMPORT, SERVER] {
            assert_eq!(PAGE.matches(place).count(), 1, "{place}");
        }
    }

    #[test]
    fn the_page_is_told_path_transports_and_the_largest_picture() {
        let page = page(&["--path", "/live", "--transports", "websocket", "--max-payload", "100000"]);
        assert!(page.contains(r#"from "/live/socket.io.esm.min.js";"#));
        assert!(page.contains(r#"const SERVER = {"path":"/live","pictureLimit":74500,"transports":["websocket"]};"#));
    }

    #[test]
    fn with_the_defaults_the_page_allows_what_the_chat_allows() {
        assert!(page(&[]).contains(r#""pictureLimit":700000"#));
    }
}
