//! [`Cors`]: which pages of other origins may talk to the engine from a browser (row A13, hazard S2).
//!
//! Owns the headers and the preflight answer, header for header those of the npm package `cors`, which the
//! reference uses; a ready-made tower layer gives other ones (`Vary`, the status of a preflight). Leaves out
//! where in the order of checks they come: `server/engine.rs`.

use std::{fmt, sync::Arc, time::Duration};

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
    header::{
        ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
        ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
        ACCESS_CONTROL_REQUEST_HEADERS, ORIGIN, VARY,
    },
    request::Parts,
};

/// Cross-origin resource sharing. Without one, no header says anything about origins, and browsers keep pages of
/// other origins out of long-polling (hazard S2). Out of a WebSocket they do not: see
/// [`Cors::check_handshakes`].
///
/// An origin is scheme, host and port, as in `https://example.com:8443`, without a slash at its end.
///
/// ```
/// use engineio::{Config, Cors, Origins};
///
/// let mut cors = Cors::new(Origins::list(["https://example.com", "https://www.example.com"]));
/// cors.credentials = true; // for a client with `withCredentials: true`
/// cors.check_handshakes = true;
///
/// let mut config = Config::default();
/// config.cors = Some(cors);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Cors {
    /// Who may.
    pub origins: Origins,
    /// Methods that a preflight allows; default GET, HEAD, PUT, PATCH, POST, DELETE.
    pub methods: Vec<Method>,
    /// Request headers that a preflight allows; default `None`: those that it asks for.
    pub allowed_headers: Option<Vec<HeaderName>>,
    /// Headers of the answers that a script may read; default none but those that it always may.
    pub exposed_headers: Vec<HeaderName>,
    /// Whether requests may carry cookies and the like; default false. Browsers take this only together with an
    /// origin by name, so not with [`Origins::any`]. Together with [`Origins::mirror`] every page of the web acts
    /// for whoever opens it.
    pub credentials: bool,
    /// How long a browser may keep the answer to a preflight, in whole seconds; default `None`: as it likes.
    pub max_age: Option<Duration>,
    /// The status of the answer to a preflight; default 204. Some very old clients want 200.
    pub preflight_status: StatusCode,
    /// Whether a preflight goes on to the engine after its headers are set, where code 2 awaits it, or a
    /// [`Middleware`](crate::Middleware); default false.
    pub preflight_continue: bool,
    /// Whether the engine itself refuses an `Origin` that is not allowed, where a session would begin or a
    /// WebSocket be opened, as `Forbidden` (row A40); default false, as in the reference. Browsers ask nobody before
    /// a WebSocket, so without this, or an [`AllowRequest`](crate::AllowRequest), any page can open one, with the
    /// user's cookies (hazard S2). Requests without `Origin` pass: they come from no page. A page of this very
    /// server has an origin too, which must be allowed as well.
    pub check_handshakes: bool,
}

/// A set of origins. Clones share it.
///
/// ```
/// let cors = engineio::Cors::new(engineio::Origins::list(["https://example.com", "http://localhost:8080"]));
/// ```
#[derive(Clone)]
pub struct Origins(Rule);

#[derive(Clone)]
enum Rule {
    Any,
    Mirror,
    Fixed(HeaderValue),
    List(Arc<[HeaderValue]>),
    Predicate(Arc<Predicate>),
}

type Predicate = dyn Fn(&HeaderValue, &Parts) -> bool + Send + Sync;

impl Origins {
    /// All, by `Access-Control-Allow-Origin: *`. Never together with credentials.
    ///
    /// ```
    /// let cors = engineio::Cors::new(engineio::Origins::any()); // all pages, without cookies
    /// ```
    #[must_use]
    pub const fn any() -> Self {
        Self(Rule::Any)
    }

    /// All, each by its own name.
    ///
    /// ```
    /// let cors = engineio::Cors::new(engineio::Origins::mirror());
    /// ```
    #[must_use]
    pub const fn mirror() -> Self {
        Self(Rule::Mirror)
    }

