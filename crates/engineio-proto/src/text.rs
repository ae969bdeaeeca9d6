//! [`Text`]: shared bytes known to be UTF-8.
//!
//! Owns the one place where UTF-8 is checked; every slice after that is cheap. It leaves out
//! mutation: build a `String` first and convert it. The storage is `bytestring`'s, because reading a
//! checked string out of `Bytes` without checking it again needs `unsafe`, which is forbidden here.

use std::{fmt, ops::Deref, str::Utf8Error};

use bytes::{Buf, Bytes};
use bytestring::ByteString;

/// Up to so many bytes, checking for UTF-8 once more costs less than two changes of a reference count.
const SHORT_BYTES: usize = 64;

/// UTF-8 text in shared, immutable memory.
///
/// Cloning and slicing cost a reference count; the check for UTF-8 happens once, in
/// [`Text::from_utf8`].
///
/// ```
/// let text = engineio_proto::Text::from_static("hello");
/// assert_eq!(text.slice(1, 3).as_deref(), Some("el")); // of the same memory
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Text(ByteString);

impl Text {
    /// The empty text; allocates nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self(ByteString::new())
    }

    /// Text in static memory; allocates nothing.
    ///
    /// ```
    /// const HELLO: engineio_proto::Text = engineio_proto::Text::from_static("hello");
    /// assert_eq!(&*HELLO, "hello");
    /// ```
    #[must_use]
    pub const fn from_static(text: &'static str) -> Self {
        Self(ByteString::from_static(text))
    }

    /// Checks `bytes` for UTF-8 and takes them over without copying.
    ///
    /// ```
    /// use bytes::Bytes;
    /// use engineio_proto::Text;
    ///
    /// assert_eq!(Text::from_utf8(Bytes::from_static(b"hello")).as_deref(), Ok("hello"));
    /// assert!(Text::from_utf8(Bytes::from_static(b"\xff")).is_err());
    /// ```
    ///
    /// # Errors
    /// Where the bytes are not UTF-8; the error holds the offset of the first bad byte.
    pub fn from_utf8(bytes: Bytes) -> Result<Self, Utf8Error> {
        ByteString::try_from(bytes).map(Self)
    }

    /// The text as a string slice.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The UTF-8 bytes.
    ///
    /// ```
    /// let text = engineio_proto::Text::from("hi");
    /// assert_eq!((text.as_str(), text.len(), &text.as_bytes()[..]), ("hi", 2, &b"hi"[..]));
    /// ```
    #[must_use]
    pub fn as_bytes(&self) -> &Bytes {
        self.0.as_bytes()
    }

    /// The UTF-8 bytes, given away.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.0.into_bytes()
    }

    /// Length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.as_bytes().len()
    }

    /// Whether there is no byte in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.as_bytes().is_empty()
    }

    /// The part from byte `start` to byte `end`, sharing the memory; `None` where a bound lies outside
    /// or within a character.
    ///
    /// ```
    /// let text = engineio_proto::Text::from("4é");
    /// assert_eq!(text.slice(1, text.len()).as_deref(), Some("é"));
    /// assert_eq!(text.slice(2, text.len()), None); // within a character
    /// ```
    #[must_use]
    pub fn slice(&self, start: usize, end: usize) -> Option<Self> {
        self.get(start..end).map(|part| Self(self.0.slice_ref(part)))
    }

    /// The same without what is in front of byte `start`; `None` where that lies outside or within a character. It is what
    /// [`Text::slice`] gives for the rest, for whoever needs the whole no more: a short text takes its memory over without
    /// counting anybody who shares it.
    ///
    /// ```
    /// let text = engineio_proto::Text::from("4é");
    /// assert_eq!(text.clone().skip(1).as_deref(), Some("é"));
    /// assert_eq!((text.clone().skip(2), text.skip(4)), (None, None)); // within a character, and outside
    /// ```
    #[must_use]
    pub fn skip(self, start: usize) -> Option<Self> {
        let len = self.len();
        // Nothing must hold on to memory.
        if len > SHORT_BYTES || start >= len {
            return self.slice(start, len);
        }
        if !self.is_char_boundary(start) {
            return None;
        }
        let mut bytes = self.into_bytes();
        bytes.advance(start);
        Self::from_utf8(bytes).ok()
    }
}

impl Deref for Text {
    type Target = str;
    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        self
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_never_cuts_a_character() {
        let text = Text::from("aé");
        assert_eq!(text.slice(0, 1).as_deref(), Some("a"));
        assert_eq!(text.slice(1, 3).as_deref(), Some("é"));
        assert_eq!(text.slice(3, 3).as_deref(), Some(""));
        for (start, end) in [(0, 2), (2, 3), (0, 4), (2, 1)] {
            assert_eq!(text.slice(start, end), None, "{start}..{end}");
        }
    }

    #[test]
    fn the_rest_of_a_text_is_its_slice_to_the_end_however_long_it_is() {
        for text in ["", "a", "aé", "é€", &"é".repeat(SHORT_BYTES / 2), &"é".repeat(SHORT_BYTES)].map(Text::from)
        {
            for start in 0..text.len() + 2 {
                let (rest, slice) = (text.clone().skip(start), text.slice(start, text.len()));
                assert_eq!(rest, slice, "{text:?} {start}");
                let (rest, slice) = (rest.unwrap_or_default(), slice.unwrap_or_default());
                assert_eq!(rest.as_bytes().as_ptr(), slice.as_bytes().as_ptr(), "of the same memory: {text:?} {start}");
            }
        }
    }

    #[test]
    fn bytes_that_are_not_utf8_are_refused() {
        assert!(Text::from_utf8(Bytes::from_static(&[0xED, 0xA0, 0x80])).is_err());
    }
}
