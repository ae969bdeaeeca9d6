//! [`negotiate_deflate`]: which of a client's offers of permessage-deflate is accepted, and [`check_deflate_answer`]: what a
//! server may answer to this client's. [RFC 7692 §5, §7.1] [RFC 6455 §9.1]
//!
//! Owns the grammar of `Sec-WebSocket-Extensions` and the choice. It leaves out all other extensions: a client's offers of
//! them are read over, a server's answer with one is refused. Hazards S32, S38.

/// What the values of the header may come to; a browser sends some 50 bytes.
const MAX_HEADER_VALUE_BYTES: usize = 4096;

const ACCEPTED: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
/// The answer to an offer that names the largest window: it has to be confirmed. [RFC 7692 §7.1.2.1]
const ACCEPTED_WITH_WINDOW: &str =
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=15";

/// Reads the values of a request's `Sec-WebSocket-Extensions` headers, in order, and returns the value for the response's;
/// `None` where the connection is to go on without compression.
///
/// The first acceptable offer counts. It is accepted with `server_no_context_takeover` and `client_no_context_takeover`,
/// whether the client asked for them or not: a client without the one must not notice, and has to obey the other
/// [RFC 7692 §7.1.1]. This is what keeps compression from holding memory for a connection.
///
/// Declined is an offer with a parameter that is unknown, repeated or has a bad value, and one that asks this side for a
/// window smaller than 32 KiB (`server_max_window_bits` under 15): a message is compressed once for all who get it. How
/// small the client's own window is (`client_max_window_bits`) does not matter here.
///
/// The work is linear in the length of the values. Where they are longer than 4096 bytes together or break the grammar
/// anywhere, nothing is accepted, rather than the connection refused.
///
/// ```
/// use engineio_proto::websocket::negotiate_deflate;
///
/// let chromium = b"permessage-deflate; client_max_window_bits";
/// let answer = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
/// assert_eq!(negotiate_deflate([&chromium[..]]), Some(answer));
/// assert_eq!(negotiate_deflate([&b"permessage-deflate; server_max_window_bits=10"[..]]), None);
/// ```
#[must_use]
pub fn negotiate_deflate<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Option<&'static str> {
    let mut answer = None;
    each_extension(values, Offer::admits, |offer| {
        answer = answer.or_else(|| offer.answer());
        Some(())
    })?;
    answer
}

/// What a client offers: no context is taken over, in either direction. [RFC 7692 §7.1.1]
///
/// ```
/// use engineio_proto::websocket::{DEFLATE_OFFER, negotiate_deflate};
///
/// assert!(negotiate_deflate([DEFLATE_OFFER.as_bytes()]).is_some());
/// ```
pub const DEFLATE_OFFER: &str = "permessage-deflate; client_no_context_takeover; server_no_context_takeover";

/// Reads the values of the `Sec-WebSocket-Extensions` headers of the answer to [`DEFLATE_OFFER`]: `Some(true)` where messages
/// are to be compressed, `Some(false)` where there is no answer, and `None` where the connection has to be given up, since
/// the server answers what was not offered, or what cannot be met. [RFC 6455 §9.1] [RFC 7692 §7]
///
/// The answer has to say `server_no_context_takeover`, as was asked for; that is what keeps inflating from holding memory for
/// a connection. It may confirm `client_no_context_takeover`, which this side does anyway, and name the server's window
/// (`server_max_window_bits`, 8 to 15): what was packed in a smaller window is read in the largest.
///
/// ```
/// use engineio_proto::websocket::check_deflate_answer;
///
/// let accepted = b"permessage-deflate; server_no_context_takeover; client_no_context_takeover";
/// assert_eq!(check_deflate_answer([&accepted[..]]), Some(true));
/// assert_eq!(check_deflate_answer([]), Some(false));
/// assert_eq!(check_deflate_answer([&b"permessage-deflate"[..]]), None);
/// ```
#[must_use]
pub fn check_deflate_answer<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Option<bool> {
    let mut accepted = false;
    each_extension(values, Offer::admits_in_answer, |answer| {
        // One answer to one offer.
        let is_new = !std::mem::replace(&mut accepted, true);
        (is_new && answer.is_acceptable && answer.server_no_context_takeover).then_some(())
    })?;
    Some(accepted)
}

