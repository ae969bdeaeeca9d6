//! [`Input`] and [`Token`]: MessagePack one item at a time, in the dialect of `notepack.io`. (C28)
//!
//! The library `rmp` says what the first byte of an item means; the rest is here, since its values forget which of
//! the two forms an extension had, and that is how notepack tells a date from eight bytes of binary. Leaves out
//! what the items are used for.

use bytes::Bytes;
use rmp::Marker;

use crate::DecodeError;

/// One item: a scalar, or the head of a list or map, whose elements follow.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Null,
    Undefined,
    Bool(bool),
    Unsigned(u64),
    /// Below zero, as a rule; both forms are allowed for small numbers.
    Signed(i64),
    Float(f64),
    /// Not yet known to be UTF-8.
    Str(Bytes),
    Bin(Bytes),
    /// Milliseconds since 1970.
    Date(i64),
    Ext(i8, Bytes),
    Array(u32),
    Map(u32),
}

impl Token {
    /// The integer that it is, if that is not negative; a float without a fraction is one, as in JavaScript.
    pub(super) fn as_index(&self) -> Option<u64> {
        match self {
            Self::Unsigned(number) => Some(*number),
            Self::Signed(number) => u64::try_from(*number).ok(),
            // The cast saturates, far beyond any number that is used here.
            Self::Float(number) if *number >= 0.0 && number.fract() == 0.0 => Some(*number as u64),
            _ => None,
        }
    }
}

/// The extension type in which notepack puts what JavaScript has and MessagePack has not.
const JAVASCRIPT: i8 = 0;

/// What is left of a message.
#[derive(Debug)]
pub(super) struct Input<'a> {
    message: &'a Bytes,
    at: usize,
}

impl<'a> Input<'a> {
    pub(super) const fn new(message: &'a Bytes) -> Self {
        Self { message, at: 0 }
    }

    /// Bytes from the start of the message.
    pub(super) const fn offset(&self) -> usize {
        self.at
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.at == self.message.len()
    }

    /// The error for what is at this place.
    pub(super) const fn malformed(&self) -> DecodeError {
        DecodeError::InvalidPacket { offset: self.at }
    }

    /// Takes the next item. At an error nothing is taken.
    pub(super) fn token(&mut self) -> Result<Token, DecodeError> {
        let start = self.at;
        self.read_token().ok_or(DecodeError::InvalidPacket { offset: start }).inspect_err(|_| self.at = start)
    }

    fn read_token(&mut self) -> Option<Token> {
        Some(match Marker::from_u8(self.u8()?) {
            Marker::FixPos(number) => Token::Unsigned(number.into()),
            Marker::FixNeg(number) => Token::Signed(number.into()),
            Marker::Null => Token::Null,
            Marker::Reserved => return None,
            Marker::False => Token::Bool(false),
            Marker::True => Token::Bool(true),
            Marker::U8 => Token::Unsigned(self.u8()?.into()),
            Marker::U16 => Token::Unsigned(self.u16()?.into()),
            Marker::U32 => Token::Unsigned(self.u32()?.into()),
            Marker::U64 => Token::Unsigned(u64::from_be_bytes(self.array()?)),
            Marker::I8 => Token::Signed(i8::from_be_bytes(self.array()?).into()),
            Marker::I16 => Token::Signed(i16::from_be_bytes(self.array()?).into()),
            Marker::I32 => Token::Signed(i32::from_be_bytes(self.array()?).into()),
            Marker::I64 => Token::Signed(i64::from_be_bytes(self.array()?)),
            Marker::F32 => Token::Float(f32::from_be_bytes(self.array()?).into()),
            Marker::F64 => Token::Float(f64::from_be_bytes(self.array()?)),
            Marker::FixStr(len) => Token::Str(self.bytes(len.into())?),
            Marker::Str8 => Token::Str(self.sized8()?),
            Marker::Str16 => Token::Str(self.sized16()?),
            Marker::Str32 => Token::Str(self.sized32()?),
            Marker::Bin8 => Token::Bin(self.sized8()?),
            Marker::Bin16 => Token::Bin(self.sized16()?),
            Marker::Bin32 => Token::Bin(self.sized32()?),
            Marker::FixArray(len) => Token::Array(len.into()),
            Marker::Array16 => Token::Array(self.u16()?.into()),
            Marker::Array32 => Token::Array(self.u32()?),
            Marker::FixMap(len) => Token::Map(len.into()),
            Marker::Map16 => Token::Map(self.u16()?.into()),
            Marker::Map32 => Token::Map(self.u32()?),
            Marker::FixExt1 => self.fixed_ext(1)?,
            Marker::FixExt2 => self.fixed_ext(2)?,
            Marker::FixExt4 => self.fixed_ext(4)?,
            Marker::FixExt8 => self.fixed_ext(8)?,
            Marker::FixExt16 => self.fixed_ext(16)?,
            Marker::Ext8 => {
                let len = self.u8()?;
                self.ext(len.into())?
            }
            Marker::Ext16 => {
                let len = self.u16()?;
                self.ext(len.into())?
            }
            Marker::Ext32 => {
                let len = self.u32()?;
                self.ext(usize::try_from(len).ok()?)?
            }
        })
    }

    /// An extension whose length is said by the first byte: `undefined`, a `Date`, or somebody else's.
    fn fixed_ext(&mut self, len: usize) -> Option<Token> {
        let kind = i8::from_be_bytes(self.array()?);
        Some(match (kind, len) {
            (JAVASCRIPT, 1) => {
                self.bytes(len)?;
                Token::Undefined
            }
            (JAVASCRIPT, 8) => Token::Date(i64::from_be_bytes(self.array()?)),
            _ => Token::Ext(kind, self.bytes(len)?),
        })
    }

    /// An extension with its length behind the first byte: an `ArrayBuffer`, or somebody else's.
    fn ext(&mut self, len: usize) -> Option<Token> {
        let kind = i8::from_be_bytes(self.array()?);
        let bytes = self.bytes(len)?;
        Some(if kind == JAVASCRIPT { Token::Bin(bytes) } else { Token::Ext(kind, bytes) })
    }

    /// Takes the next item if it is `undefined`.
    pub(super) fn skip_undefined(&mut self) -> bool {
        let start = self.at;
        if self.token() == Ok(Token::Undefined) {
            return true;
        }
        self.at = start;
        false
    }

    /// Takes the next item with all that is in it. However deep it is nested, that is a number to count down.
    pub(super) fn skip(&mut self) -> Result<(), DecodeError> {
        let mut items = 1_u64;
        while items > 0 {
            items -= 1;
            items = items.saturating_add(match self.token()? {
                Token::Array(len) => len.into(),
                Token::Map(len) => 2 * u64::from(len),
                _ => 0,
            });
        }
        Ok(())
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, _) = self.message.get(self.at..)?.split_first_chunk()?;
        self.at += N;
        Some(*array)
    }

    fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_be_bytes)
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    fn sized8(&mut self) -> Option<Bytes> {
        let len = self.u8()?;
        self.bytes(len.into())
    }

    fn sized16(&mut self) -> Option<Bytes> {
        let len = self.u16()?;
        self.bytes(len.into())
    }

    fn sized32(&mut self) -> Option<Bytes> {
        let len = self.u32()?;
        self.bytes(usize::try_from(len).ok()?)
    }

    /// The next `len` bytes, sharing the memory of the message.
    fn bytes(&mut self, len: usize) -> Option<Bytes> {
        let end = self.at.checked_add(len).filter(|end| *end <= self.message.len())?;
        let bytes = self.message.slice(self.at..end);
        self.at = end;
        Some(bytes)
    }
}
