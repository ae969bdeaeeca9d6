//! The chat with the official client from npm and without the page: the answers to what the page would never send,
//! and who hears what.

use testkit::NodeScript;

use crate::{DEADLINE, program::Served};

#[test]
fn the_chat_keeps_to_its_protocol_whatever_it_is_sent() {
    let served = Served::start(&[]);
    let output = NodeScript::new("tests/js/chat_backend.mjs").arg(served.url()).run(DEADLINE * 2);
    let verdicts: Vec<&str> = output.stdout.lines().collect();
    assert_eq!(verdicts.len(), 8, "{verdicts:#?}");
    assert!(verdicts.iter().all(|verdict| verdict.starts_with("ok ")), "{verdicts:#?}");
}
