//! [`Wire`]: a WebSocket connection of a session: bytes in through a scratch buffer of the worker thread,
//! frames out without copying. Holds no protocol state beyond a frame that is half here.
//!
//! INVARIANT: an idle wire owns no buffer: the read scratch belongs to the thread, the decoder keeps only
//! a partial frame, and the list of frames to write gives its memory back when it is empty.

use std::{
    cell::Cell,
    collections::VecDeque,
    future::Future,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Buf, Bytes, BytesMut};
use engineio_proto::{
    Limits, WireId,
    websocket::{CloseCode, FrameDecoder, FrameError, FrameEvent, FrameLimits, Role, encode_close},
};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::{rt::TokioIo, server::conn::auto};
use tokio::{io::AsyncWrite, net::TcpStream, time::Instant};

/// Bytes read at a time: several typical messages, or a good part of a large one.
const SCRATCH_BYTES: usize = 64 * 1024;
/// Slices given to one vectored write; Linux takes up to 1024, past some dozens nothing is gained.
const MAX_SLICES: usize = 64;
/// How long the peer has to answer a close before the connection is dropped.
const LINGER: Duration = Duration::from_secs(5);

thread_local! {
    /// Taken for the length of one read, and put back.
    static SCRATCH: Cell<BytesMut> = Cell::default();
}

/// One WebSocket connection.
pub(crate) struct Wire {
    pub(crate) id: WireId,
    io: WireIo,
    decoder: FrameDecoder,
    /// Frames handed over by the session that the socket has not taken yet.
    out: VecDeque<Bytes>,
    /// All was written, but the stream (TLS, say) still holds some of it.
    flushing: bool,
    closing: Closing,
    /// Bytes that came together with the HTTP request, ahead of the first read.
    early: Bytes,
}

enum WireIo {
    /// The HTTP side still has to hand the connection over.
    Upgrading(OnUpgrade),
    /// A bare TCP stream: what listeners on TCP hand over.
    Tcp(TcpStream),
    /// Anything else, behind hyper's box.
    Other(TokioIo<Upgraded>),
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
    /// The connection ended.
    Ended,
}

impl Wire {
    pub(crate) fn new(id: WireId, upgrade: OnUpgrade, limits: &Limits) -> Self {
        let frame_limits =
            FrameLimits { max_message_bytes: limits.max_payload_bytes, max_fragments: limits.max_fragments };
        let decoder = FrameDecoder::new(Role::Server, frame_limits);
        Self {
            id,
            io: WireIo::Upgrading(upgrade),
            decoder,
            out: VecDeque::new(),
            flushing: false,
            closing: Closing::Open,
            early: Bytes::new(),
        }
    }

    /// Whether everything handed over has been written.
    pub(crate) fn is_flushed(&self) -> bool {
        self.out.is_empty() && !self.flushing
    }

    /// Whether the session may hand over frames: not while earlier ones wait, so that what the peer does not
    /// read stays in the session's queue, where it is counted.
    pub(crate) fn can_take_frames(&self) -> bool {
        self.is_flushed() && self.closing == Closing::Open && !matches!(self.io, WireIo::Upgrading(_))
    }

    pub(crate) fn push_frames(&mut self, frames: &mut Vec<Bytes>) {
        self.out.extend(frames.drain(..));
    }

