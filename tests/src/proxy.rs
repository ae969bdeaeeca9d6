//! A TCP proxy between a client and a server that cuts what passes, at a moment that is asked for, or falls silent.
//!
//! Owns the copying, one thread for each direction of a connection, and the reading of WebSocket frames on the way, by which a
//! moment is known. It understands no compression. Leaves out what either end has to make of it.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

/// A moment in the life of a WebSocket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CutPoint {
    /// The client asks for it; the server has not heard of that.
    Asked,
    /// The server has said yes; the client has not heard of that.
    Accepted,
    /// The client has sent this message; the server has not got it.
    Said(&'static str),
    /// The client has sent so many messages, whatever they say; the server has not got the last of them.
    SaidSoMany(usize),
    /// The server has sent this message; the client has not got it.
    Answered(&'static str),
}

/// What is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// The connection on which it happens.
    One,
    /// All connections.
    All,
}

/// A running proxy. Dropping it cuts everything.
#[derive(Debug)]
pub struct Proxy {
    addr: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    server: SocketAddr,
    /// Counts the times at which all that was there fell silent for good.
    generation: u64,
    silent: bool,
    refusing: bool,
    ended: bool,
    cut: Option<(CutPoint, Reach)>,
    accepted: usize,
    streams: Vec<TcpStream>,
}

impl Proxy {
    /// Starts a proxy to this server on a port of its own.
    pub fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let addr = listener.local_addr().expect("a bound listener");
        let state = State {
            server,
            generation: 0,
            silent: false,
            refusing: false,
            ended: false,
            cut: None,
            accepted: 0,
            streams: Vec::new(),
        };
        let shared = Arc::new(Shared { state: Mutex::new(state) });
        let accepting = shared.clone();
        thread::spawn(move || {
            while let Ok((near, _)) = listener.accept() {
                if !accepting.connect(near) {
                    break;
                }
            }
        });
        Self { addr, shared }
    }

    /// The address for clients that want a URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// New connections go to this server.
    pub fn lead_to(&self, server: SocketAddr) {
        self.shared.lock().server = server;
    }

    /// Cuts all connections.
    pub fn cut(&self) {
        self.shared.lock().cut_all();
    }

    /// Cuts at that moment, once.
    pub fn cut_at(&self, point: CutPoint, reach: Reach) {
        self.shared.lock().cut = Some((point, reach));
    }

    /// Whether the moment of [`Proxy::cut_at`] is still to come.
    pub fn is_armed(&self) -> bool {
        self.shared.lock().cut.is_some()
    }

    /// Nothing passes any more, and nobody is told: as if the cable were cut.
    pub fn silence(&self) {
        self.shared.lock().silent = true;
    }

    /// New connections pass again; those that fell silent stay so.
    pub fn restore(&self) {
        let mut state = self.shared.lock();
        state.silent = false;
        state.generation += 1;
    }

    /// Cuts all connections and each new one at once, or, with false, lets new ones pass.
    pub fn refuse(&self, refusing: bool) {
        let mut state = self.shared.lock();
        state.refusing = refusing;
        if refusing {
            state.cut_all();
        }
    }

    /// How many connections have come so far.
    pub fn accepted(&self) -> usize {
        self.shared.lock().accepted
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        {
            let mut state = self.shared.lock();
            state.ended = true;
            state.cut_all();
        }
        // The thread that accepts looks up.
        let _ = TcpStream::connect(self.addr);
    }
}

