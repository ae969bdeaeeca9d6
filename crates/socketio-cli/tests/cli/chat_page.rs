//! The chat page in headless Chromium with the official client: two people, messages, pictures, a cut connection.

use testkit::NodeScript;

use crate::{DEADLINE, program::Served};

#[test]
fn the_chat_page_works_in_a_browser() {
    let served = Served::start(&[]);
    let chromium = testkit::chromium();
    let script = NodeScript::new("tests/js/chat_page.mjs").arg(served.url()).env("CHROMIUM", chromium);
    // Starting a browser and opening a large file in it take their time.
    let output = script.run(DEADLINE * 9);
    let checks = output.stdout.lines().filter(|line| line.starts_with("ok - ")).count();
    assert_eq!(checks, 18, "{}", output.stdout);
}
