//! What the configuration adds to the answers of a session: compression, the cookie, and the application's headers.
//! Rows A10, A14, A27, A28. The plain answers are in `respond.rs`.

use std::io;

use bytes::Bytes;
use engineio_proto::{Payload, SessionId};
use http::{
    HeaderMap, Response,
    header::{CONTENT_ENCODING, CONTENT_LENGTH, SET_COOKIE, TRANSFER_ENCODING},
    request::Parts,
};

use super::{Body, Engine, respond};
use crate::compression::ContentCoding;

/// Up to so many bytes a payload is compressed where it is made: it takes about a millisecond, and going to another
/// thread and back is not free either.
const INLINE_BYTES: usize = 32 * 1024;

impl Engine {
    /// The answer to a GET (row A61). `opened` names the session that it opens, if it does.
    pub(super) async fn answer_poll<R>(
        &self,
        payload: Payload,
        request: &Parts,
        opened: Option<&SessionId>,
    ) -> Response<Body<R>> {
        let content = payload.content;
        let (payload, coding) = self.compress(payload, &request.headers).await;
        let mut response = respond::poll(payload, content, &request.headers);
        let headers = response.headers_mut();
        if let Some(coding) = coding {
            headers.insert(CONTENT_ENCODING, coding.header_value());
        }
        if let (Some(id), Some(cookie)) = (opened, &self.inner.cookie)
            && let Some(cookie) = cookie.header(id)
        {
            headers.insert(SET_COOKIE, cookie);
        }
        self.change_headers(headers, request, opened.is_some());
        response
    }

    /// The answer to a POST that was taken (row A62).
    pub(super) fn answer_post<R>(&self, request: &Parts) -> Response<Body<R>> {
        let mut response = respond::post(&request.headers);
        self.change_headers(response.headers_mut(), request, false);
        response
    }

    /// Completes a 101: `added` are the headers that middlewares want in it, and are taken.
    pub(super) fn answer_upgrade<R>(
        &self,
        response: &mut Response<Body<R>>,
        request: &Parts,
        added: &mut HeaderMap,
        opens: bool,
    ) {
        let mut added = std::mem::take(added);
        self.change_headers(&mut added, request, opens);
        respond::add_headers(response, &added);
    }

    fn change_headers(&self, headers: &mut HeaderMap, request: &Parts, initial: bool) {
        let config = &self.inner.config;
        let initial = config.initial_headers.as_ref().filter(|_| initial);
        for hook in initial.into_iter().chain(&config.headers) {
            hook.change(headers, request);
        }
        // hyper knows the length, and a wrong one would tear the connection.
        headers.remove(CONTENT_LENGTH);
        headers.remove(TRANSFER_ENCODING);
    }

    /// Compresses a payload where it may be, is worth it, and the client can take it (rows A10, A12).
    async fn compress(&self, payload: Payload, request: &HeaderMap) -> (Bytes, Option<ContentCoding>) {
        let worth_it = self.inner.config.http_compression.as_ref();
        let worth_it = worth_it.filter(|config| payload.compress && payload.bytes.len() >= config.threshold);
        let Some((config, coding)) = worth_it.zip(ContentCoding::accepted(request)) else {
            return (payload.bytes, None);
        };
        let (bytes, level) = (payload.bytes.clone(), config.level);
        let packed = if bytes.len() <= INLINE_BYTES {
            coding.encode(&bytes, level)
        } else {
            let packed = self.inner.tasks.spawn_blocking(move || coding.encode(&bytes, level)).await;
            packed.unwrap_or_else(|ended| Err(io::Error::other(ended)))
        };
        match packed {
            Ok(packed) => (packed.into(), Some(coding)),
            Err(error) => {
                tracing::warn!(%error, "compressing an answer failed: it goes as it is");
                (payload.bytes, None)
            }
        }
    }
}