    /// One, which is named in every answer, whoever asks.
    ///
    /// ```
    /// let cors = engineio::Cors::new(engineio::Origins::exact("https://example.com"));
    /// ```
    ///
    /// # Panics
    /// Where it has characters that a header cannot have.
    #[must_use]
    pub fn exact(origin: &str) -> Self {
        Self(Rule::Fixed(value(origin)))
    }

    /// Those of a list; an answer names the one that asks.
    ///
    /// ```
    /// let cors = engineio::Cors::new(engineio::Origins::list(["https://example.com", "https://example.org"]));
    /// ```
    ///
    /// # Panics
    /// Where one has characters that a header cannot have.
    #[must_use]
    pub fn list<'a>(origins: impl IntoIterator<Item = &'a str>) -> Self {
        Self(Rule::List(origins.into_iter().map(value).collect()))
    }

    /// Those that a function takes, from the origin and the head of the request. It must not block.
    ///
    /// ```
    /// use engineio::Origins;
    ///
    /// let ours = Origins::matching(|origin, _request| origin.as_bytes().ends_with(b".example.com"));
    /// ```
    #[must_use]
    pub fn matching(predicate: impl Fn(&HeaderValue, &Parts) -> bool + Send + Sync + 'static) -> Self {
        Self(Rule::Predicate(Arc::new(predicate)))
    }

    fn contain(&self, origin: &HeaderValue, request: &Parts) -> bool {
        match &self.0 {
            Rule::Any | Rule::Mirror => true,
            Rule::Fixed(one) => one == origin,
            Rule::List(list) => list.contains(origin),
            Rule::Predicate(predicate) => predicate(origin, request),
        }
    }
}

/// Configuration is written by the programmer, who is told at once.
#[expect(clippy::expect_used, reason = "documented as a panic of the constructors")]
fn value(origin: &str) -> HeaderValue {
    HeaderValue::from_str(origin).expect("an origin is visible ASCII")
}

impl fmt::Debug for Origins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Rule::Any => f.write_str("any"),
            Rule::Mirror => f.write_str("mirror"),
            Rule::Fixed(origin) => origin.fmt(f),
            Rule::List(origins) => origins.fmt(f),
            Rule::Predicate(_) => f.write_str("matching"),
        }
    }
}

impl Cors {
    /// These origins, and the defaults for the rest.
    ///
    /// ```
    /// let cors = engineio::Cors::new(engineio::Origins::any());
    /// assert!(!cors.credentials);
    /// ```
    #[must_use]
    pub fn new(origins: Origins) -> Self {
        Self {
            origins,
            methods: vec![Method::GET, Method::HEAD, Method::PUT, Method::PATCH, Method::POST, Method::DELETE],
            allowed_headers: None,
            exposed_headers: Vec::new(),
            credentials: false,
            max_age: None,
            preflight_status: StatusCode::NO_CONTENT,
            preflight_continue: false,
            check_handshakes: false,
        }
    }

    /// Adds to an answer's headers what this request calls for. `Some` where the request is a preflight, and that
    /// status without a body is the whole answer. The engine does this by itself; it is here for whatever is served
    /// beside it.
    ///
    /// ```
    /// use http::{HeaderMap, Request};
    ///
    /// let cors = engineio::Cors::new(engineio::Origins::any());
    /// let (request, ()) = Request::get("/").header("origin", "https://example.com").body(())?.into_parts();
    /// let mut headers = HeaderMap::new();
    /// assert_eq!(cors.apply(&request, &mut headers), None); // no preflight, which it would answer
    /// assert_eq!(headers["access-control-allow-origin"], "*");
    /// # Ok::<(), http::Error>(())
    /// ```
    #[must_use = "a preflight is answered with this status"]
    pub fn apply(&self, request: &Parts, headers: &mut HeaderMap) -> Option<StatusCode> {
        let preflight = request.method == Method::OPTIONS;
        self.allow_origin(request, headers);
        if self.credentials {
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
        if preflight {
            insert_list(headers, ACCESS_CONTROL_ALLOW_METHODS, self.methods.iter().map(Method::as_str));
            self.allow_headers(request, headers);
            if let Some(max_age) = self.max_age {
                headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from(max_age.as_secs()));
            }
        }
        insert_list(headers, ACCESS_CONTROL_EXPOSE_HEADERS, self.exposed_headers.iter().map(HeaderName::as_str));
        (preflight && !self.preflight_continue).then_some(self.preflight_status)
    }

