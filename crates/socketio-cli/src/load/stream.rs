//! [`Stream`]: a TCP connection that never blocks, and keeps what the network did not take.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::SocketAddr,
};

use mio::{Interest, Registry, Token, net::TcpStream};

use super::fault::Fault;

#[derive(Debug)]
pub(super) struct Stream {
    tcp: TcpStream,
    unsent: Vec<u8>,
}

impl Stream {
    /// Begins to connect; `first` is what is sent as soon as that is done.
    pub(super) fn dial(addr: SocketAddr, registry: &Registry, token: Token, first: Vec<u8>) -> io::Result<Self> {
        let mut tcp = TcpStream::connect(addr)?;
        registry.register(&mut tcp, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self { tcp, unsent: first })
    }

    /// Reads once. `None` where there is nothing now; otherwise how much, which is less than the scratch has room for
    /// where nothing more is there.
    pub(super) fn read(&mut self, scratch: &mut [u8]) -> Result<Option<usize>, Fault> {
        loop {
            return match self.tcp.read(scratch) {
                Ok(0) => Err(Fault::Closed),
                Ok(read) => Ok(Some(read)),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => Ok(None),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => Err(error.into()),
            };
        }
    }

    pub(super) fn write(&mut self, mut bytes: &[u8]) -> Result<(), Fault> {
        if !self.unsent.is_empty() {
            self.unsent.extend_from_slice(bytes);
            return Ok(());
        }
        while !bytes.is_empty() {
            match self.tcp.write(bytes) {
                Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => {
                    self.unsent.extend_from_slice(bytes);
                    return Ok(());
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// The network takes more.
    pub(super) fn write_rest(&mut self) -> Result<(), Fault> {
        if self.unsent.is_empty() {
            return Ok(());
        }
        if let Some(error) = self.tcp.take_error()? {
            return Err(error.into());
        }
        // Small messages are not held back for larger ones.
        let _ = self.tcp.set_nodelay(true);
        let rest = std::mem::take(&mut self.unsent);
        self.write(&rest)
    }
}
