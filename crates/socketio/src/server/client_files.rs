//! [`ClientFiles`]: the browser client under the server's path (rows D3, D8).

use std::{collections::HashMap, fs, io, path::Path, sync::Arc};

use bytes::Bytes;
use engineio::{ContentCoding, server::Body};
use http::{
    HeaderMap, HeaderValue, Method, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, LOCATION, VARY},
};
use tokio::sync::OnceCell;

/// The names that are served; each with `.map` beside it.
const NAMES: [&str; 4] = ["socket.io.js", "socket.io.min.js", "socket.io.esm.min.js", "socket.io.msgpack.min.js"];

/// How hard a file is compressed: it is done once.
const LEVEL: u32 = 9;

/// Where the browser client comes from.
///
/// What is read from a package is served compressed with gzip or deflate, as the browser likes it: at the first
/// request for it, on a thread that may block, and kept. Brotli is left out: its encoder is far larger than all else
/// here, and browsers, which name gzip first, get gzip from the JavaScript server too. Where
/// [`engineio::Config::cors`] is set, it holds for these files as well (row D8).
///
/// ```
/// use socketio::{ClientFiles, Config, Server};
///
/// let mut config = Config::default();
/// config.client_files = ClientFiles::from_cdn("4.8.1");
/// let io = Server::with_config(config); // GET /socket.io/socket.io.js
/// ```
#[derive(Clone, Debug, Default)]
pub struct ClientFiles(Source);

#[derive(Clone, Debug, Default)]
enum Source {
    #[default]
    None,
    /// Name to content, and the `ETag`.
    Memory(Arc<HashMap<String, Bundle>>, HeaderValue),
    /// The address of the folder that has them.
    Redirect(Arc<str>),
}

/// One file, as it is and as it travels.
#[derive(Debug, Default)]
struct Bundle {
    plain: Bytes,
    gzip: OnceCell<Bytes>,
    deflate: OnceCell<Bytes>,
}

impl Bundle {
    fn new(plain: impl Into<Bytes>) -> Self {
        Self { plain: plain.into(), ..Self::default() }
    }

    /// The file in the coding that the client likes best, or else as it is.
    async fn content(&self, headers: &HeaderMap) -> (Bytes, Option<ContentCoding>) {
        let Some(coding) = ContentCoding::accepted(headers) else { return (self.plain.clone(), None) };
        let cell = match coding {
            ContentCoding::Gzip => &self.gzip,
            ContentCoding::Deflate => &self.deflate,
            _ => return (self.plain.clone(), None),
        };
        let packed = cell.get_or_try_init(|| async {
            let plain = self.plain.clone();
            let packed = tokio::task::spawn_blocking(move || coding.encode(&plain, LEVEL)).await;
            packed.map_err(io::Error::other)?.map(Bytes::from)
        });
        match packed.await {
            Ok(packed) => (packed.clone(), Some(coding)),
            Err(error) => {
                tracing::warn!(%error, "compressing a client file failed: it goes as it is");
                (self.plain.clone(), None)
            }
        }
    }
}

