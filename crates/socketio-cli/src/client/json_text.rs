//! JSON as it came, made fit to be shown: on one line, cut into its elements, with attachments in their places and nothing
//! in it that a terminal obeys. Pure functions over text that is known to be well-formed.

use std::fmt::Write;

use bytes::Bytes;

/// Where an attachment belongs, as the library writes it.
const PLACEHOLDER: &str = r#"{"_placeholder":true,"num":"#;

/// Bytes of an attachment that are shown.
const SHOWN_BYTES: usize = 16;

/// Without the blanks and line breaks between its parts, so that it is one line.
pub(crate) fn compact(json: &str) -> String {
    let mut scan = Scan::default();
    json.chars().filter(|&c| scan.step(c) || !c.is_ascii_whitespace()).collect()
}

/// The elements of a list.
pub(crate) fn elements(list: &str) -> Vec<String> {
    let list = compact(list);
    let inner = list.strip_prefix('[').and_then(|list| list.strip_suffix(']')).unwrap_or(&list);
    let (mut scan, mut depth, mut start, mut found) = (Scan::default(), 0_usize, 0, Vec::new());
    for (at, c) in inner.char_indices() {
        if scan.step(c) {
            continue;
        }
        match c {
            '[' | '{' => depth += 1,
            ']' | '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                found.push(inner[start..at].to_owned());
                start = at + 1;
            }
            _ => {}
        }
    }
    if !inner.is_empty() {
        found.push(inner[start..].to_owned());
    }
    found
}

/// For people: attachments in their places, by length and first bytes.
pub(crate) fn with_attachments(json: &str, attachments: &[Bytes]) -> String {
    let (mut scan, mut shown, mut skip_to) = (Scan::default(), String::with_capacity(json.len()), 0);
    for (at, c) in json.char_indices() {
        if at < skip_to {
            continue;
        }
        if !scan.step(c)
            && let Some((bytes, length)) = placeholder(&json[at..], attachments)
        {
            shown.push_str(&preview(bytes));
            skip_to = at + length;
            continue;
        }
        push_plain(&mut shown, c);
    }
    shown
}

/// A text from a peer, without anything that a terminal obeys or that turns its line around.
pub(crate) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    text.chars().for_each(|c| push_plain(&mut plain, c));
    plain
}

fn push_plain(text: &mut String, c: char) {
    let is_plain = !c.is_control()
        && !matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if is_plain {
        text.push(c);
    } else {
        // All of these are in the first plane, and writing to a string does not fail.
        let _ = write!(text, "\\u{:04x}", u32::from(c));
    }
}

fn placeholder<'a>(text: &str, attachments: &'a [Bytes]) -> Option<(&'a Bytes, usize)> {
    let rest = text.strip_prefix(PLACEHOLDER)?;
    let digits = rest.find('}')?;
    let number: usize = rest[..digits].parse().ok()?;
    Some((attachments.get(number)?, PLACEHOLDER.len() + digits + 1))
}

/// `<binary 3 bytes: 01 02 03>`.
fn preview(bytes: &[u8]) -> String {
    let unit = if bytes.len() == 1 { "byte" } else { "bytes" };
    let mut shown = format!("<binary {} {unit}", bytes.len());
    for (i, byte) in bytes.iter().take(SHOWN_BYTES).enumerate() {
        let _ = write!(shown, "{}{byte:02x}", if i == 0 { ": " } else { " " });
    }
    shown.push_str(if bytes.len() > SHOWN_BYTES { " …>" } else { ">" });
    shown
}

/// Tells what is inside a text from what is between.
#[derive(Default)]
struct Scan {
    is_text: bool,
    is_escaped: bool,
}

impl Scan {
    /// Whether this character belongs to a text, its quotes included.
    fn step(&mut self, c: char) -> bool {
        let was_text = self.is_text;
        match c {
            _ if self.is_escaped => self.is_escaped = false,
            '\\' if was_text => self.is_escaped = true,
            '"' => self.is_text = !was_text,
            _ => {}
        }
        was_text || c == '"'
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_over_several_lines_becomes_one_and_keeps_the_blanks_of_its_texts() {
        for (json, expected) in [
            ("[ 1,\r\n\t{ \"a b\" : \" \\\" x\" } ]", "[1,{\"a b\":\" \\\" x\"}]"),
            (r#""a \\" "#, r#""a \\""#),
            ("12.50", "12.50"),
        ] {
            assert_eq!(compact(json), expected);
        }
    }

    #[test]
    fn a_list_is_cut_at_its_own_commas_only() {
        for (list, expected) in [
            ("[]", &[][..]),
            ("[ ]", &[]),
            (r#"["a,b",[1,2],{"x":[3,"]"],"y":4}, null ]"#, &[r#""a,b""#, "[1,2]", r#"{"x":[3,"]"],"y":4}"#, "null"]),
            (r#"["\"",1]"#, &[r#""\"""#, "1"]),
        ] {
            assert_eq!(elements(list), expected, "{list}");
        }
    }

    #[test]
    fn attachments_are_shown_in_their_places_with_their_first_bytes() {
        let attachments = [Bytes::from_static(&[1, 2, 255]), Bytes::from(vec![0; 20]), Bytes::new()];
        let json =
            r#"{"b":{"_placeholder":true,"num":1},"a":[{"_placeholder":true,"num":0},{"_placeholder":true,"num":2}]}"#;
        assert_eq!(
            with_attachments(json, &attachments),
            r#"{"b":<binary 20 bytes: 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 …>,"a":[<binary 3 bytes: 01 02 ff>,<binary 0 bytes>]}"#
        );
        let text = r#""{\"_placeholder\":true,\"num\":0}""#;
        assert_eq!(with_attachments(text, &attachments), text, "a text is no placeholder");
        let unknown = r#"{"_placeholder":true,"num":9}"#;
        assert_eq!(with_attachments(unknown, &attachments), unknown);
    }

    #[test]
    fn nothing_that_a_terminal_obeys_is_left() {
        let hostile = "\u{1b}[2J \u{7f}\u{9b}31m \u{202e}x\u{2028}\n é 日本 🦀";
        let shown = r"\u001b[2J \u007f\u009b31m \u202ex\u2028\u000a é 日本 🦀";
        assert_eq!(plain(hostile), shown);
        assert_eq!(with_attachments(hostile, &[]), shown);
    }
}
