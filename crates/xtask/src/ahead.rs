//! [`Ahead`]: compiles what later checks need while the tests run, which leave a core of two idle.
//!
//! Owns when that happens and that it disturbs nobody. It says nothing but that it is waited for, and cannot fail: what could not be
//! compiled is compiled again by the check that needs it, which tells why.
#![allow(clippy::print_stdout, reason = "a chore says what it does")]

use std::{
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use testkit::find_program;

/// How often is looked whether something has ended.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// Commands that run one after the other, behind everything else on this machine.
pub(crate) struct Ahead {
    is_given_up: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Ahead {
    /// Begins with the first of them.
    pub(crate) fn start(commands: Vec<Command>) -> Self {
        let is_given_up = Arc::new(AtomicBool::new(false));
        let given_up = is_given_up.clone();
        let thread = thread::spawn(move || {
            for command in commands {
                let started = behind_everybody(&command).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
                let is_over = started.is_ok_and(|child| wait(child, &given_up));
                if !is_over {
                    return;
                }
            }
        });
        Self { is_given_up, thread }
    }

    /// Waits for the last of them where it is still needed; otherwise it is ended.
    pub(crate) fn finish(self, is_needed: bool) {
        self.is_given_up.store(!is_needed, Ordering::Relaxed);
        if is_needed && !self.thread.is_finished() {
            println!("what the next checks run is still being compiled");
        }
        // It does nothing that panics.
        let _ = self.thread.join();
    }
}

/// Until it ends; `false` where it was ended, or nobody knows what became of it.
fn wait(mut child: Child, is_given_up: &AtomicBool) -> bool {
    loop {
        match child.try_wait() {
            Ok(Some(_)) => return true,
            Ok(None) if !is_given_up.load(Ordering::Relaxed) => thread::sleep(LOOK_INTERVAL),
            _ => {
                let _ = child.kill();
                let _ = child.wait();
                return false;
            }
        }
    }
}

/// The same command with less claim to the processor, where the system has a way to say that.
fn behind_everybody(command: &Command) -> Command {
    let mut nice = match find_program("nice") {
        Some(nice) => {
            let mut nice = Command::new(nice);
            nice.args(["-n", "19"]).arg(command.get_program());
            nice
        }
        None => Command::new(command.get_program()),
    };
    nice.args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => nice.env(name, value),
            None => nice.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        nice.current_dir(folder);
    }
    nice
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;

    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn commands_run_one_after_the_other_in_their_folders_with_their_variables() {
        let folder = testkit::repository().join("target/ahead");
        fs::create_dir_all(&folder).unwrap();
        let mut first = shell("printf \"$WORD\" > said");
        first.env("WORD", "one").current_dir(&folder);
        let mut second = shell("printf ' two' >> said; exit 1");
        second.current_dir(&folder);
        let mut third = shell("printf ' three' >> said");
        third.current_dir(&folder);
        Ahead::start(vec![first, second, third]).finish(true);
        assert_eq!(fs::read_to_string(folder.join("said")).unwrap(), "one two three");
    }

    #[test]
    fn what_is_not_needed_any_more_is_ended_and_nothing_follows_it() {
        let folder = testkit::repository().join("target/ahead_given_up");
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let mut second = shell("printf ran > said");
        second.current_dir(&folder);
        Ahead::start(vec![shell("exec sleep 20"), second]).finish(false);
        assert!(!folder.join("said").exists());
    }
}
