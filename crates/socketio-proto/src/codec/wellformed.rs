//! Whether a text is JSON, and nested no deeper than what a handler can read: one pass over it, without building values and
//! without a stack in memory. [RFC 8259]
//!
//! Owns the grammar; leaves out what a payload has to be beyond it (`json.rs`). What is let through is what `serde_json` can
//! skip over, which later reads it. (C10, S10)

use crate::DecoderLimits;

/// So many bytes of a string are looked at word by word, before it is looked at in pieces.
const SHORT_STRING_BYTES: usize = 32;
/// A piece of a long string: what a compiler turns into a few wide instructions.
const PIECE_BYTES: usize = 64;

/// Checks that `json` is one JSON text with nothing but white space around it.
///
/// The error is the offset where it is not, or of the bracket that is one too many.
pub(crate) fn check(json: &str) -> Result<(), usize> {
    let mut reader = Reader { bytes: json.as_bytes(), at: 0 };
    let mut nesting = Nesting::default();
    loop {
        reader.value(&mut nesting)?;
        if reader.leave(&mut nesting)? {
            return Ok(());
        }
    }
}

/// Which brackets are open, the innermost one in the lowest bit: 1 for an object.
#[derive(Default)]
struct Nesting {
    kinds: u128,
    depth: usize,
}

impl Nesting {
    /// One more; `false` where it is one too many.
    const fn open(&mut self, is_object: bool) -> bool {
        if self.depth == DecoderLimits::MAX_DEPTH {
            return false;
        }
        self.kinds = self.kinds << 1 | is_object as u128;
        self.depth += 1;
        true
    }

    const fn close(&mut self) {
        self.kinds >>= 1;
        self.depth -= 1;
    }

    /// Whether the innermost one is an object; `None` where all are closed.
    const fn innermost(&self) -> Option<bool> {
        if self.depth == 0 { None } else { Some(self.kinds & 1 == 1) }
    }
}

/// A place in the text. What it reads, it steps over.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// The next byte that is not white space.
    fn peek_token(&mut self) -> Option<u8> {
        self.at = super::json::skip_space(self.bytes, self.at);
        self.peek()
    }

    fn expect(&mut self, byte: u8) -> Result<(), usize> {
        if self.peek() != Some(byte) {
            return Err(self.at);
        }
        self.at += 1;
        Ok(())
    }

    /// A value without anything in it, or the brackets that open in front of one, each with the first key of an object.
    fn value(&mut self, nesting: &mut Nesting) -> Result<(), usize> {
        loop {
            let (is_object, closing) = match self.peek_token() {
                Some(b'"') => return self.string(),
                Some(b'-' | b'0'..=b'9') => return self.number(),
                Some(b't') => return self.word(b"true"),
                Some(b'f') => return self.word(b"false"),
                Some(b'n') => return self.word(b"null"),
                Some(b'[') => (false, b']'),
                Some(b'{') => (true, b'}'),
                _ => return Err(self.at),
            };
            if !nesting.open(is_object) {
                return Err(self.at);
            }
            self.at += 1;
            if self.peek_token() == Some(closing) {
                // There is no value in it; it is left as if there had been one.
                return Ok(());
            }
            if is_object {
                self.key()?;
            }
        }
    }

    /// What may stand behind a value: brackets that close, then a comma with the key of the next value, or the end, at which
    /// this is true.
    fn leave(&mut self, nesting: &mut Nesting) -> Result<bool, usize> {
        loop {
            match (self.peek_token(), nesting.innermost()) {
                (None, None) => return Ok(true),
                (Some(b','), Some(is_object)) => {
                    self.at += 1;
                    if is_object {
                        self.key()?;
                    }
                    return Ok(false);
                }
                (Some(b']'), Some(false)) | (Some(b'}'), Some(true)) => {
                    self.at += 1;
                    nesting.close();
                }
                _ => return Err(self.at),
            }
        }
    }

    fn key(&mut self) -> Result<(), usize> {
        self.peek_token();
        self.string()?;
        self.peek_token();
        self.expect(b':')
    }

    fn word(&mut self, word: &[u8]) -> Result<(), usize> {
        word.iter().try_for_each(|byte| self.expect(*byte))
    }

    fn digits(&mut self) -> Result<(), usize> {
        let begin = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == begin { Err(begin) } else { Ok(()) }
    }

    fn number(&mut self) -> Result<(), usize> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            // A digit behind it is not the number's any more, and nothing else begins with one where a value has ended.
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn string(&mut self) -> Result<(), usize> {
        self.expect(b'"')?;
        loop {
            self.at = plain_end(self.bytes, self.at);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => {
                    self.at += 1;
                    self.escape()?;
                }
                _ => return Err(self.at),
            }
        }
    }

    /// What stands behind a backslash. Whether halves of a character belong together is asked by those who read the text.
    fn escape(&mut self) -> Result<(), usize> {
        let hex_digits = match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 0,
            Some(b'u') => 4,
            _ => return Err(self.at),
        };
        self.at += 1;
        for _ in 0..hex_digits {
            if !self.peek().is_some_and(|byte| byte.is_ascii_hexdigit()) {
                return Err(self.at);
            }
            self.at += 1;
        }
        Ok(())
    }
}

