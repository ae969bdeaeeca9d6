//! How a [`ClientSocket`] is let in, refused and let go. (E27 to E35, E57)
//!
//! Owns CONNECT and its answers, and what recovery needs; leaves out the states themselves (`mod.rs`) and what waits
//! (`waiting.rs`).

use std::{collections::BTreeMap, mem};

use engineio_proto::Moment;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Value, value::RawValue};

use super::{AuthId, ClientClosed, ClientOutput, ClientSocket, EarlyEvents, Outgoing, Phase, Refusal, Session};
use crate::{AckId, Body, EncodeError, PacketKind, PrivateId};

/// Longer texts are no private ids and no offsets: those that servers give out have some twenty characters. What is
/// kept goes into each CONNECT, which must not become too long for the server.
const MAX_RECOVERY_TEXT_BYTES: usize = 256;

const OTHER_VERSION: &str = "the server confirmed the namespace without an id for the socket, as those of Socket.IO v2 do: \
     it is to be upgraded to v3 or later, or a client for v2 is to be used";

/// What a server answers to a CONNECT. (C20)
#[derive(Deserialize)]
struct Answer {
    sid: Option<Value>,
    pid: Option<Value>,
}

/// What a server says to a refusal. (C21)
#[derive(Deserialize)]
struct Objection<'a> {
    message: Option<Value>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

impl<W> ClientSocket<W> {
    /// The user wants the socket to be connected, and the engine has a connection, or none yet. (E35)
    ///
    /// It does nothing where the socket is active already.
    ///
    /// ```
    /// use socketio_proto::{ClientOutput, ClientSocket, Namespace};
    ///
    /// let mut socket: ClientSocket<()> = ClientSocket::new(Namespace::root(), Default::default());
    /// let mut out = Vec::new();
    /// socket.handle_connect(false, &mut out);
    /// assert!(out.is_empty()); // it waits for the engine
    /// socket.handle_engine_opened(&mut out);
    /// assert!(matches!(out[..], [ClientOutput::AskAuth(_)]));
    /// ```
    pub fn handle_connect(&mut self, engine_is_open: bool, out: &mut Vec<ClientOutput<W>>) {
        match &mut self.phase {
            Phase::Idle if engine_is_open => self.ask(out),
            Phase::Idle => self.phase = Phase::Waiting,
            // A second CONNECT before the answer to the first would be the end of the connection. (D34)
            Phase::Owed { wanted } => *wanted = true,
            Phase::Waiting | Phase::Asking(_) | Phase::Connecting(_) | Phase::Connected(_) => {}
        }
    }

    /// The engine has a connection.
    pub fn handle_engine_opened(&mut self, out: &mut Vec<ClientOutput<W>>) {
        match self.phase {
            Phase::Waiting => self.ask(out),
            Phase::Idle | Phase::Owed { .. } | Phase::Asking(_) | Phase::Connecting(_) | Phase::Connected(_) => {}
        }
    }

    fn ask(&mut self, out: &mut Vec<ClientOutput<W>>) {
        self.asked += 1;
        let id = AuthId(self.asked);
        self.phase = Phase::Asking(id);
        out.push(ClientOutput::AskAuth(id));
    }

    /// What the user puts into the CONNECT, made by [`Body::connect`], or nothing; the CONNECT is sent. What recovery
    /// needs is added to it, but for what the user says under the same name. (E27, E28)
    ///
    /// It does nothing where the question is no longer open.
    ///
    /// # Errors
    /// [`EncodeError::NotAnObject`] for a body that was made for something else; the question is still open.
    pub fn handle_auth(
        &mut self,
        id: AuthId,
        payload: Option<&Body>,
        out: &mut Vec<ClientOutput<W>>,
    ) -> Result<(), EncodeError> {
        if self.is_asking(id) {
            let body = self.with_session(payload)?;
            self.phase = Phase::Connecting(EarlyEvents::default());
            out.push(ClientOutput::Send(Outgoing::of_protocol(PacketKind::Connect, body)));
        }
        Ok(())
    }

