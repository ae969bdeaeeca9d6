//! [`Book`]: how each session or socket ended, for those who ask, before the end or after it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

type Question<V> = Box<dyn FnOnce(&V) + Send>;

/// What is known of those that have ended, and the questions about those that have not. Clones are the same book.
pub(super) struct Book<V>(Arc<Mutex<Pages<V>>>);

struct Pages<V> {
    known: HashMap<String, V>,
    waiting: HashMap<String, Vec<Question<V>>>,
}

impl<V: Send + 'static> Book<V> {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Pages { known: HashMap::new(), waiting: HashMap::new() })))
    }

    /// Writes down how `id` ended, and answers who waits for it.
    pub(super) fn record(&self, id: &str, ending: V) {
        let mut pages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for question in pages.waiting.remove(id).unwrap_or_default() {
            question(&ending);
        }
        pages.known.insert(id.to_owned(), ending);
    }

    /// Calls `question` with how `id` ended, now or later.
    pub(super) fn ask(&self, id: &str, question: impl FnOnce(&V) + Send + 'static) {
        let mut pages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match pages.known.get(id) {
            Some(ending) => question(ending),
            None => pages.waiting.entry(id.to_owned()).or_default().push(Box::new(question)),
        }
    }
}

impl<V> Clone for Book<V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}
