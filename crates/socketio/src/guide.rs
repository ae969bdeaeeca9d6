//! The README and the pages of docs/guide, so that their Rust code is compiled and run with the doctests. That of
//! docs/guide/testing.md is run by tests/testing.rs.

#[doc = include_str!("../../../README.md")]
mod readme {}

#[doc = include_str!("../../../docs/guide/acknowledgements.md")]
mod acknowledgements {}

#[doc = include_str!("../../../docs/guide/client.md")]
mod client {}

#[doc = include_str!("../../../docs/guide/command-line.md")]
mod command_line {}

#[doc = include_str!("../../../docs/guide/limits-and-back-pressure.md")]
mod limits_and_back_pressure {}

#[doc = include_str!("../../../docs/guide/middleware-and-auth.md")]
mod middleware_and_auth {}

#[doc = include_str!("../../../docs/guide/migrating-from-javascript.md")]
mod migrating_from_javascript {}

#[doc = include_str!("../../../docs/guide/ordering-and-delivery.md")]
mod ordering_and_delivery {}

#[doc = include_str!("../../../docs/guide/recovery.md")]
mod recovery {}

#[doc = include_str!("../../../docs/guide/rooms.md")]
mod rooms {}
