//! [`Resolving`]: a deserialiser around `serde_json`'s that puts the attachments back where their
//! placeholders are. [SIO5 Packet encoding] (C4)
//!
//! It relies on what `attachments::check` has established: a placeholder starts with
//! `"_placeholder":true`, then comes `num`, then nothing; and each attachment is named once, so that the
//! values are bounded by what was received.

use std::{borrow::Cow, fmt};

use bytes::Bytes;
use serde::de::{
    self, Deserialize, DeserializeSeed, Deserializer, EnumAccess, Error as _, IgnoredAny, IntoDeserializer, MapAccess,
    SeqAccess, VariantAccess, Visitor,
    value::{BorrowedStrDeserializer, SeqDeserializer},
};
use serde_json::value::RawValue;

use super::attachments::{NUM, PLACEHOLDER};

/// What a placeholder is to the visitor at hand.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Role {
    /// Bytes: that is what was asked for.
    Bytes,
    /// A list of numbers: anything or a list was asked for, and not every visitor of anything knows bytes.
    Numbers,
    /// The object that it is written as: a map or a struct was asked for.
    Object,
}

/// `inner` with the placeholders resolved in it and in everything that it contains.
#[derive(Debug)]
pub(crate) struct Resolving<'de, D> {
    inner: D,
    attachments: &'de [Bytes],
}

impl<'de, D> Resolving<'de, D> {
    pub(crate) const fn new(inner: D, attachments: &'de [Bytes]) -> Self {
        Self { inner, attachments }
    }

    const fn wrap<V>(&self, visitor: V, role: Role) -> ResolvingVisitor<'de, V> {
        ResolvingVisitor { visitor, attachments: self.attachments, role }
    }
}

macro_rules! scalars {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            self.inner.$method(visitor)
        }
    )*};
}