/// Whether a byte of a string is not simply itself.
const fn is_special(byte: u8) -> bool {
    // Without branches, so that many bytes can be looked at at a time.
    (byte == b'"') | (byte == b'\\') | (byte < b' ')
}

/// The same for eight bytes at a time: the lowest bit that is set is the top bit of the first special byte.
const fn specials(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    // A byte below `least` borrows from its top bit, which tells where that was clear before. What is borrowed further up
    // spoils only the bytes behind the first one.
    const fn below(word: u64, least: u8) -> u64 {
        word.wrapping_sub(ONES * least as u64) & !word
    }
    let quotes = below(word ^ (ONES * b'"' as u64), 1);
    let backslashes = below(word ^ (ONES * b'\\' as u64), 1);
    (quotes | backslashes | below(word, b' ')) & (ONES << 7)
}

/// The first place from `at` on that ends a string, begins an escape, or cannot be in one; the end where there is none.
pub(super) fn plain_end(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    // Names and words are mostly over before it pays to look at a large piece.
    let (short, long) = rest.split_at(rest.len().min(SHORT_STRING_BYTES));
    if let Some(found) = first_special(short) {
        return at + found;
    }
    let (pieces, _) = long.as_chunks::<PIECE_BYTES>();
    let plain =
        pieces.iter().take_while(|piece| !piece.iter().fold(false, |any, byte| any | is_special(*byte))).count();
    let tail = long.get(plain * PIECE_BYTES..).unwrap_or_default();
    at + short.len() + plain * PIECE_BYTES + first_special(tail).unwrap_or(tail.len())
}

