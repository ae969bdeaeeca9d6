//! From Rust values to lists of arguments, by the rule in the documentation of the crate.
//! [SIO5 EVENT] [SIO5 ACK]
//!
//! Leaves out what bytes become (`attachments.rs`) and the way back (`reading.rs`).

use std::fmt;

use serde::{Serialize, Serializer};

use super::super::attachments::{Attachments, PlaceholderFormatter, refuse_lookalikes};
use crate::{EncodeError, is_reserved_event};

/// Most payloads of events fit, and a longer one doubles it.
const FIRST_CAPACITY_BYTES: usize = 128;

/// The JSON of an event: an array of its name and its arguments.
pub(crate) fn write_event<T: Serialize + ?Sized, A: Attachments>(
    event: &str,
    args: &T,
    attachments: &mut A,
) -> Result<String, EncodeError> {
    if is_reserved_event(event) {
        return Err(EncodeError::ReservedEvent);
    }
    let mut json = Vec::with_capacity(FIRST_CAPACITY_BYTES);
    json.push(b'[');
    serde_json::to_writer(&mut json, event).map_err(|error| unrepresentable(&error))?;
    write_arguments(json, args, attachments)
}

/// The JSON of an acknowledgement: an array of its arguments.
pub(crate) fn write_ack<T: Serialize + ?Sized, A: Attachments>(
    args: &T,
    attachments: &mut A,
) -> Result<String, EncodeError> {
    let mut json = Vec::with_capacity(FIRST_CAPACITY_BYTES);
    json.push(b'[');
    write_arguments(json, args, attachments)
}

/// The JSON of one value.
pub(crate) fn write_value<T: Serialize + ?Sized, A: Attachments>(
    value: &T,
    attachments: &mut A,
) -> Result<String, EncodeError> {
    let mut json = Vec::with_capacity(FIRST_CAPACITY_BYTES);
    let mut raw = false;
    let formatter = PlaceholderFormatter { attachments, raw: &mut raw };
    value
        .serialize(&mut serde_json::Serializer::with_formatter(&mut json, formatter))
        .map_err(|error| unrepresentable(&error))?;
    into_text(json)
}

fn unrepresentable(error: &dyn fmt::Display) -> EncodeError {
    EncodeError::Unrepresentable(error.to_string().into())
}

fn into_text(json: Vec<u8>) -> Result<String, EncodeError> {
    String::from_utf8(json).map_err(|error| unrepresentable(&error))
}

/// Writes `args` behind `json`, which is an open array, and closes it.
fn write_arguments<T: Serialize + ?Sized, A: Attachments>(
    mut json: Vec<u8>,
    args: &T,
    attachments: &mut A,
) -> Result<String, EncodeError> {
    let before = json.len();
    if before > 1 {
        json.push(b',');
    }
    let start = json.len();
    let (mut form, mut raw) = (Form::One, false);
    let formatter = PlaceholderFormatter { attachments: &mut *attachments, raw: &mut raw };
    let mut serializer = serde_json::Serializer::with_formatter(&mut json, formatter);
    args.serialize(Arguments { serializer: &mut serializer, form: &mut form })
        .map_err(|error| unrepresentable(&error))?;
    match form {
        Form::One => json.push(b']'),
        // What was written is `[a,b]`: its end closes the whole, and its beginning is one bracket too many.
        Form::Several if json.len() > start + 2 => _ = json.remove(start),
        // `null` or `[]`.
        Form::Several | Form::Nothing => {
            json.truncate(before);
            json.push(b']');
        }
    }
    let json = into_text(json)?;
    refuse_lookalikes(&json, attachments.count(), raw)?;
    Ok(json)
}

/// How a value counts as arguments; told by the first thing that it says to its serialiser.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Form {
    One,
    Several,
    Nothing,
}

/// Passes everything on to `serializer` and notes the form.
struct Arguments<'a, S> {
    serializer: S,
    form: &'a mut Form,
}

macro_rules! forwarded {
    ($($method:ident($($arg:ident: $type:ty),*) -> $result:ty;)*) => {$(
        fn $method(self, $($arg: $type),*) -> Result<$result, S::Error> {
            self.serializer.$method($($arg),*)
        }
    )*};
}

impl<S: Serializer> Serializer for Arguments<'_, S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = S::SerializeSeq;
    type SerializeTuple = S::SerializeTuple;
    type SerializeTupleStruct = S::SerializeTupleStruct;
    type SerializeTupleVariant = S::SerializeTupleVariant;
    type SerializeMap = S::SerializeMap;
    type SerializeStruct = S::SerializeStruct;
    type SerializeStructVariant = S::SerializeStructVariant;

    fn serialize_tuple(self, len: usize) -> Result<S::SerializeTuple, S::Error> {
        *self.form = Form::Several;
        self.serializer.serialize_tuple(len)
    }

    fn serialize_unit(self) -> Result<S::Ok, S::Error> {
        *self.form = Form::Nothing;
        self.serializer.serialize_unit()
    }

    forwarded! {
        serialize_bool(value: bool) -> S::Ok;
        serialize_i8(value: i8) -> S::Ok;
        serialize_i16(value: i16) -> S::Ok;
        serialize_i32(value: i32) -> S::Ok;
        serialize_i64(value: i64) -> S::Ok;
        serialize_i128(value: i128) -> S::Ok;
        serialize_u8(value: u8) -> S::Ok;
        serialize_u16(value: u16) -> S::Ok;
        serialize_u32(value: u32) -> S::Ok;
        serialize_u64(value: u64) -> S::Ok;
        serialize_u128(value: u128) -> S::Ok;
        serialize_f32(value: f32) -> S::Ok;
        serialize_f64(value: f64) -> S::Ok;
        serialize_char(value: char) -> S::Ok;
        serialize_str(value: &str) -> S::Ok;
        serialize_bytes(value: &[u8]) -> S::Ok;
        serialize_none() -> S::Ok;
        serialize_unit_struct(name: &'static str) -> S::Ok;
        serialize_unit_variant(name: &'static str, index: u32, variant: &'static str) -> S::Ok;
        serialize_seq(len: Option<usize>) -> S::SerializeSeq;
        serialize_tuple_struct(name: &'static str, len: usize) -> S::SerializeTupleStruct;
        serialize_tuple_variant(name: &'static str, index: u32, variant: &'static str, len: usize)
            -> S::SerializeTupleVariant;
        serialize_map(len: Option<usize>) -> S::SerializeMap;
        serialize_struct(name: &'static str, len: usize) -> S::SerializeStruct;
        serialize_struct_variant(name: &'static str, index: u32, variant: &'static str, len: usize)
            -> S::SerializeStructVariant;
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.serializer.serialize_some(value)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Result<S::Ok, S::Error> {
        self.serializer.serialize_newtype_struct(name, value)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        self.serializer.serialize_newtype_variant(name, index, variant, value)
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.serializer.collect_str(value)
    }
}
