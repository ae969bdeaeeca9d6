//! Placeholders of binary data, numbered anew where values are put together into a message or taken out of one.
//!
//! Relies on the form in which `socketio-proto` writes a placeholder, always the same; that text cannot be within a string, where its
//! quotes would be escaped. Leaves out what a placeholder is (`socketio-proto`).

use bytes::Bytes;

const START: &str = "{\"_placeholder\":true,\"num\":";

/// `json` with each placeholder that names one of `from` naming the same bytes as an element of `to`, to which they are added.
///
/// `None` where a placeholder names nothing.
pub(super) fn renumber(json: &str, from: &[Bytes], to: &mut Vec<Bytes>) -> Option<String> {
    let mut out = String::with_capacity(json.len());
    let mut pieces = json.split(START);
    out.push_str(pieces.next()?);
    for piece in pieces {
        let end = piece.find('}')?;
        let (number, rest) = piece.split_at(end);
        let bytes = from.get(number.parse::<usize>().ok()?)?;
        out.push_str(START);
        out.push_str(&to.len().to_string());
        out.push_str(rest);
        to.push(bytes.clone());
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_numbered_in_order_and_strings_are_left_alone() {
        let (a, b) = (Bytes::from_static(b"a"), Bytes::from_static(b"b"));
        let mut to = vec![Bytes::from_static(b"x")];
        let json =
            r#"[{"_placeholder":true,"num":1},"{\"_placeholder\":true,\"num\":9}",{"_placeholder":true,"num":0}]"#;
        let expected =
            r#"[{"_placeholder":true,"num":1},"{\"_placeholder\":true,\"num\":9}",{"_placeholder":true,"num":2}]"#;
        assert_eq!(renumber(json, &[a.clone(), b.clone()], &mut to).as_deref(), Some(expected));
        assert_eq!(to, [Bytes::from_static(b"x"), b, a]);
        assert_eq!(renumber(json, &[], &mut to), None);
        assert_eq!(renumber(r#"[{"_placeholder":true,"num":-1}]"#, &to.clone(), &mut to), None);
    }
}