macro_rules! resolved {
    ($($method:ident($($arg:ident: $type:ty),*) as $role:ident;)*) => {$(
        fn $method<V: Visitor<'de>>(self, $($arg: $type,)* visitor: V) -> Result<V::Value, D::Error> {
            let visitor = self.wrap(visitor, Role::$role);
            self.inner.$method($($arg,)* visitor)
        }
    )*};
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Resolving<'de, D> {
    type Error = D::Error;

    scalars! {
        deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128 deserialize_f32
        deserialize_f64 deserialize_char deserialize_str deserialize_string deserialize_unit
        deserialize_identifier deserialize_ignored_any
    }

    resolved! {
        deserialize_any() as Numbers;
        deserialize_option() as Object;
        deserialize_newtype_struct(name: &'static str) as Object;
        deserialize_map() as Object;
        deserialize_struct(name: &'static str, fields: &'static [&'static str]) as Object;
        deserialize_enum(name: &'static str, variants: &'static [&'static str]) as Object;
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, D::Error> {
        self.inner.deserialize_unit_struct(name, visitor)
    }

    // `serde_json` refuses an object where a list or bytes are asked for, so these ask for anything and
    // leave it to the visitor to refuse what is no list.
    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.deserialize_any(visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, D::Error> {
        self.deserialize_any(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.deserialize_any(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        let visitor = self.wrap(visitor, Role::Bytes);
        self.inner.deserialize_any(visitor)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.deserialize_bytes(visitor)
    }
}

/// Hands on to `visitor` whatever it is shown, wrapping what can contain values.
struct ResolvingVisitor<'de, V> {
    visitor: V,
    attachments: &'de [Bytes],
    role: Role,
}

macro_rules! visits {
    ($($method:ident($type:ty))*) => {$(
        fn $method<E: de::Error>(self, value: $type) -> Result<V::Value, E> {
            self.visitor.$method(value)
        }
    )*};
}

impl<'de, V: Visitor<'de>> Visitor<'de> for ResolvingVisitor<'de, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(f)
    }

    visits! {
        visit_bool(bool) visit_i8(i8) visit_i16(i16) visit_i32(i32) visit_i64(i64) visit_i128(i128)
        visit_u8(u8) visit_u16(u16) visit_u32(u32) visit_u64(u64) visit_u128(u128) visit_f32(f32)
        visit_f64(f64) visit_char(char) visit_str(&str) visit_borrowed_str(&'de str) visit_string(String)
        visit_bytes(&[u8]) visit_borrowed_bytes(&'de [u8]) visit_byte_buf(Vec<u8>)
    }

    fn visit_none<E: de::Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_none()
    }

    fn visit_unit<E: de::Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        self.visitor.visit_some(Resolving::new(inner, self.attachments))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        self.visitor.visit_newtype_struct(Resolving::new(inner, self.attachments))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_seq(Resolving::new(inner, self.attachments))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_enum(Resolving::new(inner, self.attachments))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut inner: A) -> Result<V::Value, A::Error> {
        let Self { visitor, attachments, role } = self;
        if role == Role::Object {
            return visitor.visit_map(ResolvingMap { inner, attachments, key: None, value: None });
        }
        let key = inner.next_key::<Key<'de>>()?;
        if key.as_ref().is_none_or(|key| key.0 != PLACEHOLDER) {
            return visitor.visit_map(ResolvingMap { inner, attachments, key, value: None });
        }
        let value: &'de RawValue = inner.next_value()?;
        if value.get() != "true" {
            return visitor.visit_map(ResolvingMap { inner, attachments, key, value: Some(value) });
        }
        let bytes = read_num(&mut inner)?
            .and_then(|num| attachments.get(num))
            .ok_or_else(|| A::Error::custom("illegal attachments"))?;
        if role == Role::Bytes {
            return visitor.visit_borrowed_bytes(bytes);
        }
        let mut numbers = SeqDeserializer::new(bytes.iter().copied());
        let value = visitor.visit_seq(&mut numbers)?;
        numbers.end()?;
        Ok(value)
    }
}

/// Reads the rest of a placeholder.
fn read_num<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Option<usize>, A::Error> {
    if map.next_key::<Key<'de>>()?.is_none_or(|key| key.0 != NUM) {
        return Ok(None);
    }
    let num = map.next_value()?;
    Ok(map.next_key::<IgnoredAny>()?.is_none().then_some(num))
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Resolving<'de, A> {
    type Error = A::Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, A::Error> {
        self.inner.next_element_seed(Resolving::new(seed, self.attachments))
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

impl<'de, T: DeserializeSeed<'de>> DeserializeSeed<'de> for Resolving<'de, T> {
    type Value = T::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T::Value, D::Error> {
        self.inner.deserialize(Resolving::new(deserializer, self.attachments))
    }
}

impl<'de, A: EnumAccess<'de>> EnumAccess<'de> for Resolving<'de, A> {
    type Error = A::Error;
    type Variant = Resolving<'de, A::Variant>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self::Variant), A::Error> {
        let (name, variant) = self.inner.variant_seed(seed)?;
        Ok((name, Resolving::new(variant, self.attachments)))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Resolving<'de, A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.inner.unit_variant()
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, A::Error> {
        self.inner.newtype_variant_seed(Resolving::new(seed, self.attachments))
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, A::Error> {
        let visitor = self.wrap(visitor, Role::Object);
        self.inner.tuple_variant(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        let visitor = self.wrap(visitor, Role::Object);
        self.inner.struct_variant(fields, visitor)
    }
}

/// An object whose first key, and perhaps first value, had to be read to see that it is no placeholder.
struct ResolvingMap<'de, A> {
    inner: A,
    attachments: &'de [Bytes],
    key: Option<Key<'de>>,
    value: Option<&'de RawValue>,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for ResolvingMap<'de, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        match self.key.take() {
            Some(Key(Cow::Borrowed(key))) => seed.deserialize(BorrowedStrDeserializer::new(key)).map(Some),
            Some(Key(Cow::Owned(key))) => seed.deserialize(key.into_deserializer()).map(Some),
            None => self.inner.next_key_seed(seed),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        let seed = Resolving::new(seed, self.attachments);
        match self.value.take() {
            Some(raw) => seed.deserialize(&mut serde_json::Deserializer::from_str(raw.get())).map_err(A::Error::custom),
            None => self.inner.next_value_seed(seed),
        }
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint().map(|rest| rest + usize::from(self.key.is_some()))
    }
}

/// The key of an object, borrowed where it has no escapes.
struct Key<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(KeyVisitor)
    }
}

struct KeyVisitor;

impl<'de> Visitor<'de> for KeyVisitor {
    type Value = Key<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E: de::Error>(self, key: &'de str) -> Result<Key<'de>, E> {
        Ok(Key(Cow::Borrowed(key)))
    }

    fn visit_str<E: de::Error>(self, key: &str) -> Result<Key<'de>, E> {
        Ok(Key(Cow::Owned(key.to_owned())))
    }

    fn visit_string<E: de::Error>(self, key: String) -> Result<Key<'de>, E> {
        Ok(Key(Cow::Owned(key)))
    }
}
