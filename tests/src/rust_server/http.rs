//! What the test server adds to its answers over HTTP, in its Rust form.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use engineio::{Config, Cookie, Cors, GenerateId, HeadersHook, HttpCompression, Middleware, Origins, Refusal};
use http::{HeaderName, HeaderValue, Method, StatusCode};

use crate::{CorsSettings, HttpSettings, OriginSettings};

pub(super) fn install(settings: &HttpSettings, config: &mut Config) {
    config.cors = settings.cors.map(cors);
    config.http_compression = settings.compression.then(HttpCompression::default);
    config.cookie = settings.cookie.then(Cookie::default);
    config.initial_packet = settings.initial_packet.map(Into::into);
    if let Some(prefix) = settings.session_prefix {
        let sessions = AtomicU64::new(0);
        config.generate_id = Some(GenerateId::new(move |_request| {
            io::Result::Ok(format!("{prefix}{}", sessions.fetch_add(1, Ordering::Relaxed)))
        }));
    }
    if settings.hooks {
        config.middlewares.push(Middleware::new(|mut exchange| async move {
            exchange.response_headers.insert("x-middleware", HeaderValue::from_static("1"));
            let query = exchange.request.uri.query().unwrap_or_default();
            if query.contains("fail=") { Err(Refusal::new("asked for")) } else { Ok(exchange) }
        }));
        config.initial_headers = Some(adding("x-initial"));
        config.headers = Some(adding("x-each"));
    }
}

fn adding(name: &'static str) -> HeadersHook {
    HeadersHook::new(move |headers, _request| {
        headers.insert(name, HeaderValue::from_static("1"));
    })
}

fn cors(settings: CorsSettings) -> Cors {
    let mut cors = Cors::new(match settings.origins {
        OriginSettings::Any => Origins::any(),
        OriginSettings::Mirror => Origins::mirror(),
        OriginSettings::Exact(origin) => Origins::exact(origin),
        OriginSettings::List(origins) => Origins::list(origins.iter().copied()),
        OriginSettings::EndingWith(end) => {
            Origins::matching(move |origin, _request| origin.as_bytes().ends_with(end.as_bytes()))
        }
    });
    if settings.elaborate {
        cors.methods = vec![Method::GET, Method::POST];
        cors.allowed_headers = Some(vec![HeaderName::from_static("x-in")]);
        cors.exposed_headers = vec![HeaderName::from_static("x-out")];
        cors.credentials = true;
        cors.max_age = Some(Duration::from_secs(600));
        cors.preflight_status = StatusCode::OK;
    }
    cors
}
