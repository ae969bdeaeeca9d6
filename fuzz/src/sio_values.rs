//! Values with bytes anywhere in them: as JSON they are what serde_json writes, and they come back from both formats.
//! [SIO5 Packet encoding]

use std::{collections::BTreeMap, fmt};

use arbitrary::{Arbitrary, Result, Unstructured};
use bytes::Bytes;
use engineio_proto::Message;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_json::{Value, json};
use socketio_proto::{
    AckId, AnyParser, Args, Body, DecoderLimits, EncodeError, MsgpackParser, Namespace, PacketKind, encode_event,
};

use crate::sio_reading::{check, decode, to_msgpack};

const DEEPEST: usize = 6;

/// Makes an event of the bytes, sends it and reads it.
pub fn run(data: &[u8]) {
    let mut input = Unstructured::new(data);
    let Ok(event) = Event::arbitrary(&mut input) else { return };
    event.check();
}

/// An event to be sent.
#[derive(Debug)]
struct Event {
    namespace: Namespace,
    ack: Option<AckId>,
    name: String,
    arguments: Vec<Tree>,
}

impl<'a> Arbitrary<'a> for Event {
    fn arbitrary(input: &mut Unstructured<'a>) -> Result<Self> {
        let namespace = input.arbitrary::<&str>()?.replace(',', ".");
        let ack = if input.ratio(1, 2)? { Some(AckId(input.int_in_range(0..=AckId::MAX.0)?)) } else { None };
        let name = input.arbitrary()?;
        let count = input.int_in_range(0..=3)?;
        let arguments = (0..count).map(|_| Tree::of(input, DEEPEST)).collect::<Result<_>>()?;
        Ok(Self { namespace: Namespace::new(&namespace), ack, name, arguments })
    }
}

impl Event {
    fn check(&self) {
        let Self { namespace, ack, name, arguments } = self;
        let arguments = Args(arguments.clone());
        let mut attachments = Vec::new();
        let values = arguments.0.iter().map(|tree| tree.value(&mut attachments));
        let list: Vec<Value> = [Value::from(&**name)].into_iter().chain(values).collect();
        let encoded = match encode_event(namespace, *ack, name, &arguments) {
            Ok(encoded) => encoded,
            Err(EncodeError::ReservedEvent) => return assert!(socketio_proto::is_reserved_event(name)),
            Err(EncodeError::PlaceholderLookalike) => {
                return assert!(!attachments.is_empty() && arguments.0.iter().any(Tree::looks_like_placeholder));
            }
            Err(error) => panic!("{error} of {self:?}"),
        };
        // The text is that of serde_json, with placeholders.
        let sent: Vec<Message> = encoded.frames().iter().map(|frame| frame.message()).collect();
        let Some((Message::Text(text), binary)) = sent.split_first() else { panic!("{sent:?} begins with no text") };
        let json = serde_json::to_string(&list).unwrap_or_else(|error| panic!("{list:?}: {error}"));
        assert!(text.ends_with(&json), "{text} is not {json}");
        assert_eq!(binary, attachments.iter().cloned().map(Message::Binary).collect::<Vec<_>>());

        if namespace.as_str().len() > DecoderLimits::default().max_namespace_bytes {
            return;
        }
        let packet = decode(&encoded);
        assert_eq!((packet.kind, &packet.namespace, packet.ack), (PacketKind::Event, namespace, *ack));
        check(&packet);
        let Some(body) = &packet.body else { panic!("an event has a body") };
        assert_eq!(Ok(body), Body::event(name, &arguments).as_ref());
        let as_read = Args(arguments.0.iter().map(Tree::as_read).collect());
        assert_eq!(body.args::<Args<Tree>>(), Ok(as_read));
        if arguments.0.iter().all(|tree| matches!(tree, Tree::Data(_))) {
            assert_eq!(body.args::<Args<Bytes>>(), Ok(Args(attachments)));
        }

        let message = Message::Binary(to_msgpack(&packet));
        let again = AnyParser::new(MsgpackParser).decoder(DecoderLimits::default()).handle(message);
        assert_eq!(again, Ok(Some(packet)));
    }
}

/// A value of serde's kinds.
#[derive(Clone, Debug, PartialEq)]
enum Tree {
    Null,
    Bool(bool),
    Unsigned(u64),
    /// Under 0.
    Signed(i64),
    /// Finite.
    Float(f64),
    Text(String),
    Data(Bytes),
    List(Vec<Self>),
    Map(BTreeMap<String, Self>),
}

