//! The test server, in its Rust form: the crates `socketio` and `engineio` behind one port, in this process.
//!
//! Owns the runtime and the stack of services; what the two faces do is in `engine.rs` and `namespaces.rs`, clause for clause
//! that of `tests/js/reference_*.mjs`. The tests block, so the server runs on a thread of its own.

mod book;
mod broadcasts;
mod engine;
mod features;
mod http;
mod namespaces;
mod recovery;
mod sockets;
mod value;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use engineio::server::{Engine, Listener};
use engineio::{AllowRequest, Limits, PerMessageDeflate, TransportKind};
use socketio::{AnyParser, ClientFiles, ConnectionStateRecovery, MsgpackParser, Server};
use testkit::repository;
use tokio::sync::oneshot;
use tower_layer::Layer;

use crate::Settings;

/// How long the server may take to end once all its clients are gone. It takes an instant; a task that is stuck takes for ever.
const END_DEADLINE: Duration = Duration::from_secs(10);

/// A running server; dropping it ends the server and waits for the end.
#[derive(Debug)]
pub(crate) struct RustServer {
    addr: SocketAddr,
    /// Dropped to end the server.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<bool>>,
}

impl RustServer {
    pub(crate) fn start(settings: &Settings) -> Self {
        let (stop, stopped) = oneshot::channel();
        let (bound, address) = mpsc::channel();
        let settings = settings.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async move {
                let faces = Faces::new(&settings);
                let listener = faces.bind().await.expect("a free port");
                bound.send(listener.local_addr().expect("a bound listener")).expect("the test waits");
                faces.serve(listener, stopped).await
            })
        });
        let addr = address.recv().expect("the server starts");
        Self { addr, stop: Some(stop), thread: Some(thread) }
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }
}

impl Drop for RustServer {
    fn drop(&mut self) {
        self.stop = None;
        let ended = self.thread.take().map(JoinHandle::join);
        // A test that fails anyway leaves connections behind, and a second panic would hide the first.
        if !std::thread::panicking() {
            assert!(matches!(ended, Some(Ok(true))), "the server ends within {END_DEADLINE:?} and without a panic");
        }
    }
}

/// The two servers behind the port.
struct Faces {
    engine: Engine,
    io: Server,
}

impl Faces {
    fn new(settings: &Settings) -> Self {
        let mut config = engineio::Config::default();
        config.limits = limits(settings);
        config.per_message_deflate = settings.per_message_deflate.then(PerMessageDeflate::default);
        config.transports = transports(settings);
        config.allow_upgrades = settings.allow_upgrades;
        config.allow_eio3 = settings.allow_eio3;
        config.allow_request = Some(refuse_forbidden());
        http::install(&settings.http, &mut config);
        let engine = engine::echo(config.clone());

        config.path = "/socket.io".into();
        let mut config = socketio::Config::over(config);
        config.limits.connect_timeout = settings.connect_timeout;
        config.connection_state_recovery = settings.recovery.map(|away| {
            let mut recovery = ConnectionStateRecovery::default();
            recovery.max_disconnection_duration = away;
            recovery
        });
        if settings.msgpack {
            config.parser = AnyParser::new(MsgpackParser);
        }
        if settings.serve_client {
            let package = repository().join("npm/node_modules/socket.io");
            config.client_files = ClientFiles::from_package(&package).expect("the npm packages are installed");
        }
        let io = Server::with_config(config);
        namespaces::install(&io);
        features::install(&io);
        sockets::install(&io);
        broadcasts::install(&io);
        recovery::install(&io);
        Self { engine, io }
    }

    async fn bind(&self) -> io::Result<Listener> {
        self.engine.bind((Ipv4Addr::LOCALHOST, 0)).await
    }

    /// Serves until the sender is dropped, and says whether the server then ended in time.
    async fn serve(self, listener: Listener, stopped: oneshot::Receiver<()>) -> bool {
        let Self { engine, io } = self;
        let serving = tokio::spawn(listener.serve(io.layer().layer(engine.service())));
        let _dropped = stopped.await;
        let end = async {
            io.close().await;
            engine.close().await;
            serving.await.expect("the listener does not panic");
        };
        tokio::time::timeout(END_DEADLINE, end).await.is_ok()
    }
}

fn limits(settings: &Settings) -> Limits {
    let mut limits = Limits::default();
    limits.ping_interval = settings.ping_interval;
    limits.ping_timeout = settings.ping_timeout;
    limits.upgrade_timeout = settings.upgrade_timeout;
    limits.max_payload_bytes = settings.max_payload;
    limits.max_queue_bytes = settings.max_queue;
    limits
}

fn transports(settings: &Settings) -> Vec<TransportKind> {
    settings.transports.iter().map(|name| TransportKind::from_name(name).expect("a transport")).collect()
}

/// A40: a request that carries `forbid` in its query is refused.
fn refuse_forbidden() -> AllowRequest {
    AllowRequest::new(|request| {
        let query = request.uri.query().unwrap_or_default();
        if query.split('&').any(|pair| pair.starts_with("forbid=")) { Err(String::new()) } else { Ok(()) }
    })
}
