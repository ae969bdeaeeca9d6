//! [`HttpCompression`] of long-polling answers (rows A10, A12), and [`ContentCoding`], the choice of a coding by
//! `Accept-Encoding`, which is also made for files served beside the engine (row D8).
//!
//! Leaves out permessage-deflate, which is WebSocket's (row A11).

use std::io::{self, Write as _};

use flate2::{
    Compression,
    write::{GzEncoder, ZlibEncoder},
};
use http::{HeaderMap, HeaderValue, header::ACCEPT_ENCODING};

/// Compression of the answers of long-polling; [`Config::http_compression`](crate::Config::http_compression).
///
/// An answer is compressed where it has at least [`threshold`](Self::threshold) bytes, some message in it may be
/// compressed ([`MessageFrame::uncompressed`](crate::MessageFrame::uncompressed)), and the client takes gzip or deflate. One of
/// more than 32 KiB is compressed on tokio's blocking threads, so that it holds up nobody else; with the default
/// level a megabyte of text takes some tens of milliseconds.
///
/// ```
/// let mut config = engineio::Config::default();
/// let mut compression = engineio::HttpCompression::default();
/// compression.threshold = 4096;
/// config.http_compression = Some(compression); // `None`: no answer is compressed
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HttpCompression {
    /// Bytes from which on an answer is compressed; default 1,024 (row A10).
    pub threshold: usize,
    /// From 0, fastest, to 9, smallest; what is above counts as 9. Default 6, as in zlib.
    pub level: u32,
}

impl Default for HttpCompression {
    fn default() -> Self {
        Self { threshold: 1024, level: 6 }
    }
}

/// A way of packing a body. [RFC 9110 §8.4.1]
///
/// ```
/// use engineio::ContentCoding;
///
/// let packed = ContentCoding::Gzip.encode(&[b'a'; 1000], 6)?;
/// assert!(packed.len() < 100);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ContentCoding {
    /// `gzip`.
    Gzip,
    /// `deflate`, which is the zlib format.
    Deflate,
}

/// What `Accept-Encoding` may spend on entries; nobody knows that many codings.
const MAX_ENTRIES: usize = 32;

impl ContentCoding {
    /// The coding that the client likes best; `None` where it names neither, or likes neither (row A10).
    ///
    /// By weight, then by name before `*`, then by the order of the request, then gzip.
    ///
    /// ```
    /// use engineio::ContentCoding;
    /// use http::{HeaderMap, HeaderValue, header::ACCEPT_ENCODING};
    ///
    /// let mut headers = HeaderMap::new();
    /// headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip;q=0.5, deflate, br"));
    /// assert_eq!(ContentCoding::accepted(&headers), Some(ContentCoding::Deflate));
    /// ```
    #[must_use]
    pub fn accepted(headers: &HeaderMap) -> Option<Self> {
        let lines = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|line| line.to_str().ok());
        let entries: Vec<_> = lines.flat_map(|line| line.split(',')).take(MAX_ENTRIES).map(entry).collect();
        let weigh = |coding: Self| {
            // An entry with its name counts before one for all.
            let named = entries.iter().position(|(name, _)| name.eq_ignore_ascii_case(coding.name()));
            let at = named.or_else(|| entries.iter().position(|(name, _)| *name == "*"))?;
            let (_, weight) = entries.get(at)?;
            (*weight > 0).then_some((*weight, named.is_some(), std::cmp::Reverse(at)))
        };
        // Of two alike the later one counts in a maximum, and gzip is it.
        [Self::Deflate, Self::Gzip]
            .into_iter()
            .filter_map(|coding| Some((weigh(coding)?, coding)))
            .max_by_key(|(w, _)| *w)
            .map(|(_, coding)| coding)
    }

    /// The name in `Content-Encoding`.
    ///
    /// ```
    /// assert_eq!(engineio::ContentCoding::Gzip.name(), "gzip");
    /// ```
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
        }
    }

    /// The value of `Content-Encoding`.
    ///
    /// ```
    /// assert_eq!(engineio::ContentCoding::Deflate.header_value(), "deflate");
    /// ```
    #[must_use]
    pub const fn header_value(self) -> HeaderValue {
        HeaderValue::from_static(self.name())
    }

    /// Packs a body, with a level as in [`HttpCompression::level`]. This is work: what is large belongs on a
    /// thread that may block.
    ///
    /// ```
    /// let packed = engineio::ContentCoding::Gzip.encode(b"hello", 9)?;
    /// assert_eq!(packed[..2], [0x1f, 0x8b]); // what gzip begins with
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    /// None that is known: memory is all that it needs.
    pub fn encode(self, body: &[u8], level: u32) -> io::Result<Vec<u8>> {
        let (level, packed) = (Compression::new(level.min(9)), Vec::with_capacity(body.len() / 4));
        match self {
            Self::Gzip => {
                let mut encoder = GzEncoder::new(packed, level);
                encoder.write_all(body)?;
                encoder.finish()
            }
            Self::Deflate => {
                let mut encoder = ZlibEncoder::new(packed, level);
                encoder.write_all(body)?;
                encoder.finish()
            }
        }
    }
}