impl ClientFiles {
    /// None is served.
    ///
    /// ```
    /// assert!(!socketio::ClientFiles::none().is_redirect());
    /// ```
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Reads the bundles into memory: `package` is the folder of an installed npm package `socket.io-client`
    /// (bundles in `dist`) or `socket.io` (in `client-dist`).
    ///
    /// ```
    /// use socketio::ClientFiles;
    ///
    /// let missing = ClientFiles::from_package("node_modules/no-such-package".as_ref());
    /// assert!(missing.is_err());
    /// ```
    ///
    /// # Errors
    /// Where the folder, its version or every bundle is missing.
    pub fn from_package(package: &Path) -> io::Result<Self> {
        #[derive(serde::Deserialize)]
        struct Manifest {
            version: String,
        }
        let manifest: Manifest = serde_json::from_slice(&fs::read(package.join("package.json"))?)?;
        let etag = HeaderValue::try_from(format!("\"{}\"", manifest.version)).map_err(io::Error::other)?;
        let mut files = HashMap::new();
        for folder in ["dist", "client-dist"] {
            for name in NAMES.iter().flat_map(|name| [(*name).to_owned(), format!("{name}.map")]) {
                if let Ok(content) = fs::read(package.join(folder).join(&name)) {
                    files.insert(name, Bundle::new(content));
                }
            }
        }
        if files.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "the package has no browser bundles"));
        }
        Ok(Self(Source::Memory(Arc::new(files), etag)))
    }

    /// Redirects to that version on Socket.IO's public CDN.
    ///
    /// ```
    /// let files = socketio::ClientFiles::from_cdn("4.8.1");
    /// ```
    #[must_use]
    pub fn from_cdn(version: &str) -> Self {
        Self(Source::Redirect(format!("https://cdn.socket.io/{version}").into()))
    }

    /// Whether they are redirected elsewhere rather than served from here.
    ///
    /// ```
    /// assert!(socketio::ClientFiles::from_cdn("4.8.1").is_redirect());
    /// ```
    #[must_use]
    pub const fn is_redirect(&self) -> bool {
        matches!(self.0, Source::Redirect(_))
    }

    /// Whether a request for `name` is answered here.
    pub(super) fn serves(&self, name: &str, method: &Method) -> bool {
        matches!(*method, Method::GET | Method::HEAD) && self.has(name)
    }

    /// Whether `name` is one of the files.
    pub(super) fn has(&self, name: &str) -> bool {
        let known = NAMES.contains(&name.strip_suffix(".map").unwrap_or(name));
        known
            && match &self.0 {
                Source::None => false,
                Source::Memory(files, _) => files.contains_key(name),
                Source::Redirect(_) => true,
            }
    }

    /// The answer to a request for a file.
    pub(super) async fn answer<R>(&self, name: &str, headers: &HeaderMap) -> Response<Body<R>> {
        match &self.0 {
            Source::None => not_found(),
            Source::Redirect(base) => {
                let Ok(location) = HeaderValue::try_from(format!("{base}/{name}")) else { return not_found() };
                let mut response = Response::new(Body::empty());
                *response.status_mut() = StatusCode::FOUND;
                response.headers_mut().insert(LOCATION, location);
                response
            }
            Source::Memory(files, etag) => match files.get(name) {
                Some(bundle) => from_memory(name, bundle, etag, headers).await,
                None => not_found(),
            },
        }
    }
}

async fn from_memory<R>(name: &str, bundle: &Bundle, etag: &HeaderValue, request: &HeaderMap) -> Response<Body<R>> {
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    headers.insert(ETAG, etag.clone());
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=0"));
    // A cache between here and the browser must not give one browser what another one can read.
    headers.append(VARY, HeaderValue::from_static("Accept-Encoding"));
    if request.get(IF_NONE_MATCH).is_some_and(|known| strong(known.as_bytes()) == etag.as_bytes()) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return response;
    }
    let kind = if name.ends_with(".map") { "application/json" } else { "application/javascript" };
    if let Ok(kind) = HeaderValue::try_from(format!("{kind}; charset=utf-8")) {
        headers.insert(CONTENT_TYPE, kind);
    }
    let (content, coding) = bundle.content(request).await;
    if let Some(coding) = coding {
        headers.insert(CONTENT_ENCODING, coding.header_value());
    }
    *response.body_mut() = Body::full(content);
    response
}

fn not_found<R>() -> Response<Body<R>> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}

