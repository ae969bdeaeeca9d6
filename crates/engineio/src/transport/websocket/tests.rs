//! Tests of [`Wire`]: what it holds and pins, how it reads large messages and writes small ones.

use std::future::poll_fn;

use engineio_proto::{
    Dialect, Message, MessageFrame, ServerSession, Text,
    websocket::{Opcode, encode_frame},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::*;

async fn wire() -> (Wire, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (server, _) = listener.accept().await.unwrap();
    let (_, id) = ServerSession::open_wire(
        engineio_proto::Limits::default().into(),
        Dialect::V4,
        &Text::new(),
        engineio_proto::Moment::EPOCH,
    );
    let connection = WireIo::Open(ByteStream::Tcp(server));
    let wire = Wire::new(id, Upgrade { connection, early: Bytes::new(), deflate: None }, Role::Server);
    (wire, client)
}

/// A wire on which permessage-deflate was agreed on.
async fn deflating_wire() -> (Wire, TcpStream) {
    let (mut wire, client) = wire().await;
    wire.rare = Some(Box::new(Rare { deflate: Some(PerMessageDeflate::default()), ..Rare::default() }));
    (wire, client)
}

fn held_bytes(wire: &Wire) -> usize {
    let decoder = wire.decoder.as_ref().map_or(0, |decoder| size_of_val(&**decoder) + decoder.buffered_bytes());
    decoder + wire.out.capacity() + wire.rare.as_ref().map_or(0, |rare| rare.undecoded.len())
}

async fn messages(wire: &mut Wire, count: usize) -> Vec<Message> {
    let mut messages = Vec::new();
    while messages.len() < count {
        let events = match poll_fn(|cx| wire.poll_read(FrameLimits::default(), cx)).await {
            Read::Frames(events, None) => events,
            Read::Part(_) => continue,
            _ => panic!("it ended"),
        };
        messages.extend(events.into_iter().map(|event| match event {
            FrameEvent::Message(message) => message,
            other => panic!("unexpected {other:?}"),
        }));
    }
    messages
}

/// R38, S37: after a large frame in pieces, and after writing, nothing is kept.
#[tokio::test]
async fn an_idle_wire_holds_no_buffer() {
    let (mut wire, mut client) = wire().await;
    let payload = "x".repeat(200_000);
    let mut frame = BytesMut::new();
    encode_frame(Opcode::Text, payload.as_bytes(), Some([9, 8, 7, 6]), &mut frame);
    let sent = tokio::spawn(async move {
        client.write_all(&frame).await.unwrap();
        client
    });
    assert_eq!(messages(&mut wire, 1).await, [Message::from(payload)]);
    assert_eq!(held_bytes(&wire), 0, "after reading");

    wire.push_frames(&mut vec![WireFrame::Message(MessageFrame::text(&["out"])); 100]);
    poll_fn(|cx| wire.poll_write(cx, &mut 0)).await.unwrap();
    assert_eq!(held_bytes(&wire), 0, "after writing");
    drop(sent.await.unwrap());
}

/// R38: a message that is kept pins what came with it, not the scratch of the whole thread.
#[tokio::test]
async fn a_message_that_is_kept_does_not_pin_the_read_scratch() {
    let (mut wire, mut client) = wire().await;
    let mut frame = BytesMut::new();
    encode_frame(Opcode::Binary, &[7; 10], Some([1, 1, 1, 1]), &mut frame);
    client.write_all(&frame).await.unwrap();
    let Message::Binary(kept) = messages(&mut wire, 1).await.remove(0) else { panic!("it was binary") };
    let scratch = SCRATCH.take();
    assert!(scratch.capacity() >= SCRATCH_BYTES, "the thread has its scratch back");
    drop(scratch);
    assert_eq!(&kept[..], [7; 10]);
}

/// R38: messages that came in parts, between others that came whole, have memory of their own, and are what was sent.
#[tokio::test]
async fn large_and_small_messages_come_as_they_were_sent_and_do_not_pin_the_read_scratch() {
    let (mut wire, mut client) = wire().await;
    let lens = [1, 60_000, 10, 10, 3_000, 70_000, 1, 200_000, 5, 4_097, 64 * 1024, 2, 30_000, 30_000, 30_000];
    let sent: Vec<_> = (0_u8..).zip(lens).map(|(kind, len)| Message::Binary(vec![kind; len].into())).collect();
    let mut frames = BytesMut::new();
    for message in &sent {
        let Message::Binary(bytes) = message else { unreachable!("all are binary") };
        encode_frame(Opcode::Binary, bytes, Some([9, 8, 7, 6]), &mut frames);
    }
    let writing = tokio::spawn(async move {
        client.write_all(&frames).await.unwrap();
        client
    });
    assert_eq!(messages(&mut wire, sent.len()).await, sent);
    assert_eq!(held_bytes(&wire), 0, "after reading");
    let mut scratch = SCRATCH.take();
    let room = scratch.as_ptr();
    scratch.clear();
    scratch.reserve(SCRATCH_BYTES);
    assert_eq!(scratch.as_ptr(), room, "nobody shares the scratch");
    drop(writing.await.unwrap());
}

/// Small frames leave put together and large ones by themselves, however little the system takes at a time.
#[tokio::test]
async fn frames_of_all_lengths_arrive_one_behind_the_other() {
    let (mut wire, mut client) = wire().await;
    let small = |count: usize| vec![3; count];
    let lens = [small(1), small(2), small(5_000), vec![100_000, 3, 3, 3, 100_000], vec![SMALL_FRAME_BYTES; 700]];
    let mut expected = Vec::new();
    let mut text = (b'a'..=b'z').cycle();
    let mut written = Vec::new();
    for lens in lens {
        let frame = |len: usize| {
            let payload = vec![text.next().unwrap(); len];
            MessageFrame::binary(&payload).into_frame()
        };
        let frames: Vec<_> = lens.into_iter().map(frame).collect();
        expected.extend(frames.iter().flatten().copied());
        written.push(frames);
    }
    let reading = tokio::spawn(async move {
        let mut heard = vec![0; expected.len()];
        client.read_exact(&mut heard).await.unwrap();
        assert!(heard == expected, "it is not what was written");
        client
    });
    for frames in written {
        wire.push_frames(&mut frames.into_iter().map(WireFrame::Ready).collect());
        poll_fn(|cx| wire.poll_write(cx, &mut 0)).await.unwrap();
        assert_eq!(held_bytes(&wire), 0, "after writing");
    }
    drop(reading.await.unwrap());
}

/// S38, J14: compression leaves nothing behind in the connection: what it works with is the thread's.
#[tokio::test]
async fn an_idle_wire_that_compresses_holds_no_buffer() {
    let (mut wire, mut client) = deflating_wire().await;
    let payload = "compress me ".repeat(10_000);
    let frame = Deflater::new(6).encode_frame(Opcode::Text, payload.as_bytes(), Some([5, 6, 7, 8])).unwrap();
    for part in frame.chunks(100) {
        client.write_all(part).await.unwrap();
    }
    assert_eq!(messages(&mut wire, 1).await, [Message::from(payload.clone())]);
    assert_eq!(held_bytes(&wire), 0, "after reading");

    wire.push_frames(&mut vec![WireFrame::Message(MessageFrame::text(&[&payload])); 3]);
    assert!(wire.out.iter().all(|frame| frame[0] == 0xC1 && frame.len() < 1000), "compressed");
    poll_fn(|cx| wire.poll_write(cx, &mut 0)).await.unwrap();
    assert_eq!(held_bytes(&wire), 0, "after writing");
    assert!(DEFLATER.take().is_some(), "the thread has its compressor back");
}

/// S38: many small frames that each become large do not do so all at once.
#[tokio::test]
async fn messages_that_grow_are_let_out_one_by_one() {
    let (mut wire, mut client) = deflating_wire().await;
    let bomb = Deflater::new(9).encode_frame(Opcode::Binary, &[0; 900_000], Some([5, 6, 7, 8])).unwrap();
    let count = INFLATED_BYTES / bomb.len();
    assert!(count > 20, "all of them fit into one read");
    tokio::spawn(async move { client.write_all(&bomb.repeat(count)).await });
    let (mut seen, mut pauses) = (0, 0);
    loop {
        match poll_fn(|cx| Poll::Ready(wire.poll_read(FrameLimits::default(), cx))).await {
            Poll::Ready(Read::Frames(events, None)) => {
                assert!(events.len() <= 1, "{} messages at once", events.len());
                seen += events.len();
            }
            Poll::Ready(Read::Part(_)) => {}
            Poll::Ready(_) => break,
            Poll::Pending => {
                pauses += 1;
                tokio::task::yield_now().await;
            }
        }
    }
    assert_eq!(seen, count);
    assert!(pauses >= count / 2, "others had their turn {pauses} times");
}

#[test]
fn a_message_is_compressed_from_the_threshold_on_and_unless_it_says_no() {
    let deflate = PerMessageDeflate { threshold: 100, level: 1 };
    // The packet is a byte longer than the text: its kind.
    let of = |len: usize| MessageFrame::text(&[&"x".repeat(len - 1)]);
    let ready = WireFrame::Ready(of(1000).into_frame());
    let cases = [
        (WireFrame::Message(of(100)), Some(deflate), true),
        (WireFrame::Message(of(99)), Some(deflate), false),
        (WireFrame::Message(of(1000).uncompressed()), Some(deflate), false),
        (WireFrame::Message(of(1000)), None, false),
        (ready, Some(deflate), false),
    ];
    for (frame, deflate, compressed) in cases {
        let name = format!("{frame:?} {deflate:?}");
        let first = encoded(frame, deflate)[0];
        assert_eq!(first, if compressed { 0xC1 } else { 0x81 }, "{name}");
    }
}
