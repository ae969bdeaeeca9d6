//! [`Output`]: prints lines on a thread of its own, so that a terminal or a pipe that does not keep up holds up nothing but
//! what is to be printed.

use std::{
    io::{self, Write},
    thread,
};

use rustyline::ExternalPrinter;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

/// Where lines go.
pub(crate) enum Sink {
    /// Standard output.
    Plain,
    /// Above the prompt.
    Above(Box<dyn ExternalPrinter + Send>),
}

/// Takes lines.
#[derive(Debug)]
pub(crate) struct Output {
    lines: mpsc::UnboundedSender<(String, Option<OwnedSemaphorePermit>)>,
    ended: oneshot::Receiver<()>,
}

impl Output {
    pub(crate) fn new(mut sink: Sink) -> Self {
        let (lines, mut queue) = mpsc::unbounded_channel::<(String, Option<OwnedSemaphorePermit>)>();
        let (end, ended) = oneshot::channel::<()>();
        thread::spawn(move || {
            // Its end is seen by its receiver.
            let _end = end;
            while let Some((line, place)) = queue.blocking_recv() {
                if !sink.print(line) {
                    return;
                }
                drop(place);
            }
        });
        Self { lines, ended }
    }

    /// Prints a line, some time soon; the place is given back then.
    pub(crate) fn print(&self, line: String, place: Option<OwnedSemaphorePermit>) {
        // Who cannot be written to any more is noticed in `ended`.
        let _ = self.lines.send((line, place));
    }

    /// Waits until nobody can be written to any more.
    pub(crate) async fn ended(&mut self) {
        let _ = (&mut self.ended).await;
    }

    /// Waits until everything is printed.
    pub(crate) async fn finish(self) {
        let Self { lines, ended } = self;
        drop(lines);
        let _ = ended.await;
    }
}

impl Sink {
    /// Whether it could be printed.
    fn print(&mut self, mut line: String) -> bool {
        line.push('\n');
        match self {
            Self::Plain => {
                let mut out = io::stdout().lock();
                out.write_all(line.as_bytes()).and_then(|()| out.flush()).is_ok()
            }
            Self::Above(printer) => printer.print(line).is_ok(),
        }
    }
}
