//! [`Headers`]: the headers of the request that opened a session, kept as the text that they came as. A table of them
//! takes many times their own bytes, and most applications look at them once, if at all.
//!
//! Leaves out the rest of the request (`session.rs`).

use std::{fmt, ops::Deref, sync::OnceLock};

use bytes::{BufMut, Bytes};
use http::{HeaderMap, HeaderName, HeaderValue};

/// The headers of a request, in little memory. They are read like the [`HeaderMap`] that they stand for, which is made at
/// the first look and then kept; where that is too much for each of many connections, [`Headers::text`] reads one header
/// without making it.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use engineio::{*, server::{Body, Engine}};
/// # let (give, mut sessions) = tokio::sync::mpsc::unbounded_channel();
/// # let engine = Engine::new(Config::default(), move |session| { let _ = give.send(session.clone()); async move { session.closed().await; } });
/// let opening = http::Request::get("/engine.io/?EIO=4&transport=polling").header("X-Name", "Ann").body(String::new())?;
/// # let _: http::Response<Body> = engine.handle(opening).await;
/// # let session = sessions.recv().await.ok_or("no session")?;
/// let request = session.request();
/// assert_eq!(request.headers.text("x-name"), Some("Ann"));
/// assert_eq!(request.headers["x-name"], "Ann"); // the same by way of the map
/// # Ok(()) }
/// ```
#[derive(Clone, Default)]
pub struct Headers {
    /// A line for each header, `name:value`. Neither part can hold a line feed, nor the name a colon.
    lines: Bytes,
    map: OnceLock<Box<HeaderMap>>,
}

impl Headers {
    /// What [`Headers::write`] has written.
    pub(crate) const fn from_lines(lines: Bytes) -> Self {
        Self { lines, map: OnceLock::new() }
    }

    /// How many bytes [`Headers::write`] will write.
    pub(crate) fn written_bytes(headers: &HeaderMap) -> usize {
        headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 2).sum()
    }

    pub(crate) fn write(headers: &HeaderMap, into: &mut Vec<u8>) {
        for (name, value) in headers {
            into.put_slice(name.as_str().as_bytes());
            into.put_u8(b':');
            into.put_slice(value.as_bytes());
            into.put_u8(b'\n');
        }
    }

    /// All headers in their order, those of one name next to each other; the names are in lower case.
    ///
    /// ```
    /// # fn f(session: engineio::Session) {
    /// for (name, value) in session.request().headers.pairs() {
    ///     println!("{name}: {}", String::from_utf8_lossy(value));
    /// }
    /// # }
    /// ```
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.lines.split(|byte| *byte == b'\n').filter_map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            Some((std::str::from_utf8(&line[..colon]).ok()?, &line[colon + 1..]))
        })
    }

    /// The value of a header, where there is one and it is ASCII that can be seen; of several the first. The case of `name`
    /// does not matter.
    ///
    /// ```
    /// # fn f(session: engineio::Session) {
    /// let agent = session.request().headers.text("User-Agent").map(str::to_owned);
    /// # }
    /// ```
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        let (_, value) = self.pairs().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        value.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\t')).then(|| std::str::from_utf8(value).ok())?
    }

    fn to_map(&self) -> Box<HeaderMap> {
        let pairs = self.pairs().filter_map(|(name, value)| {
            let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
            Some((name, HeaderValue::from_maybe_shared(self.lines.slice_ref(value)).ok()?))
        });
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(name, value);
        }
        Box::new(map)
    }
}

impl Deref for Headers {
    type Target = HeaderMap;

    fn deref(&self) -> &HeaderMap {
        self.map.get_or_init(|| self.to_map())
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs = self.pairs().map(|(name, value)| (name, String::from_utf8_lossy(value)));
        f.debug_map().entries(pairs).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(headers: &HeaderMap) -> Headers {
        let mut lines = Vec::new();
        Headers::write(headers, &mut lines);
        assert_eq!(lines.len(), Headers::written_bytes(headers));
        Headers::from_lines(lines.into())
    }

    /// A57: as received: repeated ones, empty ones, and what is no text.
    #[test]
    fn headers_come_back_as_they_were() {
        let mut headers = HeaderMap::new();
        let lines: [(&'static str, &[u8]); 6] = [
            ("cookie", b"a=1"),
            ("x-odd", b"\xFF\t:x"),
            ("cookie", b"b: 2"),
            ("host", b"h:80"),
            ("x-none", b""),
            ("te", b" x"),
        ];
        for (name, value) in lines {
            headers.append(name, HeaderValue::from_bytes(value).unwrap());
        }
        let kept = kept(&headers);
        assert_eq!(*kept, headers);
        assert_eq!(kept.pairs().count(), 6);
        let texts = ["Cookie", "x-odd", "HOST", "x-none", "missing"].map(|name| kept.text(name));
        assert_eq!(texts, [Some("a=1"), None, Some("h:80"), Some(""), None]);
        assert_eq!(*Headers::default(), HeaderMap::new());
    }

    /// Reading one header does not make the table of all.
    #[test]
    fn a_header_that_is_read_as_text_makes_no_map() {
        let headers =
            kept(&[("x-name", "Ann")].iter().map(|(k, v)| (k.parse().unwrap(), v.parse().unwrap())).collect());
        assert_eq!(headers.text("x-name"), Some("Ann"));
        assert!(headers.map.get().is_none() && format!("{headers:?}").contains("Ann") && headers.map.get().is_none());
        assert_eq!(headers["x-name"], "Ann");
        assert!(headers.map.get().is_some());
    }
}