/// Gives `see` each extension of all values, in order; `None` as soon as the values are too long or break the grammar, or
/// `see` has seen enough.
fn each_extension<'a>(
    values: impl IntoIterator<Item = &'a [u8]>,
    admits: fn(&mut Offer, &[u8], Option<&[u8]>) -> bool,
    mut see: impl FnMut(Offer) -> Option<()>,
) -> Option<()> {
    let mut room = MAX_HEADER_VALUE_BYTES;
    for value in values {
        room = room.checked_sub(value.len())?;
        let mut rest = Rest(value);
        loop {
            rest.skip_blanks();
            if rest.0.is_empty() {
                break;
            }
            // A list may have empty elements. [RFC 7230 §7]
            if !rest.skip(b',') {
                see(rest.take_extension(admits)?)?;
            }
        }
    }
    Some(())
}

/// What is still to be read of a value.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn skip_blanks(&mut self) {
        self.0 = self.0.trim_ascii_start();
    }

    /// Takes that byte, if it is the next one.
    fn skip(&mut self, byte: u8) -> bool {
        match self.0.split_first() {
            Some((&first, rest)) if first == byte => {
                self.0 = rest;
                true
            }
            _ => false,
        }
    }

    /// One element of the list, with what it admits as a parameter; `None` where it breaks the grammar.
    fn take_extension(&mut self, admits: fn(&mut Offer, &[u8], Option<&[u8]>) -> bool) -> Option<Offer> {
        let is_deflate = self.take_token()? == b"permessage-deflate";
        let mut offer = Offer { is_acceptable: is_deflate, ..Offer::default() };
        loop {
            self.skip_blanks();
            if !self.skip(b';') {
                break;
            }
            self.skip_blanks();
            let name = self.take_token()?;
            let value = if self.skip(b'=') { Some(self.take_value()?) } else { None };
            offer.is_acceptable &= admits(&mut offer, name, value.as_deref());
        }
        (self.0.is_empty() || self.0.first() == Some(&b',')).then_some(offer)
    }

    fn take_token(&mut self) -> Option<&'a [u8]> {
        let len = self.0.iter().take_while(|&&byte| is_token_byte(byte)).count();
        let (token, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        (!token.is_empty()).then_some(token)
    }

    /// A token, or a quoted string that is one without its quotes. [RFC 6455 §9.1]
    fn take_value(&mut self) -> Option<Vec<u8>> {
        if !self.skip(b'"') {
            return self.take_token().map(<[u8]>::to_vec);
        }
        let mut value = Vec::new();
        loop {
            if self.skip(b'"') {
                return (!value.is_empty()).then_some(value);
            }
            self.skip(b'\\');
            let (&byte, rest) = self.0.split_first()?;
            if !is_token_byte(byte) {
                return None;
            }
            value.push(byte);
            self.0 = rest;
        }
    }
}

/// [RFC 7230 §3.2.6]
const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
        )
}

/// The parameters of an offer, or of the answer to one, that were seen so far. [RFC 7692 §7.1]
#[derive(Default)]
struct Offer {
    is_acceptable: bool,
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: bool,
    client_max_window_bits: bool,
}

impl Offer {
    /// Whether the offer can still be accepted with this parameter.
    fn admits(&mut self, name: &[u8], value: Option<&[u8]>) -> bool {
        let bits = value.map(window_bits);
        let (seen, is_valid) = match name {
            b"server_no_context_takeover" => (&mut self.server_no_context_takeover, value.is_none()),
            b"client_no_context_takeover" => (&mut self.client_no_context_takeover, value.is_none()),
            b"server_max_window_bits" => (&mut self.server_max_window_bits, bits == Some(Some(15))),
            b"client_max_window_bits" => (&mut self.client_max_window_bits, bits != Some(None)),
            _ => return false,
        };
        !std::mem::replace(seen, true) && is_valid
    }

