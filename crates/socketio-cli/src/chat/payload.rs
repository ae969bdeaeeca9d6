//! What a client of the chat may say, with its limits, and the [`Refusal`] of everything else.

use std::fmt;

use bytes::Bytes;
use serde::{
    Deserialize, Deserializer,
    de::{self, Visitor},
};
use serde_json::{Value, json};
use socketio::Body;

const NAME_CHARS: usize = 40;
const ROOM_CHARS: usize = 60;
const TEXT_CHARS: usize = 4000;
const PICTURE_TYPES: [&str; 4] = ["image/png", "image/jpeg", "image/gif", "image/webp"];

/// The largest picture. Over polling it is a third longer, and stays below a message's default limit.
pub(crate) const LARGEST_PICTURE_BYTES: usize = 700_000;

/// Why something was not done, for people to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal(String);

impl Refusal {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// What was sent is of another shape than it should be.
    pub(crate) fn unreadable(error: &dyn fmt::Display) -> Self {
        Self(format!("The server did not understand this: {error}."))
    }

    /// The acknowledgement.
    pub(crate) fn into_value(self) -> Value {
        json!({ "ok": false, "error": self.0 })
    }
}

/// Somebody wants into a room.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Join {
    pub(crate) room: String,
    pub(crate) name: String,
}

impl Join {
    /// The same without white space around the words, within the limits.
    pub(crate) fn check(self) -> Result<Self, Refusal> {
        let (room, name) = (self.room.trim(), self.name.trim());
        if !has_chars(name, 1, NAME_CHARS) {
            return Err(Refusal::new(format!("A name has 1 to {NAME_CHARS} characters.")));
        }
        if !has_chars(room, 1, ROOM_CHARS) {
            return Err(Refusal::new(format!("The name of a room has 1 to {ROOM_CHARS} characters.")));
        }
        Ok(Self { room: room.to_owned(), name: name.to_owned() })
    }
}

/// Somebody says something.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Message {
    pub(crate) text: String,
}

impl Message {
    /// The same, where it is within the limits and not only white space.
    pub(crate) fn check(self) -> Result<Self, Refusal> {
        if self.text.trim().is_empty() || !has_chars(&self.text, 1, TEXT_CHARS) {
            return Err(Refusal::new(format!("A message has 1 to {TEXT_CHARS} characters.")));
        }
        Ok(self)
    }
}

/// Somebody shows a picture.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Picture {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) data: Binary,
    pub(crate) caption: Option<String>,
}

impl Picture {
    /// Reads the event's argument.
    pub(crate) fn read(event: &Body) -> Result<Self, Refusal> {
        // Without attachments JSON lets a string pass for its bytes; with some, `Binary` is one of them.
        if event.attachments().is_empty() {
            return Err(Refusal::new("A picture is sent as binary."));
        }
        event.args().map_err(|error| Refusal::unreadable(&error))
    }

    /// The same, where it is within the limits. What the bytes are is for the browser to find out.
    pub(crate) fn check(self) -> Result<Self, Refusal> {
        if !PICTURE_TYPES.contains(&self.kind.as_str()) {
            return Err(Refusal::new("A picture is PNG, JPEG, GIF or WebP."));
        }
        if !(1..=LARGEST_PICTURE_BYTES).contains(&self.data.0.len()) {
            return Err(Refusal::new(format!("A picture has 1 to {LARGEST_PICTURE_BYTES} bytes.")));
        }
        if !has_chars(self.caption.as_deref().unwrap_or_default(), 0, TEXT_CHARS) {
            return Err(Refusal::new(format!("A caption has at most {TEXT_CHARS} characters.")));
        }
        Ok(self)
    }
}

/// An attachment, and nothing else: `Bytes` by itself would also be read from a string or a list of numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Binary(pub(crate) Bytes);

impl<'de> Deserialize<'de> for Binary {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Attachment;
        impl Visitor<'_> for Attachment {
            type Value = Binary;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("binary")
            }

            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Binary, E> {
                Ok(Binary(Bytes::copy_from_slice(bytes)))
            }
        }
        deserializer.deserialize_bytes(Attachment)
    }
}

