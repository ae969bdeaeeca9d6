//! [`Wire`]: the long-polling requests of one connection, made in memory, and the one task that makes them: one GET
//! that always waits, and a POST where there is something to send. It answers heartbeats, and ends with the
//! session or with the last client. [EIO4 HTTP long-polling]

use std::{future::pending, pin::pin, sync::Arc, time::Duration};

use bytes::Bytes;
use engineio::server::Body;
use engineio_proto::{Handshake, Packet, Packets, Text};
use futures_util::{
    FutureExt,
    future::{Either, select},
};
use http::{Method, Request, Response, StatusCode, Uri, uri::InvalidUri};
use http_body_util::{BodyExt, Collected, Full};
use serde::Deserialize;
use socketio_proto::{Decoder, DecoderLimits};

use super::{
    Refusal,
    line::{Line, Stop},
};
use crate::{DisconnectReason, Server};

/// How long a good-bye may take: a server that reads nothing is left without.
const FAREWELL_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) struct Wire {
    server: Peer,
    line: Arc<Line>,
    decoder: Decoder,
}

/// The server at the other end.
struct Peer {
    io: Server,
    /// A request of this connection, without method and body.
    head: Request<()>,
}

/// What the error table answers with (row A34).
#[derive(Deserialize)]
struct ErrorAnswer {
    message: String,
}

impl Peer {
    async fn ask(&self, method: Method, body: Bytes) -> (StatusCode, Bytes) {
        let (mut parts, ()) = self.head.clone().into_parts();
        parts.method = method;
        let request = Request::from_parts(parts, Full::new(body));
        let response: Response<Body<Full<Bytes>>> = self.io.engine().handle(request).await;
        let status = response.status();
        // A body in memory cannot fail.
        let body = response.into_body().collect().await.map(Collected::to_bytes);
        (status, body.unwrap_or_default())
    }

    /// Once the requests of a connection that was cut are gone. The server has noticed, unless it was answering the GET at that moment,
    /// on another thread: then it would wait for the next one as long as for a ping. So there is a next one, which is cut as well.
    fn let_it_notice(&self) {
        while let Some((StatusCode::OK, _)) = self.ask(Method::GET, Bytes::new()).now_or_never() {}
    }

    fn enter_session(&mut self, sid: &str) -> Result<(), InvalidUri> {
        let sid = form_urlencoded::Serializer::new(String::new()).append_pair("sid", sid).finish();
        *self.head.uri_mut() = format!("{}&{sid}", self.head.uri()).parse::<Uri>()?;
        Ok(())
    }
}

impl Wire {
    /// Opens a session. `head` has the path and the query of the first request.
    pub(super) async fn open(io: Server, head: Request<()>, line: Arc<Line>) -> Result<Self, Refusal> {
        let mut server = Peer { io, head };
        let (status, body) = server.ask(Method::GET, Bytes::new()).await;
        let refuse = |message: String| Refusal { message, data: None, status: Some(status) };
        if status != StatusCode::OK {
            let message = serde_json::from_slice::<ErrorAnswer>(&body).map(|answer| answer.message);
            return Err(refuse(message.unwrap_or_else(|_| String::from_utf8_lossy(&body).into_owned())));
        }
        let mut packets = Packets::new(Text::from_utf8(body).unwrap_or_default());
        let Some(Ok(Packet::Open(handshake))) = packets.next() else {
            return Err(refuse("the server did not open a session".to_owned()));
        };
        let handshake: Handshake =
            serde_json::from_str(&handshake).map_err(|error| refuse(format!("not a handshake: {error}")))?;
        server.enter_session(&handshake.sid).map_err(|error| refuse(format!("not a session id: {error}")))?;
        // What the server sends is the tester's own.
        let mut limits = DecoderLimits::default();
        (limits.max_attachments, limits.max_attachment_bytes) = (usize::MAX, usize::MAX);
        let mut decoder = Decoder::new(limits);
        if let Some(reason) = handle(packets, &line, &mut decoder) {
            return Err(refuse(reason.to_string()));
        }
        Ok(Self { server, line, decoder })
    }

    /// Carries the connection until it ends.
    pub(super) async fn run(mut self) {
        let Self { server, line, decoder } = &mut self;
        let (server, line) = (&*server, &**line);
        let reason = {
            // The GET comes first: it is always on its way, so that the server notices where it is cut.
            let (polling, posting) = (pin!(poll(server, line, decoder)), pin!(post(server, line)));
            let stopped = pin!(line.stopped());
            match select(select(polling, posting), stopped).await {
                Either::Left((ended, _)) => Some(ended.factor_first().0),
                Either::Right((Stop::Cut, _)) => None,
                Either::Right((Stop::HangUp, work)) => {
                    let _ = tokio::time::timeout(FAREWELL_TIMEOUT, work).await;
                    Some(DisconnectReason::TransportClose)
                }
            }
        };
        let reason = reason.unwrap_or_else(|| {
            server.let_it_notice();
            DisconnectReason::TransportError
        });
        line.end(reason);
    }
}

/// A task that is torn down in the middle ends its line all the same.
impl Drop for Wire {
    fn drop(&mut self) {
        self.line.end(DisconnectReason::TransportError);
    }
}

async fn poll(server: &Peer, line: &Line, decoder: &mut Decoder) -> DisconnectReason {
    loop {
        let (status, body) = server.ask(Method::GET, Bytes::new()).await;
        if line.is_silent() {
            pending::<()>().await;
        }
        if status != StatusCode::OK {
            return DisconnectReason::TransportError;
        }
        let Ok(text) = Text::from_utf8(body) else { return DisconnectReason::ParseError };
        if let Some(reason) = handle(Packets::new(text), line, decoder) {
            return reason;
        }
    }
}

async fn post(server: &Peer, line: &Line) -> DisconnectReason {
    let budget = server.io.config().engine.limits.max_payload_bytes;
    loop {
        let (payload, is_last) = line.next_payload(budget).await;
        let (status, _) = server.ask(Method::POST, payload).await;
        match (status, is_last) {
            (StatusCode::OK, false) => {}
            (StatusCode::OK, true) => return DisconnectReason::TransportClose,
            _ => return DisconnectReason::TransportError,
        }
    }
}

/// Takes what the server sent; gives the reason where it was the end.
fn handle(packets: Packets, line: &Line, decoder: &mut Decoder) -> Option<DisconnectReason> {
    for packet in packets {
        match packet {
            Ok(Packet::Message(message)) => match decoder.handle(message) {
                Ok(Some(packet)) => line.deliver(packet),
                Ok(None) => {}
                Err(_) => return Some(DisconnectReason::ParseError),
            },
            Ok(Packet::Ping(_)) => line.send_pong(),
            Ok(Packet::Close) => return Some(DisconnectReason::TransportClose),
            Ok(_) => {}
            Err(_) => return Some(DisconnectReason::ParseError),
        }
    }
    None
}
