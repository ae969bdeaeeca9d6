//! An Engine.IO echo server: `cargo run -p engineio --example echo`, then connect with engine.io-client.

#![allow(clippy::print_stdout, reason = "a program for people to run")]

use engineio::{Config, server::Engine};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let engine = Engine::new(Config::default(), |session| async move {
        while let Some(message) = session.recv().await {
            if session.send(message).is_err() {
                break;
            }
        }
    });
    let listener = engine.bind("127.0.0.1:3000").await?;
    println!("listening on {}", listener.local_addr()?);
    listener.serve(engine.service()).await;
    Ok(())
}
