//! [`Line`]: what a line that somebody typed asks for. A pure function from text.

use serde_json::{Map, Value};

use super::argument::{self, Argument};

/// What is shown for `/help`, and in the help of the command.
pub(crate) const HELP: &str = "\
event word word…      send an event; words are JSON values separated by blanks
?event word word…     send it and ask for its acknowledgement
!1 word word…         acknowledge the event that asked for it with the number 1
/state                how the connection stands
/auth {…}             what is sent as `auth` from the next connection on
/disconnect           leave the namespace
/connect              come back
/help                 this
/quit                 leave (also Ctrl-D and Ctrl-C)
A word that is no JSON is a text, and hex:0102ff is three bytes. An event whose name has blanks, or begins with
one of / ? ! is written in quotes.";

/// The words that are no events, for completion.
pub(crate) const COMMANDS: [&str; 6] = ["/auth", "/connect", "/disconnect", "/help", "/quit", "/state"];

/// What a line asks for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Line {
    Nothing,
    Emit { event: String, args: Vec<Argument> },
    Ask { event: String, args: Vec<Argument> },
    Answer { number: u64, args: Vec<Argument> },
    State,
    Auth(Map<String, Value>),
    Disconnect,
    Connect,
    Help,
    Quit,
}

impl Line {
    /// Reads a line.
    ///
    /// # Errors
    /// What is wrong with it, and what to write instead.
    pub(crate) fn parse(line: &str) -> Result<Self, String> {
        let line = line.trim();
        match line.chars().next() {
            None => Ok(Self::Nothing),
            Some('/') => command(line),
            Some('!') => answer(&line[1..]),
            Some('?') => event(&line[1..]).map(|(event, args)| Self::Ask { event, args }),
            Some(_) => event(line).map(|(event, args)| Self::Emit { event, args }),
        }
    }
}

fn event(line: &str) -> Result<(String, Vec<Argument>), String> {
    let is_quoted = line.starts_with('"');
    let blank = line.find(char::is_whitespace).unwrap_or(line.len());
    let (word, rest) = line.split_at(if is_quoted { argument::word_length(line) } else { blank });
    let name = match is_quoted.then(|| argument::parse(word)).transpose()? {
        Some(Argument::Json(name)) => serde_json::from_str(&name).map_err(|error| error.to_string())?,
        _ => word.to_owned(),
    };
    if name.is_empty() {
        return Err("the name of the event is missing: write it right after the `?`".to_owned());
    }
    Ok((name, argument::parse_all(rest)?))
}

fn answer(line: &str) -> Result<Line, String> {
    let (number, rest) = line.split_at(line.find(char::is_whitespace).unwrap_or(line.len()));
    let number = number.parse().map_err(|_| "write the number of the event that is answered: !1 \"yes\"".to_owned())?;
    Ok(Line::Answer { number, args: argument::parse_all(rest)? })
}

fn command(line: &str) -> Result<Line, String> {
    let (word, rest) = line.split_at(line.find(char::is_whitespace).unwrap_or(line.len()));
    let rest = rest.trim();
    let command = match word {
        "/auth" => return auth(rest).map(Line::Auth),
        "/connect" => Line::Connect,
        "/disconnect" => Line::Disconnect,
        "/help" => Line::Help,
        "/quit" => Line::Quit,
        "/state" => Line::State,
        _ => {
            return Err(format!(
                "there is no {word}: see /help; an event of that name is sent by writing it in quotes"
            ));
        }
    };
    if rest.is_empty() { Ok(command) } else { Err(format!("{word} stands alone: leave out `{rest}`")) }
}

/// An authentication payload: the protocol wants an object.
///
/// # Errors
/// Where it is none.
pub(crate) fn auth(text: &str) -> Result<Map<String, Value>, String> {
    serde_json::from_str(text).map_err(|error| format!("write a JSON object such as {{\"token\":\"abc\"}}: {error}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn json<const N: usize>(values: [Value; N]) -> Vec<Argument> {
        values.map(|value| Argument::Json(value.to_string())).into()
    }

    fn emit<const N: usize>(event: &str, args: [Value; N]) -> Line {
        Line::Emit { event: event.to_owned(), args: json(args) }
    }

    #[test]
    fn every_line_is_what_it_looks_like() {
        for (line, expected) in [
            ("", Line::Nothing),
            (" \t ", Line::Nothing),
            ("tick", emit("tick", [])),
            (" message hello 1 ", emit("message", [json!("hello"), json!(1)])),
            (r#"message {"a":[1,2]} null"#, emit("message", [json!({"a": [1, 2]}), json!(null)])),
            (r#""my event" 1"#, emit("my event", [json!(1)])),
            (r#""/help""#, emit("/help", [])),
            ("42 x", emit("42", [json!("x")])),
            ("?add 1 2", Line::Ask { event: "add".into(), args: json([json!(1), json!(2)]) }),
            (r#"?"my event""#, Line::Ask { event: "my event".into(), args: vec![] }),
            ("!7", Line::Answer { number: 7, args: vec![] }),
            (r#"!7 "yes" no"#, Line::Answer { number: 7, args: json([json!("yes"), json!("no")]) }),
            ("/state", Line::State),
            ("/disconnect ", Line::Disconnect),
            ("/connect", Line::Connect),
            ("/help", Line::Help),
            ("/quit", Line::Quit),
        ] {
            assert_eq!(Line::parse(line), Ok(expected), "{line}");
        }
        let Ok(Line::Auth(auth)) = Line::parse(r#"/auth {"token": "abc"}"#) else { panic!("it is an object") };
        assert_eq!(auth["token"], "abc");
    }

    #[test]
    fn a_line_that_cannot_be_meant_is_refused_with_a_way_out() {
        for (line, part) in [
            ("/nonsense", "see /help"),
            ("/quit now", "leave out `now`"),
            ("/auth", "a JSON object"),
            ("/auth [1]", "a JSON object"),
            ("?", "the name of the event is missing"),
            ("? add", "the name of the event is missing"),
            ("\"\" 1", "the name of the event is missing"),
            ("\"open 1", "begins as JSON"),
            ("!", "write the number"),
            ("!yes", "write the number"),
            ("!-1", "write the number"),
            ("message {oops", "begins as JSON"),
        ] {
            let refused = Line::parse(line).unwrap_err();
            assert!(refused.contains(part), "{line}: {refused}");
        }
    }

    #[test]
    fn the_help_has_every_command() {
        for command in COMMANDS {
            assert!(HELP.contains(command), "{command}");
        }
    }
}
