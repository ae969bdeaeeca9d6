//! [`Session`]: does what is typed, and reports what happens, until somebody leaves.

use std::{collections::BTreeMap, future, time::Duration};

use jiff::Timestamp;
use serde_json::{Map, Value};
use socketio::{
    AckError, AckSender, Args, Body, DisconnectReason,
    client::{Client, Socket, SocketState},
};
use tokio::{
    sync::{OwnedSemaphorePermit, mpsc::UnboundedReceiver},
    task::JoinSet,
    time::{Instant, sleep_until, timeout},
};

use super::{
    argument::Argument,
    ending::Ending,
    input::{Input, Typed},
    json_lines,
    leave::{CLOSE_TIMEOUT, leave},
    line::Line,
    names::Names,
    notes::{News, Note},
    output::Output,
    report::{Report, State},
    text::{self, Style},
};
use crate::shutdown::Signals;

/// Events that wait for an answer from here; the oldest is forgotten for another.
const MOST_UNANSWERED: usize = 100;

/// Acknowledgements that a script may wait for at once.
const MOST_AWAITED: usize = 256;

/// Bytes that wait to leave, from which on a script has to wait.
const MOST_QUEUED_BYTES: usize = 1 << 20;

/// What a session does by itself.
#[derive(Clone, Debug)]
pub(crate) struct Manner {
    /// Somebody sits there, who sees a refusal and does something about it; a script is at its end then.
    pub(crate) has_person: bool,
    /// The end of the input is not the end.
    pub(crate) stays: bool,
    /// How long the first connection and each acknowledgement may take.
    pub(crate) timeout: Duration,
    /// How reports are written; without a style as JSON.
    pub(crate) style: Option<Style>,
}

/// An acknowledgement that came, or did not.
type Acknowledged = (String, Instant, Result<Body, AckError>);

/// A socket with somebody at it.
pub(crate) struct Session {
    client: Client,
    socket: Socket,
    manner: Manner,
    output: Output,
    names: Names,
    awaited: JoinSet<Acknowledged>,
    unanswered: BTreeMap<u64, AckSender>,
    asked: u64,
    /// Something was sent of which nobody knows whether it was handled.
    has_emitted: bool,
    /// The first connection has been had.
    was_connected: bool,
    input_ended: bool,
    /// When a script has waited enough.
    patience: Option<Instant>,
    ending: Ending,
}

impl Session {
    pub(crate) fn new(client: Client, socket: Socket, manner: Manner, output: Output, names: Names) -> Self {
        Self {
            client,
            socket,
            patience: (!manner.has_person).then(|| Instant::now() + manner.timeout),
            manner,
            output,
            names,
            awaited: JoinSet::new(),
            unanswered: BTreeMap::new(),
            asked: 0,
            has_emitted: false,
            was_connected: false,
            input_ended: false,
            ending: Ending::Done,
        }
    }

    /// Runs until the input has ended and everything is answered, somebody leaves, or nothing can be done any more.
    pub(crate) async fn run(
        mut self,
        mut input: Input,
        mut notes: UnboundedReceiver<Note>,
        mut signals: Signals,
    ) -> Ending {
        drop(self.socket.connect());
        let mut goes_on = true;
        while goes_on && !self.is_done() {
            let (patience, client) = (self.patience, self.client.clone());
            let is_crowded = self.is_crowded();
            tokio::select! {
                biased;
                _ = signals.next() => goes_on = false,
                () = self.output.ended() => goes_on = false,
                Some(note) = notes.recv() => goes_on = self.take_note(note),
                Some(Ok(answer)) = self.awaited.join_next() => self.take_answer(answer),
                typed = input.typed.recv(), if self.takes_lines() && !is_crowded => {
                    goes_on = self.take_typed(typed.unwrap_or(Typed::End));
                    if goes_on {
                        input.go_on();
                    }
                }
                () = client.flushed(), if is_crowded => {}
                () = until(patience) => goes_on = self.lose_patience(),
            }
        }
        tokio::select! {
            () = self.leave(&mut notes) => {}
            again = signals.next() => std::process::exit(again.exit_code()),
        }
        drop(input);
        let ending = self.ending;
        let _ = timeout(CLOSE_TIMEOUT, self.output.finish()).await;
        ending
    }

