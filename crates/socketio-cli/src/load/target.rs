//! [`Target`]: where the server is, as a URL says it.

use std::net::{SocketAddr, ToSocketAddrs};

use anyhow::{Context, Result};

/// A server, not encrypted: what is measured is the server, and not its cipher.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// Host and port, as in the header `Host`.
    pub(crate) authority: String,
    /// The path, with a slash at both ends.
    pub(crate) path: String,
}

impl Target {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err("give a URL such as http://127.0.0.1:3000".to_owned());
        };
        if !["http", "ws"].contains(&scheme) {
            return Err(format!("`{scheme}` cannot be loaded: give the server's own address, http://host:port"));
        }
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (host, port) = authority.rsplit_once(':').unwrap_or((authority, "80"));
        if host.is_empty() || port.parse::<u16>().is_err() {
            return Err("give a host and a port, such as http://127.0.0.1:3000".to_owned());
        }
        let path = match path.trim_matches('/') {
            "" => "/socket.io/".to_owned(),
            path => format!("/{path}/"),
        };
        Ok(Self { authority: format!("{host}:{port}"), path })
    }

    /// The address behind the name.
    ///
    /// # Errors
    /// Where the name has none.
    pub(crate) fn resolve(&self) -> Result<SocketAddr> {
        let mut found =
            self.authority.to_socket_addrs().with_context(|| format!("cannot find the host {}", self.authority))?;
        found.next().with_context(|| format!("there is no address for {}", self.authority))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_a_host_a_port_and_a_path() {
        for (url, authority, path) in [
            ("http://127.0.0.1:3000", "127.0.0.1:3000", "/socket.io/"),
            ("ws://example.com/", "example.com:80", "/socket.io/"),
            ("http://[::1]:3000/a/b", "[::1]:3000", "/a/b/"),
        ] {
            assert_eq!(Target::parse(url), Ok(Target { authority: authority.into(), path: path.into() }), "{url}");
        }
        for (url, part) in
            [("localhost", "http://127.0.0.1:3000"), ("https://a:1", "http://host:port"), ("http://:3000", "a host")]
        {
            assert!(Target::parse(url).unwrap_err().contains(part), "{url}");
        }
    }
}
