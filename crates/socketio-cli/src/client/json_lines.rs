//! Reports as JSON, one object a line, for programs. Pure functions.
//!
//! Every object has `type`, `time` (UTC) and `namespace`. Arguments stand as on the wire: an attachment is
//! `{"_placeholder":true,"num":0}` in `args`, and in base64 in `attachments`, where there are any.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Value, json};
use socketio::Body;

use super::{
    json_text::compact,
    line::HELP,
    report::{Report, State},
};

/// The object for a report.
pub(crate) fn write(report: &Report, at: Timestamp, namespace: &str) -> String {
    let time = at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
    let (kind, members, args) = members(report);
    let mut line = format!(r#"{{"type":{},"time":"{time}","namespace":{}"#, Value::from(kind), Value::from(namespace));
    if let Value::Object(members) = members {
        for (name, value) in members.into_iter().filter(|(_, value)| !value.is_null()) {
            line.push_str(&format!(",{}:{value}", Value::from(name)));
        }
    }
    if let Some((body, list)) = args {
        // What came is well-formed already, and is passed on as it is: numbers keep their digits, objects their order.
        line.push_str(&format!(r#","args":{list}"#));
        if !body.attachments().is_empty() {
            line.push_str(&format!(r#","attachments":{}"#, in_base64(body.attachments())));
        }
    }
    line.push('}');
    line
}

type Members<'a> = (&'static str, Value, Option<(&'a Body, String)>);

fn members(report: &Report) -> Members<'_> {
    let (kind, members) = match report {
        Report::Event { body, ack } => {
            let members = json!({ "event": body.event_name().unwrap_or_default(), "ack": ack });
            return ("event", members, Some((body, compact(body.to_ack().json()))));
        }
        Report::Answer { event, body, took } => {
            let members = json!({ "event": event, "ms": milliseconds(*took) });
            return ("answer", members, Some((body, compact(body.json()))));
        }
        Report::NoAnswer { event, message } => ("no_answer", json!({ "event": event, "message": message })),
        Report::Connecting { url } => ("connecting", json!({ "url": url })),
        Report::Connected { id, transport, recovered } => {
            ("connected", json!({ "id": id, "transport": transport, "recovered": recovered }))
        }
        Report::Upgraded => ("upgraded", json!({ "transport": "websocket" })),
        Report::UpgradeFailed { why } => ("upgrade_failed", json!({ "message": why })),
        Report::Unreachable { message, next } => {
            ("unreachable", json!({ "message": message, "next_ms": next.map(milliseconds) }))
        }
        Report::Lost { reason, next } => ("lost", json!({ "reason": reason, "next_ms": milliseconds(*next) })),
        Report::Attempt(number) => ("attempt", json!({ "number": number })),
        Report::Refused { message, data } => {
            let data = data.as_deref().and_then(|data| serde_json::from_str::<Value>(data).ok());
            ("refused", json!({ "message": message, "data": data }))
        }
        Report::Disconnected(reason) => ("disconnected", json!({ "reason": reason.as_str() })),
        Report::State(state) => ("state", standing(state)),
        Report::Help => ("help", json!({ "text": HELP })),
        Report::Hint(message) => ("hint", json!({ "message": message })),
        Report::Problem { message } => ("error", json!({ "message": message })),
    };
    (kind, members, None)
}

fn standing(state: &State) -> Value {
    let State { connection, id, transport, queued_bytes, buffered, awaited } = state;
    json!({
        "connection": connection, "id": id, "transport": transport,
        "queued_bytes": queued_bytes, "buffered": buffered, "awaited": awaited,
    })
}

fn in_base64(attachments: &[Bytes]) -> Value {
    attachments.iter().map(|bytes| Value::from(STANDARD.encode(bytes))).collect()
}

/// To the microsecond.
fn milliseconds(time: Duration) -> Value {
    json!((time.as_secs_f64() * 1e6).round() / 1e3)
}

#[cfg(test)]
mod tests {
    use socketio::Args;

    use super::*;

    fn line(report: &Report) -> String {
        write(report, Timestamp::from_millisecond(45_296_789).unwrap(), "/chat")
    }

    #[test]
    fn a_report_is_one_object_on_one_line() {
        let args = Args(vec![json!("a\nb"), json!({"x": 1.5})]);
        let event = Report::Event { body: Body::event("message", &args).unwrap(), ack: Some(3) };
        let picture = Body::ack(&(1, Bytes::from_static(&[1, 2, 3]))).unwrap();
        let answer = Report::Answer { event: "add".into(), body: picture, took: Duration::from_micros(12_345) };
        for (report, expected) in [
            (event, r#""type":"event",TIME,"ack":3,"event":"message","args":["a\nb",{"x":1.5}]"#),
            (
                answer,
                r#""type":"answer",TIME,"event":"add","ms":12.345,"args":[1,{"_placeholder":true,"num":0}],"attachments":["AQID"]"#,
            ),
            (Report::Attempt(2), r#""type":"attempt",TIME,"number":2"#),
            (Report::Unreachable { message: "no".into(), next: None }, r#""type":"unreachable",TIME,"message":"no""#),
            (
                Report::Refused { message: "no".into(), data: Some("{\"a\":\n1}".into()) },
                r#""type":"refused",TIME,"data":{"a":1},"message":"no""#,
            ),
        ] {
            let time = r#""time":"1970-01-01T12:34:56.789Z","namespace":"/chat""#;
            assert_eq!(line(&report), format!("{{{}}}", expected.replace("TIME", time)));
            assert!(serde_json::from_str::<Value>(&line(&report)).is_ok());
        }
    }
}
