//! Binary inside JSON: bytes leave as placeholders, `{"_placeholder":true,"num":n}`, and what comes in is
//! checked before anything looks an attachment up. [SIO5 Packet encoding] (C4, C15, S8)
//!
//! Leaves out reading the attachments back into values (`resolve.rs`).

use std::{collections::BTreeSet, io, ops::Range};

use bytes::Bytes;
use engineio_proto::MessageFrame;
use memchr::memmem;
use serde::Deserialize;
use serde_json::ser::Formatter;

use super::json;
use crate::{DecoderLimits, EncodeError};

/// The key that makes an object a placeholder.
pub(crate) const PLACEHOLDER: &str = "_placeholder";
/// The key of the attachment's number.
pub(crate) const NUM: &str = "num";

/// Where bytes go while a value is serialised.
pub(crate) trait Attachments {
    /// Takes the bytes, which become the attachment numbered by how many there were before.
    fn push(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// How many there are.
    fn count(&self) -> usize;
}

impl Attachments for Vec<Bytes> {
    fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.push(Bytes::copy_from_slice(bytes));
        Ok(())
    }

    fn count(&self) -> usize {
        self.len()
    }
}

impl Attachments for Vec<MessageFrame> {
    fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.push(MessageFrame::binary(bytes));
        Ok(())
    }

    fn count(&self) -> usize {
        self.len()
    }
}

/// For payloads that cannot have attachments: refuses the bytes and remembers that there were some.
#[derive(Debug, Default)]
pub(crate) struct Refused(bool);

impl Refused {
    pub(crate) const fn seen(&self) -> bool {
        self.0
    }
}

impl Attachments for Refused {
    fn push(&mut self, _: &[u8]) -> io::Result<()> {
        self.0 = true;
        Err(io::ErrorKind::Unsupported.into())
    }

    fn count(&self) -> usize {
        0
    }
}

/// Compact JSON, with a placeholder wherever the value has bytes.
pub(crate) struct PlaceholderFormatter<'a, A> {
    pub(crate) attachments: &'a mut A,
    /// Set where JSON was copied in as it was, unread.
    pub(crate) raw: &'a mut bool,
}

impl<A: Attachments> Formatter for PlaceholderFormatter<'_, A> {
    fn write_byte_array<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: &[u8]) -> io::Result<()> {
        write!(writer, "{{\"{PLACEHOLDER}\":true,\"{NUM}\":{}}}", self.attachments.count())?;
        self.attachments.push(value)
    }

    fn write_raw_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        *self.raw = true;
        writer.write_all(fragment.as_bytes())
    }
}

/// Checks that nothing in `json` but the `count` placeholders just written looks like one.
///
/// Without attachments the other side does not look for placeholders, and anything goes.
pub(crate) fn refuse_lookalikes(json: &str, count: usize, raw: bool) -> Result<(), EncodeError> {
    if count == 0 {
        return Ok(());
    }
    let written = memmem::find_iter(json.as_bytes(), PLACEHOLDER.as_bytes()).count();
    if written == count && !raw {
        return Ok(());
    }
    match check(json, count) {
        Ok(checked) if checked.placeholders == count => Ok(()),
        Err(Refusal::TooDeep(_)) => Err(EncodeError::TooDeep),
        _ => Err(EncodeError::PlaceholderLookalike),
    }
}

/// Why [`check`] refuses a text; with the offset.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    TooDeep(usize),
    Illegal(usize),
}

/// What [`check`] found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Checked {
    /// How many placeholders there are.
    pub(crate) placeholders: usize,
    /// The text with each placeholder in the form that this crate writes, where it was not already.
    pub(crate) rewritten: Option<String>,
}

/// Checks every placeholder in the well-formed `json` of a packet with `count` attachments, and the depth.
///
/// A placeholder is an object with a member `"_placeholder": true`. It must have exactly one other
/// member, `num`, in any order (some peers keep objects in hash maps), which is an integer below `count`
/// and is in no other placeholder: a peer could otherwise have one attachment read a million times over.
/// Attachments that no placeholder names are let through, as the reference does.
pub(crate) fn check(json: &str, count: usize) -> Result<Checked, Refusal> {
    let mut scan =
        Scan { json, count, objects: 0, depth: 0, plain_object: None, used: Used::default(), odd: Vec::new() };
    let placeholders = scan.run()?;
    Ok(Checked { placeholders, rewritten: rewrite(json, &scan.odd) })
}

struct Scan<'a> {
    json: &'a str,
    count: usize,
    /// One bit for each open bracket, the innermost lowest: whether it is an object's.
    objects: u128,
    depth: usize,
    /// Where the innermost object begins, as long as nothing was nested in it: a placeholder is flat.
    plain_object: Option<usize>,
    used: Used,
    /// The placeholders which are written in another form than ours, and their numbers.
    odd: Vec<(Range<usize>, usize)>,
}

