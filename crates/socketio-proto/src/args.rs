//! [`Args`]: a list of arguments whose number is known only at run time.
//!
//! Leaves out the rule for all other types, which is in the documentation of the crate. [SIO5 EVENT] [SIO5 ACK]

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{SeqAccess, Visitor},
    ser::SerializeTuple,
};

/// The name by which the reader of arguments knows that all of them are asked for.
pub(crate) const NAME: &str = "$socketio_proto::Args";

/// Each element is an argument: for lists whose length the types do not tell. A `Vec` by itself is one
/// argument.
///
/// It is sent and read as such where it is what an event or acknowledgement carries; inside another value it
/// is a list like any other.
///
/// ```
/// use socketio_proto::{Args, Body};
///
/// let body = Body::event("sum", &Args(vec![1, 2, 3]))?;
/// assert_eq!(body.json().as_str(), r#"["sum",1,2,3]"#);
/// assert_eq!(body.args::<Args<u8>>()?, Args(vec![1, 2, 3]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Args<T>(pub Vec<T>);

impl<T: Serialize> Serialize for Args<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tuple = serializer.serialize_tuple(self.0.len())?;
        for argument in &self.0 {
            tuple.serialize_element(argument)?;
        }
        tuple.end()
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Args<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Serde has no tuple of unknown length; the name says what the length cannot.
        deserializer.deserialize_tuple_struct(NAME, 0, ArgsVisitor(PhantomData))
    }
}

struct ArgsVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ArgsVisitor<T> {
    type Value = Args<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of arguments")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Args<T>, A::Error> {
        // Grown with what is there: a length would be the peer's claim.
        let mut args = Vec::new();
        while let Some(argument) = list.next_element()? {
            args.push(argument);
        }
        Ok(Args(args))
    }
}
