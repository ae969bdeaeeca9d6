//! Requests on their way: they take their time, come in pieces, get lost, are cut, held, repeated; and the server's tower
//! service, which gets them.
//!
//! Leaves out what a client makes of an answer (`clients.rs`).

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::StatusCode;
use http_body::Frame;
use http_body_util::BodyExt;
use tokio::{sync::mpsc, task::AbortHandle};
use tower_service::Service;

use crate::{
    agenda::{Happening, Stage, Time},
    life::{Packet, payload},
    world::World,
};

/// How long somebody on the way waits for the rest of a body that does not come.
const BODY_PATIENCE: Time = 9_000;

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Open,
    Poll,
    Post,
    /// It breaks the rules; nobody looks at the answer.
    Mischief,
}

/// What happens to a request on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    None,
    /// It never arrives.
    Lost,
    /// Its body ends in the middle, and the server notices.
    Cut,
    /// Its body ends in the middle, and nobody notices for a while.
    Stalled,
    /// Its connection is cut while the server has it; whether a proxy then repeats it.
    Dropped(Time, bool),
    /// The answer is lost.
    Mute,
    /// The answer is held for a while.
    Held(Time),
    /// A proxy sends it again.
    Twice(Time),
}

#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) life: usize,
    purpose: Purpose,
    packets: Vec<Packet>,
    trouble: Trouble,
    /// The way for the rest of the body.
    body: Option<mpsc::UnboundedSender<Result<Bytes, Cut>>>,
    task: Option<AbortHandle>,
    /// When the server had all of it.
    complete: Option<Time>,
    answer: Option<(StatusCode, Bytes)>,
}

/// The client, or somebody on the way, is gone.
#[derive(Debug)]
pub(crate) struct Cut;

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the connection was cut")
    }
}

impl std::error::Error for Cut {}

/// A body whose pieces come one by one.
struct Arriving(mpsc::UnboundedReceiver<Result<Bytes, Cut>>);

impl http_body::Body for Arriving {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        self.0.poll_recv(cx).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}

/// An answer of the server.
pub(crate) type Answer = (usize, StatusCode, Bytes);

impl World {
    /// A client makes a request.
    pub(crate) fn ask(&mut self, life: usize, purpose: Purpose, packets: Vec<Packet>) {
        let trouble = self.trouble_for(life, purpose);
        let is_harm = !matches!(trouble, Trouble::None) && purpose != Purpose::Mischief;
        self.lives[life].is_harmed |= is_harm;
        if let Trouble::Twice(_) = trouble {
            self.lives[life].is_rogue = true;
            self.story.repeated += 1;
        }
        let delay = self.delay(life);
        self.launch(life, purpose, packets, trouble, delay);
    }

    fn trouble_for(&mut self, life: usize, purpose: Purpose) -> Trouble {
        let chance = self.plan.trouble;
        let dice = &mut self.lives[life].dice;
        if !self.is_stormy || !dice.percent(chance) {
            return Trouble::None;
        }
        match dice.below(8) {
            0 => Trouble::Lost,
            1 if purpose == Purpose::Post => Trouble::Cut,
            2 if purpose == Purpose::Post => Trouble::Stalled,
            1 | 2 => Trouble::Held(dice.between(1000, 7000)),
            3 => Trouble::Dropped(dice.between(1, 4000), purpose == Purpose::Poll && dice.percent(50)),
            4 => Trouble::Mute,
            5 => Trouble::Held(dice.between(100, 3000)),
            _ if purpose == Purpose::Post => Trouble::Twice(dice.between(0, 3000)),
            _ => Trouble::Held(dice.between(100, 1000)),
        }
    }

    fn launch(&mut self, life: usize, purpose: Purpose, packets: Vec<Packet>, trouble: Trouble, delay: Time) {
        let id = self.next_request;
        self.next_request += 1;
        let (body, task, complete, answer) = (None, None, None, None);
        self.requests.insert(id, Request { life, purpose, packets, trouble, body, task, complete, answer });
        match trouble {
            Trouble::Lost => self.later(delay + 500, Happening::Request(id, Stage::Failed)),
            _ => self.later(delay, Happening::Request(id, Stage::Arrives)),
        }
    }

    /// How long something of this connection is on its way.
    pub(crate) fn delay(&mut self, life: usize) -> Time {
        let dice = &mut self.lives[life].dice;
        if dice.one_in(15) { dice.between(30, 250) } else { dice.between(2, 25) }
    }

    pub(crate) fn request_moves(&mut self, id: usize, stage: Stage) {
        match stage {
            Stage::Arrives => self.arrive(id),
            Stage::Piece(piece, is_last) => {
                let now = self.now;
                let Some(request) = self.requests.get_mut(&id) else { return };
                if let Some(body) = &request.body {
                    // Where the server wants no more of it, there is nobody to take it.
                    let _ = body.send(Ok(piece));
                }
                if is_last {
                    request.body = None;
                    request.complete = Some(now);
                }
            }
            Stage::Breaks => {
                let body = self.requests.get_mut(&id).and_then(|request| request.body.take());
                let _ = body.map(|body| body.send(Err(Cut)));
            }
            Stage::Dropped => self.drop_request(id),
            Stage::Told => self.tell_client(id),
            Stage::Failed => {
                let Some(request) = self.requests.get_mut(&id) else { return };
                let life = request.life;
                // The server may still be at it.
                request.purpose = Purpose::Mischief;
                if request.task.is_none() {
                    self.requests.remove(&id);
                }
                self.request_failed(life);
            }
        }
    }

