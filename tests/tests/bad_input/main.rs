//! Bad input at the Engine.IO layer: the answer of rows A34 to A47 and A63 to A69 and A80, and never another session touched.
//!
//! Every test has a bystander, a session of somebody else that must keep working through all of it. Leaves out malformed
//! Socket.IO packets (`conformance_socketio.rs`).

mod frames;
mod overlap;
mod payloads;
mod requests;

use socketio_tests::{Settings, TestServer, Wire};

/// A server and, on it, a session that has nothing to do with what the test does.
struct Scene {
    /// Goes first, as a server that ends waits for the answer to its close frame.
    bystander: Wire,
    server: TestServer,
}

impl Scene {
    fn new() -> Self {
        Self::with(&Settings::calm())
    }

    fn with(settings: &Settings) -> Self {
        let server = TestServer::start(settings);
        let (mut bystander, _) = Wire::open_session(&server);
        bystander.expect_alive();
        Self { server, bystander }
    }

    /// The other session still works, and new ones can be had.
    #[track_caller]
    fn expect_undisturbed(&mut self) {
        self.bystander.expect_alive();
        Wire::open_session(&self.server).0.expect_alive();
    }
}
