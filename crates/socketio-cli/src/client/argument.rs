//! [`Argument`]: a word that somebody typed as the argument of an event: JSON, bytes, or a text that needs no quotes.

use bytes::Bytes;
use serde::{Serialize, Serializer, de::IgnoredAny, ser::Error};
use serde_json::{Deserializer, Value, value::RawValue};

/// What stands before the digits of bytes.
const HEX: &str = "hex:";

/// An argument to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Argument {
    /// JSON as it was written: numbers keep their digits, objects their order.
    Json(String),
    Binary(Bytes),
}

impl Serialize for Argument {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Json(json) => {
                serde_json::from_str::<&RawValue>(json).map_err(S::Error::custom)?.serialize(serializer)
            }
            Self::Binary(bytes) => bytes.serialize(serializer),
        }
    }
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
    match serde_json::from_str::<IgnoredAny>(word) {
        Ok(_) => Ok(Argument::Json(word.trim().to_owned())),
        Err(error) if word.starts_with(['{', '[', '"']) => Err(broken(word, &error)),
        Err(_) => Ok(Argument::Json(Value::from(word).to_string())),
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
    let mut values = Deserializer::from_str(text).into_iter::<IgnoredAny>();
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
    use socketio::{Args, Body};

    use super::*;

    fn binary(bytes: &'static [u8]) -> Argument {
        Argument::Binary(Bytes::from_static(bytes))
    }

    #[test]
    fn words_are_json_bytes_or_a_text() {
        for (line, expected) in [
            ("", &[][..]),
            ("   ", &[]),
            ("1 -2.5 true null", &["1", "-2.5", "true", "null"]),
            ("hello wörld", &[r#""hello""#, r#""wörld""#]),
            (r#""hello world" x"#, &[r#""hello world""#, r#""x""#]),
            (r#"{"b": 1, "a": [2, 3]}  [4, 5]"#, &[r#"{"b": 1, "a": [2, 3]}"#, "[4, 5]"]),
            ("12345678901234567890.10 1e3", &["12345678901234567890.10", "1e3"]),
            ("01 1.2.3 truer 1x", &[r#""01""#, r#""1.2.3""#, r#""truer""#, r#""1x""#]),
            (r"it's a\b", &[r#""it's""#, r#""a\\b""#]),
            (r#""hex:01""#, &[r#""hex:01""#]),
        ] {
            let expected: Vec<Argument> = expected.iter().map(|&json| Argument::Json(json.to_owned())).collect();
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
        assert_eq!(parse("hello world"), Ok(Argument::Json("\"hello world\"".to_owned())));
        assert_eq!(parse(" {\"a\": 1} "), Ok(Argument::Json("{\"a\": 1}".to_owned())));
        assert_eq!(parse(""), Ok(Argument::Json("\"\"".to_owned())));
    }

    #[test]
    fn json_is_sent_as_it_was_written() {
        let args = Args(parse_all(r#"{"b":1.50,"a":[]} hex:ff x"#).unwrap());
        let body = Body::event("e", &args).unwrap();
        assert_eq!(body.json().as_str(), r#"["e",{"b":1.50,"a":[]},{"_placeholder":true,"num":0},"x"]"#);
    }
}