/// Whether a text has between `least` and `most` characters.
fn has_chars(text: &str, least: usize, most: usize) -> bool {
    // Counting ends as soon as it is known.
    let count = text.chars().take(most + 1).count();
    (least..=most).contains(&count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal<T>(checked: Result<T, Refusal>) -> String {
        checked.err().map_or_else(|| "accepted".to_owned(), |refusal| refusal.0)
    }

    #[test]
    fn names_and_rooms_are_trimmed_and_counted_in_characters() {
        let join = |room: &str, name: &str| Join { room: room.into(), name: name.into() }.check();
        let expected = Join { room: "r".into(), name: "Ada B".into() };
        assert_eq!(join(" r\n", "\tAda B "), Ok(expected));
        assert!(join(&"é".repeat(60), &"🦀".repeat(40)).is_ok());
        for (room, name, part) in [
            ("r", String::new(), "A name has 1 to 40"),
            ("r", " \n".into(), "A name has 1 to 40"),
            ("r", "é".repeat(41), "A name has 1 to 40"),
            ("  ", "Ada".into(), "room has 1 to 60"),
            (&"r".repeat(61), "Ada".into(), "room has 1 to 60"),
        ] {
            assert!(refusal(join(room, &name)).contains(part), "{room:?} {name:?}");
        }
    }

    #[test]
    fn a_message_is_not_blank_and_has_at_most_4000_characters() {
        let message = |text: String| Message { text }.check();
        assert!(message("🦀".repeat(4000)).is_ok());
        assert_eq!(message(" hello ".into()).unwrap().text, " hello ", "what is said stays as it is");
        for text in [String::new(), " \n".to_owned(), "a".repeat(4001)] {
            assert!(refusal(message(text)).contains("1 to 4000"));
        }
    }

    #[test]
    fn a_picture_is_of_a_known_type_and_size() {
        let picture = |kind: &str, size: usize, caption: Option<String>| {
            Picture { kind: kind.into(), data: Binary(vec![0; size].into()), caption }.check()
        };
        for kind in PICTURE_TYPES {
            assert!(picture(kind, 700_000, Some("a".repeat(4000))).is_ok());
        }
        assert!(picture("image/png", 1, None).is_ok());
        assert!(refusal(picture("image/svg+xml", 1, None)).contains("PNG"));
        assert!(refusal(picture("image/png", 0, None)).contains("1 to 700000"));
        assert!(refusal(picture("image/png", 700_001, None)).contains("1 to 700000"));
        assert!(refusal(picture("image/png", 1, Some("a".repeat(4001)))).contains("caption"));
    }

    /// Something binary, but not the picture.
    #[derive(serde::Serialize)]
    struct Sent<'a> {
        r#type: &'a str,
        data: &'a Value,
        other: Bytes,
    }

    #[test]
    fn only_an_attachment_is_a_picture() {
        let attached = Bytes::from_static(&[0, 255]);
        for data in [json!("text"), json!([1, 2, 3]), json!({}), json!(null), json!(1)] {
            let event = Body::event("picture", &json!({ "type": "image/png", "data": data })).unwrap();
            assert!(refusal(Picture::read(&event)).contains("binary"), "{data}");
            let sent = Sent { r#type: "image/png", data: &data, other: attached.clone() };
            let event = Body::event("picture", &sent).unwrap();
            assert!(refusal(Picture::read(&event)).contains("did not understand"), "{data} beside an attachment");
        }
        #[derive(serde::Serialize)]
        struct Right {
            r#type: &'static str,
            data: Bytes,
        }
        let event = Body::event("picture", &Right { r#type: "image/png", data: attached.clone() }).unwrap();
        let expected = Picture { kind: "image/png".into(), data: Binary(attached), caption: None };
        assert_eq!(Picture::read(&event), Ok(expected));
    }
}
