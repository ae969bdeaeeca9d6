//! [`Wire`]: a WebSocket connection of a session: bytes in through a scratch buffer of the worker thread,
//! frames out without copying. Holds no protocol state beyond a frame that is half here.
//!
//! INVARIANT: an idle wire owns no buffer: the scratch and the compressor belong to the thread, the decoder is kept only
//! where a frame is half here, and the list of frames to write gives its memory back when it is empty.

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

/// Bytes read at a time: all that the system has for a connection, nearly always.
const SCRATCH_BYTES: usize = 256 * 1024;
/// So much of a read is inflated before others get their turn.
const INFLATED_BYTES: usize = 64 * 1024;
/// What a small event takes; for how many of them room is made before a read is looked at.
const TYPICAL_FRAME_BYTES: usize = 32;
const MOST_FRAMES: usize = 256;
/// From so many bytes on, a read is looked through for a large frame that did not come whole.
const LARGE_READ_BYTES: usize = 4 * 1024;
/// Frames up to this length are put one behind the other to be written, up to so many at a time.
const SMALL_FRAME_BYTES: usize = 256;
const MAX_GATHERED: usize = 256;
/// Slices given to one vectored write of longer ones; Linux takes up to 1024, past some dozens nothing is gained.
const MAX_SLICES: usize = 64;
/// How long the peer has to answer a close before the connection is dropped.
const LINGER: Duration = Duration::from_secs(5);

thread_local! {
    /// Taken for the length of one read or write, and put back.
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
    /// `None` between two messages, where a new one does as well.
    decoder: Option<Box<FrameDecoder>>,
    /// Frames handed over by the session that the socket has not taken yet.
    out: VecDeque<Bytes>,
    /// All was written, but the stream (TLS, say) still holds some of it.
    flushing: bool,
    closing: Closing,
    /// Others get their turn before more is decoded.
    yields: bool,
    rare: Option<Box<Rare>>,
}

/// What most wires do without.
#[derive(Debug, Default)]
struct Rare {
    /// What the handshake agreed on, where messages are compressed.
    deflate: Option<PerMessageDeflate>,
    /// Bytes that came and were not looked at: together with the HTTP request, or behind messages that grew.
    undecoded: Bytes,
    /// Why nothing can be written any more.
    broken: Option<io::Error>,
    /// When a closing wire is dropped, whatever the peer does.
    deadline: Option<Instant>,
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
    Flushing,
    /// Written; waits for the peer's end, so that the close frame is not lost to a reset.
    Lingering,
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

impl Read {
    /// What so many bytes have given.
    fn of(bytes: usize, events: Vec<FrameEvent>, error: Option<FrameError>) -> Self {
        if events.is_empty() && error.is_none() { Self::Part(bytes) } else { Self::Frames(events, error) }
    }
}

impl Wire {
    pub(crate) fn new(id: WireId, upgrade: Upgrade, role: Role) -> Self {
        let Upgrade { connection, early, deflate } = upgrade;
        let mut wire = Self {
            id,
            role,
            io: connection,
            decoder: None,
            out: VecDeque::new(),
            flushing: false,
            closing: Closing::Open,
            yields: false,
            rare: deflate.map(|deflate| Box::new(Rare { deflate: Some(deflate), ..Rare::default() })),
        };
        wire.keep(early);
        wire
    }

    fn deflate(&self) -> Option<PerMessageDeflate> {
        self.rare.as_ref()?.deflate
    }

    /// Keeps bytes to be decoded later. Nothing for nothing: an idle wire has no room for bytes that it does not hold.
    fn keep(&mut self, undecoded: Bytes) {
        if !undecoded.is_empty() {
            self.rare.get_or_insert_default().undecoded = undecoded;
        }
    }

    fn take_undecoded(&mut self) -> BytesMut {
        let Some(rare) = &mut self.rare else { return BytesMut::new() };
        let undecoded = std::mem::take(&mut rare.undecoded);
        if let Rare { deflate: None, broken: None, deadline: None, .. } = **rare {
            self.rare = None;
        }
        undecoded.into()
    }

    /// Whether everything handed over has been written.
    pub(crate) fn is_flushed(&self) -> bool {
        self.out.is_empty() && !self.flushing && self.rare.as_ref().is_none_or(|rare| rare.broken.is_none())
    }

