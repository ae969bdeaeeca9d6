//! JSONP: long-polling by script elements and forms. [EIO3 Transports: polling, JSONP] Row A71.
//!
//! The answer to a GET is a script that calls the client's function with the payload; the payload of a POST is the field
//! `d` of a form, in which the client has escaped line breaks, since browsers rewrite them.

use crate::{Text, error::DecodeError};

/// The script that calls the function `index` of the client with `payload`.
pub(super) fn script(index: u32, payload: &str) -> String {
    // Strings always serialise.
    let literal = serde_json::to_string(payload).unwrap_or_default();
    // JSON allows these two in a string, scripts did not before ES2019.
    let literal = literal.replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029");
    format!("___eio[{index}]({literal});")
}

/// The payload in the body of a POST.
///
/// # Errors
/// [`DecodeError::Form`] where there is no field `d`, or bytes in it that are no text make it longer than the body: what
/// is put in for each of them is three bytes long, and the body is what was bounded.
pub(crate) fn form_data(body: &[u8]) -> Result<Text, DecodeError> {
    let (_, data) = form_urlencoded::parse(body).find(|(name, _)| name == "d").ok_or(DecodeError::Form)?;
    if data.len() > body.len() {
        return Err(DecodeError::Form);
    }
    Ok(with_line_breaks(&data).into())
}

/// Undoes the client's escaping: `\n` is a line break, and `\\n` is the two characters of `\n`.
fn with_line_breaks(escaped: &str) -> String {
    let mut text = String::with_capacity(escaped.len());
    let mut backslashes = 0;
    for character in escaped.chars() {
        if character == 'n' && backslashes > 0 {
            text.pop();
            text.push(if backslashes == 1 { '\n' } else { 'n' });
        } else {
            text.push(character);
        }
        backslashes = if character == '\\' { backslashes + 1 } else { 0 };
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_script_is_a_call_that_any_engine_can_read() {
        assert_eq!(script(0, "1:6"), r#"___eio[0]("1:6");"#);
        assert_eq!(script(17, "4\"a\\n\n\u{2028}\u{2029}é"), r#"___eio[17]("4\"a\\n\n\u2028\u2029é");"#);
    }

    #[test]
    fn a_form_is_read_and_its_line_breaks_are_put_back() {
        let table = [
            (&b"d=2%3A4x"[..], Ok("2:4x")),
            (b"a=1&d=1%3A2&d=no", Ok("1:2")),
            (b"d=3%3A4%20+", Ok("3:4  ")),
            (br"d=4a\nb", Ok("4a\nb")),
            (br"d=4a\\nb", Ok(r"4a\nb")),
            (br"d=4a\\\nb", Ok(r"4a\\nb")),
            (br"d=\x\", Ok(r"\x\")),
            (b"d=", Ok("")),
            (b"2:4x", Err(DecodeError::Form)),
            (b"", Err(DecodeError::Form)),
        ];
        for (body, expected) in table {
            assert_eq!(form_data(body).as_deref().map_err(|error| *error), expected, "{:?}", body.escape_ascii());
        }
    }

    /// S24: decoding does not get a payload past the bound on the body.
    #[test]
    fn a_form_of_bytes_that_are_no_text_does_not_grow() {
        let body = [b"d=1000:4", &[0xFF; 999][..]].concat();
        assert_eq!(form_data(&body), Err(DecodeError::Form));
        assert_eq!(form_data(b"d=2:4%FF").as_deref(), Ok("2:4\u{FFFD}"));
    }

    /// What the official client does: a backslash in front of each `\n` and then `\n` for each line break.
    fn escape(text: &str) -> String {
        text.replace("\\n", "\\\n").replace('\n', "\\n")
    }

    proptest! {
        #[test]
        fn what_the_client_escapes_is_read_back(text in "[a-z\\\\n:0-9é]{0,40}", breaks in "[a-z\n]{0,20}") {
            // A backslash directly before a line break cannot be told from an escaped `\n`; the client does not try.
            for text in [text, breaks] {
                prop_assert_eq!(with_line_breaks(&escape(&text)), text);
            }
        }
    }
}
