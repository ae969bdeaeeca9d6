//! [`ShortText`]: a text that never changes, in place where it is short: names that are kept for each of many connections.
//!
//! Leaves out slices that share memory, which are [`Text`](crate::Text)'s.

use std::{borrow::Borrow, cmp, fmt, hash, sync::Arc};

/// The longest text that needs no memory of its own, in bytes.
const IN_PLACE_BYTES: usize = 22;

/// A text of at most 22 bytes in place, and a longer one in memory that its clones share.
///
/// ```
/// use engineio_proto::ShortText;
///
/// assert_eq!(ShortText::new("hm2bp0oeDzXHl5YpAAAB").as_str(), "hm2bp0oeDzXHl5YpAAAB");
/// assert_eq!(size_of::<ShortText>(), 3 * size_of::<usize>());
/// ```
#[derive(Clone)]
pub struct ShortText(Storage);

#[derive(Clone)]
enum Storage {
    /// So many of these bytes, which are UTF-8.
    InPlace(u8, [u8; IN_PLACE_BYTES]),
    Shared(Arc<str>),
}

impl ShortText {
    /// A copy of `text`.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let mut bytes = [0; IN_PLACE_BYTES];
        match (bytes.get_mut(..text.len()), u8::try_from(text.len())) {
            (Some(place), Ok(len)) => {
                place.copy_from_slice(text.as_bytes());
                Self(Storage::InPlace(len, bytes))
            }
            _ => Self(Storage::Shared(text.into())),
        }
    }

    fn bytes(&self) -> &[u8] {
        match &self.0 {
            Storage::InPlace(len, bytes) => &bytes[..usize::from(*len)],
            Storage::Shared(text) => text.as_bytes(),
        }
    }

    /// The text. Where it is in place it is checked again, which takes a few steps for so few bytes.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Storage::InPlace(..) => std::str::from_utf8(self.bytes()).unwrap_or_default(),
            Storage::Shared(text) => text,
        }
    }
}

impl Borrow<str> for ShortText {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl PartialEq for ShortText {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Eq for ShortText {}

impl PartialOrd for ShortText {
    fn partial_cmp(&self, other: &Self) -> Option<cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// Of the bytes, which is that of the texts.
impl Ord for ShortText {
    fn cmp(&self, other: &Self) -> cmp::Ordering {
        self.bytes().cmp(other.bytes())
    }
}

/// As that of a `str`, by which it is looked up.
impl hash::Hash for ShortText {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Debug for ShortText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    /// Around the length at which memory of its own begins, and where a character ends just there.
    #[test]
    fn a_text_comes_back_as_it_was_wherever_it_is_kept() {
        let texts = [
            "",
            "a",
            "hm2bp0oeDzXHl5YpAAAB",
            "1234567890123456789äx",
            "12345678901234567890ä",
            "123456789012345678901ä",
        ];
        let long = "x".repeat(300);
        for text in texts.into_iter().chain([long.as_str()]) {
            let short = ShortText::new(text);
            assert_eq!(short.as_str(), text);
            assert_eq!(matches!(short.0, Storage::InPlace(..)), text.len() <= IN_PLACE_BYTES, "{text}");
            assert_eq!(HashMap::from([(short.clone(), 7)]).get(text), Some(&7), "it is found by its text");
            assert_eq!(format!("{short:?}"), format!("{text:?}"));
        }
    }

    #[test]
    fn texts_are_ordered_and_equal_as_strings_are() {
        let texts = ["", "a", "aa", "b", "1234567890123456789012", "12345678901234567890123", "ä", "z"];
        for (one, other) in texts.iter().flat_map(|one| texts.iter().map(move |other| (*one, *other))) {
            assert_eq!(ShortText::new(one).cmp(&ShortText::new(other)), one.cmp(other), "{one} {other}");
            assert_eq!(ShortText::new(one) == ShortText::new(other), one == other, "{one} {other}");
        }
    }
}