    /// Whether the session may hand over frames: not while earlier ones wait, so that what the peer does not
    /// read stays in the session's queue, where it is counted.
    pub(crate) fn can_take_frames(&self) -> bool {
        self.is_flushed() && self.closing == Closing::Open && matches!(self.io, WireIo::Open(_))
    }

    /// Takes frames over to be written, in the form that this connection has agreed on.
    pub(crate) fn push_frames(&mut self, frames: &mut Vec<WireFrame>) {
        let deflate = self.deflate();
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
            Err(error) => self.rare.get_or_insert_default().broken = Some(error),
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
            self.closing = Closing::Flushing;
            self.rare.get_or_insert_default().deadline = Some(Instant::now() + LINGER);
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
        self.rare.as_ref().and_then(|rare| rare.deadline).filter(|_| !self.is_gone())
    }

    /// Reads once, within these limits, which are those of all reads. `Ready` means something happened; to be called again
    /// until `Pending`.
    pub(crate) fn poll_read(&mut self, limits: FrameLimits, cx: &mut Context<'_>) -> Poll<Read> {
        if ready!(self.poll_upgrade(cx)).is_err() {
            // There is no connection to say good-bye on, and the promise of one must not be asked again.
            self.closing = Closing::Gone;
            return Poll::Ready(Read::Ended);
        }
        if std::mem::take(&mut self.yields) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let undecoded = self.take_undecoded();
        if !undecoded.is_empty() {
            return Poll::Ready(self.with_decoder(limits, |wire, decoder| {
                let (len, mut events) = (undecoded.len(), room_for_events(undecoded.len()));
                let error = wire.decode(decoder, undecoded, &mut events).err();
                Read::of(len, events, error)
            }));
        }
        let read = ready!(with_scratch(|scratch| {
            let read = ready!(self.poll_read_into(cx, scratch));
            Poll::Ready(read.map(|_| self.with_decoder(limits, |wire, decoder| wire.decode_read(decoder, scratch))))
        }));
        Poll::Ready(read.unwrap_or(Read::Ended))
    }

    /// Most reads hold whole messages, and leave nothing in the decoder that is to be kept.
    fn with_decoder(&mut self, limits: FrameLimits, use_it: impl FnOnce(&mut Self, &mut FrameDecoder) -> Read) -> Read {
        if let Some(mut decoder) = self.decoder.take() {
            let read = use_it(self, &mut decoder);
            self.decoder = Some(decoder).filter(|decoder| !decoder.is_as_new());
            return read;
        }
        let mut decoder = self.new_decoder(limits);
        let read = use_it(self, &mut decoder);
        self.decoder = (!decoder.is_as_new()).then(|| Box::new(decoder));
        read
    }

    fn new_decoder(&self, limits: FrameLimits) -> FrameDecoder {
        let decoder = FrameDecoder::new(self.role, limits);
        if self.deflate().is_some() { decoder.with_deflate() } else { decoder }
    }

    /// Decodes what was read into the scratch. Messages that came whole share a copy of just what came, so that a message
    /// that is kept pins its own read and not the whole scratch (hazard R38). What is large or comes in parts goes straight to
    /// memory of its own, so that it is copied once.
    fn decode_read(&mut self, decoder: &mut FrameDecoder, read: &[u8]) -> Read {
        if read.is_empty() {
            return Read::Ended;
        }
        let mut events = room_for_events(read.len());
        let error = self.decode_parts(decoder, read, &mut events).err();
        Read::of(read.len(), events, error)
    }

    fn decode_parts(
        &mut self,
        decoder: &mut FrameDecoder,
        mut read: &[u8],
        events: &mut Vec<FrameEvent>,
    ) -> Result<(), FrameError> {
        if self.deflate().is_some() {
            return self.decode(decoder, BytesMut::from(read), events);
        }
        while !read.is_empty() {
            events.extend(decoder.continue_frame(&mut read)?);
            let shared = if read.len() < LARGE_READ_BYTES { read.len() } else { decoder.len_to_share(read) };
            let (shared, rest) = read.split_at(shared);
            if !shared.is_empty() {
                self.decode(decoder, BytesMut::from(shared), events)?;
            }
            read = rest;
        }
        Ok(())
    }

