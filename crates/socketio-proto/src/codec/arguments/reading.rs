//! From lists of arguments to Rust values, by the rule in the documentation of the crate.
//! [SIO5 EVENT] [SIO5 ACK]
//!
//! Leaves out how attachments are put back (`resolve.rs`) and the way there (`writing.rs`).

use std::{cell::Cell, fmt, marker::PhantomData};

use bytes::Bytes;
use serde::{
    de::{self, Deserialize, DeserializeSeed, Deserializer, IgnoredAny, SeqAccess, Visitor},
    forward_to_deserialize_any,
};

use super::super::resolve::Resolving;
use crate::{ArgumentError, args};

/// Reads the elements of the array `json` from the one numbered `skip` on as the arguments `T`.
pub(crate) fn read_arguments<'de, T: Deserialize<'de>>(
    json: &'de str,
    attachments: &'de [Bytes],
    skip: usize,
) -> Result<T, ArgumentError> {
    let at = Cell::new(0);
    let visitor = ListVisitor { skip, at: &at, value: PhantomData };
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let value = if attachments.is_empty() {
        deserializer.deserialize_seq(visitor)
    } else {
        Resolving::new(&mut deserializer, attachments).deserialize_seq(visitor)
    };
    value.map_err(|error| ArgumentError::new(at.get(), &error))
}

/// Visits the whole array.
struct ListVisitor<'a, T> {
    skip: usize,
    /// Which argument is being read, for the error.
    at: &'a Cell<usize>,
    value: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for ListVisitor<'_, T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of arguments")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<T, A::Error> {
        for _ in 0..self.skip {
            list.next_element::<IgnoredAny>()?;
        }
        let value = T::deserialize(Arguments { list: &mut list, at: self.at })?;
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(value)
    }
}

/// The arguments as one deserialiser: what it yields depends on what it is asked for.
struct Arguments<'a, A> {
    list: &'a mut A,
    at: &'a Cell<usize>,
}

impl<'de, A: SeqAccess<'de>> Arguments<'_, A> {
    fn first<V: Visitor<'de>>(self, request: Request, visitor: V) -> Result<V::Value, A::Error> {
        let mut visitor = Some(visitor);
        match self.list.next_element_seed(Asked { request, visitor: &mut visitor })? {
            Some(value) => Ok(value),
            None => request.make(Missing(PhantomData), &mut visitor),
        }
    }
}

macro_rules! first {
    ($($method:ident($($arg:ident: $type:ty),*) $request:ident;)*) => {
        /// What a type asks its deserialiser for.
        #[derive(Copy, Clone)]
        enum Request {
            TupleStruct(&'static str, usize),
            $($request($($type),*),)*
        }

        impl Request {
            /// Asks `deserializer` for it. The visitor is there, as this is called once.
            fn make<'de, D: Deserializer<'de>, V: Visitor<'de>>(
                self,
                deserializer: D,
                visitor: &mut Option<V>,
            ) -> Result<V::Value, D::Error> {
                let visitor = visitor.take().ok_or_else(|| de::Error::custom("argument read twice"))?;
                match self {
                    Self::TupleStruct(name, len) => deserializer.deserialize_tuple_struct(name, len, visitor),
                    $(Self::$request($($arg),*) => deserializer.$method($($arg,)* visitor),)*
                }
            }
        }

        impl<'de, A: SeqAccess<'de>> Deserializer<'de> for Arguments<'_, A> {
            type Error = A::Error;

            fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, A::Error> {
                visitor.visit_seq(Several { arguments: self, next: 0, then_missing: true })
            }

            fn deserialize_tuple_struct<V: Visitor<'de>>(
                self,
                name: &'static str,
                len: usize,
                visitor: V,
            ) -> Result<V::Value, A::Error> {
                if name == args::NAME {
                    return visitor.visit_seq(Several { arguments: self, next: 0, then_missing: false });
                }
                self.first(Request::TupleStruct(name, len), visitor)
            }

            fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, A::Error> {
                visitor.visit_unit()
            }

            $(
                fn $method<V: Visitor<'de>>(self, $($arg: $type,)* visitor: V) -> Result<V::Value, A::Error> {
                    self.first(Request::$request($($arg),*), visitor)
                }
            )*
        }
    };
}

first! {
    deserialize_any() Any;
    deserialize_bool() Bool;
    deserialize_i8() I8;
    deserialize_i16() I16;
    deserialize_i32() I32;
    deserialize_i64() I64;
    deserialize_i128() I128;
    deserialize_u8() U8;
    deserialize_u16() U16;
    deserialize_u32() U32;
    deserialize_u64() U64;
    deserialize_u128() U128;
    deserialize_f32() F32;
    deserialize_f64() F64;
    deserialize_char() Char;
    deserialize_str() Str;
    deserialize_string() String;
    deserialize_bytes() Bytes;
    deserialize_byte_buf() ByteBuf;
    deserialize_option() Option;
    deserialize_unit_struct(name: &'static str) UnitStruct;
    deserialize_newtype_struct(name: &'static str) NewtypeStruct;
    deserialize_seq() Seq;
    deserialize_map() Map;
    deserialize_struct(name: &'static str, fields: &'static [&'static str]) Struct;
    deserialize_enum(name: &'static str, variants: &'static [&'static str]) Enum;
    deserialize_identifier() Identifier;
    deserialize_ignored_any() IgnoredAny;
}

/// One argument, asked for as `request`. The visitor stays outside, for when there is no argument.
struct Asked<'a, V> {
    request: Request,
    visitor: &'a mut Option<V>,
}

impl<'de, V: Visitor<'de>> DeserializeSeed<'de> for Asked<'_, V> {
    type Value = V::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        self.request.make(deserializer, self.visitor)
    }
}

/// The arguments one after the other.
struct Several<'a, A> {
    arguments: Arguments<'a, A>,
    next: usize,
    /// Missing ones come after the last, rather than the end.
    then_missing: bool,
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Several<'_, A> {
    type Error = A::Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, A::Error> {
        self.arguments.at.set(self.next);
        self.next += 1;
        let mut seed = Some(seed);
        if let Some(value) = self.arguments.list.next_element_seed(Lent(&mut seed))? {
            return Ok(Some(value));
        }
        if self.then_missing { Lent(&mut seed).deserialize(Missing(PhantomData)).map(Some) } else { Ok(None) }
    }
}

/// A seed that stays outside, for when there is no argument.
struct Lent<'a, T>(&'a mut Option<T>);

impl<'de, T: DeserializeSeed<'de>> DeserializeSeed<'de> for Lent<'_, T> {
    type Value = T::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T::Value, D::Error> {
        let seed = self.0.take().ok_or_else(|| de::Error::custom("argument read twice"))?;
        seed.deserialize(deserializer)
    }
}

/// An argument that is not there: nothing to those who can do without, an error to all others.
struct Missing<E>(PhantomData<E>);

impl<'de, E: de::Error> Deserializer<'de> for Missing<E> {
    type Error = E;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        Err(E::custom(format_args!("missing, expected {}", Expected(&visitor))))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        visitor.visit_none()
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        visitor.visit_unit()
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, E> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit_struct seq
        tuple tuple_struct map struct enum identifier
    }
}

/// Shows what a visitor expects.
struct Expected<'a, V>(&'a V);

impl<'de, V: Visitor<'de>> fmt::Display for Expected<'_, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }
}
