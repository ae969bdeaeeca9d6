//! The guide: that each page is linked and its code is run, and that what the contract wants explained is explained (rows
//! H2, H12, H13, H17, H20, H29, H41). Leaves out the code itself, which runs with the doctests (`src/guide.rs`) and in
//! `testing.rs`.

#![allow(clippy::unwrap_used, reason = "a failed expectation here is a failed test")]

use std::{fs, path::Path};

fn guide() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guide"))
}

#[test]
fn every_page_of_the_guide_is_linked_and_its_code_is_run() {
    let index = fs::read_to_string(guide().join("README.md")).unwrap();
    let mut pages = 0;
    for entry in fs::read_dir(guide()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name == "README.md" {
            continue;
        }
        assert!(index.contains(&format!("]({name})")), "docs/guide/README.md does not link {name}");
        let runs = if name == "testing.md" { include_str!("testing.rs") } else { include_str!("../src/guide.rs") };
        assert!(runs.contains(&format!("docs/guide/{name}\")")), "nobody runs the code of {name}");
        pages += 1;
    }
    assert!(pages >= 8, "{pages} pages");
}

#[test]
fn what_the_reference_has_guides_for_has_its_place_in_this_guide() {
    for (page, words) in [
        // H12, H13
        ("middleware-and-auth.md", &["Cors::new(", "cors.credentials = true", "cors.check_handshakes = true"][..]),
        // H20
        ("middleware-and-auth.md", &["Auth(", "Middleware::new("]),
        // H17
        ("ordering-and-delivery.md", &["at most once", "## At least once", "`retries`"]),
        // H29
        (
            "migrating-from-javascript.md",
            &[
                "## Emit cheatsheet",
                ".volatile()",
                ".local()",
                ".timeout(",
                ".except(",
                "server_side_emit",
                "emit_with_ack",
            ],
        ),
        // H41
        ("migrating-from-javascript.md", &["## What is different", "```js\n", "```rust\n", "allow_eio3"]),
    ] {
        let text = fs::read_to_string(guide().join(page)).unwrap();
        for words in words {
            assert!(text.contains(words), "{page} says nothing of {words:?}");
        }
    }
}
