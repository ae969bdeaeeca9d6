//! Ways of sending over long-polling, on a paused clock: at once or never, with older messages dropped for newer ones,
//! and waiting for room or until what was sent has left. Over WebSocket they are in `websocket.rs`.

#![allow(clippy::unwrap_used, reason = "a failed expectation here is a failed test")]

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
    time::Duration,
};

use bytes::Bytes;
use engineio::{CloseMode, Config, MessageFrame, SendError, SendOptions, Sent, Session, WhenFull, server::Engine};
use http::Request;
use http_body_util::{BodyExt, Full};
use tokio::{sync::mpsc::unbounded_channel, task::JoinSet};

/// What a message of five characters costs in the queue: the frame's header, the kind, and what keeping it costs.
const COST: usize = 2 + 1 + 5 + 64;

struct Bench {
    engine: Engine,
    session: Session,
    query: String,
}

impl Bench {
    /// A session on long-polling with room for so many messages of five characters; each GET is answered with one.
    async fn new(room: usize, when_full: WhenFull) -> Self {
        let (sender, mut sessions) = unbounded_channel::<Session>();
        let mut config = Config::default();
        config.limits.max_queue_bytes = room * COST;
        config.limits.when_full = when_full;
        config.limits.max_payload_bytes = 1;
        let engine = Engine::new(config, move |session| {
            sender.send(session.clone()).unwrap();
            async move {
                session.closed().await;
            }
        });
        let open = get(&engine, "&transport=polling").await;
        let query = format!("&transport=polling&sid={}", open.split('"').nth(3).unwrap());
        Self { engine, session: sessions.recv().await.unwrap(), query }
    }

    async fn get(&self) -> String {
        get(&self.engine, &self.query).await
    }
}

async fn get(engine: &Engine, query: &str) -> String {
    let request = Request::get(format!("/engine.io/?EIO=4{query}")).body(Full::<Bytes>::default()).unwrap();
    let response: http::Response<engineio::server::Body<Full<Bytes>>> = engine.handle(request).await;
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

fn frame(message: &str) -> [MessageFrame; 1] {
    [MessageFrame::text(&[message])]
}

/// Polls a future once; it must wait.
async fn begin<F: Future>(future: std::pin::Pin<&mut F>) {
    let mut future = Some(future);
    poll_fn(|cx| {
        assert!(future.take().unwrap().poll(cx).is_pending(), "it was to wait");
        Poll::Ready(())
    })
    .await;
}

/// On the paused clock this passes at once where all wait for each other in vain.
async fn in_time<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("woken in time")
}

/// Row D53.
#[tokio::test(start_paused = true)]
async fn a_volatile_message_is_sent_only_into_a_get_that_waits() {
    let bench = Bench::new(10, WhenFull::Refuse).await;
    assert_eq!(bench.session.send_volatile(&frame("never")), Ok(false));
    let mut poll = pin!(bench.get());
    begin(poll.as_mut()).await;
    assert_eq!(bench.session.send_volatile(&frame("first")), Ok(true));
    assert_eq!(bench.session.send_volatile(&frame("never")), Ok(false), "the second of a burst");
    assert_eq!(poll.await, "4first");
    assert_eq!(bench.session.queued_bytes(), 0);
    bench.session.close(CloseMode::Discard);
    assert_eq!(bench.session.send_volatile(&frame("never")), Err(SendError::Closed));
}

/// Row A59.
#[tokio::test(start_paused = true)]
async fn what_is_sent_and_flushed_is_over_when_a_get_has_taken_it() {
    let bench = Bench::new(10, WhenFull::Refuse).await;
    let session = &bench.session;
    let nothing = in_time(session.flushed()).await;
    assert_eq!(nothing, Ok(()), "nothing was sent");
    let two = [frame("one.."), frame("two..")].concat();
    let mut first = pin!(session.send_flushed(&two));
    begin(first.as_mut()).await;
    let mut all = pin!(session.flushed());
    session.send("three").unwrap();
    assert_eq!(bench.get().await, "4one..");
    begin(first.as_mut()).await;
    begin(all.as_mut()).await;
    assert_eq!(bench.get().await, "4two..");
    assert_eq!(in_time(first).await, Ok(()));
    assert_eq!(in_time(all).await, Ok(()), "what was sent later is not waited for");
    assert_eq!(bench.get().await, "4three");
}

