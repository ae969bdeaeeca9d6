//! The Engine.IO face: an echo server that also obeys five requests.
//!
//! Every message goes back to its sender, text as text and binary as binary, except:
//! - `please close`: the server closes the session;
//! - `please count <n>`: the server sends the n messages `0` … `n-1` at once;
//! - `please spare <n>`: the server sends n times the letter `x` in a message that is not to be compressed;
//! - `please tell <sid>`: the server answers with the close reason of that session, as soon as it is closed;
//! - `please pass <sid> <word>`: the server sends the word to that session.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use engineio::server::Engine;
use engineio::{CloseMode, CloseReason, Config, Message, MessageFrame, SendError, Session};

use super::book::Book;

/// What the sessions know of each other. Clones are the same.
#[derive(Clone)]
struct Company {
    present: Arc<Mutex<HashMap<String, Session>>>,
    gone: Book<CloseReason>,
}

pub(super) fn echo(config: Config) -> Engine {
    let company = Company { present: Arc::default(), gone: Book::new() };
    Engine::new(config, move |session| run(session, company.clone()))
}

async fn run(session: Session, company: Company) {
    let sid = session.id().expose();
    company.present(|present| present.insert(sid.to_owned(), session.clone()));
    while let Some(message) = session.recv().await {
        match request(&message).as_deref() {
            None => send(&session, message),
            Some(request) => company.obey(&session, request),
        }
    }
    company.present(|present| present.remove(sid));
    company.gone.record(sid, session.closed().await.reason);
}

/// The words after `please`.
fn request(message: &Message) -> Option<Vec<&str>> {
    let Message::Text(text) = message else { return None };
    Some(text.strip_prefix("please ")?.split(' ').collect())
}

impl Company {
    fn present<R>(&self, change: impl FnOnce(&mut HashMap<String, Session>) -> R) -> R {
        change(&mut self.present.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn obey(&self, session: &Session, request: &[&str]) {
        match request {
            ["close"] => session.close(CloseMode::Graceful),
            ["count", n] => {
                for number in 0..n.parse().unwrap_or(0_u32) {
                    send(session, number.to_string());
                }
            }
            ["spare", n] => {
                let text = "x".repeat(n.parse().unwrap_or(0));
                let _gone = session.send_frames(&[MessageFrame::text(&[&text]).uncompressed()]);
            }
            ["tell", sid] => {
                let asker = session.clone();
                self.gone.ask(sid, move |reason| send(&asker, reason.as_str()));
            }
            ["pass", sid, word] => {
                if let Some(other) = self.present(|present| present.get(*sid).cloned()) {
                    send(&other, *word);
                }
            }
            _ => {}
        }
    }
}

/// Sends, and ends a session whose client does not read.
fn send(session: &Session, message: impl Into<Message>) {
    if let Err(SendError::Full { .. }) = session.send(message) {
        session.close(CloseMode::Discard);
    }
}