/// One entry of `Accept-Encoding`: the coding, and its weight in thousandths. What cannot be read weighs nothing.
fn entry(entry: &str) -> (&str, u16) {
    let mut parts = entry.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default();
    let weight = parts.find_map(|part| {
        let (key, weight) = part.split_once('=')?;
        key.trim_end().eq_ignore_ascii_case("q").then(|| weight.trim().parse::<f32>().unwrap_or(0.0))
    });
    // A number that is none becomes zero in this conversion.
    (name, (weight.unwrap_or(1.0).clamp(0.0, 1.0) * 1000.0) as u16)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::{GzDecoder, ZlibDecoder};

    use super::*;

    #[test]
    fn the_coding_is_the_one_that_the_client_likes_best() {
        use ContentCoding::{Deflate, Gzip};
        for (accept, coding) in [
            ("", None),
            ("identity", None),
            ("br", None),
            ("gzip", Some(Gzip)),
            ("deflate", Some(Deflate)),
            ("gzip, deflate, br, zstd", Some(Gzip)),
            ("deflate, gzip", Some(Deflate)),
            ("GZIP", Some(Gzip)),
            ("gzip;q=0.5, deflate;q=0.8", Some(Deflate)),
            ("gzip;q=0.5,deflate ; q=0.4", Some(Gzip)),
            ("gzip;q=0", None),
            ("gzip;q=0, *", Some(Deflate)),
            ("*", Some(Gzip)),
            ("*;q=0", None),
            ("*;q=0, deflate;q=0.001", Some(Deflate)),
            ("*, deflate", Some(Deflate)),
            ("gzip;q=nonsense, deflate;q=0.1", Some(Deflate)),
            ("gzip;q=NaN", None),
            ("gzip;q=-1", None),
            ("gzip;level=9", Some(Gzip)),
            ("x-gzip", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(accept));
            assert_eq!(ContentCoding::accepted(&headers), coding, "{accept}");
        }
        assert_eq!(ContentCoding::accepted(&HeaderMap::new()), None);
    }

    #[test]
    fn what_is_packed_is_smaller_and_unpacks_to_the_same() {
        let body = "4hello, hello, hello ".repeat(200);
        for level in [0, 1, 6, 9, u32::MAX] {
            let (mut gunzipped, mut inflated) = (String::new(), String::new());
            let gzip = ContentCoding::Gzip.encode(body.as_bytes(), level).unwrap();
            GzDecoder::new(&gzip[..]).read_to_string(&mut gunzipped).unwrap();
            let zlib = ContentCoding::Deflate.encode(body.as_bytes(), level).unwrap();
            ZlibDecoder::new(&zlib[..]).read_to_string(&mut inflated).unwrap();
            assert_eq!((&gunzipped, &inflated), (&body, &body));
            assert!(level == 0 || gzip.len() < 200 && zlib.len() < 200);
        }
    }
}
