//! [`Auth`]: what a socket puts into its CONNECT: nothing, a value, or what an async function gives before each attempt.
//! Row E27.

use std::{future::Future, pin::Pin, sync::Arc};

use serde::Serialize;
use socketio_proto::{Body, EncodeError};

use crate::HandlerError;

pub(super) type Asked = Pin<Box<dyn Future<Output = Result<Option<Body>, HandlerError>> + Send>>;

/// Where the payload of a CONNECT comes from.
#[derive(Clone, Default)]
pub(super) enum Auth {
    #[default]
    Nothing,
    Value(Body),
    Function(Arc<dyn Fn() -> Asked + Send + Sync>),
}

impl Auth {
    pub(super) fn value<T: Serialize + ?Sized>(value: &T) -> Result<Self, EncodeError> {
        Body::connect(value).map(Self::Value)
    }

    pub(super) fn function<T, F>(ask: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        T: Serialize,
        F: Future<Output = Result<T, HandlerError>> + Send + 'static,
    {
        Self::Function(Arc::new(move || {
            let asked = ask();
            Box::pin(async move { Ok(Some(Body::connect(&asked.await?)?)) })
        }))
    }
}
