//! Tests of [`Backoff`].
