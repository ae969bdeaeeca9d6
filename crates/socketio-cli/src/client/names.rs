//! [`Names`]: the events that were seen or sent, for completion.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::line::COMMANDS;

/// Names that are kept; a server may make up any number of them.
const MOST: usize = 500;

/// The longest name that is kept, in bytes.
const LONGEST: usize = 200;

/// The names of events, shared by those who see them and the editor.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names(Arc<Mutex<BTreeSet<String>>>);

impl Names {
    /// Remembers a name, if it is one that can be typed without quotes.
    pub(crate) fn remember(&self, name: &str) {
        let is_word = !name.is_empty()
            && name.len() <= LONGEST
            && !name.starts_with(['/', '?', '!', '"'])
            && !name.contains(|c: char| c.is_whitespace() || c.is_control());
        let mut names = self.lock();
        if is_word && names.len() < MOST {
            names.insert(name.to_owned());
        }
    }

    /// How the line up to the cursor may go on, and where what goes on begins: its first word only, a command or an event.
    pub(crate) fn complete(&self, line: &str) -> (usize, Vec<String>) {
        let start = line.len() - line.trim_start().len();
        let word = &line[start..];
        if word.contains(char::is_whitespace) {
            return (line.len(), Vec::new());
        }
        if word.starts_with('/') {
            let found = COMMANDS.iter().filter(|command| command.starts_with(word));
            return (start, found.map(|&command| command.to_owned()).collect());
        }
        let (start, word) = word.strip_prefix('?').map_or((start, word), |word| (start + 1, word));
        (start, self.lock().iter().filter(|name| name.starts_with(word)).cloned().collect())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_of_a_line_is_completed_and_no_other() {
        let names = Names::default();
        for name in ["message", "members", "join", "my event", "/odd", "", "\u{1b}[2J"] {
            names.remember(name);
        }
        for (line, start, found) in [
            ("m", 0, &["members", "message"][..]),
            ("mes", 0, &["message"]),
            ("?j", 1, &["join"]),
            ("  j", 2, &["join"]),
            ("/d", 0, &["/disconnect"]),
            ("?/d", 1, &[]),
            ("x", 0, &[]),
            ("", 0, &["join", "members", "message"]),
            ("message j", 9, &[]),
        ] {
            assert_eq!(names.complete(line), (start, found.iter().map(|&name| name.to_owned()).collect()), "{line:?}");
        }
    }

    #[test]
    fn a_server_that_makes_up_names_does_not_fill_the_memory() {
        let names = Names::default();
        (0..MOST * 2).for_each(|i| names.remember(&format!("event-{i}")));
        names.remember(&"x".repeat(LONGEST + 1));
        assert_eq!(names.complete("e").1.len(), MOST);
        assert_eq!(names.complete("x").1.len(), 0);
    }
}
