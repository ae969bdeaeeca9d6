//! What becomes of a place for an answer, with a socket that only notes down what it is told.

use std::sync::Mutex;

use super::*;

/// What it was told to forget, and whether the time was up.
#[derive(Default)]
struct Noting(Mutex<Vec<(AckId, bool)>>);

impl Noting {
    fn told(&self) -> Vec<(AckId, bool)> {
        self.0.lock().unwrap().clone()
    }
}

impl AckSource for Noting {
    fn forget(&self, id: AckId, timed_out: bool) {
        self.0.lock().unwrap().push((id, timed_out));
    }
}

const ID: AckId = AckId(7);

struct Asked {
    socket: Arc<Noting>,
    answer: oneshot::Sender<Result<Body, AckError>>,
    pending: PendingAck<u8>,
}

fn ask(timeout: Option<Duration>) -> Asked {
    let socket = Arc::new(Noting::default());
    let (answer, waiting) = oneshot::channel();
    Asked { pending: PendingAck::new(Ok(Waiting::new(socket.clone(), ID, waiting)), timeout), socket, answer }
}

/// R21: the place goes once, whichever way the wait ends; D51: only the end of the time is told as one.
#[tokio::test(start_paused = true)]
async fn the_place_of_an_answer_is_given_back_once_however_the_wait_ends() {
    let Asked { socket, answer, pending } = ask(Some(Duration::from_secs(1)));
    answer.send(Ok(Body::ack(&5).unwrap())).unwrap();
    assert_eq!((pending.await, socket.told()), (Ok(5), vec![(ID, false)]));

    let Asked { socket, answer: _kept, pending } = ask(Some(Duration::from_secs(1)));
    assert_eq!((pending.await, socket.told()), (Err(AckError::Timeout), vec![(ID, true)]));

    let Asked { socket, answer: _kept, pending } = ask(None);
    drop(pending);
    assert_eq!(socket.told(), [(ID, false)]);
}

/// R22, E44: who waits is told why there is no answer.
#[tokio::test(start_paused = true)]
async fn who_waits_is_told_of_the_error_or_that_the_socket_is_gone() {
    let Asked { answer, pending, .. } = ask(None);
    answer.send(Err(AckError::Timeout)).unwrap();
    assert_eq!(pending.await, Err(AckError::Timeout));

    let Asked { answer, pending, .. } = ask(None);
    drop(answer);
    assert_eq!(pending.await, Err(AckError::Disconnected));
}

/// E42: without a limit, an answer of the next year is one.
#[tokio::test(start_paused = true)]
async fn without_a_time_out_an_answer_is_never_late() {
    let Asked { answer, pending, .. } = ask(None);
    let pending = tokio::spawn(pending.into_future());
    tokio::time::advance(Duration::from_secs(86_400 * 365)).await;
    answer.send(Ok(Body::ack(&5).unwrap())).unwrap();
    assert_eq!(pending.await.unwrap(), Ok(5));
}