    /// Starts closing: the frames handed over, then a close frame, then the end.
    pub(crate) fn close(&mut self, code: Option<CloseCode>) {
        if self.closing == Closing::Open {
            let mut frame = BytesMut::new();
            encode_close(code, "", None, &mut frame);
            self.out.push_back(frame.freeze());
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
        let mut chunk = BytesMut::from(std::mem::take(&mut self.early));
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
        let mut events = Vec::new();
        Poll::Ready(loop {
            match self.decoder.decode(&mut chunk) {
                Ok(Some(event)) => events.push(event),
                Ok(None) => break Read::Frames(events, None),
                Err(error) => break Read::Frames(events, Some(error)),
            }
        })
    }

    fn poll_read_into(&mut self, cx: &mut Context<'_>, scratch: &mut BytesMut) -> Poll<io::Result<usize>> {
        match &mut self.io {
            WireIo::Tcp(io) => tokio_util::io::poll_read_buf(Pin::new(io), cx, scratch),
            WireIo::Other(io) => tokio_util::io::poll_read_buf(Pin::new(io), cx, scratch),
            WireIo::Upgrading(_) => Poll::Pending,
        }
    }

    /// Waits for the HTTP side to hand the connection over, and takes it out of hyper's box where it is a
    /// plain TCP stream.
    fn poll_upgrade(&mut self, cx: &mut Context<'_>) -> Poll<hyper::Result<()>> {
        let WireIo::Upgrading(upgrade) = &mut self.io else { return Poll::Ready(Ok(())) };
        let upgraded = ready!(Pin::new(upgrade).poll(cx))?;
        // Plain hyper, as the listener here; then hyper-util's server, which is under axum.
        let (io, early) = match upgraded.downcast::<TokioIo<TcpStream>>() {
            Ok(parts) => (WireIo::Tcp(parts.io.into_inner()), parts.read_buf),
            Err(upgraded) => match auto::upgrade::downcast::<TokioIo<TcpStream>>(upgraded) {
                Ok(parts) => (WireIo::Tcp(parts.io.into_inner()), parts.read_buf),
                Err(upgraded) => (WireIo::Other(TokioIo::new(upgraded)), Bytes::new()),
            },
        };
        (self.io, self.early) = (io, early);
        Poll::Ready(Ok(()))
    }

    /// Writes what was handed over. `Ready(Ok)`: all of it has been written.
    pub(crate) fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.out.is_empty() {
            let written = {
                let mut slices = [IoSlice::new(&[]); MAX_SLICES];
                let mut count = 0;
                for (slice, frame) in slices.iter_mut().zip(&self.out) {
                    *slice = IoSlice::new(frame);
                    count += 1;
                }
                match &mut self.io {
                    WireIo::Tcp(io) => ready!(Pin::new(io).poll_write_vectored(cx, &slices[..count]))?,
                    WireIo::Other(io) => ready!(Pin::new(io).poll_write_vectored(cx, &slices[..count]))?,
                    WireIo::Upgrading(_) => return Poll::Pending,
                }
            };
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.advance(written);
            self.flushing = matches!(self.io, WireIo::Other(_));
        }
        if let (true, WireIo::Other(io)) = (self.flushing, &mut self.io) {
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
                Poll::Ready(Ok(())) => self.poll_write(cx),
                Poll::Ready(Err(error)) => Poll::Ready(Err(io::Error::other(error))),
                Poll::Pending => Poll::Pending,
            };
            match flushed {
                Poll::Pending => return self.give_up_at(deadline),
                Poll::Ready(Err(_)) => self.closing = Closing::Gone,
                Poll::Ready(Ok(())) => {
                    // Half-closes, which TCP does at once; what else there is may take its time.
                    let _ = match &mut self.io {
                        WireIo::Tcp(io) => Pin::new(io).poll_shutdown(cx),
                        WireIo::Other(io) => Pin::new(io).poll_shutdown(cx),
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
    use tokio::{io::AsyncWriteExt, net::TcpListener};

    use super::*;

    async fn wire() -> (Wire, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        let (_, id) = ServerSession::open_wire(
            Limits::default().into(),
            Dialect::V4,
            &Text::new(),
            engineio_proto::Moment::EPOCH,
        );
        let decoder = FrameDecoder::new(Role::Server, FrameLimits::default());
        let io = WireIo::Tcp(server);
        (
            Wire {
                id,
                io,
                decoder,
                out: VecDeque::new(),
                flushing: false,
                closing: Closing::Open,
                early: Bytes::new(),
            },
            client,
        )
    }

    fn held_bytes(wire: &Wire) -> usize {
        wire.decoder.buffered_bytes() + wire.out.capacity() + wire.early.len()
    }

    async fn messages(wire: &mut Wire, count: usize) -> Vec<Message> {
        let mut messages = Vec::new();
        while messages.len() < count {
            let Read::Frames(events, None) = poll_fn(|cx| wire.poll_read(cx)).await else { panic!("it ended") };
            messages.extend(events.into_iter().map(|event| match event {
                FrameEvent::Message(message) => message,
                other => panic!("unexpected {other:?}"),
            }));
        }
        messages
    }

    /// R38: after a large frame in pieces, and after writing, nothing is kept.
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

        wire.push_frames(&mut vec![MessageFrame::text(&["out"]).into_frame(); 100]);
        poll_fn(|cx| wire.poll_write(cx)).await.unwrap();
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
}