    /// Whether a handshake with this head may go on.
    pub(crate) fn admits(&self, request: &Parts) -> bool {
        !self.check_handshakes
            || request.headers.get_all(ORIGIN).iter().all(|origin| self.origins.contain(origin, request))
    }

    fn allow_origin(&self, request: &Parts, headers: &mut HeaderMap) {
        let allowed = match &self.origins.0 {
            Rule::Any => {
                headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
                return;
            }
            Rule::Fixed(origin) => Some(origin),
            _ => request.headers.get(ORIGIN).filter(|origin| self.origins.contain(origin, request)),
        };
        if let Some(origin) = allowed {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        }
        vary(headers, "Origin");
    }

    fn allow_headers(&self, request: &Parts, headers: &mut HeaderMap) {
        if let Some(allowed) = &self.allowed_headers {
            return insert_list(headers, ACCESS_CONTROL_ALLOW_HEADERS, allowed.iter().map(HeaderName::as_str));
        }
        if let Some(asked) = request.headers.get(ACCESS_CONTROL_REQUEST_HEADERS).filter(|asked| !asked.is_empty()) {
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
        }
        vary(headers, "Access-Control-Request-Headers");
    }
}

/// A header with a list as its value; none where the list is empty.
fn insert_list<'a>(headers: &mut HeaderMap, name: HeaderName, items: impl Iterator<Item = &'a str>) {
    let list = items.collect::<Vec<_>>().join(",");
    if let Ok(list) = HeaderValue::try_from(list)
        && !list.is_empty()
    {
        headers.insert(name, list);
    }
}

