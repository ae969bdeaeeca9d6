//! [`Polling`]: a connection of the load that is HTTP long-polling, with one TCP connection for its GETs, of which one is
//! always open, and one for its POSTs, as clients have it. [EIO4 Transports]

use std::{collections::VecDeque, io, net::SocketAddr};

use bytes::Bytes;
use engineio_proto::{SEPARATOR, Text};
use mio::{Registry, Token};

use super::{fault::Fault, stream::Stream, target::Target};

/// The most that an answer may have in it, in bytes.
const MOST_BYTES: usize = 1 << 30;

#[derive(Debug)]
pub(super) struct Polling {
    gets: Http,
    posts: Http,
    /// The address of the session, once there is one.
    session: Option<String>,
    authority: String,
    path: String,
    packets: VecDeque<Text>,
    /// Packets that wait for the POST before them.
    queued: Vec<u8>,
    is_posting: bool,
}

/// One HTTP connection: requests out, answers in.
#[derive(Debug)]
struct Http {
    stream: Stream,
    partial: Vec<u8>,
}

/// Which of its TCP connections is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Half {
    Get,
    Post,
}

impl Polling {
    pub(super) fn dial(target: &Target, addr: SocketAddr, registry: &Registry, tokens: [Token; 2]) -> io::Result<Self> {
        let (path, authority) = (target.path.clone(), target.authority.clone());
        let open = format!("GET {path}?EIO=4&transport=polling HTTP/1.1\r\nHost: {authority}\r\n\r\n");
        let dial = |token, first: Vec<u8>| -> io::Result<Http> {
            Ok(Http { stream: Stream::dial(addr, registry, token, first)?, partial: Vec::new() })
        };
        let [get, post] = tokens;
        let (gets, posts) = (dial(get, open.into_bytes())?, dial(post, Vec::new())?);
        let packets = VecDeque::new();
        Ok(Self { gets, posts, session: None, authority, path, packets, queued: Vec::new(), is_posting: false })
    }

    /// Reads answers; whether there may be more.
    pub(super) fn read(&mut self, half: Half, scratch: &mut [u8]) -> Result<bool, Fault> {
        let http = if half == Half::Get { &mut self.gets } else { &mut self.posts };
        let Some(read) = http.stream.read(scratch)? else { return Ok(false) };
        http.partial.extend_from_slice(scratch.get(..read).unwrap_or_default());
        while let Some(body) = self.answer(half)? {
            match half {
                Half::Get => self.polled(body)?,
                Half::Post => {
                    self.is_posting = false;
                    self.post()?;
                }
            }
        }
        Ok(read == scratch.len())
    }

    fn answer(&mut self, half: Half) -> Result<Option<Bytes>, Fault> {
        match half {
            Half::Get => self.gets.answer(),
            Half::Post => self.posts.answer(),
        }
    }

    /// A GET was answered: the packets are taken, and the next GET goes out.
    fn polled(&mut self, body: Bytes) -> Result<(), Fault> {
        let text = Text::from_utf8(body).map_err(|_| Fault::Malformed("an answer that is no text"))?;
        if self.session.is_none() {
            let open = text.get(1..).and_then(|json| serde_json::from_str::<serde_json::Value>(json).ok());
            let sid = open.as_ref().and_then(|open| open["sid"].as_str());
            let sid = sid.ok_or(Fault::Malformed("an opening without a session"))?;
            self.session = Some(format!("{}?EIO=4&transport=polling&sid={sid} HTTP/1.1\r\nHost: ", self.path));
        }
        let mut start = 0;
        for part in text.as_bytes().split(|byte| *byte == SEPARATOR) {
            self.packets.extend(text.slice(start, start + part.len()));
            start += part.len() + 1;
        }
        let session = self.session.as_deref().unwrap_or_default();
        self.gets.stream.write(format!("GET {session}{}\r\n\r\n", self.authority).as_bytes())
    }

    pub(super) fn next(&mut self) -> Option<Text> {
        self.packets.pop_front()
    }

    /// Queues a packet for the next POST.
    pub(super) fn push(&mut self, packet: &[u8]) {
        if !self.queued.is_empty() {
            self.queued.push(SEPARATOR);
        }
        self.queued.extend_from_slice(packet);
    }

    /// Posts what is queued, unless a POST is out.
    pub(super) fn post(&mut self) -> Result<(), Fault> {
        let Some(session) = self.session.as_deref().filter(|_| !self.is_posting && !self.queued.is_empty()) else {
            return Ok(());
        };
        let (authority, length) = (&self.authority, self.queued.len());
        let mut request = format!(
            "POST {session}{authority}\r\nContent-Type: text/plain;charset=UTF-8\r\nContent-Length: {length}\r\n\r\n"
        )
        .into_bytes();
        request.append(&mut self.queued);
        self.is_posting = true;
        self.posts.stream.write(&request)
    }

    pub(super) fn write_rest(&mut self, half: Half) -> Result<(), Fault> {
        match half {
            Half::Get => self.gets.stream.write_rest(),
            Half::Post => self.posts.stream.write_rest(),
        }
    }
}

impl Http {
    /// The body of an answer that has come whole.
    fn answer(&mut self) -> Result<Option<Bytes>, Fault> {
        let Some(head) = self.partial.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
        let lines = String::from_utf8_lossy(self.partial.get(..head).unwrap_or_default());
        if lines.get(9..12) != Some("200") {
            return Err(Fault::Status(lines.lines().next().unwrap_or_default().to_owned()));
        }
        let fields = lines.lines().filter_map(|line| line.split_once(':'));
        let length = fields.into_iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        let length = length.and_then(|(_, length)| length.trim().parse::<usize>().ok());
        let length = length.filter(|length| *length <= MOST_BYTES);
        let length = length.ok_or(Fault::Malformed("an answer without a length"))?;
        let body = head + 4..head + 4 + length;
        let Some(found) = self.partial.get(body.clone()) else { return Ok(None) };
        let found = Bytes::copy_from_slice(found);
        self.partial.drain(..body.end);
        Ok(Some(found))
    }
}