    /// Disconnects, after what was sent has left.
    async fn leave(&mut self, notes: &mut UnboundedReceiver<Note>) {
        let was_connected = self.socket.is_connected();
        leave(&self.client, !self.has_emitted).await;
        let last = async {
            let mut is_over = !was_connected;
            while !is_over && let Some(note) = notes.recv().await {
                is_over = matches!(note.news, News::Report(Report::Disconnected(_)));
                self.take_note(note);
            }
        };
        // It does not come where the connection is lost in this moment.
        let _ = timeout(CLOSE_TIMEOUT, last).await;
    }

    fn report(&self, report: &Report, place: Option<OwnedSemaphorePermit>) {
        let now = Timestamp::now();
        let line = match &self.manner.style {
            Some(style) => text::write(report, now, style),
            None => json_lines::write(report, now, self.socket.namespace()),
        };
        self.output.print(line, place);
    }

    // ---- when ----

    fn is_done(&self) -> bool {
        let has_sent = self.socket.is_connected() || self.socket.buffered().is_empty();
        self.input_ended && !self.manner.stays && self.awaited.is_empty() && has_sent
    }

    /// A script goes on once what it says can be sent: a person may type whenever.
    fn takes_lines(&self) -> bool {
        let may_send = self.was_connected && self.socket.state() != SocketState::Connecting;
        !self.input_ended && (self.manner.has_person || may_send && self.awaited.len() < MOST_AWAITED)
    }

    fn is_crowded(&self) -> bool {
        let queued = self.client.engine().map_or(0, |session| session.queued_bytes());
        !self.manner.has_person && queued > MOST_QUEUED_BYTES
    }

    // ---- what happens; each says whether it goes on ----

    fn take_note(&mut self, Note { news, place }: Note) -> bool {
        match news {
            News::Event { body, ack } => {
                self.names.remember(&body.event_name().unwrap_or_default());
                let ack = ack.map(|ack| self.keep(ack));
                self.report(&Report::Event { body, ack }, place);
                true
            }
            News::Report(report) => {
                self.report(&report, place);
                self.consider(&report)
            }
        }
    }

    fn consider(&mut self, report: &Report) -> bool {
        let ending = match report {
            Report::Connected { .. } => {
                self.was_connected = true;
                // What was waited for is there; the end of the input has its own patience.
                if !self.input_ended {
                    self.patience = None;
                }
                return true;
            }
            Report::Disconnected(DisconnectReason::IoServerDisconnect) if self.manner.has_person => {
                self.report(&Report::Hint("the server wants it so; /connect comes back"), None);
                return true;
            }
            Report::Refused { .. } => Ending::Refused,
            Report::Unreachable { next: None, .. } => Ending::Unreachable,
            _ => return true,
        };
        if !self.manner.has_person {
            self.ending = ending;
            return false;
        }
        self.report(&Report::Hint("/connect tries again, with what /auth {…} says"), None);
        true
    }

    /// Keeps the right to answer, under a number.
    fn keep(&mut self, ack: AckSender) -> u64 {
        self.asked += 1;
        self.unanswered.insert(self.asked, ack);
        if self.unanswered.len() > MOST_UNANSWERED {
            self.unanswered.pop_first();
        }
        self.asked
    }

    fn take_answer(&mut self, (event, since, answer): Acknowledged) {
        match answer {
            Ok(body) => self.report(&Report::Answer { event, body, took: since.elapsed() }, None),
            Err(error) => {
                if !self.manner.has_person {
                    self.ending = Ending::of_ack(&error);
                }
                self.report(&Report::NoAnswer { event, message: error.to_string() }, None);
            }
        }
    }