fn first_special(bytes: &[u8]) -> Option<usize> {
    let (words, rest) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let found = specials(u64::from_le_bytes(*word));
        if found != 0 {
            return Some(index * 8 + found.trailing_zeros() as usize / 8);
        }
    }
    rest.iter().position(|byte| is_special(*byte)).map(|found| words.len() * 8 + found)
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, test_runner::RngSeed};
    use serde::{Deserialize, de::IgnoredAny};

    use super::*;

    /// What reads the text later, as the judge.
    fn serde_skips(json: &str) -> bool {
        let mut deserializer = serde_json::Deserializer::from_str(json);
        IgnoredAny::deserialize(&mut deserializer).and_then(|_| deserializer.end()).is_ok()
    }

    fn config() -> ProptestConfig {
        let rng_seed = RngSeed::Fixed(0x6A50);
        ProptestConfig { rng_seed, failure_persistence: None, cases: 20_000, ..ProptestConfig::default() }
    }

    /// Pieces of JSON, of which hardly any row is JSON.
    fn pieces() -> impl Strategy<Value = String> {
        let words = [
            "[",
            "]",
            "{",
            "}",
            ",",
            ":",
            "\"",
            "\"a\"",
            "\"a\":",
            " ",
            "\n",
            "\t",
            "\r",
            "\u{c}",
            "0",
            "-",
            "1",
            "9",
            ".",
            "e",
            "E",
            "+",
            "true",
            "false",
            "null",
            "tru",
            "\\",
            "\\n",
            "\\u00e9",
            "\\ud8",
            "\\x",
            "\u{1f}",
            "é",
            "[]",
            "{}",
            "\u{feff}",
            "'",
            "/",
            "1.5e-3",
            "\"\\ud800\"",
        ];
        prop::collection::vec(prop::sample::select(words.to_vec()), 0..12).prop_map(|words| words.concat())
    }

    /// JSON, or JSON with a place in it changed or gone.
    fn damaged() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            Just("null".to_owned()),
            Just("true".to_owned()),
            any::<i32>().prop_map(|number| number.to_string()),
            any::<f64>().prop_map(|number| serde_json::Value::from(number).to_string()),
            any::<String>().prop_map(|text| serde_json::Value::from(text).to_string()),
        ];
        let tree = leaf.prop_recursive(4, 30, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(|list| format!("[{}]", list.join(" , "))),
                prop::collection::vec((any::<String>(), inner), 0..5).prop_map(|members| {
                    let member = |(key, value)| format!("{} : {value}", serde_json::Value::from(key));
                    format!("{{{}}}", members.into_iter().map(member).collect::<Vec<_>>().join(","))
                }),
            ]
        });
        (
            tree,
            any::<prop::sample::Index>(),
            prop::option::of(prop::sample::select(b"[]{}\",:\\0e.-n \n\x01".to_vec())),
            0..3,
        )
            .prop_map(|(json, place, byte, kind)| {
                let mut bytes = json.into_bytes();
                let place = place.index(bytes.len());
                match (kind, byte) {
                    (0, _) => {}
                    (1, Some(byte)) => bytes[place] = byte,
                    _ => drop(bytes.remove(place)),
                }
                String::from_utf8_lossy(&bytes).into_owned()
            })
    }

    proptest! {
        #![proptest_config(config())]

        #[test]
        fn what_is_let_through_is_what_serde_can_skip(json in prop_oneof![pieces(), damaged()]) {
            prop_assert_eq!(check(&json).is_ok(), serde_skips(&json), "{:?}: {:?}", json, check(&json));
        }
    }

    #[test]
    fn a_string_ends_where_it_ends_wherever_that_lies_in_a_piece() {
        for len in (0..300).chain([4095, 4096, 60_000]) {
            let text = "x".repeat(len);
            for (inner, fault) in [
                (text.clone(), None),
                (format!("{text}\\n"), None),
                (format!("{text}é{text}"), None),
                (format!("{text}\u{1f}{text}"), Some(len + 1)),
                (format!("{text}\\x{text}"), Some(len + 2)),
                (format!("{text}\"{text}"), Some(len + 2)),
            ] {
                assert_eq!(check(&format!("\"{inner}\"")).err(), fault, "{len}: {inner:?}");
            }
            assert_eq!(check(&format!("\"{text}")), Err(len + 1), "it does not end");
        }
    }

    #[test]
    fn the_first_special_byte_of_a_word_is_found_whatever_stands_around_it() {
        for special in (0..=u8::MAX).filter(|byte| is_special(*byte)) {
            for place in 0..8 {
                for (before, behind) in [(b' ', b' '), (0x80, 0xFF), (b'#', b'!'), (b'[', b']'), (0x7F, special)] {
                    let mut word = [before; 8];
                    word[place] = special;
                    word[place + 1..].fill(behind);
                    assert_eq!(first_special(&word), Some(place), "{word:?}");
                }
            }
        }
        for plain in (0..=u8::MAX).filter(|byte| !is_special(*byte)) {
            assert_eq!(first_special(&[plain; 8]), None, "{plain}");
        }
    }

    #[test]
    fn nesting_ends_at_what_a_handler_can_read() {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let nested = |depth: usize| format!("{}1{}", open.repeat(depth), close.repeat(depth));
            assert_eq!(check(&nested(DecoderLimits::MAX_DEPTH)), Ok(()));
            let deeper = nested(DecoderLimits::MAX_DEPTH + 1);
            assert_eq!(check(&deeper), Err(open.len() * DecoderLimits::MAX_DEPTH), "the bracket that is one too many");
            assert!(serde_skips(&deeper), "it is JSON all the same");
        }
        let side_by_side = format!("[{}[]]", "[],".repeat(1000));
        assert_eq!(check(&side_by_side), Ok(()), "side by side is not nested");
    }
}
