//! What is different for clients of revision 4 of the Socket.IO protocol: those of JavaScript 1.x and 2.x, which come
//! over revision 3 of Engine.IO ([`Config::allow_eio3`](engineio::Config::allow_eio3)). Rows C1, C22–C26, hazard S45.
//!
//! Each rule is a function of the connection's revision; the order of things is `connection.rs`'s for both, and the
//! packets themselves are read and written by the same codec.

use std::{borrow::Cow, io};

use engineio::{Revision, Session};
use serde_json::{Map, Value};
use socketio_proto::{Body, DecodeError, DecoderLimits, Namespace, Packet};

use super::{HandlerError, SocketId};

/// Bytes that the query behind a namespace may have: as long as a request line gets, and a token fits in.
const MAX_QUERY_BYTES: usize = 8192;

/// Whether the client takes for granted that it is in the main namespace, without a CONNECT (row C23).
pub(super) const fn joins_by_itself(revision: Revision) -> bool {
    matches!(revision, Revision::V3)
}

/// The bounds of what the client sends: its query stands in the namespace (row C22).
pub(super) fn decoder_limits(revision: Revision, mut limits: DecoderLimits) -> DecoderLimits {
    if revision == Revision::V3 {
        limits.max_namespace_bytes = limits.max_namespace_bytes.saturating_add(MAX_QUERY_BYTES);
    }
    limits
}

/// The packet with the query taken out of its namespace: it is what such a client has for an auth payload (row C22).
/// `limits` are those of the configuration: the room for a query is not room for a longer name.
pub(super) fn without_query(revision: Revision, packet: Packet, limits: &DecoderLimits) -> Result<Packet, DecodeError> {
    let whole = packet.namespace.as_str();
    let (name, query) = match whole.split_once('?') {
        Some((name, query)) if revision == Revision::V3 => (name, Some(query)),
        _ => (whole, None),
    };
    if name.len() > limits.max_namespace_bytes {
        return Err(DecodeError::InvalidNamespace { limit: limits.max_namespace_bytes });
    }
    let Some(query) = query else { return Ok(packet) };
    let text = |value: &str| Value::from(value);
    // The last of a repeated key counts.
    let auth: Map<_, _> =
        form_urlencoded::parse(query.as_bytes()).map(|(key, value)| (key.into_owned(), text(&value))).collect();
    let namespace = Namespace::new(name);
    if packet.kind != socketio_proto::PacketKind::Connect {
        return Ok(Packet { namespace, ..packet });
    }
    // Strings in an object always serialise.
    Ok(Packet { namespace, body: Body::connect(&auth).ok(), ..packet })
}

/// Whether the client may come back to its session: the old ones are told nothing of it (row C23), so that keeping it
/// would only take the place of another's.
pub(super) const fn comes_back(revision: Revision) -> bool {
    matches!(revision, Revision::V4)
}

/// A socket's id as it may stand in a log: that of an old client is the secret of its session (hazard S45).
pub(super) fn id_in_logs<'a>(session: &Session, revision: Revision, id: &'a SocketId) -> Cow<'a, str> {
    match revision {
        Revision::V4 => Cow::Borrowed(id.as_str()),
        Revision::V3 => Cow::Owned(format!("{:?}", session.id())),
    }
}

/// The id of a new socket. A client of the old kind makes it up itself from the session's id, so it has to be that
/// (row C24); it is then no secret any more, and who learns it may steal the session's messages over long-polling
/// (hazard S45).
pub(super) fn socket_id(session: &Session, revision: Revision, namespace: &Namespace) -> io::Result<SocketId> {
    match revision {
        Revision::V4 => engineio::random_id().map(|id| SocketId::new(&id)),
        Revision::V3 if namespace.is_root() => Ok(SocketId::new(session.id().expose())),
        Revision::V3 => Ok(SocketId::new(&format!("{}#{}", namespace.as_str(), session.id().expose()))),
    }
}

