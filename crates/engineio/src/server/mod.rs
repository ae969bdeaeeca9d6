//! The server: [`Engine`] takes HTTP requests and keeps the sessions. `admission.rs` stands in front: origins,
//! middlewares, refusals; `respond.rs` makes answers and `answer.rs` adds to them what is configured; `polling.rs` and
//! `upgrade.rs` serve the two transports, `service.rs` is the tower face, `listener.rs` the stand-alone
//! one, `registry.rs` the table of sessions, `gate.rs` how many may come, `drain.rs` how all
//! are let go.

mod admission;
mod answer;
mod body;
mod drain;
mod engine;
mod gate;
mod listener;
mod polling;
mod registry;
mod respond;
mod service;
mod upgrade;

pub use body::Body;
pub use drain::Drain;
pub use engine::Engine;
pub use listener::Listener;
pub(crate) use registry::{Registration, Registry};
pub use service::{EngineLayer, EngineService, NotFound};