    /// The user's function for the auth payload has failed: as if the server had refused the socket with this message.
    ///
    /// It does nothing where the question is no longer open.
    ///
    /// ```
    /// use socketio_proto::{ClientOutput, ClientSocket, Namespace};
    ///
    /// let mut socket: ClientSocket<()> = ClientSocket::new(Namespace::root(), Default::default());
    /// let mut out = Vec::new();
    /// socket.handle_connect(true, &mut out);
    /// let Some(ClientOutput::AskAuth(id)) = out.pop() else { panic!("it asks") };
    /// socket.handle_auth_failed(id, "no token", &mut out);
    /// assert!(matches!(&out[..], [ClientOutput::Refused(refusal)] if refusal.message() == "no token"));
    /// assert!(!socket.is_active());
    /// ```
    pub fn handle_auth_failed(&mut self, id: AuthId, message: &str, out: &mut Vec<ClientOutput<W>>) {
        if self.is_asking(id) {
            self.refuse(Refusal::new(message, None), out);
        }
    }

    fn is_asking(&self, id: AuthId) -> bool {
        matches!(self.phase, Phase::Asking(asked) if asked == id)
    }

    /// What is kept for the next connection stays. (E31)
    fn refuse(&mut self, refusal: Refusal, out: &mut Vec<ClientOutput<W>>) {
        self.phase = Phase::Idle;
        out.push(ClientOutput::Refused(refusal));
    }

    fn with_session(&self, payload: Option<&Body>) -> Result<Option<Body>, EncodeError> {
        let payload = payload.cloned();
        let json = payload.as_ref().map_or("{}", |payload| payload.json());
        if !json.trim_start().starts_with('{') {
            return Err(EncodeError::NotAnObject);
        }
        let Some(session) = &self.session else { return Ok(payload) };
        let not_an_object = |_| EncodeError::NotAnObject;
        let users: BTreeMap<String, IgnoredAny> = serde_json::from_str(json).map_err(not_an_object)?;
        let mut own = String::new();
        let members = [("pid", Some(session.pid.as_str())), ("offset", session.offset.as_deref())];
        for (name, value) in members {
            if let Some(value) = value.filter(|_| !users.contains_key(name)) {
                own += &format!("{}\"{name}\":{}", if own.is_empty() { "" } else { "," }, Value::from(value));
            }
        }
        let users_members = json.trim_start().strip_prefix('{').unwrap_or("}");
        let comma = if own.is_empty() || users.is_empty() { "" } else { "," };
        Ok(Some(Body::from_wire(format!("{{{own}{comma}{users_members}").into(), Vec::new())))
    }

    /// The user wants the socket to be disconnected. (E35)
    ///
    /// What waits in the offline buffer stays there for the next time. While the CONNECT is unanswered, nothing is sent
    /// until it is.
    ///
    /// ```
    /// use socketio_proto::{ClientSocket, Namespace};
    ///
    /// let mut socket: ClientSocket<()> = ClientSocket::new(Namespace::root(), Default::default());
    /// let mut out = Vec::new();
    /// socket.handle_connect(false, &mut out);
    /// socket.handle_disconnect(&mut out);
    /// assert!(!socket.is_active() && out.is_empty()); // it was not connected
    /// ```
    pub fn handle_disconnect(&mut self, out: &mut Vec<ClientOutput<W>>) {
        let next = match self.phase {
            Phase::Connecting(_) | Phase::Owed { .. } => Phase::Owed { wanted: false },
            Phase::Idle | Phase::Waiting | Phase::Asking(_) | Phase::Connected(_) => Phase::Idle,
        };
        if self.is_connected() {
            out.push(ClientOutput::Send(Outgoing::of_protocol(PacketKind::Disconnect, None)));
        }
        self.leave(next, ClientClosed::Client, out);
    }

    /// A DISCONNECT. One that comes while the CONNECT is unanswered has crossed with it and means the socket of before.
    pub(super) fn handle_server_disconnect(&mut self, out: &mut Vec<ClientOutput<W>>) {
        match self.phase {
            Phase::Connected(_) => self.leave(Phase::Idle, ClientClosed::Server, out),
            Phase::Idle | Phase::Owed { .. } | Phase::Waiting | Phase::Asking(_) | Phase::Connecting(_) => {}
        }
    }

