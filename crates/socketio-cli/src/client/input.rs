//! [`Input`]: lines that somebody types or a script gives, one at a time.

use std::{
    io::{self, BufRead},
    sync::mpsc as std_mpsc,
    thread,
};

use tokio::sync::mpsc;

/// The longest line, in bytes; what is longer is taken for several.
const LONGEST_LINE: u64 = 16 << 20;

/// A line, or the end of them.
#[derive(Debug)]
pub(crate) enum Typed {
    Line(String),
    End,
}

/// Where lines come from.
#[derive(Debug)]
pub(crate) struct Input {
    pub(crate) typed: mpsc::Receiver<Typed>,
    /// Tells the editor that a line is dealt with, and the next prompt may be shown.
    go_on: Option<std_mpsc::Sender<()>>,
}

impl Input {
    /// Lines from an editor, which waits after each.
    pub(crate) const fn edited(typed: mpsc::Receiver<Typed>, go_on: std_mpsc::Sender<()>) -> Self {
        Self { typed, go_on: Some(go_on) }
    }

    /// Lines from standard input.
    pub(crate) fn plain() -> Self {
        let (sender, typed) = mpsc::channel(1);
        thread::spawn(move || {
            let mut stdin = io::stdin().lock();
            loop {
                let mut line = Vec::new();
                let read = io::Read::take(&mut stdin, LONGEST_LINE).read_until(b'\n', &mut line);
                let is_end = !matches!(read, Ok(1..));
                let next = if is_end { Typed::End } else { Typed::Line(String::from_utf8_lossy(&line).into_owned()) };
                if sender.blocking_send(next).is_err() || is_end {
                    return;
                }
            }
        });
        Self { typed, go_on: None }
    }

    /// The line is dealt with.
    pub(crate) fn go_on(&self) {
        if let Some(go_on) = &self.go_on {
            // An editor that has ended shows no prompt.
            let _ = go_on.send(());
        }
    }
}