    fn decode(
        &mut self,
        decoder: &mut FrameDecoder,
        mut chunk: BytesMut,
        events: &mut Vec<FrameEvent>,
    ) -> Result<(), FrameError> {
        let mut held = 0;
        while let Some(event) = decoder.decode(&mut chunk)? {
            held += message_len(&event);
            events.push(event);
            // One read can hold many messages that each inflate to the limit. They are let out one by one, so
            // that they neither add up in memory nor keep the thread for all of them (hazard S38).
            if held >= INFLATED_BYTES && self.deflate().is_some() && !chunk.is_empty() {
                self.keep(chunk.freeze());
                self.yields = true;
                break;
            }
        }
        Ok(())
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
        self.io = WireIo::Open(stream);
        self.keep(early);
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
        if let Some(error) = self.rare.as_mut().and_then(|rare| rare.broken.take()) {
            return Poll::Ready(Err(error));
        }
        while !self.out.is_empty() {
            let written = ready!(self.poll_write_some(cx))?;
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

    /// Writes once.
    fn poll_write_some(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let (out, io) = match &mut self.io {
            WireIo::Open(io) => (&self.out, Pin::new(io)),
            #[cfg(feature = "server")]
            WireIo::Upgrading(_) => return Poll::Pending,
        };
        let is_small = |frame: &&Bytes| frame.len() <= SMALL_FRAME_BYTES;
        let small = out.iter().take(MAX_GATHERED).take_while(is_small).count();
        if small > 1 && (small == out.len() || small == MAX_GATHERED) {
            // The system takes as long for a slice as it takes to copy a few hundred bytes.
            return with_scratch(|scratch| {
                out.iter().take(small).for_each(|frame| scratch.extend_from_slice(frame));
                io.poll_write(cx, scratch)
            });
        }
        match out.front() {
            Some(only) if out.len() == 1 => io.poll_write(cx, only),
            _ => {
                let mut slices = [IoSlice::new(&[]); MAX_SLICES];
                let filled = slices.iter_mut().zip(out).map(|(slice, frame)| *slice = IoSlice::new(frame)).count();
                io.poll_write_vectored(cx, &slices[..filled])
            }
        }
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
        if self.closing == Closing::Flushing {
            let flushed = match self.poll_upgrade(cx) {
                Poll::Ready(Ok(())) => self.poll_write(cx, &mut 0),
                Poll::Ready(Err(error)) => Poll::Ready(Err(io::Error::other(error))),
                Poll::Pending => Poll::Pending,
            };
            match flushed {
                Poll::Pending => return self.give_up_in_time(),
                Poll::Ready(Err(_)) => self.closing = Closing::Gone,
                Poll::Ready(Ok(())) => {
                    // Half-closes, which TCP does at once; what else there is may take its time.
                    let _ = match &mut self.io {
                        WireIo::Open(io) => Pin::new(io).poll_shutdown(cx),
                        #[cfg(feature = "server")]
                        WireIo::Upgrading(_) => Poll::Ready(Ok(())),
                    };
                    self.closing = Closing::Lingering;
                }
            }
        }
        while self.closing == Closing::Lingering {
            let read = with_scratch(|scratch| self.poll_read_into(cx, scratch));
            match read {
                Poll::Ready(Ok(read)) if read > 0 => {}
                Poll::Ready(_) => self.closing = Closing::Gone,
                Poll::Pending => return self.give_up_in_time(),
            }
        }
    }

    fn give_up_in_time(&mut self) {
        if self.deadline().is_none_or(|deadline| Instant::now() >= deadline) {
            self.closing = Closing::Gone;
        }
    }
}

fn room_for_events(read_bytes: usize) -> Vec<FrameEvent> {
    Vec::with_capacity((read_bytes / TYPICAL_FRAME_BYTES).clamp(1, MOST_FRAMES))
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

/// Lends the thread's scratch, empty.
fn with_scratch<R>(use_it: impl FnOnce(&mut BytesMut) -> R) -> R {
    let mut scratch = SCRATCH.take();
    scratch.clear();
    scratch.reserve(SCRATCH_BYTES);
    let result = use_it(&mut scratch);
    SCRATCH.set(scratch);
    result
}

#[cfg(test)]
mod tests;
