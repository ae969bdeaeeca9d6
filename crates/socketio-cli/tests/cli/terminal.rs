//! `sio connect` at a terminal: the prompt, the history, Tab, colours, and that the terminal is left as it was.

use std::{
    fs::{self, File, OpenOptions},
    io::{Read, Write},
    path::PathBuf,
    process::Child,
    sync::mpsc::{Receiver, TryRecvError, channel},
    thread,
    time::Instant,
};

use rustix::{
    process::{Pid, Signal, kill_process},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize},
};

use crate::{
    DEADLINE,
    program::{Served, sio},
};

const TAB: &str = "\t";
const ENTER: &str = "\r";
const UP: &str = "\u{1b}[A";
const CTRL_C: &str = "\u{3}";
const CTRL_D: &str = "\u{4}";

/// A terminal with `sio connect` in it.
struct Terminal {
    child: Child,
    keys: File,
    /// The program's side, held so that it stays what it is when the program has ended.
    line: File,
    screen: Receiver<Vec<u8>>,
    /// What was written to it and not yet waited for.
    written: String,
    state: PathBuf,
}

impl Terminal {
    /// With a folder of its own for what is kept from session to session.
    fn start(name: &str, url: &str) -> Self {
        let state = std::env::temp_dir().join(format!("sio-{name}-{}", std::process::id()));
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal can be had");
        grantpt(&master).and_then(|()| unlockpt(&master)).unwrap();
        let path = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let line = OpenOptions::new().read(true).write(true).open(path).unwrap();
        tcsetwinsize(&line, Winsize { ws_row: 40, ws_col: 120, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        let mut command = sio(&["connect", url]);
        command.env("TERM", "xterm").env("XDG_STATE_HOME", &state).env_remove("NO_COLOR");
        command.stdin(line.try_clone().unwrap()).stdout(line.try_clone().unwrap()).stderr(line.try_clone().unwrap());
        let child = command.spawn().expect("sio can be started");
        let keys = File::from(master);
        let mut reader = keys.try_clone().unwrap();
        let (sender, screen) = channel();
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut bytes) {
                if sender.send(bytes[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { child, keys, line, screen, written: String::new(), state }
    }

    fn types(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until this is written, and forgets what was written up to it.
    #[track_caller]
    fn shows(&mut self, text: &str) {
        let end = Instant::now() + DEADLINE;
        loop {
            if let Some(at) = self.written.find(text) {
                self.written.drain(..at + text.len());
                return;
            }
            match self.screen.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(bytes) => self.written.push_str(&String::from_utf8_lossy(&bytes)),
                Err(_) => panic!("`{text}` is not shown, but {:?}", self.written),
            }
        }
    }

    fn local_modes(&self) -> LocalModes {
        tcgetattr(&self.line).unwrap().local_modes
    }

    /// Waits for the end; the terminal has to be one that shows what is typed, as it was.
    #[track_caller]
    fn ends(mut self) -> Option<i32> {
        let code = self.child.wait().expect("sio can be waited for").code();
        let modes = self.local_modes();
        assert!(modes.contains(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG), "{modes:?}");
        code
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.state);
    }
}

#[test]
fn lines_are_edited_below_what_arrives_with_history_and_completion() {
    let served = Served::start(&[]);
    let mut terminal = Terminal::start("edit", &format!("{}/echo", served.url()));
    terminal.shows("connected as ");
    terminal.shows("/echo> ");
    terminal.types("message one");
    terminal.types(ENTER);
    terminal.shows("\u{1b}[36m←\u{1b}[0m message \"one\"");
    terminal.types("mes");
    terminal.types(TAB);
    terminal.shows("message ");
    terminal.types("two");
    terminal.types(ENTER);
    terminal.shows("message \"two\"");
    terminal.types(UP);
    terminal.types(UP);
    terminal.types(ENTER);
    terminal.shows("\u{1b}[0m message \"one\"");
    // Several lines at once, faster than one is dealt with.
    terminal.types("a 1\rb 2\rc 3\r");
    terminal.shows("c 3");
    terminal.shows("\u{1b}[0m c 3");
    // Half a line stays where it is while something arrives above.
    terminal.types("half");
    terminal.shows("half");
    drop(served);
    terminal.shows("lost: transport");
    terminal.shows("/echo> half");
    terminal.types(CTRL_C);
    assert_eq!(terminal.ends(), Some(0));
}

#[test]
fn the_history_is_kept_without_secrets_and_for_this_user_only() {
    let served = Served::start(&[]);
    let mut terminal = Terminal::start("history", &format!("{}/echo", served.url()));
    terminal.shows("connected as ");
    terminal.types("/auth {\"token\":\"secret\"}\rremembered\r");
    terminal.shows("\u{1b}[0m remembered");
    let file = terminal.state.join("sio/history");
    let kept = fs::read_to_string(&file).unwrap();
    assert!(kept.contains("remembered") && !kept.contains("secret"), "{kept}");
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&file).unwrap().permissions());
    assert_eq!(mode & 0o077, 0, "{mode:o}");
    terminal.types(CTRL_D);
    terminal.shows("disconnected");
    assert_eq!(terminal.ends(), Some(0));
}

#[test]
fn keys_between_two_lines_are_left_to_the_editor() {
    let served = Served::start(&[]);
    let mut terminal = Terminal::start("between", &format!("{}/echo", served.url()));
    terminal.shows("connected as ");
    terminal.shows("/echo> ");
    for number in 0..50 {
        terminal.types(&format!("line{number}\r"));
        let answer = format!("\u{1b}[0m line{number}");
        let end = Instant::now() + DEADLINE;
        while !terminal.written.contains(&answer) {
            assert!(Instant::now() < end, "`{answer}` is not shown, but {:?}", terminal.written);
            let modes = terminal.local_modes();
            assert!(!modes.intersects(LocalModes::ICANON | LocalModes::ECHO), "line {number}: {modes:?}");
            match terminal.screen.try_recv() {
                Ok(bytes) => terminal.written.push_str(&String::from_utf8_lossy(&bytes)),
                Err(TryRecvError::Empty) => thread::yield_now(),
                Err(TryRecvError::Disconnected) => panic!("sio has ended after {:?}", terminal.written),
            }
        }
    }
    terminal.types(CTRL_D);
    assert_eq!(terminal.ends(), Some(0));
}

#[test]
fn a_refusal_is_not_the_end_for_a_person() {
    let served = Served::start(&[]);
    let mut terminal = Terminal::start("refusal", &format!("{}/nowhere", served.url()));
    terminal.shows("refused: Invalid namespace");
    terminal.shows("/connect tries again");
    terminal.types("/connect\r");
    terminal.shows("refused: Invalid namespace");
    terminal.types("/quit\r");
    assert_eq!(terminal.ends(), Some(0));
}

#[test]
fn a_signal_leaves_the_terminal_as_it_was() {
    let served = Served::start(&[]);
    let mut terminal = Terminal::start("signal", &format!("{}/echo", served.url()));
    terminal.shows("connected as ");
    terminal.shows("/echo> ");
    kill_process(Pid::from_child(&terminal.child), Signal::TERM).unwrap();
    terminal.shows("\u{1b}[?2004l");
    assert_eq!(terminal.ends(), Some(0));
}
