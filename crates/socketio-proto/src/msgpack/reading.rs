//! [`Payload`]: from MessagePack to JSON text and attachments. (C28)
//!
//! Works item by item with a list of what is open, never by recursion. Leaves out the shape that the payload must
//! have (`mod.rs`).

use bytes::Bytes;
use serde::Serialize;

use super::{
    date,
    token::{Input, Token},
};
use crate::{
    DecodeError, DecoderLimits,
    codec::attachments::{NUM, PLACEHOLDER},
};

/// Below this, copying an attachment costs less than keeping the whole message for it.
const SMALL_ATTACHMENT_BYTES: usize = 16 * 1024;

/// Whole numbers below this are written without a point or exponent where they are keys.
const MAX_WHOLE: f64 = 9e15;

/// A payload in the form that [`Body`](crate::Body) has.
#[derive(Debug)]
pub(super) struct Payload {
    pub(super) json: String,
    pub(super) attachments: Vec<Bytes>,
}

impl Payload {
    /// Reads one item with all that is in it, nested no deeper than `max_depth`.
    pub(super) fn read(input: &mut Input<'_>, limits: &DecoderLimits, max_depth: usize) -> Result<Self, DecodeError> {
        let invalid = input.malformed();
        let (json, attachments) = (Vec::new(), Vec::new());
        let mut reading =
            Reading { input, limits, max_depth, json, attachments, attachment_bytes: 0, open: Vec::new() };
        reading.run()?;
        let Reading { json, attachments, .. } = reading;
        // Strings were checked one by one, so this cannot fail.
        let mut json = String::from_utf8(json).map_err(|_| invalid)?;
        // It may be kept for long, and with it whatever room it had to grow.
        json.shrink_to_fit();
        Ok(Self { json, attachments })
    }
}

struct Reading<'a, 'b> {
    input: &'a mut Input<'b>,
    limits: &'a DecoderLimits,
    max_depth: usize,
    json: Vec<u8>,
    attachments: Vec<Bytes>,
    attachment_bytes: usize,
    open: Vec<Open>,
}

/// A list or map that is being read.
struct Open {
    /// Elements or members to come.
    remaining: u32,
    map: bool,
    /// Nothing was written into it yet.
    empty: bool,
}

impl Reading<'_, '_> {
    fn run(&mut self) -> Result<(), DecodeError> {
        self.item()?;
        while let Some(Open { remaining, map, empty }) = self.open.last_mut() {
            if *remaining == 0 {
                self.json.push(if *map { b'}' } else { b']' });
                self.open.pop();
                continue;
            }
            *remaining -= 1;
            let before = self.json.len();
            if !*empty {
                self.json.push(b',');
            }
            if *map {
                self.key()?;
                if self.input.skip_undefined() {
                    self.json.truncate(before);
                    continue;
                }
            }
            if let Some(open) = self.open.last_mut() {
                open.empty = false;
            }
            self.item()?;
        }
        Ok(())
    }

    /// Writes the next item, or the beginning of a list or map.
    fn item(&mut self) -> Result<(), DecodeError> {
        let start = self.input.malformed();
        let offset = self.input.offset();
        match self.input.token()? {
            Token::Null | Token::Undefined => self.json.extend(b"null"),
            Token::Bool(value) => self.write(&value),
            Token::Unsigned(number) => self.write(&number),
            Token::Signed(number) => self.write(&number),
            // What is no number in JSON is written as null.
            Token::Float(number) => self.write(&number),
            Token::Str(text) => self.write(&utf8(&text).ok_or(start)?),
            Token::Date(millis) => self.write(&date::iso_text(millis)),
            Token::Bin(bytes) => self.attach(&bytes)?,
            Token::Ext(kind, bytes) => {
                self.json.push(b'[');
                self.write(&kind);
                self.json.push(b',');
                self.attach(&bytes)?;
                self.json.push(b']');
            }
            Token::Array(len) => self.open(offset, len, false)?,
            Token::Map(len) => self.open(offset, len, true)?,
        }
        Ok(())
    }

    fn open(&mut self, offset: usize, len: u32, map: bool) -> Result<(), DecodeError> {
        if self.open.len() == self.max_depth {
            return Err(DecodeError::InvalidPayload { offset });
        }
        self.json.push(if map { b'{' } else { b'[' });
        self.open.push(Open { remaining: len, map, empty: true });
        Ok(())
    }

    /// Writes the next item as the key of a member.
    fn key(&mut self) -> Result<(), DecodeError> {
        let start = self.input.malformed();
        match self.input.token()? {
            Token::Str(text) => self.write(&utf8(&text).ok_or(start)?),
            Token::Null => self.json.extend(b"\"null\""),
            Token::Bool(value) => self.write(&value.to_string()),
            Token::Unsigned(number) => self.write(&number.to_string()),
            Token::Signed(number) => self.write(&number.to_string()),
            Token::Float(number) if number.is_nan() => self.write("NaN"),
            Token::Float(number) if number.is_infinite() => {
                self.write(if number > 0.0 { "Infinity" } else { "-Infinity" });
            }
            Token::Float(number) if number.fract() == 0.0 && number.abs() < MAX_WHOLE => {
                self.write(&(number as i64).to_string());
            }
            Token::Float(number) => {
                self.json.push(b'"');
                self.write(&number);
                self.json.push(b'"');
            }
            _ => return Err(start),
        }
        self.json.push(b':');
        Ok(())
    }

    fn attach(&mut self, bytes: &Bytes) -> Result<(), DecodeError> {
        let num = self.attachments.len();
        let (limit, max_bytes) = (self.limits.max_attachments, self.limits.max_attachment_bytes);
        if num >= limit {
            return Err(DecodeError::TooManyAttachments { limit });
        }
        self.attachment_bytes = self.attachment_bytes.saturating_add(bytes.len());
        if self.attachment_bytes > max_bytes {
            return Err(DecodeError::AttachmentsTooLarge { limit: max_bytes });
        }
        let small = bytes.len() < SMALL_ATTACHMENT_BYTES;
        self.attachments.push(if small { Bytes::copy_from_slice(bytes) } else { bytes.clone() });
        self.json.extend(format!("{{\"{PLACEHOLDER}\":true,\"{NUM}\":{num}}}").bytes());
        Ok(())
    }

    /// Writes a scalar, which JSON can always say.
    fn write<T: Serialize + ?Sized>(&mut self, scalar: &T) {
        _ = serde_json::to_writer(&mut self.json, scalar);
    }
}

fn utf8(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}