impl Tree {
    fn of(input: &mut Unstructured<'_>, depth: usize) -> Result<Self> {
        Ok(match input.int_in_range(0..=if depth == 0 { 6 } else { 8 })? {
            0 => Self::Null,
            1 => Self::Bool(input.arbitrary()?),
            2 => Self::Unsigned(input.arbitrary()?),
            3 => Self::Signed(input.int_in_range(i64::MIN..=-1)?),
            4 => Self::Float(Some(input.arbitrary()?).filter(|number: &f64| number.is_finite()).unwrap_or(0.5)),
            5 => Self::Text(input.arbitrary()?),
            6 => Self::Data(Bytes::copy_from_slice(input.arbitrary()?)),
            7 => {
                let count = input.int_in_range(0..=4)?;
                Self::List((0..count).map(|_| Self::of(input, depth - 1)).collect::<Result<_>>()?)
            }
            _ => {
                let count = input.int_in_range(0..=4)?;
                let member = |_| Ok((Self::key(input)?, Self::of(input, depth - 1)?));
                Self::Map((0..count).map(member).collect::<Result<_>>()?)
            }
        })
    }

    fn key(input: &mut Unstructured<'_>) -> Result<String> {
        Ok(match input.int_in_range(0..=3)? {
            0 => "_placeholder".to_owned(),
            1 => "num".to_owned(),
            _ => input.arbitrary()?,
        })
    }

    /// As JSON, with placeholders for what is added to the attachments.
    fn value(&self, attachments: &mut Vec<Bytes>) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => (*value).into(),
            Self::Unsigned(number) => (*number).into(),
            Self::Signed(number) => (*number).into(),
            Self::Float(number) => (*number).into(),
            Self::Text(text) => text.as_str().into(),
            Self::Data(bytes) => {
                attachments.push(bytes.clone());
                json!({ "_placeholder": true, "num": attachments.len() - 1 })
            }
            Self::List(list) => list.iter().map(|tree| tree.value(attachments)).collect(),
            Self::Map(map) => map.iter().map(|(key, tree)| (key.clone(), tree.value(attachments))).collect(),
        }
    }

    /// Where nobody asks for bytes, they are a list of numbers.
    fn as_read(&self) -> Self {
        match self {
            Self::Data(bytes) => Self::List(bytes.iter().map(|byte| Self::Unsigned((*byte).into())).collect()),
            Self::List(list) => Self::List(list.iter().map(Self::as_read).collect()),
            Self::Map(map) => Self::Map(map.iter().map(|(key, tree)| (key.clone(), tree.as_read())).collect()),
            tree => tree.clone(),
        }
    }

    fn looks_like_placeholder(&self) -> bool {
        match self {
            Self::List(list) => list.iter().any(Self::looks_like_placeholder),
            Self::Map(map) => map.contains_key("_placeholder") || map.values().any(Self::looks_like_placeholder),
            _ => false,
        }
    }
}

impl Serialize for Tree {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match self {
            // As `None` of something, since a bare unit is no argument at all.
            Self::Null => serializer.serialize_none(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Unsigned(number) => serializer.serialize_u64(*number),
            Self::Signed(number) => serializer.serialize_i64(*number),
            Self::Float(number) => serializer.serialize_f64(*number),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Data(bytes) => bytes.serialize(serializer),
            Self::List(list) => list.serialize(serializer),
            Self::Map(map) => map.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> std::result::Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_bool<E>(self, value: bool) -> std::result::Result<Tree, E> {
        Ok(Tree::Bool(value))
    }

    fn visit_u64<E>(self, number: u64) -> std::result::Result<Tree, E> {
        Ok(Tree::Unsigned(number))
    }

    fn visit_i64<E>(self, number: i64) -> std::result::Result<Tree, E> {
        Ok(u64::try_from(number).map_or(Tree::Signed(number), Tree::Unsigned))
    }

    fn visit_f64<E>(self, number: f64) -> std::result::Result<Tree, E> {
        Ok(Tree::Float(number))
    }

    fn visit_str<E>(self, text: &str) -> std::result::Result<Tree, E> {
        Ok(Tree::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> std::result::Result<Tree, A::Error> {
        let mut trees = Vec::new();
        while let Some(tree) = list.next_element()? {
            trees.push(tree);
        }
        Ok(Tree::List(trees))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Tree, A::Error> {
        let mut trees = BTreeMap::new();
        while let Some((key, tree)) = map.next_entry()? {
            trees.insert(key, tree);
        }
        Ok(Tree::Map(trees))
    }
}
