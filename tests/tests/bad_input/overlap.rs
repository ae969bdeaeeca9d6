//! Two requests where one is allowed, and requests that are given up: A63 to A66.

use socketio_tests::{Connection, PollingSession};

use crate::Scene;

// A63, R29, S45: of two polls at once, one is answered with a close packet and the other 400 without a body; the
// session is closed.
#[test]
fn overlapping_polls_close_the_session() {
    let mut scene = Scene::new();
    let session = PollingSession::open(&scene.server);
    let mut first = session.start_get();
    let second = session.get();
    assert_eq!((second.status, second.text()), (400, ""));
    let first = first.response();
    assert_eq!((first.status, first.text()), (200, "1"));
    assert_eq!(scene.server.close_reason(session.sid()), "transport error");
    session.expect_gone();
    scene.expect_undisturbed();
}

// A64, R29: the second of two POSTs at once is answered 400, and the session is closed.
#[test]
fn overlapping_posts_close_the_session() {
    let mut scene = Scene::new();
    let session = PollingSession::open(&scene.server);
    let mut first = start_post(&scene, &session);
    let second = session.post("4second");
    assert_eq!((second.status, second.text()), (400, ""));
    assert_eq!(scene.server.close_reason(session.sid()), "transport error");
    // The first is answered or ended, too; what it would have said is not heard any more.
    first.send_if_open(b"4first....");
    first.try_response();
    session.expect_gone();
    scene.expect_undisturbed();
}

/// Starts a POST of ten bytes and stops before the first of them. The interim response shows that the server waits for them.
fn start_post(scene: &Scene, session: &PollingSession) -> Connection {
    let mut post = Connection::open(scene.server.addr());
    post.send_head("POST", &session.target(), &[("Content-Length", "10"), ("Expect", "100-continue")]);
    assert_eq!(post.response().status, 100);
    post
}

// A64 does not forbid what is meant to overlap: a poll waits while something is posted.
#[test]
fn a_poll_and_a_post_may_overlap() {
    let mut scene = Scene::new();
    let session = PollingSession::open(&scene.server);
    let mut poll = session.start_get();
    let mut post = start_post(&scene, &session);
    post.send(b"4ten bytes");
    assert_eq!(post.response().text(), "ok");
    assert_eq!(poll.response().text(), "4ten bytes");
    scene.expect_undisturbed();
}

// A65, R29: a poll that the client gives up closes the session with `transport error`.
#[test]
fn an_aborted_poll_closes_the_session() {
    let mut scene = Scene::new();
    let session = PollingSession::open(&scene.server);
    session.start_get().abort();
    assert_eq!(scene.server.close_reason(session.sid()), "transport error");
    session.expect_gone();
    scene.expect_undisturbed();
}

// A66, R29: so does a POST that ends in the middle of its body.
#[test]
fn an_aborted_post_closes_the_session() {
    let mut scene = Scene::new();
    let session = PollingSession::open(&scene.server);
    let mut post = start_post(&scene, &session);
    post.send(b"4half");
    post.abort();
    assert_eq!(scene.server.close_reason(session.sid()), "transport error");
    session.expect_gone();
    scene.expect_undisturbed();
}

// R29: requests for a session that has just been closed are told so, and do not hang.
#[test]
fn requests_after_the_close_are_answered() {
    let mut scene = Scene::new();
    let session = PollingSession::open(&scene.server);
    session.say("1");
    for response in [session.get(), session.post("4too late")] {
        assert_eq!((response.status, response.json()["code"].as_u64()), (400, Some(1)), "{response:?}");
    }
    scene.expect_undisturbed();
}
