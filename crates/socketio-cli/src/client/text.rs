//! Reports as lines for people: the local time, the namespace, and what happened. Pure functions.

use std::time::Duration;

use bytes::Bytes;
use jiff::{Timestamp, tz::TimeZone};
use socketio::{Body, DisconnectReason};

use super::{
    json_text::{elements, plain, with_attachments},
    line::HELP,
    report::{Report, State},
};

/// Characters of one line that are shown.
const LONGEST_LINE: usize = 8_000;

/// How lines are written.
#[derive(Clone, Debug)]
pub(crate) struct Style {
    pub(crate) namespace: String,
    pub(crate) time_zone: TimeZone,
    pub(crate) has_colours: bool,
}

/// What a line is about, which is its sign and its colour.
#[derive(Clone, Copy)]
enum Kind {
    Incoming,
    Answer,
    Good,
    Bad,
    Neutral,
}

impl Kind {
    const fn sign(self) -> &'static str {
        match self {
            Self::Incoming => "←",
            Self::Answer => "↩",
            Self::Good | Self::Neutral => "·",
            Self::Bad => "!",
        }
    }

    /// The number of the colour in ANSI's sequence.
    const fn colour(self) -> &'static str {
        match self {
            Self::Incoming => "36",
            Self::Answer | Self::Good => "32",
            Self::Bad => "31",
            Self::Neutral => "33",
        }
    }
}

/// The line, or the lines, for a report.
pub(crate) fn write(report: &Report, at: Timestamp, style: &Style) -> String {
    if matches!(report, Report::Help) {
        return HELP.to_owned();
    }
    let (kind, text) = words(report);
    let text = shortened(text);
    let time = at.to_zoned(style.time_zone.clone()).strftime("%H:%M:%S%.3f");
    let (sign, namespace) = (kind.sign(), plain(&style.namespace));
    if style.has_colours {
        let colour = kind.colour();
        format!("\u{1b}[2m{time} {namespace}\u{1b}[0m \u{1b}[{colour}m{sign}\u{1b}[0m {text}")
    } else {
        format!("{time} {namespace} {sign} {text}")
    }
}

/// What a report says, without when and where: for an error.
pub(crate) fn problem(report: &Report) -> String {
    shortened(words(report).1)
}

fn words(report: &Report) -> (Kind, String) {
    match report {
        Report::Connecting { url } => (Kind::Neutral, format!("connecting to {url}")),
        Report::Connected { id, transport, recovered } => {
            let recovered = if *recovered { " (recovered)" } else { "" };
            (Kind::Good, format!("connected as {} over {transport}{recovered}", plain(id)))
        }
        Report::Upgraded => (Kind::Good, "upgraded to websocket".to_owned()),
        Report::UpgradeFailed { why } => (Kind::Neutral, format!("stays on polling: {why}")),
        Report::Unreachable { message, next } => {
            let next = next.map_or(String::new(), |next| format!("; next attempt in {}", seconds(next)));
            (Kind::Bad, format!("not reached: {}{next}", plain(message)))
        }
        Report::Lost { reason, next } => (Kind::Bad, format!("lost: {reason}; next attempt in {}", seconds(*next))),
        Report::Attempt(number) => (Kind::Neutral, format!("attempt {number}")),
        Report::Refused { message, data } => {
            let data = data.as_ref().map_or(String::new(), |data| format!(" {}", with_attachments(data, &[])));
            (Kind::Bad, format!("refused: {}{data}{}", plain(message), advice(message)))
        }
        Report::Disconnected(DisconnectReason::IoClientDisconnect) => (Kind::Neutral, "disconnected".to_owned()),
        Report::Disconnected(reason) => (Kind::Bad, format!("disconnected: {reason}")),
        Report::Event { body, ack } => {
            let name = name(&body.event_name().unwrap_or_default());
            let args = args(elements(body.json()).get(1..).unwrap_or_default(), body.attachments());
            let ack = ack.map_or(String::new(), |number| format!(" [acknowledge with !{number}]"));
            (Kind::Incoming, format!("{name}{args}{ack}"))
        }
        Report::Answer { event, body, took } => {
            let args = args(&elements(body.json()), body.attachments());
            (Kind::Answer, format!("{}{args} ({})", name(event), milliseconds(*took)))
        }
        Report::NoAnswer { event, message } => (Kind::Bad, format!("{}: {}", name(event), plain(message))),
        Report::State(state) => (Kind::Neutral, standing(state)),
        Report::Help => (Kind::Neutral, HELP.to_owned()),
        Report::Hint(message) => (Kind::Neutral, (*message).to_owned()),
        Report::Problem { message } => (Kind::Bad, plain(message)),
    }
}

/// What to do about a refusal, by what the reference says.
fn advice(message: &str) -> &'static str {
    match message {
        "Invalid namespace" => "; the server has none of that name: it is the path of the URL, or --namespace",
        _ => "; --auth says who comes",
    }
}

