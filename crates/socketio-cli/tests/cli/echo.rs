//! The namespace `/echo` with the official client from npm: what the project promises to people who write clients.

use testkit::NodeScript;

use crate::{DEADLINE, program::Served};

#[test]
fn the_echo_answers_over_polling_over_websocket_and_with_the_defaults() {
    let served = Served::start(&[]);
    let output = NodeScript::new("tests/js/done_when.mjs").arg(served.url()).run(DEADLINE * 2);
    let verdicts: Vec<&str> = output.stdout.lines().collect();
    assert_eq!(verdicts.len(), 15, "{verdicts:#?}");
    assert!(verdicts.iter().all(|verdict| verdict.starts_with("ok ")), "{verdicts:#?}");
}