/// Row J2, hazards R15, R20: waiting senders, some of which give up, and one that does not wait, at a queue that is
/// always full. Nobody is forgotten, nobody overtakes, and nothing is sent twice or by halves.
#[tokio::test(start_paused = true)]
async fn of_many_who_wait_none_is_forgotten() {
    let bench = Bench::new(4, WhenFull::Refuse).await;
    let mut waiting = JoinSet::new();
    let mut handles = Vec::new();
    for number in 0..600 {
        let session = bench.session.clone();
        handles.push(waiting.spawn(async move {
            let group = [frame(&format!("a{number:04}")), frame(&format!("b{number:04}"))].concat();
            match number % 3 {
                0 => session.send_when_ready(&group).await.map(drop).unwrap(),
                _ => session.send_flushed(&group).await.unwrap(),
            }
            number
        }));
    }
    let (mut got, mut pushed, mut finished) = (Vec::new(), 0, 0);
    while finished < 600 {
        assert!(got.len() < 3000, "the pushy one starves those who wait");
        // Everybody runs up to where they wait.
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
        // Who sends without waiting takes what room there is.
        while bench.session.send("pushy").is_ok() {
            pushed += 1;
        }
        if let Some(handle) = handles.get((got.len() * 7) % 600).filter(|_| got.len() % 5 == 0) {
            handle.abort();
        }
        got.push(in_time(bench.get()).await);
        while let Some(outcome) = waiting.try_join_next() {
            assert!(outcome.as_ref().is_ok() || outcome.unwrap_err().is_cancelled());
            finished += 1;
        }
    }
    while bench.session.queued_bytes() > 0 {
        got.push(in_time(bench.get()).await);
    }
    let pushy = got.iter().filter(|packet| *packet == "4pushy").count();
    assert_eq!((pushy, pushed > 0), (pushed, true));
    let groups: Vec<_> = got.iter().filter(|packet| *packet != "4pushy").collect();
    let numbers: Vec<_> =
        groups.chunks(2).map(|pair| (&pair[0][1..2], &pair[0][2..], &pair[1][1..2], &pair[1][2..])).collect();
    assert!(numbers.iter().all(|(a, first, b, second)| (*a, *b) == ("a", "b") && first == second), "{groups:?}");
    assert!(numbers.windows(2).all(|pair| pair[0].1 < pair[1].1), "in the order in which they came: {groups:?}");
    assert!(numbers.len() > 400, "most did not give up: {}", numbers.len());
}

