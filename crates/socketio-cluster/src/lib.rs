//! Several Socket.IO servers as one, without I/O: what they say to each other, who is alive, and what is asked of all of them.
//!
//! - [`Message`], [`encode`] and [`decode`]: the messages of the reference's `ClusterAdapter`, so that servers in JavaScript can
//!   take part. (F8 to F15)
//! - [`Node`]: one server among several, as a state machine: inputs with the time as an argument, outputs to be carried
//!   out. (F16 to F21)
//! - [`Backplane`]: what carries the bytes, and [`MemoryHub`] for servers in one process.
//!
//! Calls do not lie: a request to all ends by its deadline, with all that was answered until then and the list of who is
//! [missing](Outcome::missing), and why. A server that dies or leaves is not waited for. (F20, R23, R34)
//!
//! Nothing here reads a clock, draws a random number, waits or touches a socket, as the lints of this crate's `clippy.toml` see to;
//! the lock of the backplane in memory is the one exception. Leaves out the sockets of a server and all who use this (crate
//! `socketio`), and databases.
//!
//! ```
//! use engineio_proto::Moment;
//! use socketio_cluster::*;
//! use socketio_proto::{Body, Namespace};
//!
//! let now = Moment::EPOCH;
//! let [mut one, mut two] = [1, 2].map(|id| Node::new(NodeId::new(id), NodeConfig::default(), now));
//! let mut out = Vec::new();
//! one.start(now, &mut out); // nobody hears it yet
//! out.clear();
//! two.start(now, &mut out);
//! carry(&mut out, &mut one)?; // the first answers
//! carry(&mut out, &mut two)?;
//! assert_eq!((one.server_count(), two.server_count()), (2, 2));
//! out.clear();
//!
//! # fn carry(out: &mut Vec<Output>, to: &mut Node) -> Result<(), DecodeError> {
//! #     for output in std::mem::take(out) {
//! #         if let Output::Publish(message) = output {
//! #             to.handle_message(&message.bytes, Moment::EPOCH, out)?;
//! #         }
//! #     }
//! #     Ok(())
//! # }
//! let question = Body::event("load?", &())?;
//! let request = one.begin_server_side_emit(&Namespace::root(), &question, None, now, &mut out)?;
//! carry(&mut out, &mut two)?;
//! let Some(Output::Local(Work::ServerSideEmit { reply: Some(reply), .. })) = out.pop() else { panic!() };
//! let answer = two.answer_server_side_emit(&reply, &Body::ack(&0.5)?)?;
//! one.handle_message(&answer.bytes, now, &mut out)?;
//! let answer = Answer::ServerSideEmit(Body::ack(&0.5)?);
//! assert_eq!(out[0], Output::Answer { request, node: NodeId::new(2), answer });
//! assert!(matches!(&out[1], Output::Finished { outcome, .. } if outcome.is_complete()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! An event that clients of the others acknowledge; a server answers for each of its own:
//!
//! ```
//! use engineio_proto::Moment;
//! use socketio_cluster::*;
//! use socketio_proto::{Body, Namespace};
//!
//! let (now, root, mut out) = (Moment::EPOCH, Namespace::root(), Vec::new());
//! let [mut one, mut two] = [1, 2].map(|id| Node::new(NodeId::new(id), NodeConfig::default(), now));
//! # let hello = two.server_side_emit(&root, &Body::event("hello", &())?, now)?;
//! # one.handle_message(&hello.bytes, now, &mut out)?; // they know each other
//! let request = one.begin_broadcast(&root, &Body::event("vote?", &())?, &BroadcastOptions::default(), now, &mut out)?;
//! let Some(Output::Publish(question)) = out.pop() else { panic!() };
//! two.handle_message(&question.bytes, now, &mut out)?;
//! let Some(Output::Local(Work::Broadcast { reply: Some(reply), .. })) = out.pop() else { panic!() };
//! for answer in [two.answer_client_count(&reply, 1)?, two.answer_ack(&reply, &Body::ack(&"yes")?)?] {
//!     one.handle_message(&answer.bytes, now, &mut out)?;
//! }
//! let Some(Output::Finished { request: finished, outcome }) = out.pop() else { panic!() };
//! assert_eq!((finished, outcome.clients, outcome.acks), (request, 1, 1));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod backplane;
mod memory;
mod message;
mod node;
mod output;
mod request;
mod wire;

pub use backplane::{Backplane, BackplaneError, BoxFuture, Inbox};
pub use memory::{MAX_WAITING_BYTES, MemoryBackplane, MemoryHub};
pub use message::{
    BroadcastFlags, BroadcastOptions, Envelope, MAX_ID_BYTES, Message, NodeId, RequestId, SocketDetails,
};
pub use node::Node;
pub use output::{Absence, Answer, Destination, NodeConfig, Outcome, Output, Publication, ReplyTo, Work};
pub use wire::{DecodeError, EncodeError, WireLimits, decode, encode};
