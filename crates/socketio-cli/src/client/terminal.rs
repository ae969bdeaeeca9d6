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

    /// Leaves the keys to the editor also while it shows no prompt, as one line is dealt with and the next is typed
    /// already: a terminal that collects lines by itself would swallow a Ctrl-D, and echo the rest into what is printed.
    /// Ctrl-C stays a signal meanwhile.
    pub(crate) fn leave_keys_to_editor(&self) {
        #[cfg(unix)]
        if let Some(settings) = &self.settings {
            use rustix::termios::LocalModes;
            let mut own = settings.clone();
            own.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
            set(&own);
        }
    }

    /// Sets them again, and goes on below the prompt where the editor still waits for a key.
    pub(crate) fn restore(&self) {
        #[cfg(unix)]
        if let Some(settings) = &self.settings
            && let Ok(now) = rustix::termios::tcgetattr(std::io::stdin())
            && now.local_modes != settings.local_modes
        {
            set(settings);
            // The editor alone takes Ctrl-C for a key.
            if now.local_modes.contains(rustix::termios::LocalModes::ISIG) {
                return;
            }
            let mut out = std::io::stdout().lock();
            let _ = out.write_all(PASTE_AS_TYPED.as_bytes()).and_then(|()| out.flush());
        }
    }
}

/// A terminal that is gone needs no settings.
#[cfg(unix)]
fn set(settings: &rustix::termios::Termios) {
    let _ = rustix::termios::tcsetattr(std::io::stdin(), rustix::termios::OptionalActions::Drain, settings);
}
