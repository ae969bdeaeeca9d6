//! [`Peer`]: who is measured: servers and clients, ours and others.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::ValueEnum;
use testkit::{find_program, repository};

use crate::release;

use super::line::Line;

/// Everybody that is measured. On the lines about clients, `ours` is this project's client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(super) enum Peer {
    /// The least that can do the work: `src/bin/floor.rs` of bench/servers and of bench/clients.
    Floor,
    /// This project.
    Ours,
    /// This project, reading every argument into a JSON value and writing it again.
    OursValue,
    /// The crate socketioxide.
    Socketioxide,
    /// The npm package socket.io on uWebSockets.
    Uws,
    /// The npm package socket.io on ws.
    Ws,
    /// The crate rust_socketio, its asynchronous client.
    RustSocketio,
    /// The crate rust_socketio, its blocking client.
    RustSocketioBlocking,
    /// The npm package socket.io-client.
    Node,
}

impl Peer {
    /// Its name in the report.
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::Ours => "ours",
            Self::OursValue => "ours, through JSON values",
            Self::Socketioxide => "socketioxide",
            Self::Uws => "socket.io on uWebSockets",
            Self::Ws => "socket.io on ws",
            Self::RustSocketio => "rust_socketio (async)",
            Self::RustSocketioBlocking => "rust_socketio (blocking)",
            Self::Node => "socket.io-client",
        }
    }

    /// Whether it can do the work.
    pub(super) fn takes(self, line: &Line) -> bool {
        match self {
            Self::Ours => true,
            _ if line.measure.is_without_load() => false,
            Self::RustSocketio | Self::RustSocketioBlocking | Self::Node => line.is_about_clients(),
            // It has no long-polling.
            Self::Floor => line.name != "polling",
            Self::OursValue | Self::Socketioxide | Self::Uws | Self::Ws => !line.is_about_clients(),
        }
    }

    /// Whether it is asked for by default.
    pub(super) const fn is_usual(self) -> bool {
        !matches!(self, Self::OursValue)
    }

    /// Whether it runs on Node, which takes the most time and is far from every goal: one run of it is enough for a
    /// quick look.
    pub(super) const fn is_on_node(self) -> bool {
        matches!(self, Self::Uws | Self::Ws | Self::Node)
    }

    /// The program of the server that it is measured with, or as, and its first arguments.
    ///
    /// # Errors
    /// Where it cannot run on this machine.
    pub(super) fn server(self, line: &Line) -> Result<Vec<PathBuf>> {
        if line.is_about_clients() {
            // All of them against the same one.
            return Ok(vec![binary("server-ours")]);
        }
        Ok(match self {
            Self::Floor => vec![binary("server-floor")],
            Self::OursValue => vec![binary("server-ours"), "value".into()],
            Self::Socketioxide => vec![binary("server-socketioxide")],
            Self::Uws => vec![node()?, script("uws.mjs")],
            Self::Ws => vec![node()?, script("ws.mjs")],
            Self::Ours | Self::RustSocketio | Self::RustSocketioBlocking | Self::Node => vec![binary("server-ours")],
        })
    }

    /// The program that needs neither.
    pub(super) fn alone() -> PathBuf {
        binary("million")
    }

    /// The program of its client and its first arguments.
    ///
    /// # Errors
    /// Where it cannot run on this machine.
    pub(super) fn client(self) -> Result<Vec<PathBuf>> {
        Ok(match self {
            Self::Floor => vec![binary("client-floor")],
            Self::RustSocketio => vec![binary("client-rust-socketio")],
            Self::RustSocketioBlocking => vec![binary("client-rust-socketio-blocking")],
            Self::Node => vec![node()?, script("client.mjs")],
            _ => vec![binary("client-ours")],
        })
    }
}

/// A program of the workspace bench/.
fn binary(name: &str) -> PathBuf {
    release::program("bench", name)
}

fn script(name: &str) -> PathBuf {
    repository().join("bench/node").join(name)
}

fn node() -> Result<PathBuf> {
    find_program("node").context("Node is not in PATH")
}
