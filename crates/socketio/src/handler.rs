//! [`Handler`]: how an async function becomes a handler, of a server or of a client. Its arguments are extractors
//! ([`FromContext`]), what it returns is a [`Reply`]. Type parameters end here: [`Erased`] is what is kept. Here too is how
//! one handler is run; which ones, in which order, and what becomes of their replies is the business of each end.

use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
};

use futures_util::FutureExt;

use crate::{FromContext, HandlerError};

/// What a handler's future comes to: what the context replies with, or the error.
pub(crate) type Outcome<C> = Result<<C as Context>::Reply, HandlerError>;
pub(crate) type HandlerFuture<C> = Pin<Box<dyn Future<Output = Outcome<C>> + Send>>;

/// What a handler is called for: a client that joins, an event, a client that leaves. Sealed.
pub trait Context: sealed::Sealed + Send + 'static {
    /// What the protocol replies with.
    #[doc(hidden)]
    type Reply: Send + 'static;
}

pub(crate) mod sealed {
    #[expect(unnameable_types, reason = "nobody else is to implement the contexts")]
    pub trait Sealed {}
}

/// What a handler may return.
///
/// | handler | may return |
/// |---|---|
/// | `middleware`, `on_connect`, `on_connected` | `()`, or `Result<(), HandlerError>` |
/// | `on`, `on_fallback`, `on_any`, `event_middleware` | `()`, or `Result<T, HandlerError>` where `T` can be serialised: the acknowledgement |
/// | `on_server_event` | the same: the answer to the server that asked |
/// | `on_disconnecting`, `on_disconnect`, a client's `on_connect_error` | `()`, or `Result<(), HandlerError>` |
///
/// ```
/// use socketio::{Data, HandlerError, Server};
///
/// async fn nothing() {}
/// async fn a_value() -> Result<u32, HandlerError> { Ok(42) }
/// async fn several(Data(text): Data<String>) -> Result<(usize, String), HandlerError> { Ok((text.len(), text)) }
///
/// Server::new().of("/").on("a", nothing).on("b", a_value).on("c", several);
/// ```
#[diagnostic::on_unimplemented(
    message = "a handler cannot return `{Self}` here",
    label = "this handler's return value",
    note = "a handler for an event returns `()`, or the acknowledgement as `Result<T, HandlerError>`, where `T` implements `Serialize`; every other one returns `()` or `Result<(), HandlerError>`",
    note = "a plain value needs `Ok(…)` around it; another error becomes a `HandlerError` by `?`: `Ok(that_may_fail()?)`"
)]
pub trait Reply<C: Context> {
    /// The reply as the protocol has it.
    #[doc(hidden)]
    fn into_outcome(self) -> Result<C::Reply, HandlerError>;
}

/// Makes a type the context of handlers, and says what they may return. One implementation of [`Reply`] for each context:
/// with one for all of a kind, the compiler would speak of that kind, which no user has heard of.
macro_rules! context {
    ($context:ty, replies with nothing) => {
        $crate::handler::context!(@ $context, ());

        impl $crate::handler::Reply<$context> for () {
            fn into_outcome(self) -> Result<(), $crate::HandlerError> {
                Ok(())
            }
        }

        impl $crate::handler::Reply<$context> for Result<(), $crate::HandlerError> {
            fn into_outcome(self) -> Self {
                self
            }
        }
    };
    ($context:ty, replies with a value) => {
        $crate::handler::context!(@ $context, ::socketio_proto::Body);

        impl $crate::handler::Reply<$context> for () {
            fn into_outcome(self) -> Result<::socketio_proto::Body, $crate::HandlerError> {
                Ok(::socketio_proto::Body::empty_ack())
            }
        }

        impl<T: ::serde::Serialize> $crate::handler::Reply<$context> for Result<T, $crate::HandlerError> {
            fn into_outcome(self) -> Result<::socketio_proto::Body, $crate::HandlerError> {
                Ok(::socketio_proto::Body::ack(&self?)?)
            }
        }
    };
    (@ $context:ty, $reply:ty) => {
        impl $crate::handler::sealed::Sealed for $context {}

        impl $crate::handler::Context for $context {
            type Reply = $reply;
        }
    };
}

pub(crate) use context;

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
    message = "this cannot be called again and again, as a handler for `{C}` is",
    label = "not a handler",
    note = "a closure that uses what it captures clones it first, at each call, and is not `async` itself: `move |…| {{ let x = x.clone(); async move {{ … }} }}`",
    note = "a handler is an async function or closure with up to 8 extractors as its arguments: `async |socket: Socket, Data(text): Data<String>| …`"
)]
pub trait Handler<C: Context, M>: Send + Sync + 'static {
    /// Runs the handler. Extraction happens at once, the rest in the future.
    #[doc(hidden)]
    fn call(&self, context: &mut C) -> Result<HandlerFuture<C>, HandlerError>;
}

