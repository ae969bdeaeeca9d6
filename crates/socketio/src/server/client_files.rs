//! [`ClientFiles`]: the browser client under the server's path (rows D3, D8).

use std::{collections::HashMap, fs, io, path::Path, sync::Arc};

use bytes::Bytes;
use engineio::server::Body;
use http::{
    HeaderMap, HeaderValue, Method, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, LOCATION},
};

/// The names that are served; each with `.map` beside it.
const NAMES: [&str; 4] = ["socket.io.js", "socket.io.min.js", "socket.io.esm.min.js", "socket.io.msgpack.min.js"];

/// Where the browser client comes from.
#[derive(Clone, Debug, Default)]
pub struct ClientFiles(Source);

#[derive(Clone, Debug, Default)]
enum Source {
    #[default]
    None,
    /// Name to content, and the `ETag`.
    Memory(Arc<HashMap<String, Bytes>>, HeaderValue),
    /// The address of the folder that has them.
    Redirect(Arc<str>),
}

impl ClientFiles {
    /// None is served.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Reads the bundles into memory: `package` is the folder of an installed npm package `socket.io-client`
    /// (bundles in `dist`) or `socket.io` (in `client-dist`).
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
                    files.insert(name, Bytes::from(content));
                }
            }
        }
        if files.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "the package has no browser bundles"));
        }
        Ok(Self(Source::Memory(Arc::new(files), etag)))
    }

    /// Redirects to that version on Socket.IO's public CDN.
    #[must_use]
    pub fn from_cdn(version: &str) -> Self {
        Self(Source::Redirect(format!("https://cdn.socket.io/{version}").into()))
    }

    /// Whether they are redirected elsewhere rather than served from here.
    #[must_use]
    pub const fn is_redirect(&self) -> bool {
        matches!(self.0, Source::Redirect(_))
    }

    /// The answer to a request for `name`; `None` where that is not one of the files.
    pub(super) fn answer<R>(&self, name: &str, method: &Method, headers: &HeaderMap) -> Option<Response<Body<R>>> {
        if !matches!(*method, Method::GET | Method::HEAD) || !NAMES.contains(&name.strip_suffix(".map").unwrap_or(name))
        {
            return None;
        }
        let mut response = Response::new(Body::empty());
        match &self.0 {
            Source::None => return None,
            Source::Redirect(base) => {
                *response.status_mut() = StatusCode::FOUND;
                response.headers_mut().insert(LOCATION, HeaderValue::try_from(format!("{base}/{name}")).ok()?);
            }
            Source::Memory(files, etag) => {
                let content = files.get(name)?;
                response.headers_mut().insert(ETAG, etag.clone());
                response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=0"));
                if headers.get(IF_NONE_MATCH).is_some_and(|known| strong(known.as_bytes()) == etag.as_bytes()) {
                    *response.status_mut() = StatusCode::NOT_MODIFIED;
                    return Some(response);
                }
                let kind = if name.ends_with(".map") { "application/json" } else { "application/javascript" };
                let kind = HeaderValue::try_from(format!("{kind}; charset=utf-8")).ok()?;
                response.headers_mut().insert(CONTENT_TYPE, kind);
                *response.body_mut() = Body::full(content.clone());
            }
        }
        Some(response)
    }
}

/// An entity tag without the mark of a weak one.
fn strong(tag: &[u8]) -> &[u8] {
    tag.strip_prefix(b"W/").unwrap_or(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(files: &ClientFiles, name: &str, known: Option<&str>) -> Option<(u16, Option<String>)> {
        let mut headers = HeaderMap::new();
        if let Some(known) = known {
            headers.insert(IF_NONE_MATCH, known.parse().unwrap());
        }
        let response = files.answer::<()>(name, &Method::GET, &headers)?;
        let location = response.headers().get(LOCATION).map(|to| to.to_str().unwrap().to_owned());
        Some((response.status().as_u16(), location))
    }

    #[test]
    fn a_known_version_is_answered_with_not_modified_whether_weak_or_strong() {
        let files = HashMap::from([("socket.io.js".to_owned(), Bytes::from_static(b"x"))]);
        let files = ClientFiles(Source::Memory(Arc::new(files), HeaderValue::from_static("\"4.8.4\"")));
        assert_eq!(ask(&files, "socket.io.js", None), Some((200, None)));
        assert_eq!(ask(&files, "socket.io.js", Some("\"4.8.3\"")), Some((200, None)));
        assert_eq!(ask(&files, "socket.io.js", Some("\"4.8.4\"")), Some((304, None)));
        assert_eq!(ask(&files, "socket.io.js", Some("W/\"4.8.4\"")), Some((304, None)));
        assert_eq!(ask(&files, "socket.io.min.js", None), None, "not installed");
    }

    #[test]
    fn only_the_bundles_and_their_maps_are_files() {
        let files = ClientFiles::from_cdn("4.8.4");
        let at = |name: &str| Some((302, Some(format!("https://cdn.socket.io/4.8.4/{name}"))));
        assert_eq!(ask(&files, "socket.io.esm.min.js", None), at("socket.io.esm.min.js"));
        assert_eq!(ask(&files, "socket.io.js.map", None), at("socket.io.js.map"));
        for name in ["", "socket.io", "../package.json", "socket.io.js.map.map", "x.js"] {
            assert_eq!(ask(&files, name, None), None, "{name:?}");
        }
    }
}