/// An entity tag without the mark of a weak one.
fn strong(tag: &[u8]) -> &[u8] {
    tag.strip_prefix(b"W/").unwrap_or(tag)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::{GzDecoder, ZlibDecoder};
    use http::header::ACCEPT_ENCODING;
    use http_body_util::{BodyExt, Full};

    use super::*;

    fn bundles(files: &[(&str, &str)]) -> ClientFiles {
        let files = files.iter().map(|(name, content)| ((*name).to_owned(), Bundle::new((*content).to_owned())));
        ClientFiles(Source::Memory(Arc::new(files.collect()), HeaderValue::from_static("\"4.8.4\"")))
    }

    async fn ask(files: &ClientFiles, name: &str, known: Option<&str>) -> Option<(u16, Option<String>)> {
        if !files.serves(name, &Method::GET) {
            return None;
        }
        let mut headers = HeaderMap::new();
        if let Some(known) = known {
            headers.insert(IF_NONE_MATCH, known.parse().unwrap());
        }
        let response = files.answer::<Full<Bytes>>(name, &headers).await;
        let location = response.headers().get(LOCATION).map(|to| to.to_str().unwrap().to_owned());
        Some((response.status().as_u16(), location))
    }

    #[tokio::test]
    async fn a_known_version_is_answered_with_not_modified_whether_weak_or_strong() {
        let files = bundles(&[("socket.io.js", "x")]);
        assert_eq!(ask(&files, "socket.io.js", None).await, Some((200, None)));
        assert_eq!(ask(&files, "socket.io.js", Some("\"4.8.3\"")).await, Some((200, None)));
        assert_eq!(ask(&files, "socket.io.js", Some("\"4.8.4\"")).await, Some((304, None)));
        assert_eq!(ask(&files, "socket.io.js", Some("W/\"4.8.4\"")).await, Some((304, None)));
        assert_eq!(ask(&files, "socket.io.min.js", None).await, None, "not installed");
    }

    #[tokio::test]
    async fn only_the_bundles_and_their_maps_are_files() {
        let files = ClientFiles::from_cdn("4.8.4");
        let at = |name: &str| Some((302, Some(format!("https://cdn.socket.io/4.8.4/{name}"))));
        assert_eq!(ask(&files, "socket.io.esm.min.js", None).await, at("socket.io.esm.min.js"));
        assert_eq!(ask(&files, "socket.io.js.map", None).await, at("socket.io.js.map"));
        for name in ["", "socket.io", "../package.json", "socket.io.js.map.map", "x.js"] {
            assert_eq!(ask(&files, name, None).await, None, "{name:?}");
        }
        assert!(!files.serves("socket.io.js", &Method::POST) && files.serves("socket.io.js", &Method::HEAD));
    }

    #[tokio::test]
    async fn a_file_is_compressed_as_the_browser_likes_it_and_once() {
        let source = "const hello = 'hello';\n".repeat(500);
        let files = bundles(&[("socket.io.js", &source), ("socket.io.js.map", "{}")]);
        let Source::Memory(bundles, _) = &files.0 else { panic!("they are in memory") };
        let ask = async |accept: &'static str| {
            let headers = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(accept))]);
            let response = files.answer::<Full<Bytes>>("socket.io.js", &headers).await;
            let coding = response.headers().get(CONTENT_ENCODING).map(|coding| coding.to_str().unwrap().to_owned());
            assert_eq!(response.headers()[CONTENT_TYPE], "application/javascript; charset=utf-8");
            assert_eq!(response.headers()[VARY], "Accept-Encoding");
            (coding, response.into_body().collect().await.unwrap().to_bytes())
        };
        assert!(bundles["socket.io.js"].gzip.get().is_none(), "not before it is asked for");
        let mut text = String::new();
        let (coding, gzip) = ask("gzip, deflate, br, zstd").await;
        GzDecoder::new(&gzip[..]).read_to_string(&mut text).unwrap();
        assert_eq!((coding.as_deref(), &text), (Some("gzip"), &source));
        let (_, again) = ask("gzip").await;
        assert_eq!(again.as_ptr(), gzip.as_ptr(), "the same memory");

        text.clear();
        let (coding, deflate) = ask("deflate").await;
        ZlibDecoder::new(&deflate[..]).read_to_string(&mut text).unwrap();
        assert_eq!((coding.as_deref(), &text), (Some("deflate"), &source));
        assert_eq!(ask("br").await, (None, Bytes::from(source)));
    }
}