// One implementation for all, so that a function that is no handler is told which of these conditions it fails: with one
// for each number of arguments, the compiler would only say that none of them fits.
impl<C, F, M> Handler<C, M> for F
where
    C: Context,
    F: Function<M> + Send + Sync + 'static,
    M: Arguments<C>,
    F::Returned: Promise + Send + 'static,
    <F::Returned as Promise>::Value: Reply<C>,
{
    fn call(&self, context: &mut C) -> Result<HandlerFuture<C>, HandlerError> {
        let returned = self.apply(M::from_context(context)?);
        Ok(Box::pin(async move { returned.wait().await.into_outcome() }))
    }
}

/// A function of the arguments `M`, a tuple.
#[expect(unnameable_types, reason = "nobody else is to implement it")]
pub trait Function<M> {
    type Returned;
    fn apply(&self, arguments: M) -> Self::Returned;
}

/// The arguments of a handler, a tuple of extractors.
#[expect(unnameable_types, reason = "nobody else is to implement it")]
pub trait Arguments<C>: Sized {
    fn from_context(context: &mut C) -> Result<Self, HandlerError>;
}

/// A future, by another name: so that what is none gets a message that says what a handler is.
#[diagnostic::on_unimplemented(
    message = "a handler is async, and this one returns `{Self}` at once",
    label = "not async",
    note = "write `async |…| …`, or `|…| async move {{ … }}`, or name an `async fn`"
)]
#[expect(unnameable_types, reason = "nobody else is to implement it")]
pub trait Promise {
    type Value;
    fn wait(self) -> impl Future<Output = Self::Value> + Send
    where
        Self: Send;
}

#[diagnostic::do_not_recommend]
impl<F: Future> Promise for F {
    type Value = F::Output;

    fn wait(self) -> impl Future<Output = Self::Value> + Send
    where
        Self: Send,
    {
        self
    }
}

macro_rules! functions_of {
    ($($argument:ident)*) => {
        #[diagnostic::do_not_recommend]
        impl<F, R, $($argument,)*> Function<($($argument,)*)> for F
        where
            F: Fn($($argument,)*) -> R,
        {
            type Returned = R;

            #[allow(non_snake_case, reason = "an argument is called like its type")]
            fn apply(&self, ($($argument,)*): ($($argument,)*)) -> R {
                self($($argument,)*)
            }
        }

        impl<C, $($argument: FromContext<C>,)*> Arguments<C> for ($($argument,)*) {
            fn from_context(_context: &mut C) -> Result<Self, HandlerError> {
                Ok(($($argument::from_context(_context)?,)*))
            }
        }
    };
}

functions_of!();
functions_of!(A1);
functions_of!(A1 A2);
functions_of!(A1 A2 A3);
functions_of!(A1 A2 A3 A4);
functions_of!(A1 A2 A3 A4 A5);
functions_of!(A1 A2 A3 A4 A5 A6);
functions_of!(A1 A2 A3 A4 A5 A6 A7);
functions_of!(A1 A2 A3 A4 A5 A6 A7 A8);

type Call<C> = dyn Fn(&mut C) -> Result<HandlerFuture<C>, HandlerError> + Send + Sync;

/// A handler without its type.
pub(crate) struct Erased<C: Context>(Arc<Call<C>>);

impl<C: Context> Erased<C> {
    pub(crate) fn new<M>(handler: impl Handler<C, M>) -> Self {
        Self(Arc::new(move |context| handler.call(context)))
    }

    pub(crate) fn call(&self, context: &mut C) -> Result<HandlerFuture<C>, HandlerError> {
        (self.0)(context)
    }
}

impl<C: Context> Clone for Erased<C> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// Takes what a handler wants out of the context and calls it. A panic in it, or in an extractor, is an error of this
/// one call (hazard R25).
pub(crate) fn begin<C: Context>(handler: &Erased<C>, context: &mut C) -> Result<HandlerFuture<C>, HandlerError> {
    catch_unwind(AssertUnwindSafe(|| handler.call(context))).unwrap_or_else(|_| Err(HandlerError::panic()))
}

/// Waits for a handler that has begun.
pub(crate) async fn finish<R>(
    begun: Result<impl Future<Output = Result<R, HandlerError>>, HandlerError>,
) -> Result<R, HandlerError> {
    AssertUnwindSafe(begun?).catch_unwind().await.unwrap_or_else(|_| Err(HandlerError::panic()))
}

/// Runs a handler that is called alone.
#[cfg(feature = "server")]
pub(crate) async fn run<C: Context>(handler: Erased<C>, mut context: C) -> (C, Outcome<C>) {
    let begun = begin(&handler, &mut context);
    let outcome = finish(begun).await;
    (context, outcome)
}
