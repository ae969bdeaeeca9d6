//! A client's session and a server that does anything in any order: whatever it answers, one GET and one POST are under
//! way at the most, nothing passes its bound, and the end has a reason and leaves nothing.

use arbitrary::{Arbitrary, Result, Unstructured};
use bytes::Bytes;
use engineio_proto::{CloseMode, Message, TransportKind, websocket::FrameEvent};
use std::time::Duration;

use crate::{
    client_host::{ClientHost, options},
    server_session::send_options,
};

/// What one byte more stands for.
#[derive(Debug, Arbitrary)]
enum Operation<'a> {
    Answer(u8, &'a [u8]),
    /// An open packet, with another packet behind it.
    AnswerOpen(u8, u8, &'a str),
    /// The last request, whatever it is, is answered as it should be.
    Answered(&'a str),
    Fails(u8),
    WireOpened(u8),
    /// As they come from the socket.
    Bytes(u8, &'a [u8]),
    Text(u8, &'a str),
    Binary(u8, &'a [u8]),
    OpenOnWire(u8, u8),
    Probed(u8),
    Ping(u8),
    Lost(u8),
    Send(u8, u8),
    Flush,
    Write(u8, u8),
    Flushed(u8),
    Close,
    Discard,
    Pause,
    Resume,
    Pass(u8),
    PassToDeadline,
}

/// The first two bytes are the options, the rest is what happens.
pub fn run(data: &[u8]) {
    _ = live(&mut Unstructured::new(data));
}

fn live(input: &mut Unstructured<'_>) -> Result<()> {
    let (settings, first): (u8, bool) = input.arbitrary()?;
    let options = options(settings);
    let bound = options.limits.max_queue_bytes;
    let first = if first { TransportKind::WebSocket } else { TransportKind::Polling };
    let (mut host, _) = ClientHost::new(options, first);
    while !input.is_empty() {
        let Ok(operation) = Operation::arbitrary(input) else { break };
        apply(&mut host, operation, bound);
    }
    host.end_of_all();
    Ok(())
}

fn apply(host: &mut ClientHost, operation: Operation<'_>, bound: usize) {
    // The last one by 0.
    let one_of = |number: u8, of: usize| of.saturating_sub(1 + usize::from(number) % of.max(1));
    let (requests, wires) = (host.requests(), host.wires());
    match operation {
        Operation::Answer(request, body) => drop(host.answer(one_of(request, requests), Bytes::copy_from_slice(body))),
        Operation::AnswerOpen(request, settings, behind) => {
            let body = format!("{}\u{1e}{behind}", open_packet(settings));
            host.answer(one_of(request, requests), body.into());
        }
        Operation::Answered(packet) => {
            host.posted(one_of(0, requests));
            host.answer(one_of(0, requests), format!("4{packet}").into());
        }
        Operation::Fails(request) => drop(host.fail(one_of(request, requests))),
        Operation::WireOpened(wire) => host.wire_opened(one_of(wire, wires)),
        Operation::Bytes(wire, bytes) => drop(host.bytes(one_of(wire, wires), bytes)),
        Operation::Text(wire, text) => drop(host.frame(one_of(wire, wires), FrameEvent::Message(text.into()))),
        Operation::Binary(wire, bytes) => {
            let message = Message::Binary(Bytes::copy_from_slice(bytes));
            host.frame(one_of(wire, wires), FrameEvent::Message(message));
        }
        Operation::OpenOnWire(wire, settings) => {
            host.frame(one_of(wire, wires), FrameEvent::Message(open_packet(settings).into()));
        }
        Operation::Probed(wire) => drop(host.frame(one_of(wire, wires), FrameEvent::Message("3probe".into()))),
        Operation::Ping(wire) => drop(host.frame(one_of(wire, wires), FrameEvent::Message("2".into()))),
        Operation::Lost(wire) => drop(host.lose(one_of(wire, wires), None)),
        Operation::Send(count, len) => {
            host.send(usize::from(1 + count % 3), usize::from(len), send_options(count), bound)
        }
        Operation::Flush => drop(host.flush()),
        Operation::Write(wire, budget) => drop(host.write(one_of(wire, wires), usize::from(budget))),
        Operation::Flushed(wire) => host.flushed(one_of(wire, wires)),
        Operation::Close => drop(host.close(CloseMode::Graceful)),
        Operation::Discard => drop(host.close(CloseMode::Discard)),
        Operation::Pause => host.pause(true),
        Operation::Resume => host.pause(false),
        Operation::Pass(millis) => drop(host.pass(host.now() + Duration::from_millis(millis.into()))),
        Operation::PassToDeadline => drop(host.pass(host.next_timeout().unwrap_or(host.now()))),
    }
}

/// One that a server may send, with or without an upgrade and a bound on payloads.
fn open_packet(settings: u8) -> String {
    let upgrades = if settings & 1 == 0 { "\"websocket\"" } else { "" };
    let max_payload = [0, 1, 40, 1_000][usize::from(settings >> 1 & 3)];
    let interval = [1, 100, 10_000, u64::MAX][usize::from(settings >> 3 & 3)];
    format!(
        "0{{\"sid\":\"a\",\"upgrades\":[{upgrades}],\"pingInterval\":{interval},\"pingTimeout\":80,\"maxPayload\":{max_payload}}}"
    )
}
