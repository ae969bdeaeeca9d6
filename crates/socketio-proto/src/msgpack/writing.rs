//! From JSON text and attachments to MessagePack. (C28)
//!
//! Works on the text itself, in two passes and without recursion: MessagePack says at the beginning of a list or
//! map how long it is, and JSON only shows at its end. Leaves out the way back (`reading.rs`).

use std::{borrow::Cow, vec};

use bytes::Bytes;
use rmp::encode;
use serde::{Deserializer, de};

use crate::{AckId, Body, Namespace, PacketKind, codec::json};

/// Room for the packet's own members.
const HEADER_BYTES: usize = 64;

/// The packet as one map.
pub(super) fn packet(kind: PacketKind, namespace: &Namespace, ack: Option<AckId>, body: Option<&Body>) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER_BYTES + namespace.as_str().len() + body.map_or(0, Body::byte_len));
    let members = 2 + u32::from(ack.is_some()) + u32::from(body.is_some());
    // Writing to memory cannot fail, here and below.
    _ = encode::write_map_len(&mut out, members);
    _ = encode::write_str(&mut out, "type");
    _ = encode::write_uint(&mut out, kind.number().into());
    if let Some(body) = body {
        _ = encode::write_str(&mut out, "data");
        write_json(&mut out, body.json(), body.attachments());
    }
    if let Some(AckId(id)) = ack {
        _ = encode::write_str(&mut out, "id");
        _ = encode::write_uint(&mut out, id);
    }
    _ = encode::write_str(&mut out, "nsp");
    _ = encode::write_str(&mut out, namespace.as_str());
    out
}

/// The value of which `json` is the text.
pub(super) fn write_json(out: &mut Vec<u8>, json: &str, attachments: &[Bytes]) {
    let mut lengths = Lengths::default();
    scan(json, attachments, |item| lengths.count(item));
    let mut lengths = lengths.all.into_iter();
    scan(json, attachments, |item| write(out, item, &mut lengths));
}

/// Something in a JSON text.
#[derive(Copy, Clone)]
enum Item<'a> {
    /// The beginning of a list.
    Array,
    /// The beginning of an object.
    Object,
    Close,
    Comma,
    /// A string or a key, quotes included.
    Str(&'a str),
    Null,
    Bool(bool),
    Number(&'a str),
    /// What a placeholder stands for.
    Bytes(&'a Bytes),
}

/// Shows everything in the well-formed `json` to `each`.
fn scan<'a>(json: &'a str, attachments: &'a [Bytes], mut each: impl FnMut(Item<'a>)) {
    let bytes = json.as_bytes();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let (item, end) = match byte {
            b'{' => match placeholder(json, at, attachments) {
                Some((bytes, end)) => (Item::Bytes(bytes), end),
                None => (Item::Object, at + 1),
            },
            b'[' => (Item::Array, at + 1),
            b'}' | b']' => (Item::Close, at + 1),
            b',' => (Item::Comma, at + 1),
            b'"' => {
                let end = json::string_end(bytes, at).unwrap_or(bytes.len());
                (Item::Str(json.get(at..end).unwrap_or_default()), end)
            }
            b'n' => (Item::Null, at + "null".len()),
            b't' => (Item::Bool(true), at + "true".len()),
            b'f' => (Item::Bool(false), at + "false".len()),
            b'-' | b'0'..=b'9' => {
                let is_number = |byte: &u8| matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9');
                let end = at + bytes.iter().skip(at).take_while(|byte| is_number(byte)).count();
                (Item::Number(json.get(at..end).unwrap_or_default()), end)
            }
            // White space and colons.
            _ => {
                at += 1;
                continue;
            }
        };
        each(item);
        at = end;
    }
}

/// The attachment that the object at `at` stands for, and where the object ends.
///
/// A body with attachments has its placeholders in the very form that this crate writes, and no other object in
/// it begins like one.
fn placeholder<'a>(json: &str, at: usize, attachments: &'a [Bytes]) -> Option<(&'a Bytes, usize)> {
    if attachments.is_empty() {
        return None;
    }
    const START: &str = "{\"_placeholder\":true,\"num\":";
    let rest = json.get(at..)?.strip_prefix(START)?;
    let (num, _) = rest.split_once('}')?;
    let bytes = attachments.get(num.parse::<usize>().ok()?)?;
    Some((bytes, at + START.len() + num.len() + 1))
}

/// How long each list and object is, in the order in which they begin.
#[derive(Default)]
struct Lengths {
    all: Vec<u32>,
    /// Which of them are open.
    open: Vec<usize>,
}

impl Lengths {
    fn count(&mut self, item: Item<'_>) {
        let current = self.open.last().and_then(|index| self.all.get_mut(*index));
        match (item, current) {
            (Item::Comma, Some(len)) => *len = len.saturating_add(1),
            (Item::Comma, None) => {}
            (Item::Close, _) => _ = self.open.pop(),
            (item, current) => {
                // The first; all others have a comma before them.
                if let Some(len @ 0) = current {
                    *len = 1;
                }
                if matches!(item, Item::Array | Item::Object) {
                    self.open.push(self.all.len());
                    self.all.push(0);
                }
            }
        }
    }
}

fn write(out: &mut Vec<u8>, item: Item<'_>, lengths: &mut vec::IntoIter<u32>) {
    match item {
        Item::Array => _ = encode::write_array_len(out, lengths.next().unwrap_or_default()),
        Item::Object => _ = encode::write_map_len(out, lengths.next().unwrap_or_default()),
        Item::Close | Item::Comma => {}
        Item::Null => _ = encode::write_nil(out),
        Item::Bool(value) => _ = encode::write_bool(out, value),
        Item::Number(text) => write_number(out, text),
        Item::Str(quoted) => _ = encode::write_str(out, &unquoted(quoted)),
        Item::Bytes(bytes) => _ = encode::write_bin(out, bytes),
    }
}

/// An integer in its shortest form, anything else as a 64-bit float.
fn write_number(out: &mut Vec<u8>, text: &str) {
    if let Ok(number) = text.parse() {
        _ = encode::write_uint(out, number);
    } else if let Ok(number) = text.parse() {
        _ = encode::write_sint(out, number);
    } else {
        // Beyond the largest it is infinite, as it would be to JavaScript.
        _ = encode::write_f64(out, text.parse().unwrap_or(f64::NAN));
    }
}

/// The text of a JSON string, borrowed where it has no escapes.
///
/// Half of a surrogate pair, which is no text, becomes U+FFFD, as it does with the npm package.
fn unquoted(quoted: &str) -> Cow<'_, str> {
    let inner = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default();
    if !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    let mut deserializer = serde_json::Deserializer::from_str(quoted);
    Cow::Owned(deserializer.deserialize_bytes(Lossy).unwrap_or_default())
}

/// Takes the bytes of a string, which `serde_json` gives even where they are no UTF-8.
struct Lossy;

impl de::Visitor<'_> for Lossy {
    type Value = String;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a string")
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<String, E> {
        Ok(String::from_utf8_lossy(bytes).into_owned())
    }
}
