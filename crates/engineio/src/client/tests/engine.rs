//! The engine itself as the server.

use std::sync::Arc;

use engineio_proto::{
    Message, Refusal,
    websocket::{FrameDecoder, FrameEvent, FrameLimits, Opcode, Role, encode_frame},
};

use super::*;
use crate::{PerMessageDeflate, server::Engine};

/// An engine that echoes, and its URL.
async fn engine(config: crate::Config) -> String {
    let engine = Engine::new(config, |session| async move {
        while let Some(message) = session.recv().await {
            if session.send(message).is_err() {
                break;
            }
        }
    });
    let listener = engine.bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(listener.serve(engine.service()));
    url
}

fn sid_of(open: &[u8]) -> Option<SessionId> {
    let open = std::str::from_utf8(open).unwrap();
    let (_, rest) = open.split_once(r#""sid":""#).unwrap();
    Some(SessionId::new(rest.split_once('"').unwrap().0))
}

#[tokio::test]
async fn a_session_is_opened_and_spoken_on_by_long_polling() {
    let url = engine(crate::Config::default()).await;
    let requests = Requests::new(endpoint(&url, Config::default()));
    let open = within(requests.get(None, MAX_BYTES)).await.unwrap();
    assert!(open.starts_with(b"0{"), "{open:?}");
    let sid = sid_of(&open);
    // Long enough to be packed.
    let message = format!("4{}", "hello ".repeat(1000));
    let waiting = tokio::spawn(requests.get(sid.clone(), MAX_BYTES));
    within(requests.post(sid.clone(), message.clone().into())).await.unwrap();
    assert_eq!(within(waiting).await.unwrap().unwrap(), message);

    let error = within(requests.get(Some(SessionId::new("gone")), MAX_BYTES)).await.unwrap_err();
    assert_eq!(error.status(), Some(400));
    let said = error.refusal().map(|Refusal { code, message, .. }| (*code, &**message));
    assert_eq!(said, Some((1, "Session ID unknown")));
}

/// A68: who sends more than the server takes is told so, though the server reads none of it.
#[tokio::test]
async fn a_message_that_is_too_large_for_the_server_is_refused_with_413() {
    let url = engine(crate::Config::default()).await;
    let requests = Requests::new(endpoint(&url, Config::default()));
    let sid = sid_of(&within(requests.get(None, MAX_BYTES)).await.unwrap());
    let error = within(requests.post(sid, vec![b'4'; 5_000_000].into())).await.unwrap_err();
    assert_eq!(error.status(), Some(413), "{error:?}");
}

/// Reads messages from a WebSocket.
async fn message(stream: &mut ByteStream, bytes: &mut BytesMut, deflate: bool) -> Message {
    let mut decoder = FrameDecoder::new(Role::Client, FrameLimits::default());
    if deflate {
        decoder = decoder.with_deflate();
    }
    loop {
        match decoder.decode(bytes).unwrap() {
            Some(FrameEvent::Message(message)) => return message,
            Some(other) => panic!("unexpected {other:?}"),
            None => assert!(within(stream.read_buf(bytes)).await.unwrap() > 0, "it ended"),
        }
    }
}

/// B8, B19, B34: for a new session, for one that exists, packed or not.
#[tokio::test]
async fn a_websocket_is_opened_with_and_without_a_session() {
    let deflate = Some(PerMessageDeflate::default());
    for (ours, theirs) in [(None, None), (deflate, None), (None, deflate), (deflate, deflate)] {
        let config = crate::Config { per_message_deflate: theirs, ..crate::Config::default() };
        let url = engine(config).await;
        let endpoint = endpoint(&url, Config { per_message_deflate: ours, ..Config::default() });
        let is_packed = ours.is_some() && theirs.is_some();

        let opened = websocket(&endpoint).await.unwrap();
        assert_eq!(opened.upgrade.deflate.is_some(), is_packed);
        let (mut socket, mut bytes) = (stream(opened.upgrade.connection), opened.upgrade.early.into());
        let Message::Text(open) = message(&mut socket, &mut bytes, is_packed).await else { panic!("it is text") };
        assert!(open.starts_with("0{"), "{open}");
        let text = format!("4{}", "hello ".repeat(1000));
        let mut frame = BytesMut::new();
        encode_frame(Opcode::Text, text.as_bytes(), Some([1, 2, 3, 4]), &mut frame);
        within(socket.write_all(&frame)).await.unwrap();
        assert_eq!(message(&mut socket, &mut bytes, is_packed).await, Message::from(text));

        let open = get(&endpoint).await.unwrap();
        let probing = within(open_websocket(Arc::clone(&endpoint), sid_of(&open))).await.unwrap();
        let mut socket = stream(probing.upgrade.connection);
        frame.clear();
        encode_frame(Opcode::Text, b"2probe", Some([1, 2, 3, 4]), &mut frame);
        within(socket.write_all(&frame)).await.unwrap();
        let mut bytes = probing.upgrade.early.into();
        assert_eq!(message(&mut socket, &mut bytes, is_packed).await, Message::from("3probe"));

        let error = within(open_websocket(endpoint, Some(SessionId::new("gone")))).await.unwrap_err();
        assert_eq!(error.status(), Some(400), "{error}");
    }
}
