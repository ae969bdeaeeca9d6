//! [`AnswerBody`]: the body of an answer, collected up to a bound and unpacked on the way. [RFC 9110 §8.4]
//!
//! The bound is checked on what comes as well as on what it becomes, before it is kept: a server cannot make a client hold
//! more than that and one read (hazards S27, S38). Leaves out where the bytes come from.

use std::io::{self, Write};

use bytes::{Bytes, BytesMut};
use flate2::write::{GzDecoder, ZlibDecoder};

/// The codings that are understood, for `Accept-Encoding`.
pub(super) const ACCEPTED_CODINGS: &str = "gzip, deflate";

/// A body that is not all here yet.
pub(super) struct AnswerBody {
    /// Bytes that may still come, packed or not.
    room: usize,
    content: Content,
}

enum Content {
    Plain(Plain),
    Gzip(GzDecoder<Bounded>),
    Deflate(ZlibDecoder<Bounded>),
}

/// What came, without a copy where it came in one piece.
#[derive(Default)]
struct Plain {
    first: Bytes,
    all: BytesMut,
}

/// Bytes up to a bound.
struct Bounded {
    bytes: Vec<u8>,
    max_bytes: usize,
    is_over: bool,
}

/// Why there is no body.
#[derive(Debug)]
pub(super) enum BodyFault {
    TooLarge,
    /// A coding that was not asked for.
    UnknownCoding,
    /// Packed in a way that cannot be read.
    Broken(io::Error),
}

impl AnswerBody {
    /// An empty body of that `Content-Encoding`.
    pub(super) fn new(coding: Option<&[u8]>, max_bytes: usize) -> Result<Self, BodyFault> {
        let bounded = || Bounded { bytes: Vec::new(), max_bytes, is_over: false };
        let content = match coding.map(|coding| coding.trim_ascii().to_ascii_lowercase()).as_deref() {
            None | Some(b"" | b"identity") => Content::Plain(Plain::default()),
            Some(b"gzip" | b"x-gzip") => Content::Gzip(GzDecoder::new(bounded())),
            Some(b"deflate") => Content::Deflate(ZlibDecoder::new(bounded())),
            Some(_) => return Err(BodyFault::UnknownCoding),
        };
        Ok(Self { room: max_bytes, content })
    }

    /// Takes what came next.
    pub(super) fn push(&mut self, bytes: Bytes) -> Result<(), BodyFault> {
        self.room = self.room.checked_sub(bytes.len()).ok_or(BodyFault::TooLarge)?;
        match &mut self.content {
            Content::Plain(plain) => {
                plain.push(bytes);
                Ok(())
            }
            Content::Gzip(decoder) => {
                let written = decoder.write_all(&bytes);
                fault_of(written, decoder.get_ref())
            }
            Content::Deflate(decoder) => {
                let written = decoder.write_all(&bytes);
                fault_of(written, decoder.get_ref())
            }
        }
    }

    /// The whole body.
    pub(super) fn finish(self) -> Result<Bytes, BodyFault> {
        match self.content {
            Content::Plain(plain) => Ok(if plain.all.is_empty() { plain.first } else { plain.all.freeze() }),
            Content::Gzip(mut decoder) => {
                let finished = decoder.try_finish();
                fault_of(finished, decoder.get_ref())?;
                Ok(std::mem::take(&mut decoder.get_mut().bytes).into())
            }
            Content::Deflate(mut decoder) => {
                let finished = decoder.try_finish();
                fault_of(finished, decoder.get_ref())?;
                Ok(std::mem::take(&mut decoder.get_mut().bytes).into())
            }
        }
    }
}

impl Plain {
    fn push(&mut self, bytes: Bytes) {
        if self.first.is_empty() && self.all.is_empty() {
            self.first = bytes;
            return;
        }
        if self.all.is_empty() {
            self.all.extend_from_slice(&std::mem::take(&mut self.first));
        }
        self.all.extend_from_slice(&bytes);
    }
}

