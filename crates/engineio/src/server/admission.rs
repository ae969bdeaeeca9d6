//! What stands in front of the engine: origins and middlewares let a request in or not, and a request that is
//! refused, here or later, gets its answer and is reported. Rows A13, A25, A29, A34, A35; the order is row A42's.

use engineio_proto::{BadRequest, Reject, SessionId, request::Query};
use http::{HeaderMap, Response, request::Parts};

use super::{Body, Engine, respond, upgrade};
use crate::{
    hooks::{BoxError, ConnectionError, ErrorContext},
    middleware::{Exchange, Refused},
};

/// Why a request gets an error of the table instead of what it wants.
#[derive(Debug)]
pub(super) enum Fault {
    Reject(Reject),
    NoId(BoxError),
    Middleware(BoxError),
}

impl From<Reject> for Fault {
    fn from(reject: Reject) -> Self {
        Self::Reject(reject)
    }
}

impl Fault {
    /// What the client is told, and what the application is.
    fn explain(self, request: &Parts) -> (Reject, ErrorContext) {
        let query = Query::parse(request.uri.query().unwrap_or_default());
        let transport = || query.transport().map(str::to_owned);
        let protocol = || query.eio().map(str::to_owned);
        let reject = match self {
            Self::Reject(reject) => reject,
            Self::NoId(error) => return (BadRequest::NoSessionId.into(), ErrorContext::IdGenerationError { error }),
            Self::Middleware(error) => {
                return (BadRequest::MiddlewareFailure.into(), ErrorContext::MiddlewareFailure { error });
            }
        };
        let context = match &reject {
            Reject::TransportUnknown => ErrorContext::TransportUnknown { transport: transport() },
            Reject::UnknownSid => ErrorContext::SessionUnknown { sid: SessionId::new(query.sid().unwrap_or_default()) },
            Reject::BadHandshakeMethod => ErrorContext::BadHandshakeMethod { method: request.method.clone() },
            Reject::BadRequest(BadRequest::TransportMismatch) => {
                ErrorContext::TransportMismatch { transport: transport() }
            }
            Reject::BadRequest(BadRequest::ProtocolMismatch) => ErrorContext::ProtocolMismatch { protocol: protocol() },
            Reject::Forbidden(message) => ErrorContext::Forbidden { message: message.clone() },
            Reject::UnsupportedProtocol => ErrorContext::UnsupportedProtocol { protocol: protocol() },
            _ => ErrorContext::TransportHandshakeError,
        };
        (reject, context)
    }
}

impl Engine {
    /// Lets a request in: the exchange, or the answer that it gets instead.
    pub(super) async fn admit<R>(&self, request: Parts) -> Result<Exchange, Response<Body<R>>> {
        let config = &self.inner.config;
        let mut exchange = Exchange::new(request);
        if let Some(cors) = &config.cors
            && let Some(status) = cors.apply(&exchange.request, &mut exchange.response_headers)
        {
            return Err(answer(respond::bare(status), &exchange.response_headers));
        }
        if config.middlewares.is_empty() {
            return Ok(exchange);
        }
        let original = exchange.request.clone();
        for middleware in &config.middlewares {
            // A middleware that refuses keeps the exchange; what those before it added goes out all the same.
            let added = exchange.response_headers.clone();
            exchange = match middleware.run(exchange).await.map_err(|refusal| refusal.0) {
                Ok(exchange) => exchange,
                Err(Refused::Answered(response)) => return Err(answer(response.map(Body::full), &added)),
                Err(Refused::Failed(error)) => return Err(self.refuse(Fault::Middleware(error), &original, &added)),
            };
        }
        Ok(exchange)
    }

    /// The answer to a request that is refused (rows A34, A35), after the application was told (row A29).
    pub(super) fn refuse<R>(&self, fault: Fault, request: &Parts, added: &HeaderMap) -> Response<Body<R>> {
        let (reject, context) = fault.explain(request);
        tracing::debug!(path = request.uri.path(), %reject, ?context, "request refused");
        self.report(&reject, context, request);
        if upgrade::is_websocket(&request.headers) {
            // Row A35: the reference writes this answer past its middlewares.
            respond::reject_upgrade(reject.message())
        } else {
            answer(respond::reject(&reject), added)
        }
    }

    /// Counts a refusal and tells the application of it.
    pub(super) fn report(&self, reject: &Reject, context: ErrorContext, request: &Parts) {
        self.inner.surroundings.tally.count_refused(reject.code());
        if let Some(hook) = &self.inner.config.connection_error {
            hook.tell(&ConnectionError { request, code: reject.code(), message: reject.title(), context });
        }
    }
}

/// A response with the headers that middlewares added.
pub(super) fn answer<B>(mut response: Response<B>, added: &HeaderMap) -> Response<B> {
    respond::add_headers(&mut response, added);
    response
}
