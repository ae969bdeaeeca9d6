//! [`Wire`]: a WebSocket connection of a session: bytes in through a scratch buffer of the worker thread,
//! frames out without copying. Holds no protocol state beyond a frame that is half here.
//!
//! INVARIANT: an idle wire owns no buffer: the read scratch and the compressor belong to the thread, the decoder keeps
//! only a partial frame, and the list of frames to write gives its memory back when it is empty.

use std::{
    cell::Cell,
    collections::VecDeque,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Buf, Bytes, BytesMut};
use engineio_proto::{
    WireFrame, WireId,
    websocket::{
        CloseCode, Deflater, FrameDecoder, FrameError, FrameEvent, FrameLimits, Role, encode_close, mask_frame,
    },
};
use tokio::{io::AsyncWrite, time::Instant};
#[cfg(feature = "server")]
use {
    hyper::upgrade::OnUpgrade,
    hyper_util::{rt::TokioIo, server::conn::auto},
    std::future::Future,
    tokio::net::TcpStream,
};

use super::{byte_stream::ByteStream, masks::next_mask};
use crate::per_message_deflate::PerMessageDeflate;

/// Bytes read at a time: several typical messages, or a good part of a large one.
const SCRATCH_BYTES: usize = 64 * 1024;
/// What a small event takes; for how many of them room is made before a read is looked at.
const TYPICAL_FRAME_BYTES: usize = 32;
const MOST_FRAMES: usize = 256;
/// Slices given to one vectored write; Linux takes up to 1024, past some dozens nothing is gained.
const MAX_SLICES: usize = 64;
/// How long the peer has to answer a close before the connection is dropped.
const LINGER: Duration = Duration::from_secs(5);

thread_local! {
    /// Taken for the length of one read, and put back.
    static SCRATCH: Cell<BytesMut> = Cell::default();
    /// Made for the first message that the thread compresses, taken for each, and put back.
    static DEFLATER: Cell<Option<Deflater>> = Cell::default();
}

/// A WebSocket connection or the promise of one, and what its handshake agreed on.
#[derive(Debug)]
pub(crate) struct Upgrade {
    pub(crate) connection: WireIo,
    /// What came behind the answer to the handshake already.
    pub(crate) early: Bytes,
    /// `None` where nothing is compressed.
    pub(crate) deflate: Option<PerMessageDeflate>,
}

/// One WebSocket connection.
pub(crate) struct Wire {
    pub(crate) id: WireId,
    /// Which side of the connection this is: a client masks what it writes.
    role: Role,
    io: WireIo,
    decoder: FrameDecoder,
    deflate: Option<Box<PerMessageDeflate>>,
    /// Frames handed over by the session that the socket has not taken yet.
    out: VecDeque<Bytes>,
    /// All was written, but the stream (TLS, say) still holds some of it.
    flushing: bool,
    closing: Closing,
    /// Bytes that came and were not looked at: together with the HTTP request, or behind messages that grew.
    undecoded: Option<Box<Bytes>>,
    /// Others get their turn before more is decoded.
    yields: bool,
    /// Why nothing can be written any more.
    broken: Option<io::Error>,
}

/// What a wire reads from and writes to.
#[derive(Debug)]
pub(crate) enum WireIo {
    /// The HTTP side still has to hand the connection over.
    #[cfg(feature = "server")]
    Upgrading(OnUpgrade),
    /// A connection.
    Open(ByteStream),
}

/// How far the closing of a wire has come.
#[derive(Clone, Copy, PartialEq)]
enum Closing {
    Open,
    /// The close frame is among the frames to write.
    Flushing(Instant),
    /// Written; waits for the peer's end, so that the close frame is not lost to a reset.
    Lingering(Instant),
    Gone,
}

/// What reading gave.
pub(crate) enum Read {
    /// Frames for the session; the error, if any, comes after them.
    Frames(Vec<FrameEvent>, Option<FrameError>),
    /// So many bytes of a message that is not all here.
    Part(usize),
    /// The connection ended.
    Ended,
}

impl Wire {
    pub(crate) fn new(id: WireId, upgrade: Upgrade, role: Role, limits: FrameLimits) -> Self {
        let Upgrade { connection, early, deflate } = upgrade;
        let decoder = FrameDecoder::new(role, limits);
        Self {
            id,
            role,
            io: connection,
            decoder: if deflate.is_some() { decoder.with_deflate() } else { decoder },
            deflate: deflate.map(Box::new),
            out: VecDeque::new(),
            flushing: false,
            closing: Closing::Open,
            undecoded: kept(early),
            yields: false,
            broken: None,
        }
    }

