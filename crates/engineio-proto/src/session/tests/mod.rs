//! Tests of the session. `table.rs` goes through every state × every input (over `bench.rs`, which builds the
//! states and applies the inputs) in both revisions, `revision_three.rs` through what else is different in the third,
//! `clauses.rs`, `sending.rs`, `progress.rs` and `closing.rs` through the protocol's sentences and the known hazards, `simulation.rs` through
//! thousands of conversations with a client that behaves like the JavaScript one.
//!
//! Here is what they share: limits, time in seconds, and the outputs in one readable line.

mod bench;
mod clauses;
mod closing;
mod progress;
mod revision_three;
mod sending;
mod simulation;
mod table;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;

use crate::{
    Answer, Dialect, Limits, Message, MessageFrame, Moment, Output, PollId, Revision, ServerSession, Text, WireFrame,
    WireId,
};

/// The reference's times, and payloads so small that two of the large messages do not fit into one.
fn limits() -> Arc<Limits> {
    Arc::new(Limits {
        max_payload_bytes: 16,
        ping_interval: Duration::from_secs(25),
        ping_timeout: Duration::from_secs(20),
        upgrade_timeout: Duration::from_secs(10),
        close_timeout: Duration::from_secs(30),
        ..Limits::default()
    })
}

pub(crate) fn at(seconds: u64) -> Moment {
    Moment::EPOCH + Duration::from_secs(seconds)
}

pub(crate) fn text(message: &str) -> MessageFrame {
    MessageFrame::text(&[message])
}

/// The packets of a payload, with commas for the separators.
pub(crate) fn packets(payload: &Bytes) -> String {
    String::from_utf8(payload.to_vec()).unwrap().replace('\u{1e}', ",")
}

/// The same for a payload of text of revision 3, whose packets are short and ASCII.
fn packets_v3(payload: &Bytes) -> String {
    let mut rest = std::str::from_utf8(payload).unwrap();
    let mut packets = Vec::new();
    while let Some((len, behind)) = rest.split_once(':') {
        let (packet, next) = behind.split_at(len.parse().unwrap());
        packets.push(packet);
        rest = next;
    }
    assert_eq!(rest, "");
    packets.join(",")
}

/// A short unmasked frame as what it says: the text, hex for binary, `pong:` + data for a pong.
pub(crate) fn frame(frame: &WireFrame) -> String {
    let bytes = frame.clone().into_bytes();
    let (header, payload) = bytes.split_at(2);
    assert_eq!(usize::from(header[1]), payload.len(), "one short, whole, unmasked frame");
    match header[0] {
        0x81 => String::from_utf8(payload.to_vec()).unwrap(),
        0x82 => hex(payload),
        0x8A => format!("pong:{}", String::from_utf8_lossy(payload)),
        other => panic!("a frame that starts with {other:#x}"),
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Outputs in one line; the two closures name the ids.
fn line(
    revision: Revision,
    outputs: &[Output],
    poll: impl Fn(PollId) -> String,
    wire: impl Fn(WireId) -> String,
) -> String {
    let word = |output: &Output| match output {
        Output::Answer(id, Answer::Payload(payload)) => {
            let packets = if revision == Revision::V4 { packets } else { packets_v3 };
            format!("{}={}", poll(*id), packets(&payload.bytes))
        }
        Output::Answer(id, Answer::BadRequest) => format!("{}=400", poll(*id)),
        Output::Message(Message::Text(text)) => format!("message({text})"),
        Output::Message(Message::Binary(bytes)) => format!("message({})", hex(bytes)),
        Output::Upgraded => "upgraded".into(),
        Output::CloseWire(id, None) => format!("close({})", wire(*id)),
        Output::CloseWire(id, Some(code)) => format!("close({},{code})", wire(*id)),
        Output::Closed(closed) => {
            assert!(!closed.detail.is_empty(), "every end is explained");
            format!("closed({})", closed.reason)
        }
    };
    outputs.iter().map(word).collect::<Vec<_>>().join(" ")
}

fn polling_session() -> ServerSession {
    polling_session_in(Dialect::V4)
}

fn polling_session_in(dialect: Dialect) -> ServerSession {
    ServerSession::open_polling(limits(), dialect, &Text::from_static("0{}"), at(0)).0
}

/// A session opened on a WebSocket at second 0, its open packet taken.
fn wire_session() -> (ServerSession, WireId) {
    let (mut session, wire) = ServerSession::open_wire(limits(), Dialect::V4, &Text::from_static("0{}"), at(0));
    let mut frames = Vec::new();
    session.take_frames(wire, 1, &mut frames, &mut Vec::new());
    assert_eq!(frames.iter().map(frame).collect::<Vec<_>>(), ["0{}"], "the open packet is the first frame");
    (session, wire)
}
