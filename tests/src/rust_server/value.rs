//! [`Value`]: an argument of any type, binary included, as a server needs it that passes on what it does not know.

use std::sync::Arc;

use bytes::Bytes;
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use socketio::Body;

/// JSON in which placeholders stand for the attachments beside it.
#[derive(Debug, Clone)]
pub(super) struct Value {
    json: serde_json::Value,
    attachments: Arc<[Bytes]>,
}

impl Value {
    /// The arguments of an event.
    pub(super) fn arguments(event: &Body) -> Vec<Self> {
        let mut all = Self::elements(event);
        all.remove(0);
        all
    }

    /// All elements of the packet's array: the name and the arguments of an event, or the arguments of an acknowledgement.
    pub(super) fn elements(body: &Body) -> Vec<Self> {
        let elements: Vec<serde_json::Value> =
            serde_json::from_str(body.json()).expect("the decoder lets only arrays pass");
        let attachments: Arc<[Bytes]> = body.attachments().into();
        elements.into_iter().map(|json| Self { json, attachments: attachments.clone() }).collect()
    }

    pub(super) fn text(text: &str) -> Self {
        Self { json: text.into(), attachments: [].into() }
    }

    pub(super) fn json(&self) -> &serde_json::Value {
        &self.json
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Part { json: &self.json, attachments: &self.attachments }.serialize(serializer)
    }
}

/// A value inside a value.
struct Part<'a> {
    json: &'a serde_json::Value,
    attachments: &'a [Bytes],
}

impl Part<'_> {
    fn attachment(&self) -> Option<&Bytes> {
        if self.json.get("_placeholder") != Some(&true.into()) {
            return None;
        }
        let number = usize::try_from(self.json.get("num")?.as_u64()?).ok()?;
        self.attachments.get(number)
    }
}

impl Serialize for Part<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Some(bytes) = self.attachment() {
            return serializer.serialize_bytes(bytes);
        }
        let inner = |json| Part { json, attachments: self.attachments };
        match self.json {
            serde_json::Value::Array(elements) => {
                let mut list = serializer.serialize_seq(Some(elements.len()))?;
                for element in elements {
                    list.serialize_element(&inner(element))?;
                }
                list.end()
            }
            serde_json::Value::Object(members) => {
                let mut map = serializer.serialize_map(Some(members.len()))?;
                for (name, member) in members {
                    map.serialize_entry(name, &inner(member))?;
                }
                map.end()
            }
            plain => plain.serialize(serializer),
        }
    }
}
