//! A socket's data (row D43): one value of the application's own type, which other nodes see as JSON.

use std::{any::Any, sync::Arc};

use serde::Serialize;

type AnyData = dyn Any + Send + Sync;

/// The value, and how it becomes JSON although its type is forgotten.
#[derive(Clone)]
pub(in crate::server) struct Slot {
    value: Arc<AnyData>,
    to_json: fn(&AnyData) -> Option<serde_json::Value>,
}

impl Slot {
    pub(super) fn new<T: Serialize + Send + Sync + 'static>(value: T) -> Self {
        fn to_json<T: Serialize + 'static>(value: &AnyData) -> Option<serde_json::Value> {
            serde_json::to_value(value.downcast_ref::<T>()?).ok()
        }
        Self { value: Arc::new(value), to_json: to_json::<T> }
    }

    /// The value, where it is of this type.
    pub(super) fn value<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.value.clone().downcast().ok()
    }

    /// `None` for a value that has no JSON form.
    pub(in crate::server) fn json(&self) -> Option<serde_json::Value> {
        (self.to_json)(&*self.value)
    }
}
