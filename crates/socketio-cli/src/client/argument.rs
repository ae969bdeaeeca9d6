//! [`Argument`]: a word that somebody typed as the argument of an event: JSON, bytes, or a text that needs no quotes.

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Deserializer, Value};

/// What stands before the digits of bytes.
const HEX: &str = "hex:";

/// An argument to send.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub(crate) enum Argument {
    Json(Value),
    Binary(Bytes),
}

/// One word: JSON where it is JSON, bytes where it is `hex:0102ff`, and otherwise a text.
///
/// # Errors
/// Where it begins as JSON that only writes an object, a list or a text in quotes, and goes on as something else: that is
/// a slip far more often than a text.
pub(crate) fn parse(word: &str) -> Result<Argument, String> {
    if let Some(digits) = word.strip_prefix(HEX) {
        return bytes(digits).map(Argument::Binary);
    }
    match serde_json::from_str(word) {
        Ok(value) => Ok(Argument::Json(value)),
        Err(error) if word.starts_with(['{', '[', '"']) => Err(broken(word, &error)),
        Err(_) => Ok(Argument::Json(Value::from(word))),
    }
}

/// The words of a line, separated by blanks; there may be blanks inside JSON.
///
/// # Errors
/// As [`parse`].
pub(crate) fn parse_all(line: &str) -> Result<Vec<Argument>, String> {
    let mut arguments = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() {
        let (word, after) = rest.split_at(word_length(rest));
        arguments.push(parse(word)?);
        rest = after.trim_start();
    }
    Ok(arguments)
}

/// The bytes of the first word: to the end of its JSON, where a blank follows, and otherwise to the first blank.
pub(crate) fn word_length(text: &str) -> usize {
    let blank = text.find(char::is_whitespace).unwrap_or(text.len());
    if !text.starts_with(['{', '[', '"']) {
        return blank;
    }
    let mut values = Deserializer::from_str(text).into_iter::<Value>();
    match values.next() {
        Some(Ok(_)) if text[values.byte_offset()..].chars().next().is_none_or(char::is_whitespace) => {
            values.byte_offset()
        }
        Some(Ok(_)) => blank.max(values.byte_offset()),
        // All of it, so that the message is about what was typed.
        _ => text.len(),
    }
}

fn bytes(digits: &str) -> Result<Bytes, String> {
    let pairs = digits.as_bytes().chunks(2).map(|pair| match pair {
        [_, _] => std::str::from_utf8(pair).ok().filter(|pair| !pair.starts_with('+')),
        _ => None,
    });
    let read = pairs.map(|pair| pair.and_then(|pair| u8::from_str_radix(pair, 16).ok())).collect::<Option<Vec<u8>>>();
    let advice = || {
        format!("`{HEX}{digits}` is not bytes: write two digits for each, as in {HEX}0102ff, or \"{HEX}…\" for a text")
    };
    read.map(Bytes::from).ok_or_else(advice)
}

fn broken(word: &str, error: &serde_json::Error) -> String {
    format!("`{word}` begins as JSON and is none: {error}; mend it, or put it in quotes to send it as a text")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn binary(bytes: &'static [u8]) -> Argument {
        Argument::Binary(Bytes::from_static(bytes))
    }

    #[test]
    fn words_are_json_bytes_or_a_text() {
        for (line, expected) in [
            ("", vec![]),
            ("   ", vec![]),
            ("1 -2.5 true null", vec![json!(1), json!(-2.5), json!(true), json!(null)]),
            ("hello wörld", vec![json!("hello"), json!("wörld")]),
            (r#""hello world" x"#, vec![json!("hello world"), json!("x")]),
            (r#"{"a": 1, "b": [2, 3]}  [4, 5]"#, vec![json!({"a": 1, "b": [2, 3]}), json!([4, 5])]),
            (
                "01 1.2.3 truer nullify 1x",
                vec![json!("01"), json!("1.2.3"), json!("truer"), json!("nullify"), json!("1x")],
            ),
            ("it's a\\b", vec![json!("it's"), json!("a\\b")]),
            (r#""hex:01""#, vec![json!("hex:01")]),
        ] {
            let expected: Vec<Argument> = expected.into_iter().map(Argument::Json).collect();
            assert_eq!(parse_all(line), Ok(expected), "{line}");
        }
        assert_eq!(parse_all("hex:0102fF hex:"), Ok(vec![binary(&[1, 2, 255]), binary(&[])]));
    }

    #[test]
    fn what_begins_as_json_and_is_none_is_a_slip() {
        for (line, part) in [
            (r#"{"a":1"#, "begins as JSON"),
            ("[1, 2", "begins as JSON"),
            (r#""open"#, "in quotes"),
            ("{a:1}", "key must be a string"),
            ("{}x", "`{}x` begins as JSON"),
            ("hex:012", "two digits for each"),
            ("hex:0g", "two digits for each"),
            ("hex:+1", "two digits for each"),
            ("hex:äß", "two digits for each"),
        ] {
            let refused = parse_all(line).unwrap_err();
            assert!(refused.contains(part), "{line}: {refused}");
        }
    }

    #[test]
    fn a_word_of_a_shell_may_have_blanks_and_is_still_one() {
        assert_eq!(parse("hello world"), Ok(Argument::Json(json!("hello world"))));
        assert_eq!(parse(" {\"a\": 1} "), Ok(Argument::Json(json!({"a": 1}))));
        assert_eq!(parse(""), Ok(Argument::Json(json!(""))));
    }
}
