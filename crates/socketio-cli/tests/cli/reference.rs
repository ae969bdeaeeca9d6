//! The server of the npm packages, as `tests/js/reference_server.mjs` starts it, for what `sio serve` has not: refusals with
//! data, questions, recovery.

use serde_json::{Value, json};
use testkit::NodeServer;

/// Starts it with these settings instead of the usual ones.
pub(crate) fn start(changed: Value) -> NodeServer {
    let mut settings = json!({
        "pingInterval": 25_000, "pingTimeout": 20_000, "upgradeTimeout": 10_000, "connectTimeout": 45_000,
        "maxPayload": 1_000_000, "perMessageDeflate": false, "transports": ["polling", "websocket"],
        "allowUpgrades": true, "http": {},
    });
    let (Value::Object(settings_map), Value::Object(changed)) = (&mut settings, changed) else { panic!("objects") };
    settings_map.extend(changed);
    NodeServer::start("tests/js/reference_server.mjs", [settings.to_string()])
}

/// The URL of a namespace.
pub(crate) fn url(server: &NodeServer, namespace: &str) -> String {
    format!("http://127.0.0.1:{}{namespace}", server.port())
}
