//! [`ClientQuery`]: the query of a client's request, and [`Refusal`], what the body of the answer says where it is refused.
//! Rows B7, B10, B11, B25, B45.
//!
//! The other side is `request.rs`. Leaves out the rest of the URL, and where the stamp comes from.

use serde::Deserialize;

use crate::{SessionId, TransportKind};

/// Keys that the protocol has for itself (row B7).
const RESERVED: [&str; 6] = ["EIO", "transport", "sid", "t", "j", "b64"];

/// What goes into the query of one request; [`to_query`](Self::to_query) writes it (row B25).
///
/// ```
/// use engineio_proto::{ClientQuery, SessionId, TransportKind};
///
/// let (user, sid) = ([("room".to_owned(), "a b".to_owned())], SessionId::new("abc"));
/// let mut query = ClientQuery::new(TransportKind::Polling, &user);
/// assert_eq!(query.to_query(), "room=a+b&EIO=4&transport=polling");
/// query.stamp = Some(("t", "p1x"));
/// query.sid = Some(&sid);
/// assert_eq!(query.to_query(), "room=a+b&EIO=4&transport=polling&t=p1x&sid=abc");
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ClientQuery<'a> {
    /// The transport of the request.
    pub transport: TransportKind,
    /// The user's own pairs, not encoded; they come first. Those with a key that the protocol has for itself are left out
    /// (row B7): `EIO`, `transport`, `sid`, `t`, `j`, `b64`, and the name of the stamp.
    pub user: &'a [(String, String)],
    /// Name and value of what makes each URL another one, so that no cache answers (row B11). One with the name of another
    /// key of the protocol is left out. Default `None`.
    pub stamp: Option<(&'a str, &'a str)>,
    /// The session, once there is one. Default `None`.
    pub sid: Option<&'a SessionId>,
    /// Whether to ask for binary messages as base64 on every transport (row B10). Default false.
    pub base64: bool,
}

impl<'a> ClientQuery<'a> {
    /// The query of a request that is neither stamped nor of a session.
    #[must_use]
    pub const fn new(transport: TransportKind, user: &'a [(String, String)]) -> Self {
        Self { transport, user, stamp: None, sid: None, base64: false }
    }

    /// The query string, percent-encoded and without a question mark.
    #[must_use]
    pub fn to_query(&self) -> String {
        let stamp = self.stamp.filter(|(name, _)| *name == "t" || !RESERVED.contains(name));
        let is_users = |key: &str| !RESERVED.contains(&key) && stamp.is_none_or(|(name, _)| name != key);
        let user = self.user.iter().filter(|(key, _)| is_users(key)).map(|(key, value)| (&**key, &**value));
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(user).append_pair("EIO", "4").append_pair("transport", self.transport.name());
        query.extend_pairs(stamp);
        query.extend_pairs(self.sid.map(|sid| ("sid", sid.expose())));
        query.extend_pairs(self.base64.then_some(("b64", "1")));
        query.finish()
    }
}

/// The body of an answer that refuses: `{"code":1,"message":"Session ID unknown"}`, the client's side of
/// [`Reject`](crate::Reject) (rows A34, B45).
///
/// ```
/// let refusal = engineio_proto::Refusal::parse(br#"{"code":1,"message":"Session ID unknown"}"#).unwrap();
/// assert_eq!((refusal.code, refusal.message.as_str()), (1, "Session ID unknown"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[non_exhaustive]
pub struct Refusal {
    /// The code of the error table, 0 to 5 from the servers that are known.
    pub code: u32,
    /// What the server says of it: the text of the table, or the application's. It is the peer's text, of any length that
    /// the caller let through.
    pub message: String,
}

impl Refusal {
    /// Reads a body; `None` where it is something else, a proxy's page, say.
    ///
    /// ```
    /// assert_eq!(engineio_proto::Refusal::parse(b"<html>Bad Gateway</html>"), None);
    /// ```
    #[must_use]
    pub fn parse(body: &[u8]) -> Option<Self> {
        // What is passed over is text too, or it is no JSON.
        serde_json::from_str(std::str::from_utf8(body).ok()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Reject, request::Query};

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    /// Found by fuzzing: what is not looked at in an answer has to be text all the same (hazard R26).
    #[test]
    fn an_answer_with_bytes_that_are_no_text_is_no_refusal() {
        let refusal = |other: &[u8]| [b"{\"code\":1,\"message\":\"m\",\"x\":\"", other, b"\"}"].concat();
        assert!(Refusal::parse(&refusal(b"more")).is_some());
        assert_eq!(Refusal::parse(&refusal(b"\xFE\xFF")), None);
    }

    /// B7: what the protocol has for itself is not the user's, whether it is used or not.
    #[test]
    fn the_users_pairs_come_first_and_never_replace_the_protocols() {
        let all = pairs(&[
            ("a", "1"),
            ("EIO", "3"),
            ("transport", "websocket"),
            ("sid", "stolen"),
            ("t", "x"),
            ("j", "0"),
            ("b64", "1"),
            ("a", "2"),
            ("eio", "free"),
            ("ts", "user"),
        ]);
        let mut query = ClientQuery::new(TransportKind::Polling, &all);
        assert_eq!(query.to_query(), "a=1&a=2&eio=free&ts=user&EIO=4&transport=polling");
        query.stamp = Some(("ts", "now"));
        assert_eq!(query.to_query(), "a=1&a=2&eio=free&EIO=4&transport=polling&ts=now");
    }

    /// B10, B11, B25: each field stands where it was asked for, and the server reads what was meant.
    #[test]
    fn each_field_is_there_when_it_was_asked_for() {
        let (user, sid) = (pairs(&[("tok&en", "ü =#")]), SessionId::new("s&id"));
        let all = ClientQuery {
            transport: TransportKind::WebSocket,
            user: &user,
            stamp: Some(("t", "p1")),
            sid: Some(&sid),
            base64: true,
        };
        let written = all.to_query();
        assert_eq!(written, "tok%26en=%C3%BC+%3D%23&EIO=4&transport=websocket&t=p1&sid=s%26id&b64=1");
        let read = Query::parse(&written);
        assert_eq!((read.eio(), read.transport(), read.sid()), (Some("4"), Some("websocket"), Some("s&id")));
    }

    #[test]
    fn a_stamp_never_takes_the_place_of_another_field() {
        for name in ["EIO", "transport", "sid", "j", "b64"] {
            let mut query = ClientQuery::new(TransportKind::Polling, &[]);
            query.stamp = Some((name, "x"));
            assert_eq!(query.to_query(), "EIO=4&transport=polling", "{name}");
        }
    }

    #[test]
    fn a_refusal_is_read_as_it_is_written() {
        for reject in [Reject::TransportUnknown, Reject::UnknownSid, Reject::Forbidden("\"no\" ü".into())] {
            let refusal = Refusal::parse(reject.body().as_bytes()).unwrap();
            assert_eq!((refusal.code, &*refusal.message), (u32::from(reject.code()), reject.message()));
        }
        for body in [&b""[..], b"{}", b"null", b"[1,2]", b"{\"code\":-1,\"message\":\"\"}", b"{\"code\":1}", b"\xff"] {
            assert_eq!(Refusal::parse(body), None, "{body:?}");
        }
    }
}