/// Row J2: giving up lets the next one try.
#[tokio::test(start_paused = true)]
async fn whoever_leaves_the_line_does_not_block_it() {
    let bench = Bench::new(3, WhenFull::Refuse).await;
    bench.session.send_frames(&[frame("one.."), frame("two..")].concat()).unwrap();
    let (large, small) = ([frame("large"), frame("large")].concat(), frame("small"));
    let mut next = pin!(bench.session.send_when_ready(&small));
    {
        let mut first = pin!(bench.session.send_when_ready(&large));
        begin(first.as_mut()).await;
        begin(next.as_mut()).await;
        // From here on nothing else happens that could let the next one in.
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(in_time(next).await, Ok(Sent::Queued { dropped: 0 }), "there was room for it all along");
    assert_eq!([bench.get().await, bench.get().await, bench.get().await], ["4one..", "4two..", "4small"]);
}

/// Rows D53, J2: what is sent at once or never stands in nobody's way, and meets no bound.
#[tokio::test(start_paused = true)]
async fn a_volatile_message_behind_a_line_is_dropped_and_not_refused() {
    let bench = Bench::new(1, WhenFull::Refuse).await;
    bench.session.send("one..").unwrap();
    let waits = frame("waits");
    let mut waiting = pin!(bench.session.send_when_ready(&waits));
    begin(waiting.as_mut()).await;
    assert_eq!(bench.session.send_with(&frame("now.."), SendOptions::VOLATILE), Ok(Sent::Discarded));
    assert_eq!(bench.engine.counters().queue_full, 0);
    assert_eq!([bench.get().await, bench.get().await], ["4one..", "4waits"]);
    in_time(waiting).await.unwrap();
}

/// Row J2.
#[tokio::test(start_paused = true)]
async fn the_queue_is_ready_when_half_of_it_is_free() {
    let bench = Bench::new(4, WhenFull::Refuse).await;
    in_time(bench.session.ready()).await.unwrap();
    for _ in 0..4 {
        bench.session.send("12345").unwrap();
    }
    let mut ready = pin!(bench.session.ready());
    begin(ready.as_mut()).await;
    bench.get().await;
    begin(ready.as_mut()).await;
    bench.get().await;
    assert_eq!(in_time(ready).await, Ok(()));
    assert_eq!(bench.session.queued_bytes(), 2 * (COST - 64), "and it has sent nothing");
}

/// Row J2: who waits is told of the end, whichever it is.
#[tokio::test(start_paused = true)]
async fn those_who_wait_learn_of_the_end() {
    for mode in [CloseMode::Graceful, CloseMode::Discard] {
        let bench = Bench::new(1, WhenFull::Refuse).await;
        let (one, two) = (frame("one.."), frame("two.."));
        let mut leaving = pin!(bench.session.send_flushed(&one));
        begin(leaving.as_mut()).await;
        let mut entering = pin!(bench.session.send_flushed(&two));
        begin(entering.as_mut()).await;
        let mut ready = pin!(bench.session.ready());
        begin(ready.as_mut()).await;
        bench.session.close(mode);
        assert_eq!(in_time(entering).await, Err(SendError::Closed), "{mode:?}");
        assert_eq!(in_time(ready).await, Err(SendError::Closed), "{mode:?}");
        if mode == CloseMode::Graceful {
            begin(leaving.as_mut()).await;
            assert_eq!(bench.get().await, "4one..");
            assert_eq!(in_time(leaving).await, Ok(()), "a graceful close lets it go");
        } else {
            assert_eq!(in_time(leaving).await, Err(SendError::Closed));
        }
        assert_eq!(in_time(bench.session.send_flushed(&one)).await, Err(SendError::Closed));
    }
    let bench = Bench::new(1, WhenFull::Refuse).await;
    let one = frame("one..");
    let mut leaving = pin!(bench.session.send_flushed(&one));
    begin(leaving.as_mut()).await;
    let outcome = tokio::time::timeout(Duration::from_secs(60), leaving).await.expect("the peer is found dead");
    assert_eq!(outcome, Err(SendError::Closed));
}

/// Row J1.
#[tokio::test(start_paused = true)]
async fn the_oldest_droppable_messages_give_way_and_nobody_waits_for_them_any_more() {
    let bench = Bench::new(3, WhenFull::DropOldest).await;
    let session = &bench.session;
    let droppable = |message: &str| session.send_with(&frame(message), SendOptions::DROPPABLE);
    session.send("keep1").unwrap();
    assert_eq!(droppable("drop1"), Ok(Sent::Queued { dropped: 0 }));
    let mut both = pin!(session.flushed());
    begin(both.as_mut()).await;
    session.send("keep2").unwrap();
    // There is no room even if all is dropped that may be. With the first GET there is, and then `drop1` goes.
    let two = [frame("keep3"), frame("keep4")].concat();
    assert!(matches!(session.send_frames(&two), Err(SendError::Full { .. })));
    let mut waiting = pin!(session.send_when_ready(&two));
    begin(waiting.as_mut()).await;
    assert_eq!(bench.get().await, "4keep1");
    assert_eq!(in_time(waiting).await, Ok(Sent::Queued { dropped: 1 }));
    assert_eq!(in_time(both).await, Ok(()));
    assert!(matches!(droppable("drop2"), Err(SendError::Full { .. })), "all that is left is to be kept");
    assert_eq!(bench.get().await, "4keep2");
    assert_eq!(droppable("drop3"), Ok(Sent::Queued { dropped: 0 }));
    assert_eq!(droppable("drop4"), Ok(Sent::Queued { dropped: 1 }));
    let left = [bench.get().await, bench.get().await, bench.get().await];
    assert_eq!(left, ["4keep3", "4keep4", "4drop4"]);
}
