//! [`Handler`]: how an async function becomes a handler. Its arguments are extractors
//! ([`FromContext`](super::FromContext)), what it returns is a [`Reply`]. Type parameters end here: [`Erased`] is what
//! a namespace keeps.

use std::{future::Future, pin::Pin, sync::Arc};

use serde::Serialize;
use socketio_proto::Body;

use super::{ConnectContext, DisconnectContext, EventContext, FromContext, HandlerError, ServerEventContext};

/// What a handler's future comes to: what the context replies with, or the error.
pub(super) type Outcome<C> = Result<<C as Context>::Reply, HandlerError>;
pub(super) type HandlerFuture<C> = Pin<Box<dyn Future<Output = Outcome<C>> + Send>>;

/// What a handler is called for: a client that joins, an event, a client that leaves. Sealed.
pub trait Context: sealed::Sealed + Send + 'static {
    /// What the protocol replies with.
    #[doc(hidden)]
    type Reply: Send + 'static;
}

impl Context for ConnectContext {
    type Reply = ();
}

impl Context for EventContext {
    type Reply = Body;
}

impl Context for DisconnectContext {
    type Reply = ();
}

impl Context for ServerEventContext {
    type Reply = Body;
}

mod sealed {
    #[expect(unnameable_types, reason = "nobody else is to implement the contexts")]
    pub trait Sealed {}
    impl Sealed for super::ConnectContext {}
    impl Sealed for super::EventContext {}
    impl Sealed for super::DisconnectContext {}
    impl Sealed for super::ServerEventContext {}
}

/// What a handler may return.
///
/// | handler | may return |
/// |---|---|
/// | `middleware`, `on_connect`, `on_connected` | `()`, or `Result<(), HandlerError>` |
/// | `on`, `on_fallback`, `on_any`, `event_middleware` | `()`, or `Result<T, HandlerError>` where `T` can be serialised: the acknowledgement |
/// | `on_server_event` | the same: the answer to the server that asked |
/// | `on_disconnecting`, `on_disconnect` | `()`, or `Result<(), HandlerError>` |
#[diagnostic::on_unimplemented(
    message = "a handler cannot return `{Self}` here",
    label = "this handler's return value",
    note = "return `()` or `Result<_, HandlerError>`; wrap a plain value in `Ok(…)`, and turn other errors into `HandlerError` with `?`"
)]
pub trait Reply<C: Context> {
    /// The reply as the protocol has it.
    #[doc(hidden)]
    fn into_outcome(self) -> Result<C::Reply, HandlerError>;
}

impl Reply<ConnectContext> for () {
    fn into_outcome(self) -> Result<(), HandlerError> {
        Ok(())
    }
}

impl Reply<ConnectContext> for Result<(), HandlerError> {
    fn into_outcome(self) -> Self {
        self
    }
}

impl Reply<DisconnectContext> for () {
    fn into_outcome(self) -> Result<(), HandlerError> {
        Ok(())
    }
}

impl Reply<DisconnectContext> for Result<(), HandlerError> {
    fn into_outcome(self) -> Self {
        self
    }
}

macro_rules! reply_with_a_value {
    ($($context:ident)*) => { $(
        impl Reply<$context> for () {
            fn into_outcome(self) -> Result<Body, HandlerError> {
                Ok(Body::ack(&())?)
            }
        }

        impl<T: Serialize> Reply<$context> for Result<T, HandlerError> {
            fn into_outcome(self) -> Result<Body, HandlerError> {
                Ok(Body::ack(&self?)?)
            }
        }
    )* };
}

reply_with_a_value!(EventContext ServerEventContext);

/// An async function that takes extractors and returns a [`Reply`]. Implemented for functions and closures of
/// up to eight arguments; `M` is inferred and never written.
///
/// A closure that uses what it captures clones it first, since it may run many times at once:
/// ```
/// # use socketio::{Server, Data};
/// # use std::sync::{Arc, atomic::{AtomicU64, Ordering}};
/// # let io = Server::new();
/// let sum = Arc::new(AtomicU64::new(0));
/// io.of("/").on("add", move |Data(n): Data<u64>| {
///     let sum = sum.clone();
///     async move { Ok(sum.fetch_add(n, Ordering::Relaxed) + n) }
/// });
/// ```
#[diagnostic::on_unimplemented(
    message = "this is not a handler for `{C}`",
    label = "not a handler",
    note = "a handler is an async function or closure whose arguments are extractors of this context (`Socket`, `Data<T>`, `Auth<T>`, …) and which returns `()` or `Result<_, HandlerError>`",
    note = "check each argument's type first, then the return type: a plain value needs `Ok(…)`",
    note = "an `async` closure that uses a captured variable has to clone it first: `move |…| {{ let x = x.clone(); async move {{ … }} }}`"
)]
pub trait Handler<C: Context, M>: Send + Sync + 'static {
    /// Runs the handler. Extraction happens at once, the rest in the future.
    #[doc(hidden)]
    fn call(&self, context: &mut C) -> Result<HandlerFuture<C>, HandlerError>;
}

macro_rules! handlers {
    ($($argument:ident)*) => {
        impl<C, F, Fut, R, $($argument,)*> Handler<C, ($($argument,)*)> for F
        where
            C: Context,
            F: Fn($($argument,)*) -> Fut + Send + Sync + 'static,
            Fut: Future<Output = R> + Send + 'static,
            R: Reply<C>,
            $($argument: FromContext<C>,)*
        {
            fn call(&self, _context: &mut C) -> Result<HandlerFuture<C>, HandlerError> {
                let future = self($($argument::from_context(_context)?,)*);
                Ok(Box::pin(async move { future.await.into_outcome() }))
            }
        }
    };
}

handlers!();
handlers!(A1);
handlers!(A1 A2);
handlers!(A1 A2 A3);
handlers!(A1 A2 A3 A4);
handlers!(A1 A2 A3 A4 A5);
handlers!(A1 A2 A3 A4 A5 A6);
handlers!(A1 A2 A3 A4 A5 A6 A7);
handlers!(A1 A2 A3 A4 A5 A6 A7 A8);

type Call<C> = dyn Fn(&mut C) -> Result<HandlerFuture<C>, HandlerError> + Send + Sync;

/// A handler without its type.
pub(super) struct Erased<C: Context>(Arc<Call<C>>);

impl<C: Context> Erased<C> {
    pub(super) fn new<M>(handler: impl Handler<C, M>) -> Self {
        Self(Arc::new(move |context| handler.call(context)))
    }

    pub(super) fn call(&self, context: &mut C) -> Result<HandlerFuture<C>, HandlerError> {
        (self.0)(context)
    }
}

impl<C: Context> Clone for Erased<C> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}