    /// Whether everything handed over has been written.
    pub(crate) fn is_flushed(&self) -> bool {
        self.out.is_empty() && !self.flushing && self.broken.is_none()
    }

    /// Whether the session may hand over frames: not while earlier ones wait, so that what the peer does not
    /// read stays in the session's queue, where it is counted.
    pub(crate) fn can_take_frames(&self) -> bool {
        self.is_flushed() && self.closing == Closing::Open && matches!(self.io, WireIo::Open(_))
    }

    /// Takes frames over to be written, in the form that this connection has agreed on.
    pub(crate) fn push_frames(&mut self, frames: &mut Vec<WireFrame>) {
        let deflate = self.deflate.as_deref().copied();
        let frames = frames.drain(..).map(|frame| encoded(frame, deflate));
        match self.role {
            Role::Server => self.out.extend(frames),
            Role::Client => {
                let masked = masked(frames);
                self.push_masked(masked);
            }
        }
    }

    /// Without randomness nothing can be written: the connection ends.
    fn push_masked(&mut self, masked: io::Result<Bytes>) {
        match masked {
            Ok(bytes) => self.out.push_back(bytes),
            Err(error) => self.broken = Some(error),
        }
    }

    /// Starts closing: the frames handed over, then a close frame, then the end.
    pub(crate) fn close(&mut self, code: Option<CloseCode>) {
        if self.closing == Closing::Open {
            let mut frame = BytesMut::new();
            encode_close(code, "", None, &mut frame);
            match self.role {
                Role::Server => self.out.push_back(frame.freeze()),
                Role::Client => self.push_masked(masked([frame.freeze()].into_iter())),
            }
            self.closing = Closing::Flushing(Instant::now() + LINGER);
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.closing == Closing::Open
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.closing == Closing::Gone
    }

    /// When a closing wire is to be dropped, whatever the peer does.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self.closing {
            Closing::Flushing(at) | Closing::Lingering(at) => Some(at),
            Closing::Open | Closing::Gone => None,
        }
    }

    /// Reads once. `Ready` means something happened; to be called again until `Pending`.
    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Read> {
        if ready!(self.poll_upgrade(cx)).is_err() {
            // There is no connection to say good-bye on, and the promise of one must not be asked again.
            self.closing = Closing::Gone;
            return Poll::Ready(Read::Ended);
        }
        if std::mem::take(&mut self.yields) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let mut chunk = self.undecoded.take().map(|bytes| BytesMut::from(*bytes)).unwrap_or_default();
        if chunk.is_empty() {
            // The messages share the chunk. It is a copy of just what came, so that a message that is kept
            // pins its own read and not the whole scratch (hazard R38).
            let read = ready!(with_scratch(|scratch| {
                self.poll_read_into(cx, scratch).map_ok(|_| chunk.extend_from_slice(scratch))
            }));
            if read.is_err() || chunk.is_empty() {
                return Poll::Ready(Read::Ended);
            }
        }
        let read_bytes = chunk.len();
        let (mut events, mut held) = (Vec::with_capacity((read_bytes / TYPICAL_FRAME_BYTES).clamp(1, MOST_FRAMES)), 0);
        Poll::Ready(loop {
            match self.decoder.decode(&mut chunk) {
                Ok(Some(event)) => {
                    held += message_len(&event);
                    events.push(event);
                    // One read can hold many messages that each inflate to the limit. They are let out one by one, so
                    // that they neither add up in memory nor keep the thread for all of them (hazard S38).
                    if held >= SCRATCH_BYTES && self.deflate.is_some() && !chunk.is_empty() {
                        (self.undecoded, self.yields) = (kept(chunk.freeze()), true);
                        break Read::Frames(events, None);
                    }
                }
                Ok(None) if events.is_empty() => break Read::Part(read_bytes),
                Ok(None) => break Read::Frames(events, None),
                Err(error) => break Read::Frames(events, Some(error)),
            }
        })
    }

    fn poll_read_into(&mut self, cx: &mut Context<'_>, scratch: &mut BytesMut) -> Poll<io::Result<usize>> {
        match &mut self.io {
            WireIo::Open(io) => tokio_util::io::poll_read_buf(Pin::new(io), cx, scratch),
            #[cfg(feature = "server")]
            WireIo::Upgrading(_) => Poll::Pending,
        }
    }

    /// Waits for the HTTP side to hand the connection over, and takes it out of hyper's box where it is a
    /// plain TCP stream.
    #[cfg(feature = "server")]
    fn poll_upgrade(&mut self, cx: &mut Context<'_>) -> Poll<hyper::Result<()>> {
        let WireIo::Upgrading(upgrade) = &mut self.io else { return Poll::Ready(Ok(())) };
        let upgraded = ready!(Pin::new(upgrade).poll(cx))?;
        // Plain hyper, as the listener here; then hyper-util's server, which is under axum.
        let (stream, early) = match upgraded.downcast::<TokioIo<TcpStream>>() {
            Ok(parts) => (ByteStream::Tcp(parts.io.into_inner()), parts.read_buf),
            Err(upgraded) => match auto::upgrade::downcast::<TokioIo<TcpStream>>(upgraded) {
                Ok(parts) => (ByteStream::Tcp(parts.io.into_inner()), parts.read_buf),
                Err(upgraded) => (ByteStream::Other(Box::new(TokioIo::new(upgraded))), Bytes::new()),
            },
        };
        (self.io, self.undecoded) = (WireIo::Open(stream), kept(early));
        Poll::Ready(Ok(()))
    }

    /// A client's handshake hands over a connection, never the promise of one.
    #[cfg(not(feature = "server"))]
    #[allow(clippy::unused_self, reason = "with the server there may be something to wait for")]
    fn poll_upgrade(&mut self, _: &mut Context<'_>) -> Poll<hyper::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Writes what was handed over. `Ready(Ok)`: all of it has been written; else `part` has grown by what has been.
    pub(crate) fn poll_write(&mut self, cx: &mut Context<'_>, part: &mut usize) -> Poll<io::Result<()>> {
        if let Some(error) = self.broken.take() {
            return Poll::Ready(Err(error));
        }
        while !self.out.is_empty() {
            let written = {
                let mut slices = [IoSlice::new(&[]); MAX_SLICES];
                let mut count = 0;
                for (slice, frame) in slices.iter_mut().zip(&self.out) {
                    *slice = IoSlice::new(frame);
                    count += 1;
                }
                match &mut self.io {
                    WireIo::Open(io) => ready!(Pin::new(io).poll_write_vectored(cx, &slices[..count]))?,
                    #[cfg(feature = "server")]
                    WireIo::Upgrading(_) => return Poll::Pending,
                }
            };
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            *part += written;
            self.advance(written);
            self.flushing = matches!(self.io, WireIo::Open(ByteStream::Other(_)));
        }
        if let (true, WireIo::Open(io)) = (self.flushing, &mut self.io) {
            ready!(Pin::new(io).poll_flush(cx))?;
            self.flushing = false;
        }
        Poll::Ready(Ok(()))
    }

    fn advance(&mut self, mut written: usize) {
        while let Some(front) = self.out.front_mut() {
            if written < front.len() {
                front.advance(written);
                return;
            }
            written -= front.len();
            self.out.pop_front();
        }
        self.out = VecDeque::new();
    }

    /// Moves a closing wire on; to be called until it is gone.
    pub(crate) fn drive_close(&mut self, cx: &mut Context<'_>) {
        if let Closing::Flushing(deadline) = self.closing {
            let flushed = match self.poll_upgrade(cx) {
                Poll::Ready(Ok(())) => self.poll_write(cx, &mut 0),
                Poll::Ready(Err(error)) => Poll::Ready(Err(io::Error::other(error))),
                Poll::Pending => Poll::Pending,
            };
            match flushed {
                Poll::Pending => return self.give_up_at(deadline),
                Poll::Ready(Err(_)) => self.closing = Closing::Gone,
                Poll::Ready(Ok(())) => {
                    // Half-closes, which TCP does at once; what else there is may take its time.
                    let _ = match &mut self.io {
                        WireIo::Open(io) => Pin::new(io).poll_shutdown(cx),
                        #[cfg(feature = "server")]
                        WireIo::Upgrading(_) => Poll::Ready(Ok(())),
                    };
                    self.closing = Closing::Lingering(deadline);
                }
            }
        }
        while let Closing::Lingering(deadline) = self.closing {
            let read = with_scratch(|scratch| self.poll_read_into(cx, scratch));
            match read {
                Poll::Ready(Ok(read)) if read > 0 => {}
                Poll::Ready(_) => self.closing = Closing::Gone,
                Poll::Pending => return self.give_up_at(deadline),
            }
        }
    }

    fn give_up_at(&mut self, deadline: Instant) {
        if Instant::now() >= deadline {
            self.closing = Closing::Gone;
        }
    }
}

