//! Rust values and lists of arguments: `writing.rs` and `reading.rs`. The rule, which is the same both
//! ways, is in the documentation of the crate. [SIO5 EVENT] [SIO5 ACK]
//!
//! Leaves out what bytes become (`attachments.rs`) and how they are put back (`resolve.rs`).

mod reading;
mod writing;

pub(crate) use reading::read_arguments;
pub(crate) use writing::{write_ack, write_event, write_value};