/// Adds a field to `Vary`, in one line with those that are there.
fn vary(headers: &mut HeaderMap, field: &'static str) {
    let known = headers.get(VARY).and_then(|known| known.to_str().ok()).unwrap_or_default();
    if known.split(',').map(str::trim).any(|one| one == "*" || one.eq_ignore_ascii_case(field)) {
        return;
    }
    let all = if known.is_empty() { field.to_owned() } else { format!("{known}, {field}") };
    if let Ok(all) = HeaderValue::try_from(all) {
        headers.insert(VARY, all);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: Method, headers: &[(&'static str, &'static str)]) -> Parts {
        let mut request = http::Request::builder().method(method);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    /// The headers, one a line and sorted, after what is done with a preflight.
    fn answer(cors: &Cors, request: &Parts) -> (Option<u16>, Vec<String>) {
        let mut headers = HeaderMap::new();
        let status = cors.apply(request, &mut headers);
        let mut lines: Vec<_> = headers
            .iter()
            .map(|(name, value)| {
                format!("{}: {}", name.as_str().replace("access-control", "ac"), value.to_str().unwrap())
            })
            .collect();
        lines.sort();
        (status.map(|status| status.as_u16()), lines)
    }

    const HERE: &str = "https://here.example";
    const AWAY: &str = "https://away.example";

    /// Hazard S2.
    #[test]
    fn an_answer_names_the_origin_that_is_allowed_and_no_other() {
        let here = || Origins::matching(|origin, request| origin == HERE && request.method == Method::GET);
        let allowed = |origin: &str| format!("ac-allow-origin: {origin}");
        for (origins, asks, named) in [
            (Origins::any(), Some(HERE), Some("*")),
            (Origins::any(), None, Some("*")),
            (Origins::exact(HERE), Some(HERE), Some(HERE)),
            (Origins::exact(HERE), Some(AWAY), Some(HERE)),
            (Origins::list([HERE, "https://b"]), Some(HERE), Some(HERE)),
            (Origins::list([HERE, "https://b"]), Some(AWAY), None),
            (Origins::list([HERE]), None, None),
            (here(), Some(HERE), Some(HERE)),
            (here(), Some(AWAY), None),
            (Origins::mirror(), Some(AWAY), Some(AWAY)),
            (Origins::mirror(), None, None),
        ] {
            let headers: Vec<_> = asks.iter().map(|origin| ("origin", *origin)).collect();
            let mut expected: Vec<_> = named.map(allowed).into_iter().collect();
            if named != Some("*") {
                expected.push("vary: Origin".to_owned());
            }
            let case = format!("{origins:?} {asks:?}");
            assert_eq!(answer(&Cors::new(origins), &request(Method::GET, &headers)), (None, expected), "{case}");
        }
    }

    #[test]
    fn a_preflight_is_answered_with_methods_and_the_headers_that_it_asks_for() {
        let asks = request(
            Method::OPTIONS,
            &[
                ("origin", HERE),
                ("access-control-request-method", "POST"),
                ("access-control-request-headers", "x-a,x-b"),
            ],
        );
        let mut cors = Cors::new(Origins::mirror());
        let methods = "ac-allow-methods: GET,HEAD,PUT,PATCH,POST,DELETE";
        let origin = &*format!("ac-allow-origin: {HERE}");
        let expected = ["ac-allow-headers: x-a,x-b", methods, origin, "vary: Origin, Access-Control-Request-Headers"];
        assert_eq!(answer(&cors, &asks), (Some(204), expected.map(str::to_owned).to_vec()));

        cors.allowed_headers = Some(vec![HeaderName::from_static("x-c"), HeaderName::from_static("x-d")]);
        cors.exposed_headers = vec![HeaderName::from_static("x-e")];
        cors.credentials = true;
        cors.max_age = Some(Duration::from_secs(600));
        cors.methods = vec![Method::GET, Method::POST];
        cors.preflight_status = StatusCode::OK;
        let expected = [
            "ac-allow-credentials: true",
            "ac-allow-headers: x-c,x-d",
            "ac-allow-methods: GET,POST",
            origin,
            "ac-expose-headers: x-e",
            "ac-max-age: 600",
            "vary: Origin",
        ];
        assert_eq!(answer(&cors, &asks), (Some(200), expected.map(str::to_owned).to_vec()));
        cors.preflight_continue = true;
        assert_eq!(answer(&cors, &asks).0, None);
    }

    #[test]
    fn handshakes_are_checked_only_where_that_is_asked_for_and_only_with_an_origin() {
        let mut cors = Cors::new(Origins::list([HERE]));
        let (here, away) = (request(Method::GET, &[("origin", HERE)]), request(Method::GET, &[("origin", AWAY)]));
        let both = request(Method::GET, &[("origin", HERE), ("origin", AWAY)]);
        assert!(cors.admits(&away));
        cors.check_handshakes = true;
        assert!(cors.admits(&here));
        assert!(cors.admits(&request(Method::GET, &[])));
        assert!(!cors.admits(&away));
        assert!(!cors.admits(&both), "one of two");
        cors.origins = Origins::exact(HERE);
        assert!(cors.admits(&here) && !cors.admits(&away));
    }

    #[test]
    fn a_field_is_added_to_vary_once() {
        let mut headers = HeaderMap::new();
        headers.insert(VARY, HeaderValue::from_static("origin"));
        vary(&mut headers, "Origin");
        assert_eq!(headers[VARY], "origin");
        vary(&mut headers, "X");
        assert_eq!(headers[VARY], "origin, X");
        headers.insert(VARY, HeaderValue::from_static("*"));
        vary(&mut headers, "X");
        assert_eq!(headers[VARY], "*");
    }
}