/// Nothing for nothing: an idle wire has no room for bytes that it does not hold.
fn kept(bytes: Bytes) -> Option<Box<Bytes>> {
    (!bytes.is_empty()).then(|| Box::new(bytes))
}

/// The length of a message, inflated; 0 for all else, which is short.
fn message_len(event: &FrameEvent) -> usize {
    match event {
        FrameEvent::Message(message) => message.len(),
        _ => 0,
    }
}

/// The bytes of a frame: compressed where that was agreed on and is worth the work (row A12).
fn encoded(frame: WireFrame, deflate: Option<PerMessageDeflate>) -> Bytes {
    match (frame, deflate) {
        (WireFrame::Message(frame), Some(deflate)) if frame.packet().len() >= deflate.threshold => {
            with_deflater(deflate.level, |deflater| frame.deflated(deflater))
        }
        (frame, _) => frame.into_bytes(),
    }
}

/// Frames as a client writes them, one behind the other: each has its mask.
fn masked(frames: impl Iterator<Item = Bytes>) -> io::Result<Bytes> {
    let mut out = BytesMut::new();
    for frame in frames {
        mask_frame(&frame, next_mask()?, &mut out);
    }
    Ok(out.freeze())
}

/// Lends the thread's compressor. Where engines of several levels share the thread, each makes its own anew.
fn with_deflater<R>(level: u8, use_it: impl FnOnce(&mut Deflater) -> R) -> R {
    let kept = DEFLATER.take().filter(|deflater| deflater.level() == level.clamp(1, 9));
    let mut deflater = kept.unwrap_or_else(|| Deflater::new(level));
    let result = use_it(&mut deflater);
    DEFLATER.set(Some(deflater));
    result
}