/// Arguments, each with a blank before it.
fn args(elements: &[String], attachments: &[Bytes]) -> String {
    elements.iter().map(|element| format!(" {}", with_attachments(element, attachments))).collect()
}

/// The arguments of an answer, as a line of their own.
pub(crate) fn answer(body: &Body) -> String {
    args(&elements(body.json()), body.attachments()).trim_start().to_owned()
}

/// A name as it would be typed.
fn name(event: &str) -> String {
    let is_word = !event.is_empty() && !event.starts_with(['/', '?', '!', '"']) && !event.contains(char::is_whitespace);
    if is_word { plain(event) } else { plain(&serde_json::Value::from(event).to_string()) }
}

fn standing(state: &State) -> String {
    let mut parts = vec![state.connection.clone()];
    parts.extend(state.transport.map(|transport| format!("over {transport}")));
    parts.push(state.id.as_ref().map_or("no id".to_owned(), |id| format!("id {}", plain(id))));
    parts.push(format!("{} bytes queued", state.queued_bytes));
    if state.buffered > 0 {
        parts.push(format!("events kept for the next connection: {}", state.buffered));
    }
    if state.awaited > 0 {
        parts.push(format!("acknowledgements awaited: {}", state.awaited));
    }
    parts.join(", ")
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

fn shortened(text: String) -> String {
    match text.char_indices().nth(LONGEST_LINE) {
        Some((end, _)) => format!("{} … {} bytes more, shown with --json", &text[..end], text.len() - end),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use socketio::Args;

    use super::*;

    fn line(report: &Report) -> String {
        let style = Style { namespace: "/chat".into(), time_zone: TimeZone::UTC, has_colours: false };
        write(report, Timestamp::from_millisecond(45_296_789).unwrap(), &style)
    }

    fn event(name: &str, args: &(impl serde::Serialize + ?Sized), ack: Option<u64>) -> Report {
        Report::Event { body: Body::event(name, args).unwrap(), ack }
    }

    #[test]
    fn a_report_is_a_line_with_time_and_namespace() {
        let binary = Bytes::from_static(&[1, 2, 3]);
        let answer = |args: &[u8]| Body::ack(&Args(args.to_vec())).unwrap();
        for (report, expected) in [
            (
                event("message", &("hello", serde_json::json!({"a": 1}), binary), None),
                r#"← message "hello" {"a":1} <binary 3 bytes: 01 02 03>"#,
            ),
            (event("tick", &(), None), "← tick"),
            (event("my event", &1, None), r#"← "my event" 1"#),
            (event("question", "sure?", Some(3)), r#"← question "sure?" [acknowledge with !3]"#),
            (
                Report::Answer { event: "add".into(), body: answer(&[3]), took: Duration::from_micros(12_340) },
                "↩ add 3 (12.3 ms)",
            ),
            (
                Report::Answer { event: "add".into(), body: answer(&[]), took: Duration::from_millis(1) },
                "↩ add (1.0 ms)",
            ),
            (Report::NoAnswer { event: "add".into(), message: "late".into() }, "! add: late"),
            (Report::Connecting { url: "http://localhost".into() }, "· connecting to http://localhost"),
            (
                Report::Connected { id: "abc".into(), transport: "websocket", recovered: true },
                "· connected as abc over websocket (recovered)",
            ),
            (Report::Upgraded, "· upgraded to websocket"),
            (
                Report::Lost { reason: "transport close".into(), next: Duration::from_millis(1234) },
                "! lost: transport close; next attempt in 1.2 s",
            ),
            (Report::Unreachable { message: "no".into(), next: None }, "! not reached: no"),
            (Report::Attempt(2), "· attempt 2"),
            (
                Report::Refused { message: "go away".into(), data: Some("{\"a\":1}".into()) },
                "! refused: go away {\"a\":1}; --auth says who comes",
            ),
            (Report::Disconnected(DisconnectReason::IoServerDisconnect), "! disconnected: io server disconnect"),
        ] {
            assert_eq!(line(&report), format!("12:34:56.789 /chat {expected}"));
        }
    }

    #[test]
    fn a_peer_cannot_break_the_line_and_a_long_one_is_cut() {
        let hostile = "\u{1b}[2J\u{9b}1m\r\n";
        for report in [
            event(hostile, hostile, None),
            Report::Refused { message: hostile.into(), data: None },
            Report::Connected { id: hostile.into(), transport: "polling", recovered: false },
            Report::Unreachable { message: hostile.into(), next: None },
        ] {
            let line = line(&report);
            assert!(!line.contains(char::is_control), "{line:?}");
        }
        let long = line(&event("long", &"é".repeat(LONGEST_LINE * 2), None));
        assert!(long.ends_with("bytes more, shown with --json") && long.chars().count() < LONGEST_LINE + 100, "{long}");
    }
}
