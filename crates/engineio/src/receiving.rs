//! Taking all messages that have come at a time out of a [`Session`], and putting back what cannot be handled yet. One by
//! one, they are taken in `session.rs`.

use std::{
    collections::VecDeque,
    task::{Context, Poll},
};

use engineio_proto::Message;

use crate::Session;

impl Session {
    /// [`Session::poll_recv`] for all messages that have come: they are put behind those in `messages`. So one look at the
    /// session does for all that one read has brought. `false` once the session is over and all were taken.
    ///
    /// What was taken counts as handled, and more is read from the client; [`Session::put_back`] takes that back.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use engineio::{*, server::{Body, Engine}};
    /// # let (give, mut sessions) = tokio::sync::mpsc::unbounded_channel();
    /// # let engine = Engine::new(Config::default(), move |session| { let _ = give.send(session.clone()); async move { session.closed().await; } });
    /// # let opening = http::Request::get("/engine.io/?EIO=4&transport=polling").body(String::new())?;
    /// # let _: http::Response<Body> = engine.handle(opening).await;
    /// # let session = sessions.recv().await.ok_or("no session")?;
    /// # let post = format!("/engine.io/?EIO=4&transport=polling&sid={}", session.id().expose());
    /// # let _: http::Response<Body> = engine.handle(http::Request::post(post).body(String::from("4one\x1e4two"))?).await;
    /// let mut messages = std::collections::VecDeque::new();
    /// assert!(std::future::poll_fn(|cx| session.poll_recv_all(cx, &mut messages)).await);
    /// assert_eq!(messages, [Message::from("one"), Message::from("two")]);
    /// # Ok(()) }
    /// ```
    pub fn poll_recv_all(&self, cx: &Context<'_>, messages: &mut VecDeque<Message>) -> Poll<bool> {
        self.shared.poll_recv_all(cx, messages)
    }

    /// Puts messages that were taken back to the front: they are the next ones to be taken, and until then nothing more is
    /// read from the client. `messages` is empty then.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use engineio::{*, server::{Body, Engine}};
    /// # let (give, mut sessions) = tokio::sync::mpsc::unbounded_channel();
    /// # let engine = Engine::new(Config::default(), move |session| { let _ = give.send(session.clone()); async move { session.closed().await; } });
    /// # let opening = http::Request::get("/engine.io/?EIO=4&transport=polling").body(String::new())?;
    /// # let _: http::Response<Body> = engine.handle(opening).await;
    /// # let session = sessions.recv().await.ok_or("no session")?;
    /// # let post = format!("/engine.io/?EIO=4&transport=polling&sid={}", session.id().expose());
    /// # let _: http::Response<Body> = engine.handle(http::Request::post(post).body(String::from("4one\x1e4two"))?).await;
    /// # let mut messages = std::collections::VecDeque::new();
    /// # assert!(std::future::poll_fn(|cx| session.poll_recv_all(cx, &mut messages)).await);
    /// let first = messages.pop_front();
    /// session.put_back(&mut messages); // the second has to wait
    /// assert_eq!((first, session.recv().await), (Some("one".into()), Some("two".into())));
    /// # Ok(()) }
    /// ```
    pub fn put_back(&self, messages: &mut VecDeque<Message>) {
        self.shared.put_back(messages);
    }
}