/// The body of the CONNECT that lets a client in, with what there is to tell it; the old ones are told nothing (rows C20,
/// C23), and so cannot come back to their session either.
pub(super) fn greeting(revision: Revision, what: &Value) -> Option<Body> {
    match revision {
        Revision::V3 => None,
        Revision::V4 => Body::connect(what).ok(),
    }
}

/// The body of a CONNECT_ERROR (row C21).
pub(super) fn connect_error(error: &HandlerError) -> Option<Body> {
    Body::connect_error(error.message(), error.data()).ok()
}

/// The body of the packet that refuses a client: the old ones get the error's data, or else its message (rows C21, C25).
pub(super) fn refusal(revision: Revision, error: &HandlerError) -> Option<Body> {
    match (revision, error.data()) {
        (Revision::V4, _) => connect_error(error),
        // What else data may be, such a client cannot read.
        (Revision::V3, Some(data @ (Value::Object(_) | Value::Array(_)))) => Body::error(data).ok(),
        (Revision::V3, Some(Value::String(data))) if !data.is_empty() => Body::error(data).ok(),
        (Revision::V3, _) => Body::error(error.message()).ok(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use socketio_proto::PacketKind;

    use super::*;

    fn connect(namespace: &str) -> Packet {
        Packet { kind: PacketKind::Connect, namespace: Namespace::new(namespace), ack: None, body: None }
    }

    /// C22: decoded, the last of a repeated key, and only under the old revision.
    #[test]
    fn the_query_of_a_namespace_is_the_auth_payload_of_an_old_client() {
        let limits = DecoderLimits::default();
        let table = [
            ("/admin", "/admin", None),
            ("/admin?token=1", "/admin", Some(json!({"token": "1"}))),
            ("/admin?a=1&a=2&b=%C3%A9+%2C", "/admin", Some(json!({"a": "2", "b": "é ,"}))),
            ("/admin?", "/admin", Some(json!({}))),
            ("/?a=b?c", "/", Some(json!({"a": "b?c"}))),
        ];
        for (wire, name, auth) in table {
            let packet = without_query(Revision::V3, connect(wire), &limits).unwrap();
            assert_eq!(packet.namespace.as_str(), name, "{wire}");
            assert_eq!(packet.body.map(|body| body.data::<Value>().unwrap()), auth, "{wire}");
            let packet = without_query(Revision::V4, connect(wire), &limits).unwrap();
            assert_eq!((packet.namespace.as_str(), packet.body.is_none()), (wire, true));
        }
        let event = Packet { kind: PacketKind::Event, body: Body::event("e", &1).ok(), ..connect("/admin?token=1") };
        let event = without_query(Revision::V3, event, &limits).unwrap();
        assert_eq!((event.namespace.as_str(), &**event.body.unwrap().json()), ("/admin", r#"["e",1]"#));
    }

    /// C25: what an old client can read of an error.
    #[test]
    fn an_old_client_is_refused_with_the_data_or_the_message() {
        let refused = |error: &HandlerError| refusal(Revision::V3, error).unwrap().json().to_string();
        let error = |data: Value| HandlerError::new("no \"way\"").with_data(&data);
        assert_eq!(refused(&HandlerError::new("no \"way\"")), r#""no \"way\"""#);
        assert_eq!(refused(&error(json!({"code": 1}))), r#"{"code":1}"#);
        assert_eq!(refused(&error(json!([1]))), "[1]");
        assert_eq!(refused(&error(json!("why"))), r#""why""#);
        for unreadable in [json!(null), json!(0), json!(42), json!(true), json!("")] {
            assert_eq!(refused(&error(unreadable)), r#""no \"way\"""#);
        }
        let refused = refusal(Revision::V4, &error(json!(42))).unwrap();
        assert_eq!(&**refused.json(), r#"{"message":"no \"way\"","data":42}"#);
    }
}
