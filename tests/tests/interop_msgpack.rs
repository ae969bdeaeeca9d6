//! The MessagePack parser against the npm package `socket.io-msgpack-parser`, packet by packet: what the one writes, the
//! other reads as the same. (C28)
//!
//! The packets themselves are in `tests/js/msgpack_packets.mjs`; what Rust must read in them is here. Leaves out connections,
//! and the bytes one by one, which are tested in the crate.
#![allow(clippy::unwrap_used, reason = "all of this file is tests; clippy sees only the functions marked as such")]

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use engineio_proto::Message;
use serde_json::json;
use socketio_proto::{
    AckId, AnyParser, Body, DecodeError, DecoderLimits, Encoded, MsgpackParser, Namespace, Packet, PacketKind,
};
use testkit::NodeScript;

const SCRIPT: &str = "tests/js/msgpack_packets.mjs";
const DEADLINE: Duration = Duration::from_secs(30);

fn packet(kind: PacketKind, namespace: &str, ack: Option<u64>, json: &str, attachments: &[&[u8]]) -> Packet {
    let attachments = attachments.iter().map(|bytes| Bytes::copy_from_slice(bytes)).collect();
    let body = (!json.is_empty()).then(|| Body::from_parts(kind, json, attachments).unwrap());
    Packet { kind, namespace: Namespace::new(namespace), ack: ack.map(AckId), body }
}

fn event(args: &str, attachments: &[&[u8]]) -> Packet {
    packet(PacketKind::Event, "/", None, &format!("[\"x\",{args}]"), attachments)
}

/// What each packet of the script's table is.
fn expected() -> BTreeMap<&'static str, Packet> {
    use PacketKind::{Ack, Connect, ConnectError, Disconnect, Event};
    let place = |num| format!("{{\"_placeholder\":true,\"num\":{num}}}");
    let list = |len, item: &str| format!("[{}]", vec![item; len].join(","));
    let data: &[u8] = &[0, 1, 254, 255];
    let keys: Vec<String> = (0..70).map(|i| format!("\"k{i}\":{i}")).collect();
    let scalars = format!(
        "null,true,false,\"\",\"é😀\",\"{}\",\"{}\",\"{}\"",
        "a".repeat(40),
        "é".repeat(200),
        "b".repeat(70_000)
    );
    let integers = "0,1,127,128,255,256,65535,65536,4294967295,4294967296,9007199254740991,-1,-32,-33,-128,-129,-32768,\
                    -32769,-2147483648,-2147483649,-9007199254740991";
    let floats = "0.5,-1.25,1e-7,4503599627370495.5,5e-324,3.141592653589793";
    let lists = format!("[],[[]],{},{},{}", list(15, "0"), list(16, "1"), list(70_000, "2"));
    let objects = format!("{{}},{{\"a\":{{\"b\":{{\"\":1}}}}}},{{{}}}", keys.join(","));
    let binary = format!("{},{},{},[{{\"deep\":{}}}]", place(0), place(1), place(2), place(3));
    let dates = "\"1970-01-01T00:00:00.000Z\",{\"at\":\"1969-12-31T23:59:59.999Z\"},\"2024-02-29T12:34:56.789Z\",\
                 \"+275760-09-13T00:00:00.000Z\",\"-271821-04-20T00:00:00.000Z\"";
    BTreeMap::from([
        ("connect without a payload", packet(Connect, "/", None, "", &[])),
        ("connect with a payload", packet(Connect, "/admin", None, "{\"token\":\"123\"}", &[])),
        (
            "connect as the server answers it",
            packet(Connect, "/", None, "{\"sid\":\"CjdVH4TQvovi1VvgAAAB\",\"pid\":\"p\"}", &[]),
        ),
        ("disconnect", packet(Disconnect, "/chat", None, "", &[])),
        ("connect error", packet(ConnectError, "/", None, "{\"message\":\"no\",\"data\":{\"code\":7}}", &[])),
        ("connect error of text", packet(ConnectError, "/", None, "\"no\"", &[])),
        ("event as the client sends it", packet(Event, "/chat", Some(456), "[\"hello\",1,\"2\",{\"three\":[4]}]", &[])),
        ("event with a number for a name", packet(Event, "/", None, "[7,null]", &[])),
        ("ack without arguments", packet(Ack, "/", Some(0), "[]", &[])),
        (
            "ack with binary",
            packet(Ack, "/", Some(AckId::MAX.0), &format!("[{},{{\"again\":{}}}]", place(0), place(1)), &[data, data]),
        ),
        ("scalars", event(&scalars, &[])),
        ("integers", event(integers, &[])),
        ("floats", event(floats, &[])),
        ("no numbers", event("null,null,null", &[])),
        ("lists", event(&lists, &[])),
        ("objects", event(&objects, &[])),
        ("binary", event(&binary, &[data, &[], &[1; 300], &[2; 70_000]])),
        ("array buffers", event(&format!("{},{},{}", place(0), place(1), place(2)), &[&[1, 2], &[0; 8], &[3; 300]])),
        ("dates", event(dates, &[])),
        ("undefined", event("null,[null],{\"b\":1}", &[])),
        ("placeholder without binary", event(&place(0), &[])),
    ])
}

fn parser() -> AnyParser {
    AnyParser::new(MsgpackParser)
}

fn decode(message: Vec<u8>) -> Result<Packet, DecodeError> {
    let packet = parser().decoder(DecoderLimits::default()).handle(Message::Binary(message.into()))?;
    Ok(packet.expect("a packet is one message"))
}