impl State {
    fn cut_all(&mut self) {
        for stream in self.streams.drain(..) {
            let _gone = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a connection; false once the proxy has ended.
    fn connect(self: &Arc<Self>, near: TcpStream) -> bool {
        let (server, generation) = {
            let mut state = self.lock();
            if state.ended {
                return false;
            }
            state.accepted += 1;
            if state.refusing {
                return true;
            }
            (state.server, state.generation)
        };
        let Ok(far) = TcpStream::connect(server) else { return true };
        let copy = |stream: &TcpStream| stream.try_clone().expect("a stream can be shared");
        {
            let mut state = self.lock();
            state.streams.extend([copy(&near), copy(&far)]);
            if state.refusing || state.ended {
                state.cut_all();
            }
        }
        for stream in [&near, &far] {
            stream.set_nodelay(true).expect("the stream is a TCP stream");
        }
        let there = Way { from: copy(&near), to: copy(&far), generation, is_clients: true };
        let back = Way { from: far, to: near, generation, is_clients: false };
        for way in [there, back] {
            let shared = self.clone();
            thread::spawn(move || way.run(&shared));
        }
        true
    }

    /// Whether what was read may pass.
    fn passes(&self, generation: u64) -> bool {
        let state = self.lock();
        !state.silent && state.generation == generation
    }

    /// Cuts, if this is the moment; says whether the connection on which it happened is to go.
    fn strike(&self, happened: impl Fn(CutPoint) -> bool) -> bool {
        let mut state = self.lock();
        let Some((_, reach)) = state.cut.filter(|(point, _)| happened(*point)) else { return false };
        state.cut = None;
        if reach == Reach::All {
            state.cut_all();
        }
        true
    }
}

/// One direction of a connection.
struct Way {
    from: TcpStream,
    to: TcpStream,
    generation: u64,
    is_clients: bool,
}

impl Way {
    fn run(mut self, shared: &Shared) {
        let mut chunk = [0; 16 * 1024];
        let mut reader = FrameReader::default();
        loop {
            let read = self.from.read(&mut chunk).unwrap_or(0);
            if !shared.passes(self.generation) {
                // While it is silent, an end is not passed on either: the other side has to find out by itself.
                if read == 0 {
                    return;
                }
                continue;
            }
            let bytes = chunk.get(..read).unwrap_or_default();
            let is_struck = reader.read(bytes, |seen| shared.strike(|point| self.is_point(point, seen)));
            if read == 0 || is_struck || self.to.write_all(bytes).is_err() {
                let _gone = self.to.shutdown(if is_struck { Shutdown::Both } else { Shutdown::Write });
                if is_struck {
                    let _gone = self.from.shutdown(Shutdown::Both);
                }
                return;
            }
        }
    }

    fn is_point(&self, point: CutPoint, seen: &Seen<'_>) -> bool {
        match (point, seen) {
            (CutPoint::Asked, Seen::Head) => self.is_clients,
            (CutPoint::Accepted, Seen::Head) => !self.is_clients,
            (CutPoint::Said(text), Seen::Message(bytes, _)) => self.is_clients && text.as_bytes() == *bytes,
            (CutPoint::SaidSoMany(count), Seen::Message(_, number)) => self.is_clients && count == *number,
            (CutPoint::Answered(text), Seen::Message(bytes, _)) => !self.is_clients && text.as_bytes() == *bytes,
            _ => false,
        }
    }
}

/// What passes on a connection that becomes a WebSocket.
enum Seen<'a> {
    Head,
    /// And which one it is in its direction.
    Message(&'a [u8], usize),
}

/// Reads the frames of a connection whose first request is for a WebSocket, and nothing of any other.
#[derive(Default)]
struct FrameReader {
    unread: Vec<u8>,
    is_websocket: Option<bool>,
    messages: usize,
}

impl FrameReader {
    /// Shows what is complete; true if `show` says so once.
    fn read(&mut self, bytes: &[u8], show: impl Fn(&Seen<'_>) -> bool) -> bool {
        if self.is_websocket == Some(false) {
            return false;
        }
        self.unread.extend_from_slice(bytes);
        if self.is_websocket.is_none() {
            let Some(end) = self.unread.windows(4).position(|window| window == b"\r\n\r\n") else { return false };
            let head: Vec<u8> = self.unread.drain(..end + 4).collect();
            let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
            let is_websocket = head.contains("upgrade: websocket");
            self.is_websocket = Some(is_websocket);
            if !is_websocket || show(&Seen::Head) {
                return is_websocket;
            }
        }
        while let Some(payload) = self.take_frame() {
            self.messages += 1;
            if show(&Seen::Message(&payload, self.messages)) {
                return true;
            }
        }
        false
    }

    /// The payload of the next frame, without its mask. [RFC 6455 §5.2]
    fn take_frame(&mut self) -> Option<Vec<u8>> {
        let second = *self.unread.get(1)?;
        let (length, mut at) = match second & 0x7f {
            126 => (usize::from(u16::from_be_bytes(self.unread.get(2..4)?.try_into().ok()?)), 4),
            127 => (usize::try_from(u64::from_be_bytes(self.unread.get(2..10)?.try_into().ok()?)).ok()?, 10),
            short => (usize::from(short), 2),
        };
        let mut mask = [0; 4];
        if second & 0x80 != 0 {
            mask = self.unread.get(at..at + 4)?.try_into().ok()?;
            at += 4;
        }
        let masked = self.unread.get(at..at + length)?;
        let payload = masked.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
        self.unread.drain(..at + length);
        Some(payload)
    }
}