    pub(super) fn handle_connect_answer(&mut self, body: Option<&Body>, now: Moment, out: &mut Vec<ClientOutput<W>>) {
        let answer = body.and_then(|body| body.data::<Answer>().ok());
        let text = |value: Option<Value>| value.and_then(|value| value.as_str().map(Box::<str>::from));
        let (sid, pid) = answer.map_or((None, None), |answer| (text(answer.sid), text(answer.pid)));
        match (&mut self.phase, sid) {
            (Phase::Connecting(early), Some(sid)) => {
                let early = mem::take(early);
                self.join(sid, pid.as_deref(), early, now, out);
            }
            // A server of v2 confirms the root namespace before it is asked. (E32)
            (Phase::Connecting(_) | Phase::Asking(_), None) => self.refuse(Refusal::new(OTHER_VERSION, None), out),
            (Phase::Owed { wanted: true }, None) => self.refuse(Refusal::new(OTHER_VERSION, None), out),
            (Phase::Owed { wanted }, sid) => {
                let wanted = *wanted;
                if sid.is_some() {
                    out.push(ClientOutput::Send(Outgoing::of_protocol(PacketKind::Disconnect, None)));
                }
                self.settle(wanted, out);
            }
            (Phase::Asking(_), Some(_)) | (Phase::Idle | Phase::Waiting | Phase::Connected(_), _) => {}
        }
    }

    /// The CONNECT of before has been answered.
    fn settle(&mut self, wanted: bool, out: &mut Vec<ClientOutput<W>>) {
        if wanted {
            self.ask(out);
        } else {
            self.phase = Phase::Idle;
        }
    }

    /// The order of E38 and E30.
    fn join(
        &mut self,
        sid: Box<str>,
        pid: Option<&str>,
        early: EarlyEvents,
        now: Moment,
        out: &mut Vec<ClientOutput<W>>,
    ) {
        let pid = pid.filter(|pid| pid.len() <= MAX_RECOVERY_TEXT_BYTES);
        let known = self.session.as_ref().map(|session| session.pid.as_str());
        self.recovered = pid.is_some() && pid == known;
        if !self.recovered {
            self.session = pid.map(|pid| Session { pid: PrivateId::new(pid), offset: None });
        }
        self.connection += 1;
        self.phase = Phase::Connected(sid);
        for (body, ack) in early.into_events() {
            // In front of a session that is new, they are of the socket of before, which left on the same connection: their
            // offsets are not of this session.
            if self.recovered {
                self.deliver(body, ack, out);
            } else {
                out.push(ClientOutput::Event { body, ack });
            }
        }
        out.extend(self.buffer.drain().map(ClientOutput::Send));
        self.send_first(now, out);
        out.push(ClientOutput::Connected { recovered: self.recovered });
    }

    /// Tells of an event, and remembers its offset.
    pub(super) fn deliver(&mut self, body: Body, ack: Option<AckId>, out: &mut Vec<ClientOutput<W>>) {
        self.remember_offset(&body, ack);
        out.push(ClientOutput::Event { body, ack });
    }

    /// An event that is to be acknowledged has no offset. (E57)
    pub(super) fn remember_offset(&mut self, body: &Body, ack: Option<AckId>) {
        if let (Some(session), None) = (&mut self.session, ack)
            && let Some(text) = body.last_text(MAX_RECOVERY_TEXT_BYTES)
        {
            session.offset = Some(text.into());
        }
    }

    pub(super) fn handle_connect_error(&mut self, body: Option<&Body>, out: &mut Vec<ClientOutput<W>>) {
        match self.phase {
            Phase::Connecting(_) => self.refuse(refusal_in(body), out),
            Phase::Owed { wanted } => self.settle(wanted, out),
            Phase::Idle | Phase::Waiting | Phase::Asking(_) | Phase::Connected(_) => {}
        }
    }
}

/// `{"message":…,"data":…}`; or, from a server of revision 4, a text, or data of any shape without a message. (C25)
fn refusal_in(body: Option<&Body>) -> Refusal {
    const NO_MESSAGE: &str = "refused by the server";
    let Some(body) = body else { return Refusal::new(NO_MESSAGE, None) };
    let json = body.json().as_str();
    if let Ok(message) = serde_json::from_str::<String>(json) {
        return Refusal::new(&message, None);
    }
    match serde_json::from_str::<Objection<'_>>(json) {
        Ok(Objection { message: Some(Value::String(message)), data }) => {
            Refusal::new(&message, data.map(RawValue::get))
        }
        Ok(Objection { message: Some(message), data }) => Refusal::new(&message.to_string(), data.map(RawValue::get)),
        Ok(Objection { message: None, .. }) | Err(_) => Refusal::new(NO_MESSAGE, Some(json)),
    }
}