    fn lose_patience(&mut self) -> bool {
        let time = self.manner.timeout;
        let message = if self.was_connected {
            format!("the connection did not come back within {time:?}, and not everything was sent")
        } else {
            format!("not connected within {time:?}: --timeout gives it longer")
        };
        self.problem(message);
        self.ending = Ending::Unreachable;
        false
    }

    fn take_typed(&mut self, typed: Typed) -> bool {
        let line = match typed {
            Typed::Line(line) => line,
            Typed::End if self.manner.has_person => return false,
            Typed::End => {
                self.input_ended = true;
                if !self.manner.stays {
                    // An acknowledgement has its own time, which is over before.
                    self.patience = Some(Instant::now() + self.manner.timeout + CLOSE_TIMEOUT);
                }
                return true;
            }
        };
        match Line::parse(&line) {
            Ok(line) => return self.perform(line),
            Err(message) => self.problem(message),
        }
        true
    }

    // ---- what is asked for ----

    fn perform(&mut self, line: Line) -> bool {
        match line {
            Line::Nothing => {}
            Line::Emit { event, args } => self.emit(&event, args),
            Line::Ask { event, args } => self.ask(event, args),
            Line::Answer { number, args } => self.answer(number, args),
            Line::State => self.report(&Report::State(self.state()), None),
            Line::Auth(auth) => self.set_auth(&auth),
            Line::Disconnect => self.socket.disconnect(),
            Line::Connect => drop(self.socket.connect()),
            Line::Help => self.report(&Report::Help, None),
            Line::Quit => return false,
        }
        true
    }

    fn problem(&self, message: String) {
        self.report(&Report::Problem { message }, None);
    }

    fn emit(&mut self, event: &str, args: Vec<Argument>) {
        match self.socket.emit(event, &Args(args)) {
            Ok(()) => {
                self.has_emitted = true;
                self.names.remember(event);
                self.warn_of_keeping();
            }
            Err(error) => self.problem(error.to_string()),
        }
    }

    fn ask(&mut self, event: String, args: Vec<Argument>) {
        self.names.remember(&event);
        let (asked, since) =
            (self.socket.timeout(self.manner.timeout).emit_with_ack::<()>(&event, &Args(args)), Instant::now());
        self.awaited.spawn(async move { (event, since, asked.raw().await) });
        self.warn_of_keeping();
    }

    /// A person is told that it is not on its way yet.
    fn warn_of_keeping(&self) {
        if self.manner.has_person && !self.socket.is_connected() {
            self.report(
                &Report::Hint(match self.socket.state() {
                    SocketState::Disconnected => "not connected: it is sent after /connect",
                    _ => "not connected: it is sent with the next connection",
                }),
                None,
            );
        }
    }

    fn answer(&mut self, number: u64, args: Vec<Argument>) {
        let sent = match self.unanswered.remove(&number) {
            Some(ack) => {
                self.has_emitted = true;
                ack.send(&Args(args)).map_err(|error| error.to_string())
            }
            None => Err(format!("no event waits for the answer !{number}")),
        };
        if let Err(message) = sent {
            self.problem(message);
        }
    }

    fn set_auth(&self, auth: &Map<String, Value>) {
        if let Err(error) = self.socket.set_auth(auth) {
            self.problem(error.to_string());
        }
    }

    fn state(&self) -> State {
        let session = self.client.engine();
        State {
            connection: self.client.state().to_string(),
            id: self.socket.id().map(|id| id.to_string()),
            transport: session.as_ref().and_then(|session| session.transport()).map(|transport| transport.name()),
            queued_bytes: session.map_or(0, |session| session.queued_bytes()),
            buffered: self.socket.buffered().len(),
            awaited: self.awaited.len(),
        }
    }
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => future::pending().await,
    }
}