    /// Whether an answer can still be met with this parameter. A window for this side was not offered.
    fn admits_in_answer(&mut self, name: &[u8], value: Option<&[u8]>) -> bool {
        match name {
            b"client_max_window_bits" => false,
            b"server_max_window_bits" => {
                value.and_then(window_bits).is_some() && !std::mem::replace(&mut self.server_max_window_bits, true)
            }
            _ => self.admits(name, value),
        }
    }

    const fn answer(&self) -> Option<&'static str> {
        match (self.is_acceptable, self.server_max_window_bits) {
            (false, _) => None,
            (true, false) => Some(ACCEPTED),
            (true, true) => Some(ACCEPTED_WITH_WINDOW),
        }
    }
}

/// A number from 8 to 15, without leading zeros. [RFC 7692 §7.1.2]
const fn window_bits(value: &[u8]) -> Option<u8> {
    match *value {
        [digit @ b'8'..=b'9'] => Some(digit - b'0'),
        [b'1', digit @ b'0'..=b'5'] => Some(digit - b'0' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(value: &str) -> Option<&'static str> {
        negotiate_deflate([value.as_bytes()])
    }

    #[test]
    fn an_offer_is_accepted_without_context_takeover_or_declined() {
        let (plain, window) = (Some(ACCEPTED), Some(ACCEPTED_WITH_WINDOW));
        let cases = [
            ("permessage-deflate", plain),
            ("permessage-deflate; client_max_window_bits", plain),
            ("permessage-deflate; client_max_window_bits=8", plain),
            ("permessage-deflate; client_max_window_bits=\"15\"", plain),
            ("permessage-deflate;server_no_context_takeover ;\tclient_no_context_takeover", plain),
            ("permessage-deflate; server_max_window_bits=15", window),
            ("permessage-deflate; server_max_window_bits=\"1\\5\"; client_max_window_bits", window),
            // A window of its own.
            ("permessage-deflate; server_max_window_bits=14", None),
            ("permessage-deflate; server_max_window_bits=8", None),
            // Values that are none, or are missing.
            ("permessage-deflate; server_max_window_bits", None),
            ("permessage-deflate; server_max_window_bits=16", None),
            ("permessage-deflate; server_max_window_bits=015", None),
            ("permessage-deflate; client_max_window_bits=7", None),
            ("permessage-deflate; client_max_window_bits=16", None),
            ("permessage-deflate; client_max_window_bits=1e1", None),
            ("permessage-deflate; client_max_window_bits=99999999999999999999", None),
            ("permessage-deflate; server_no_context_takeover=1", None),
            ("permessage-deflate; client_no_context_takeover=true", None),
            // Unknown or repeated.
            ("permessage-deflate; mux", None),
            ("permessage-deflate; __proto__=15", None),
            ("permessage-deflate; Server_no_context_takeover", None),
            ("permessage-deflate; server_no_context_takeover; server_no_context_takeover", None),
            ("permessage-deflate; client_max_window_bits; client_max_window_bits=10", None),
            ("permessage-deflate; server_max_window_bits=15; server_max_window_bits=15", None),
            // Other extensions.
            ("", None),
            ("x-webkit-deflate-frame", None),
            ("permessage-deflates", None),
            ("permessage-bzip2; client_max_window_bits", None),
        ];
        for (value, expected) in cases {
            assert_eq!(answer(value), expected, "{value}");
        }
    }

    #[test]
    fn the_first_acceptable_offer_counts() {
        let cases = [
            ("permessage-deflate; server_max_window_bits=10, permessage-deflate", Some(ACCEPTED)),
            ("permessage-deflate; what, permessage-deflate; server_max_window_bits=15", Some(ACCEPTED_WITH_WINDOW)),
            ("permessage-deflate, permessage-deflate; server_max_window_bits=15", Some(ACCEPTED)),
            ("mux; max=\"4\", ,, permessage-deflate ,", Some(ACCEPTED)),
            ("mux, permessage-deflate; server_max_window_bits=9, foo", None),
        ];
        for (value, expected) in cases {
            assert_eq!(answer(value), expected, "{value}");
        }
        let declined: &[u8] = b"permessage-deflate; what";
        assert_eq!(negotiate_deflate([declined, b"permessage-deflate"]), Some(ACCEPTED), "in two headers");
        assert_eq!(negotiate_deflate([]), None);
    }

    /// B19: what was not offered ends the connection, and so does what would cost memory for as long as it lives.
    #[test]
    fn an_answer_is_taken_only_where_it_was_offered_and_can_be_met() {
        let cases = [
            ("", Some(false)),
            (" , ,", Some(false)),
            ("permessage-deflate; server_no_context_takeover", Some(true)),
            (ACCEPTED, Some(true)),
            (ACCEPTED_WITH_WINDOW, Some(true)),
            (DEFLATE_OFFER, Some(true)),
            ("permessage-deflate; server_no_context_takeover; server_max_window_bits=8", Some(true)),
            ("permessage-deflate; server_no_context_takeover; server_max_window_bits=\"12\"", Some(true)),
            ("permessage-deflate", None),
            ("permessage-deflate; client_no_context_takeover", None),
            ("permessage-deflate; server_no_context_takeover=1", None),
            ("permessage-deflate; server_no_context_takeover; server_no_context_takeover", None),
            ("permessage-deflate; server_no_context_takeover; client_max_window_bits=15", None),
            ("permessage-deflate; server_no_context_takeover; client_max_window_bits", None),
            ("permessage-deflate; server_no_context_takeover; server_max_window_bits", None),
            ("permessage-deflate; server_no_context_takeover; server_max_window_bits=7", None),
            ("permessage-deflate; server_no_context_takeover; server_max_window_bits=16", None),
            ("permessage-deflate; server_no_context_takeover; mux", None),
            ("permessage-deflate; server_no_context_takeover, mux", None),
            ("mux", None),
            ("x-webkit-deflate-frame; server_no_context_takeover", None),
            ("permessage-deflate; server_no_context_takeover,permessage-deflate; server_no_context_takeover", None),
            ("permessage-deflate; server_no_context_takeover;", None),
            ("permessage-deflate; =", None),
        ];
        for (value, expected) in cases {
            assert_eq!(check_deflate_answer([value.as_bytes()]), expected, "{value}");
        }
        assert_eq!(check_deflate_answer([]), Some(false));
        assert_eq!(check_deflate_answer([ACCEPTED.as_bytes(); 2]), None, "in two headers");
        assert_eq!(check_deflate_answer([" ".repeat(4097).as_bytes()]), None, "S32");
    }

    /// S32: what took down other parsers is just not accepted.
    #[test]
    fn a_header_that_breaks_the_grammar_is_one_without_offers() {
        let cases = [
            "permessage-deflate;",
            "permessage-deflate; ;client_max_window_bits",
            "permessage-deflate; client_max_window_bits=",
            "permessage-deflate; client_max_window_bits =10",
            "permessage-deflate; client_max_window_bits= 10",
            "permessage-deflate; client_max_window_bits=10 11",
            "permessage-deflate; client_max_window_bits=\"",
            "permessage-deflate; client_max_window_bits=\"\"",
            "permessage-deflate; client_max_window_bits=\"10",
            "permessage-deflate; client_max_window_bits=\"10\\",
            "permessage-deflate; client_max_window_bits=\"1 0\"",
            "permessage-deflate; client_max_window_bits=\"10\"\"10\"",
            "permessage-deflate client_max_window_bits",
            "permessage-deflate, é",
            "permessage-deflate, =",
            "permessage-deflate, \0",
            "\"permessage-deflate\"",
        ];
        for value in cases {
            assert_eq!(answer(value), None, "{value}");
        }
    }

    /// S32: the values are bounded, and what is within the bound is read once.
    #[test]
    fn a_header_that_is_long_is_not_read_to_its_end() {
        let long = |len: usize| format!("permessage-deflate,{}", " ".repeat(len - 19));
        assert_eq!(answer(&long(4096)), Some(ACCEPTED));
        assert_eq!(answer(&long(4097)), None);
        let half = long(2048);
        assert_eq!(negotiate_deflate([half.as_bytes(); 2]), Some(ACCEPTED));
        assert_eq!(negotiate_deflate([half.as_bytes(); 3]), None);
        for piece in [",", ";", "a;", "a=\"", "\\\"", "a=b;", "permessage-deflate;", "a,"] {
            let _ = answer(&piece.repeat(4096 / piece.len()));
        }
    }
}
