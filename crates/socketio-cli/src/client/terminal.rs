//! [`Terminal`]: how the terminal was set before somebody edits lines in it, so that it can be set so again whatever ends
//! the program.

#[cfg(unix)]
use std::io::Write;

/// Ends what the editor has asked of the terminal: to mark what is pasted.
#[cfg(unix)]
const PASTE_AS_TYPED: &str = "\u{1b}[?2004l\n";

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

    /// Sets them again, where the editor still waits for a key, and goes on below its prompt.
    pub(crate) fn restore(&self) {
        #[cfg(unix)]
        if let Some(settings) = &self.settings
            && let Ok(now) = rustix::termios::tcgetattr(std::io::stdin())
            && now.local_modes != settings.local_modes
        {
            // A terminal that is gone needs no settings.
            let _ = rustix::termios::tcsetattr(std::io::stdin(), rustix::termios::OptionalActions::Drain, settings);
            let mut out = std::io::stdout().lock();
            let _ = out.write_all(PASTE_AS_TYPED.as_bytes()).and_then(|()| out.flush());
        }
    }
}
