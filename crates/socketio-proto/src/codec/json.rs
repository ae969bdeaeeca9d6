//! The JSON of a payload: is it well-formed, has it the right shape, what is its first element.
//!
//! Works on the text itself; no value is built. Leaves out the grammar (`wellformed.rs`) and attachments (`attachments.rs`).
//! [SIO5 Packet encoding] (C10)

use super::wellformed;

/// What a payload must be, by packet type.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Object,
    ObjectOrString,
    /// An array whose first element is the event's name.
    Event,
    Array,
}

/// Checks that `json` is one JSON text of `shape`, nested no deeper than what a handler can read; yields the first
/// element of an event.
///
/// The error is the offset where it is not.
pub(crate) fn check(json: &str, shape: Shape) -> Result<Option<Element<'_>>, usize> {
    let start = starts_as(json, shape)?;
    wellformed::check(json)?;
    if shape != Shape::Event {
        return Ok(None);
    }
    first_element(json).filter(|element| !element.text.is_empty()).ok_or(start).map(Some)
}

/// Checks that `json` begins as `shape` does; yields where.
pub(crate) fn starts_as(json: &str, shape: Shape) -> Result<usize, usize> {
    let start = skip_space(json.as_bytes(), 0);
    let first = json.as_bytes().get(start);
    let fits = match shape {
        Shape::Object => first == Some(&b'{'),
        Shape::ObjectOrString => matches!(first, Some(b'{' | b'"')),
        Shape::Event | Shape::Array => first == Some(&b'['),
    };
    if fits { Ok(start) } else { Err(start) }
}

/// The first element of an array, where it is a string or a number.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Element<'a> {
    /// As written, quotes included.
    pub(crate) text: &'a str,
    /// Where it ends in the whole text.
    pub(crate) end: usize,
}

impl<'a> Element<'a> {
    /// What is between the quotes where that has no escapes in it, or the number; `None` where an escape has
    /// to be resolved.
    pub(crate) fn plain(self) -> Option<&'a str> {
        match self.text.strip_prefix('"') {
            // Names are shorter than what a search with wide registers takes to begin.
            Some(rest) => rest.strip_suffix('"').filter(|inner| inner.bytes().all(|byte| byte != b'\\')),
            None => Some(self.text),
        }
    }
}

/// The first element of the array `json`, where that is a string or a number.
pub(crate) fn first_element(json: &str) -> Option<Element<'_>> {
    let bytes = json.as_bytes();
    let open = skip_space(bytes, 0);
    if bytes.get(open) != Some(&b'[') {
        return None;
    }
    let start = skip_space(bytes, open + 1);
    let end = match bytes.get(start)? {
        b'"' => string_end(bytes, start)?,
        b'-' | b'0'..=b'9' => {
            let number = bytes.get(start..)?;
            start + number.iter().position(|byte| !matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9'))?
        }
        _ => return None,
    };
    json.get(start..end).map(|text| Element { text, end })
}

/// Where the string ends whose opening quote is at `start`: behind its closing quote. Of a well-formed text.
pub(crate) fn string_end(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    loop {
        at = wellformed::plain_end(bytes, at);
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            // Nothing else is special in a well-formed text.
            _ => at += 2,
        }
    }
}

/// The first place from `at` on which is not white space.
pub(crate) fn skip_space(bytes: &[u8], mut at: usize) -> usize {
    while matches!(bytes.get(at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
        at += 1;
    }
    at
}

/// How many elements the well-formed array `json` has.
pub(crate) fn element_count(json: &str) -> usize {
    let bytes = json.as_bytes();
    let (mut at, mut depth, mut commas) = (0, 0_usize, 0);
    let mut empty = true;
    while let Some(byte) = bytes.get(at) {
        at += 1;
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => continue,
            b'"' => at = string_end(bytes, at - 1).unwrap_or(bytes.len()),
            b'[' | b'{' => {
                depth += 1;
                if depth == 1 {
                    continue;
                }
            }
            b']' | b'}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    continue;
                }
            }
            b',' if depth == 1 => commas += 1,
            _ => {}
        }
        empty = false;
    }
    if empty { 0 } else { commas + 1 }
}