/// Lends the thread's read scratch, empty.
fn with_scratch<R>(use_it: impl FnOnce(&mut BytesMut) -> R) -> R {
    let mut scratch = SCRATCH.take();
    scratch.clear();
    scratch.reserve(SCRATCH_BYTES);
    let result = use_it(&mut scratch);
    SCRATCH.set(scratch);
    result
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use engineio_proto::{
        Dialect, Message, MessageFrame, ServerSession, Text,
        websocket::{Opcode, encode_frame},
    };
    use tokio::{
        io::AsyncWriteExt,
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
        let wire = Wire {
            id,
            role: Role::Server,
            io: WireIo::Open(ByteStream::Tcp(server)),
            decoder: FrameDecoder::new(Role::Server, FrameLimits::default()),
            deflate: None,
            out: VecDeque::new(),
            flushing: false,
            closing: Closing::Open,
            undecoded: None,
            yields: false,
            broken: None,
        };
        (wire, client)
    }

    /// A wire on which permessage-deflate was agreed on.
    async fn deflating_wire() -> (Wire, TcpStream) {
        let (mut wire, client) = wire().await;
        wire.decoder = FrameDecoder::new(Role::Server, FrameLimits::default()).with_deflate();
        wire.deflate = Some(Box::default());
        (wire, client)
    }

    fn held_bytes(wire: &Wire) -> usize {
        wire.decoder.buffered_bytes() + wire.out.capacity() + wire.undecoded.as_ref().map_or(0, |bytes| bytes.len())
    }

    async fn messages(wire: &mut Wire, count: usize) -> Vec<Message> {
        let mut messages = Vec::new();
        while messages.len() < count {
            let events = match poll_fn(|cx| wire.poll_read(cx)).await {
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
        let count = SCRATCH_BYTES / bomb.len();
        assert!(count > 20, "all of them fit into one read");
        tokio::spawn(async move { client.write_all(&bomb.repeat(count)).await });
        let (mut seen, mut pauses) = (0, 0);
        loop {
            match poll_fn(|cx| Poll::Ready(wire.poll_read(cx))).await {
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
}
