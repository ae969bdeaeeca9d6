//! The line editor on its thread: a prompt that stays below what is printed, history, completion. rustyline does all of
//! it; this file is where its history is, and how its lines become [`Input`].

use std::{env, fs, path::PathBuf, sync::mpsc as std_mpsc, thread};

use rustyline::{
    Config, Context, Editor, Helper, completion::Completer, highlight::Highlighter, hint::Hinter, history::FileHistory,
    validate::Validator,
};
use tokio::sync::mpsc;

use super::{
    input::{Input, Typed},
    names::Names,
    output::Sink,
};

/// Lines that are kept from session to session.
const HISTORY_LINES: usize = 1000;

/// What begins a line that has secrets in it, and is not kept.
const SECRET: &str = "/auth";

/// Completes the names of events and commands.
struct Completion(Names);

impl Completer for Completion {
    type Candidate = String;

    fn complete(&self, line: &str, pos: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<String>)> {
        let (start, mut found) = self.0.complete(line.get(..pos).unwrap_or_default());
        if let [only] = &mut *found {
            only.push(' ');
        }
        Ok((start, found))
    }
}

impl Hinter for Completion {
    type Hint = String;
}
impl Highlighter for Completion {}
impl Validator for Completion {}
impl Helper for Completion {}

/// Starts an editor, and gives what prints above its prompt.
///
/// # Errors
/// Where the terminal is not one that lines can be edited in.
pub(crate) fn start(prompt: String, names: Names) -> rustyline::Result<(Input, Sink)> {
    let config = Config::builder().max_history_size(HISTORY_LINES)?.history_ignore_space(true).build();
    let mut editor = Editor::<Completion, FileHistory>::with_config(config)?;
    let printer = editor.create_external_printer()?;
    editor.set_helper(Some(Completion(names)));
    let history = history_file();
    if let Some(file) = &history {
        // There is none before the first line of the first session.
        let _ = editor.load_history(file);
    }
    let (typed, lines) = mpsc::channel(1);
    let (go_on, going_on) = std_mpsc::channel();
    thread::spawn(move || {
        while let Ok(line) = editor.readline(&prompt) {
            remember(&mut editor, &line, history.as_ref());
            if typed.blocking_send(Typed::Line(line)).is_err() || going_on.recv().is_err() {
                return;
            }
        }
        // Ctrl-C, Ctrl-D, or a terminal that is gone.
        let _ = typed.blocking_send(Typed::End);
    });
    Ok((Input::edited(lines, go_on), Sink::Above(Box::new(printer))))
}

fn remember(editor: &mut Editor<Completion, FileHistory>, line: &str, file: Option<&PathBuf>) {
    if line.trim_start().starts_with(SECRET) || !editor.add_history_entry(line).unwrap_or(false) {
        return;
    }
    if let Some(file) = file {
        // A history that cannot be written is none.
        let _ = editor.append_history(file);
    }
}

/// `sio/history` in the user's folder for such things, where the user has one.
fn history_file() -> Option<PathBuf> {
    let absolute = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || absolute("HOME").map(|home| home.join(".local/state"));
    let folder = absolute("XDG_STATE_HOME").or_else(home).or_else(|| absolute("LOCALAPPDATA"))?.join("sio");
    fs::create_dir_all(&folder).ok()?;
    Some(folder.join("history"))
}
