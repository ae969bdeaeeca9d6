//! [`Terminal`]: how the terminal was set before somebody edits lines in it, so that it can be set so again whatever ends
//! the program.

/// The settings of standard input.
#[derive(Debug)]
pub(crate) struct Terminal {
    #[cfg(unix)]
    settings: Option<rustix::termios::Termios>,
}

impl Terminal {
    /// Remembers them.
    pub(crate) fn remember() -> Self {
        Self {
            #[cfg(unix)]
            settings: rustix::termios::tcgetattr(std::io::stdin()).ok(),
        }
    }

    /// Sets them again: the editor may still wait for a key.
    pub(crate) fn restore(&self) {
        #[cfg(unix)]
        if let Some(settings) = &self.settings {
            // A terminal that is gone needs no settings.
            let _ = rustix::termios::tcsetattr(std::io::stdin(), rustix::termios::OptionalActions::Drain, settings);
        }
    }
}
