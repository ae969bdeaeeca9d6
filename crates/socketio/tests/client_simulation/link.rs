//! [`Weather`]: what lies between a client and its server: connections that take their time, split what they carry, are
//! cut, or carry nothing any more in one direction or both without saying so.

use std::{io, sync::Arc, time::Duration};

use socketio::{Server, client::engine::Connector};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf, split},
    sync::watch,
    time::sleep,
};

use crate::{
    dice::Dice,
    network::{Network, serve},
};

const LATENCY: Duration = Duration::from_millis(5);

/// Where connections are made, and how bad it is.
#[derive(Clone)]
pub(crate) struct Weather {
    network: Network,
    dice: Dice,
    /// From then on nothing goes wrong any more, and what has gone wrong ends.
    calm: Arc<watch::Sender<bool>>,
}

/// What becomes of the bytes in one direction.
#[derive(Clone, Copy)]
enum Fault {
    None,
    /// The connection ends.
    Cut,
    /// They are taken and go nowhere.
    Swallowed,
    /// They are not taken for a while.
    Frozen(Duration),
}

/// One direction of a connection.
struct Flow {
    from: ReadHalf<DuplexStream>,
    to: WriteHalf<DuplexStream>,
    /// After so many bytes, this happens.
    fault: (usize, Fault),
    dice: Dice,
    slow: bool,
}

impl Weather {
    pub(crate) fn new(network: &Network, dice: Dice) -> Self {
        Self { network: network.clone(), dice, calm: Arc::new(watch::Sender::new(false)) }
    }

    pub(crate) fn calm_down(&self) {
        self.calm.send_replace(true);
    }

    pub(crate) fn connector(&self) -> Connector {
        let weather = self.clone();
        Connector::new(move |_| {
            let weather = weather.clone();
            async move { weather.dial().await }
        })
    }

    async fn dial(self) -> io::Result<DuplexStream> {
        let (dice, is_calm) = (self.dice.fork(), *self.calm.borrow());
        sleep(if dice.percent(10) { dice.millis(200, 3000) } else { dice.millis(0, 50) }).await;
        let server = self.network.server().ok_or(io::ErrorKind::ConnectionRefused)?;
        if !is_calm && dice.percent(8) {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        let (near, link) = tokio::io::duplex(dice.size(64, 16_384));
        tokio::spawn(self.carry(link, server, dice, is_calm));
        Ok(near)
    }

    async fn carry(self, near: DuplexStream, server: Server, dice: Dice, is_calm: bool) {
        let (link, far) = tokio::io::duplex(dice.size(64, 16_384));
        serve(&server, far);
        drop(server);
        let ((from_client, to_client), (from_server, to_server)) = (split(near), split(link));
        let is_faulty = !is_calm && dice.percent(60);
        let up = Flow::new(from_client, to_server, &dice, is_faulty);
        let down = Flow::new(from_server, to_client, &dice, is_faulty);
        let ends = if is_faulty { dice.millis(1000, 60_000) } else { Duration::from_secs(100_000) };
        let mut calm = self.calm.subscribe();
        tokio::select! {
            biased;
            _ = async { tokio::try_join!(up.run(), down.run()) } => {}
            () = sleep(ends) => {}
            _ = calm.wait_for(|calm| *calm), if is_faulty => {}
        }
    }
}

impl Flow {
    fn new(from: ReadHalf<DuplexStream>, to: WriteHalf<DuplexStream>, dice: &Dice, is_faulty: bool) -> Self {
        let fault = match dice.below(6) {
            0 | 1 if is_faulty => Fault::Cut,
            2 if is_faulty => Fault::Swallowed,
            3 if is_faulty => Fault::Frozen(dice.millis(100, 20_000)),
            _ => Fault::None,
        };
        let after = if dice.percent(50) { dice.size(1, 1000) } else { dice.size(1000, 20_000) };
        Self { from, to, fault: (after, fault), slow: dice.percent(50), dice: dice.fork() }
    }

    async fn run(mut self) -> io::Result<()> {
        let (mut buffer, mut carried) = (vec![0; 4096], 0);
        loop {
            let most = if self.dice.percent(20) { self.dice.size(1, 40) } else { buffer.len() };
            let read = self.from.read(&mut buffer[..most]).await?;
            if read == 0 {
                return self.to.shutdown().await;
            }
            // Nothing arrives in no time: a client that polls while its probe is on its way, and is answered at once, would
            // stop the clock.
            let delay = if self.slow && self.dice.percent(50) { self.dice.millis(1, 40) } else { LATENCY };
            sleep(delay).await;
            carried += read;
            if carried >= self.fault.0 {
                match std::mem::replace(&mut self.fault.1, Fault::None) {
                    Fault::None => {}
                    Fault::Cut => return Err(io::ErrorKind::ConnectionReset.into()),
                    Fault::Swallowed => {
                        while self.from.read(&mut buffer).await? > 0 {}
                        return std::future::pending().await;
                    }
                    Fault::Frozen(time) => sleep(time).await,
                }
            }
            self.to.write_all(&buffer[..read]).await?;
        }
    }
}