    /// The server gets the head, and then the body bit by bit.
    fn arrive(&mut self, id: usize) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let Some(request) = self.requests.get_mut(&id) else { return };
        let life = request.life;
        let trouble = request.trouble;
        let is_post = !request.packets.is_empty();
        let body = payload(&request.packets);
        let session = if request.purpose == Purpose::Open { "" } else { &self.lives[life].session };
        let http = http::Request::builder()
            .method(if is_post { "POST" } else { "GET" })
            .uri(format!("/socket.io/?EIO=4&transport=polling{session}"))
            .body(Arriving(receiver))
            .expect("it is a request");
        let mut service = self.server.service();
        let answers = self.answers.0.clone();
        let task = tokio::spawn(async move {
            let Ok(response) = service.call(http).await;
            let (head, body) = response.into_parts();
            let body = body.collect().await.expect("it is in memory").to_bytes();
            let _ = answers.send((id, head.status, body));
        });
        request.task = Some(task.abort_handle());
        request.complete = (!is_post).then_some(self.now);
        request.body = is_post.then_some(sender);
        if is_post {
            self.deliver_body(id, life, body, trouble);
        }
        match trouble {
            Trouble::Dropped(after, _) => self.later(after, Happening::Request(id, Stage::Dropped)),
            Trouble::Twice(after) => {
                let packets = self.requests[&id].packets.clone();
                self.launch(life, Purpose::Mischief, packets, Trouble::None, after);
            }
            _ => {}
        }
    }

    fn deliver_body(&mut self, id: usize, life: usize, mut body: Bytes, trouble: Trouble) {
        let dice = &mut self.lives[life].dice;
        let mut pieces = Vec::new();
        while body.len() > 1 && dice.percent(40) {
            let at = dice.between(1, body.len() as u64) as usize;
            pieces.push(body.split_to(at));
        }
        let is_whole = !matches!(trouble, Trouble::Cut | Trouble::Stalled);
        if is_whole {
            pieces.push(body);
        }
        let count = pieces.len();
        let mut after = 0;
        for (n, piece) in pieces.into_iter().enumerate() {
            let is_last = is_whole && n + 1 == count;
            self.later(after, Happening::Request(id, Stage::Piece(piece, is_last)));
            after += self.delay(life);
        }
        match trouble {
            Trouble::Cut => {
                self.later(after, Happening::Request(id, Stage::Breaks));
                self.later(after + 300, Happening::Request(id, Stage::Failed));
            }
            Trouble::Stalled => self.later(BODY_PATIENCE, Happening::Request(id, Stage::Dropped)),
            _ => {}
        }
    }

    /// What is between the client and the server drops the connection.
    fn drop_request(&mut self, id: usize) {
        let Some(request) = self.requests.get_mut(&id) else { return };
        if request.answer.is_some() {
            return;
        }
        // What was sent is in the server's hands all the same; what it makes of it is not known here.
        if let Some(task) = request.task.take() {
            task.abort();
        }
        request.body = None;
        if let (Trouble::Dropped(_, true), Some(request)) = (request.trouble, self.requests.get(&id)) {
            let (life, purpose) = (request.life, request.purpose);
            self.requests.remove(&id);
            let delay = self.delay(life);
            return self.launch(life, purpose, Vec::new(), Trouble::None, delay);
        }
        self.later(50, Happening::Request(id, Stage::Failed));
    }

    /// The server has answered.
    pub(crate) fn answered(&mut self, (id, status, body): Answer) {
        self.story.answers += 1;
        let known = [StatusCode::OK, StatusCode::BAD_REQUEST, StatusCode::PAYLOAD_TOO_LARGE];
        assert!(known.contains(&status), "{status}: {body:?}");
        let Some(request) = self.requests.get_mut(&id) else { return };
        request.task = None;
        let mut ledger = self.ledger.lock();
        for event in request.packets.iter().filter_map(|packet| packet.event) {
            match status {
                StatusCode::OK => ledger.accept(event, false),
                _ if self.lives[request.life].is_rogue => ledger.refuse(event),
                _ => {}
            }
        }
        drop(ledger);
        if request.purpose == Purpose::Mischief {
            self.requests.remove(&id);
            return;
        }
        let (life, trouble) = (request.life, request.trouble);
        request.answer = Some((status, body));
        let delay = self.delay(life);
        match trouble {
            // What becomes of it is on its way already.
            Trouble::Cut => {}
            Trouble::Mute => self.later(delay, Happening::Request(id, Stage::Failed)),
            Trouble::Held(time) => self.later(delay + time, Happening::Request(id, Stage::Told)),
            _ => self.later(delay, Happening::Request(id, Stage::Told)),
        }
    }

    fn tell_client(&mut self, id: usize) {
        let Some(request) = self.requests.remove(&id) else { return };
        if let Some((status, body)) = request.answer {
            self.hear(request.life, request.purpose, status, body);
        }
    }

    /// No request waits for ever.
    pub(crate) fn check_requests(&self, longest: Time) {
        for request in self.requests.values().filter(|request| request.task.is_some()) {
            let waits = request.complete.map_or(0, |since| self.now - since);
            assert!(waits <= longest, "the server has not answered for {waits} ms: {request:?}");
        }
    }

    /// Requests that the server has and has not answered.
    pub(crate) fn unanswered(&self) -> usize {
        self.requests.values().filter(|request| request.task.is_some()).count()
    }
}