fn fault_of(result: io::Result<()>, sink: &Bounded) -> Result<(), BodyFault> {
    match result {
        _ if sink.is_over => Err(BodyFault::TooLarge),
        Ok(()) => Ok(()),
        Err(error) => Err(BodyFault::Broken(error)),
    }
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() > self.max_bytes - self.bytes.len() {
            self.is_over = true;
            return Err(io::Error::other("larger than allowed"));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use flate2::{
        Compression,
        write::{GzEncoder, ZlibEncoder},
    };

    use super::*;

    fn gzip(body: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::new(6));
        encoder.write_all(body).unwrap();
        encoder.finish().unwrap()
    }

    fn zlib(body: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(6));
        encoder.write_all(body).unwrap();
        encoder.finish().unwrap()
    }

    fn collect(coding: &str, body: &[u8], step: usize, max_bytes: usize) -> Result<Bytes, BodyFault> {
        let mut collected = AnswerBody::new(Some(coding.as_bytes()), max_bytes)?;
        for part in body.chunks(step) {
            collected.push(Bytes::copy_from_slice(part))?;
        }
        collected.finish()
    }

    #[test]
    fn a_body_is_the_same_however_it_was_packed_and_cut() {
        let body: Vec<u8> = (0..5000_u32).flat_map(|i| (i % 251).to_be_bytes()).collect();
        for step in [1, 7, 1000, 100_000] {
            for (coding, packed) in
                [("", body.clone()), ("identity", body.clone()), (" GZIP ", gzip(&body)), ("deflate", zlib(&body))]
            {
                assert_eq!(collect(coding, &packed, step, body.len()).unwrap(), body, "{coding} {step}");
            }
        }
        assert_eq!(collect("", b"", 1, 0).unwrap(), "");
        assert_eq!(collect("gzip", &gzip(b""), 1, 100).unwrap(), "");
    }

    /// S27, S38: neither what comes nor what it becomes is kept past the bound.
    #[test]
    fn a_body_over_the_bound_is_given_up_as_soon_as_it_is_over() {
        let body = [b'a'; 100_000];
        for (coding, packed) in [("", body.to_vec()), ("gzip", gzip(&body)), ("deflate", zlib(&body))] {
            for step in [1000, 1_000_000] {
                assert!(matches!(collect(coding, &packed, step, 99_999), Err(BodyFault::TooLarge)), "{coding} {step}");
            }
        }
        let mut bomb = AnswerBody::new(Some(b"gzip"), 1000).unwrap();
        assert!(matches!(bomb.push(gzip(&[0; 900_000]).into()), Err(BodyFault::TooLarge)));
        let Content::Gzip(decoder) = &bomb.content else { panic!("it was gzip") };
        assert!(decoder.get_ref().bytes.len() <= 1000);
        // Many empty blocks: nothing comes of them, and they still count.
        let mut hollow = AnswerBody::new(Some(b"deflate"), 1000).unwrap();
        hollow.push(Bytes::from_static(&[0x78, 0x9c])).unwrap();
        let blocks = (0..1000).map(|_| hollow.push(Bytes::from_static(&[0, 0, 0, 0xff, 0xff])));
        assert_eq!(blocks.filter(Result::is_err).count(), 1000 - 998 / 5);
    }

    #[test]
    fn a_body_that_is_broken_or_packed_otherwise_is_an_error() {
        let body = b"4hello hello hello hello";
        for (coding, packed) in [("gzip", gzip(body)), ("deflate", zlib(body))] {
            let cut = &packed[..packed.len() - 1];
            assert!(matches!(collect(coding, cut, 10, 1000), Err(BodyFault::Broken(_))), "{coding} cut");
            assert!(matches!(collect(coding, body, 10, 1000), Err(BodyFault::Broken(_))), "{coding} plain");
            let more = [&packed[..], b"more"].concat();
            assert!(matches!(collect(coding, &more, 1000, 1000), Err(BodyFault::Broken(_))), "{coding} with more");
        }
        for coding in ["br", "gzip, gzip", "zstd", "\u{1F980}"] {
            assert!(matches!(collect(coding, body, 10, 1000), Err(BodyFault::UnknownCoding)), "{coding}");
        }
    }
}