// One bit per level has to do.
const _: () = assert!(DecoderLimits::MAX_DEPTH <= 128);

impl Scan<'_> {
    fn run(&mut self) -> Result<usize, Refusal> {
        let bytes = self.json.as_bytes();
        let (mut at, mut found, mut key_next) = (0, 0, false);
        while let Some(byte) = bytes.get(at) {
            match byte {
                b'"' => {
                    let end = json::string_end(bytes, at).unwrap_or(bytes.len());
                    let is_key = std::mem::take(&mut key_next);
                    if is_key && is_placeholder_key(&self.json[at..end]) && self.is_marked(end)? {
                        at = self.placeholder(at)?;
                        found += 1;
                    } else {
                        at = end;
                    }
                    continue;
                }
                b'[' | b'{' => {
                    key_next = *byte == b'{';
                    self.open(at, key_next)?;
                }
                b']' | b'}' => {
                    self.close();
                    key_next = false;
                }
                b',' => key_next = self.objects & 1 == 1,
                _ => {}
            }
            at += 1;
        }
        Ok(found)
    }

    fn open(&mut self, at: usize, object: bool) -> Result<(), Refusal> {
        if self.depth == DecoderLimits::MAX_DEPTH {
            return Err(Refusal::TooDeep(at));
        }
        self.depth += 1;
        self.objects = self.objects << 1 | u128::from(object);
        self.plain_object = object.then_some(at);
        Ok(())
    }

    fn close(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        self.objects >>= 1;
        self.plain_object = None;
    }

    /// Whether the member whose key ends at `key_end` has the value `true`.
    ///
    /// An array or object there is refused: no peer means one, and reading the values back may then look at
    /// this member twice without doing so once more for each level of nesting.
    fn is_marked(&self, key_end: usize) -> Result<bool, Refusal> {
        let bytes = self.json.as_bytes();
        let colon = json::skip_space(bytes, key_end);
        let value = json::skip_space(bytes, colon + 1);
        match bytes.get(value) {
            Some(b't') => Ok(true),
            Some(b'[' | b'{') => Err(Refusal::Illegal(value)),
            _ => Ok(false),
        }
    }

    /// Reads the placeholder around the key at `key`; yields where its closing bracket is.
    fn placeholder(&mut self, key: usize) -> Result<usize, Refusal> {
        let illegal = Refusal::Illegal(key);
        let start = self.plain_object.ok_or(illegal)?;
        let mut reader = serde_json::Deserializer::from_str(&self.json[start..]).into_iter::<Placeholder>();
        let Some(Ok(placeholder)) = reader.next() else { return Err(illegal) };
        let end = start + reader.byte_offset();
        let num = usize::try_from(placeholder.num).ok().filter(|num| *num < self.count).ok_or(illegal)?;
        if !placeholder.marked || !self.used.insert(num) {
            return Err(illegal);
        }
        if !is_ours(&self.json[start..end], num) {
            self.odd.push((start..end, num));
        }
        Ok(end - 1)
    }
}

/// The numbers seen so far. Almost always they come in order, which costs nothing.
#[derive(Debug, Default)]
struct Used {
    below: usize,
    others: BTreeSet<usize>,
}

impl Used {
    /// Adds `num`; whether it was new.
    fn insert(&mut self, num: usize) -> bool {
        if num != self.below {
            return num > self.below && self.others.insert(num);
        }
        self.below += 1;
        while self.others.remove(&self.below) {
            self.below += 1;
        }
        true
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Placeholder {
    #[serde(rename = "_placeholder")]
    marked: bool,
    num: u64,
}

fn is_placeholder_key(quoted: &str) -> bool {
    let inner = quoted.get(1..quoted.len() - 1).unwrap_or_default();
    inner == PLACEHOLDER
        || inner.contains('\\') && serde_json::from_str::<String>(quoted).is_ok_and(|key| key == PLACEHOLDER)
}

fn is_ours(text: &str, num: usize) -> bool {
    text.strip_prefix("{\"_placeholder\":true,\"num\":")
        .and_then(|rest| rest.strip_suffix('}'))
        .is_some_and(|digits| digits.parse() == Ok(num))
}

fn rewrite(json: &str, odd: &[(Range<usize>, usize)]) -> Option<String> {
    if odd.is_empty() {
        return None;
    }
    let mut text = String::with_capacity(json.len());
    let mut done = 0;
    for (range, num) in odd {
        text.push_str(&json[done..range.start]);
        text.push_str(&format!("{{\"{PLACEHOLDER}\":true,\"{NUM}\":{num}}}"));
        done = range.end;
    }
    text.push_str(&json[done..]);
    Some(text)
}