fn encode(packet: &Packet) -> Encoded {
    parser().encode(packet.kind, &packet.namespace, packet.ack, packet.body.as_ref())
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Vec<u8> {
    let byte = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(byte).collect()
}

/// A file for the script to read, as what is in it is too long for an argument.
fn file(name: &str, content: &serde_json::Value) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}.json", std::process::id()));
    fs::write(&path, content.to_string()).unwrap();
    path
}

// C28
#[test]
fn what_the_npm_parser_writes_is_read_as_meant() {
    let output = NodeScript::new(SCRIPT).arg("encode").run(DEADLINE);
    let mut expected = expected();
    for line in output.stdout.lines() {
        let (hex, name) = line.split_once(' ').unwrap();
        let packet = decode(from_hex(hex)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(Some(&packet), expected.get(name), "{name}");
        assert!(packet.is_valid(), "{name}");
        expected.remove(name);
    }
    assert!(expected.is_empty(), "not in the script's table: {:?}", expected.keys());
}

// C28
#[test]
fn what_is_written_here_the_npm_parser_reads_as_meant() {
    let expected = expected();
    let packets: BTreeMap<&str, String> =
        expected.iter().map(|(name, packet)| (*name, to_hex(encode(packet).frames()[0].packet()))).collect();
    let path = file("msgpack-packets", &json!(packets));
    let output = NodeScript::new(SCRIPT).arg("decode").arg(&path).run(DEADLINE);
    fs::remove_file(path).unwrap();
    let verdicts: Vec<&str> = output.stdout.lines().collect();
    assert_eq!(verdicts.iter().filter(|line| line.starts_with("ok ")).count(), expected.len(), "{verdicts:#?}");
}

/// The npm parser and this one agree on what is a packet, but for what the documentation of `MsgpackParser` says.
// C10, C28
#[test]
fn the_npm_parser_refuses_the_same_packets() {
    const KIND: &str = "a474797065";
    const NSP: &str = "a36e7370a12f";
    const DATA: &str = "a464617461";
    let agreed = [
        (format!("82{KIND}00{NSP}"), true),
        (format!("82{KIND}05{NSP}"), false),
        (format!("82{KIND}ff{NSP}"), false),
        (format!("82{KIND}c0{NSP}"), false),
        (format!("82{KIND}cb3fe0000000000000{NSP}"), false),
        (format!("83{KIND}cb4000000000000000{NSP}{DATA}91a178"), true),
        (format!("81{NSP}"), false),
        (format!("81{KIND}00"), false),
        (format!("82{KIND}00a36e737001"), false),
        (format!("83{KIND}00{NSP}{DATA}80"), true),
        (format!("83{KIND}00{NSP}{DATA}90"), false),
        (format!("83{KIND}00{NSP}{DATA}a0"), false),
        (format!("83{KIND}01{NSP}{DATA}80"), false),
        (format!("83{KIND}01{NSP}{DATA}d40000"), true),
        (format!("82{KIND}02{NSP}"), false),
        (format!("83{KIND}02{NSP}{DATA}80"), false),
        (format!("83{KIND}02{NSP}{DATA}c0"), false),
        (format!("83{KIND}03{NSP}{DATA}90"), true),
        (format!("83{KIND}03{NSP}{DATA}a0"), false),
        (format!("83{KIND}04{NSP}{DATA}a0"), true),
        (format!("83{KIND}04{NSP}{DATA}80"), true),
        (format!("83{KIND}04{NSP}{DATA}c0"), false),
        (format!("83{KIND}00{NSP}a2696401"), true),
        (format!("83{KIND}00{NSP}a26964d40000"), true),
        (format!("83{KIND}00{NSP}a26964c0"), false),
        (format!("83{KIND}00{NSP}a26964a130"), false),
        (format!("83{KIND}00{NSP}a26964cb3fe0000000000000"), false),
        (format!("82{KIND}00{NSP}00"), false),
        (format!("83{KIND}00{NSP}"), false),
        ("c1".to_owned(), false),
        ("90".to_owned(), false),
        (String::new(), false),
    ];
    // Here more strictly, and in the last two less.
    let stricter = [
        format!("83{KIND}02{NSP}{DATA}90"),
        format!("83{KIND}02{NSP}{DATA}91c0"),
        format!("83{KIND}02{NSP}{DATA}91a7636f6e6e656374"),
        format!("82{KIND}00a36e7370a178"),
        format!("83{KIND}00{NSP}a26964ff"),
        format!("83{KIND}00{KIND}00{NSP}"),
        format!("83{KIND}00{NSP}{DATA}81a161c400"),
        format!("83{KIND}02{NSP}{DATA}92a178a1ff"),
    ];
    let laxer = [format!("83{KIND}00{NSP}{DATA}c0"), format!("83{KIND}01{NSP}{DATA}c0")];
    let cases: Vec<(String, bool, bool)> = (agreed.into_iter().map(|(hex, accepted)| (hex, accepted, accepted)))
        .chain(stricter.into_iter().map(|hex| (hex, false, true)))
        .chain(laxer.into_iter().map(|hex| (hex, true, false)))
        .collect();
    let path = file("msgpack-verdicts", &json!(cases.iter().map(|(hex, ..)| hex).collect::<Vec<_>>()));
    let output = NodeScript::new(SCRIPT).arg("verdicts").arg(&path).run(DEADLINE);
    fs::remove_file(path).unwrap();
    let theirs: Vec<bool> = output.stdout.lines().map(|line| line == "accepted").collect();
    assert_eq!(theirs.len(), cases.len());
    for ((hex, here, there), theirs) in cases.into_iter().zip(theirs) {
        assert_eq!((decode(from_hex(&hex)).is_ok(), theirs), (here, there), "{hex}");
    }
}
