//! A server's session and a client that does anything in any order: whatever it sends, each request is answered, nothing
//! passes its bound, and the end has a reason and leaves nothing.

use arbitrary::{Arbitrary, Result, Unstructured};
use bytes::Bytes;
use engineio_proto::{CloseMode, Message, PostFault, SendOptions, websocket::FrameEvent};
use std::time::Duration;

use crate::server_host::{Effect, ServerHost, dialect, limits};

/// What one byte more stands for.
#[derive(Debug, Arbitrary)]
enum Operation<'a> {
    Get,
    Abandon(u8),
    AnswerLost,
    PostHead,
    PostBody(&'a [u8]),
    /// Head and body.
    Post(&'a str),
    PostBinary(&'a [u8]),
    PostFails(u8),
    Attach(u8),
    /// As they come from the socket, masks and all.
    Bytes(u8, &'a [u8]),
    Text(u8, &'a str),
    Binary(u8, &'a [u8]),
    Ping(u8),
    Probe(u8),
    Upgrade(u8),
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

/// The first two bytes are the client and the limits, the rest is what happens.
pub fn run(data: &[u8]) {
    _ = live(&mut Unstructured::new(data));
}

fn live(input: &mut Unstructured<'_>) -> Result<()> {
    let (client, settings): (u8, u8) = input.arbitrary()?;
    let limits = limits(settings);
    let (mut host, answer) = ServerHost::new(limits, dialect(client), &["websocket"], client & 8 != 0);
    assert_eq!(answer.is_some(), client & 8 == 0);
    while !input.is_empty() {
        let Ok(operation) = Operation::arbitrary(input) else { break };
        let effects = apply(&mut host, operation);
        host.see(&effects);
        if host.closed.is_some() && effects.is_empty() && input.len() < 4 {
            break;
        }
    }
    host.end();
    Ok(())
}

fn apply(host: &mut ServerHost, operation: Operation<'_>) -> Vec<Effect> {
    // The last one by 0.
    let one_of = |number: u8, of: usize| of.saturating_sub(1 + usize::from(number) % of.max(1));
    let (polls, wires) = (host.polls(), host.wires());
    match operation {
        Operation::Get => host.get().1,
        Operation::Abandon(poll) => host.abandon(one_of(poll, polls)),
        Operation::AnswerLost => host.answer_lost(),
        Operation::PostHead => host.post_head().1,
        Operation::PostBody(body) => host.post_body(Bytes::copy_from_slice(body), false).1,
        Operation::Post(body) => post(host, body.as_bytes(), false),
        Operation::PostBinary(body) => post(host, body, true),
        Operation::PostFails(fault) => host.post_failed(match fault % 3 {
            0 => PostFault::Abandoned,
            1 => PostFault::TooLarge,
            _ => PostFault::BinaryContent,
        }),
        Operation::Attach(style) => host.attach(dialect(style)).1,
        Operation::Bytes(wire, bytes) => host.bytes(one_of(wire, wires), bytes),
        Operation::Text(wire, text) => host.frame(one_of(wire, wires), FrameEvent::Message(text.into())),
        Operation::Binary(wire, bytes) => {
            let message = Message::Binary(Bytes::copy_from_slice(bytes));
            host.frame(one_of(wire, wires), FrameEvent::Message(message))
        }
        Operation::Ping(wire) => host.frame(one_of(wire, wires), FrameEvent::Ping(Bytes::from_static(b"there?"))),
        Operation::Probe(wire) => host.frame(one_of(wire, wires), FrameEvent::Message("2probe".into())),
        Operation::Upgrade(wire) => host.frame(one_of(wire, wires), FrameEvent::Message("5".into())),
        Operation::Lost(wire) => host.lose(one_of(wire, wires), None),
        Operation::Send(count, len) => {
            host.send(usize::from(1 + count % 3), usize::from(len), send_options(count));
            Vec::new()
        }
        Operation::Flush => host.flush(),
        Operation::Write(wire, budget) => host.write(one_of(wire, wires), usize::from(budget)),
        Operation::Flushed(wire) => {
            host.flushed(one_of(wire, wires));
            Vec::new()
        }
        Operation::Close => host.close(CloseMode::Graceful),
        Operation::Discard => host.close(CloseMode::Discard),
        Operation::Pause => pause(host, true),
        Operation::Resume => pause(host, false),
        Operation::Pass(millis) => host.pass(host.now() + Duration::from_millis(millis.into())),
        Operation::PassToDeadline => host.pass(host.next_timeout().unwrap_or(host.now())),
    }
}

/// A POST is read in one go.
fn post(host: &mut ServerHost, body: &[u8], is_binary: bool) -> Vec<Effect> {
    let (is_read, mut effects) = host.post_head();
    if is_read {
        effects.extend(host.post_body(Bytes::copy_from_slice(body), is_binary).1);
    }
    effects
}

fn pause(host: &mut ServerHost, paused: bool) -> Vec<Effect> {
    host.pause(paused);
    Vec::new()
}

/// The ways of sending that keep to the bound.
pub(crate) fn send_options(number: u8) -> SendOptions {
    match number >> 2 & 3 {
        0 => SendOptions::VOLATILE,
        1 => SendOptions::DROPPABLE,
        _ => SendOptions::KEPT,
    }
}
