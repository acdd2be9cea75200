//! The clients: each sends messages of its own, and compares what comes back with what it sent.

use async_io::Async;
use futures::{AsyncReadExt, AsyncWriteExt, StreamExt, TryStreamExt, stream, try_join};
use std::io;
use std::net::{Shutdown, SocketAddr, TcpStream};

/// So many connections are being opened at once. More than the system queues for a listener would have to be tried
/// again, after a second.
const OPENING: usize = 64;
pub(crate) const GREETING: &[u8] = b"hello";

#[derive(Clone, Copy)]
pub(crate) struct Messages {
    pub(crate) count: u32,
    pub(crate) largest: u32,
}

/// What came back as it was sent.
#[derive(Clone, Copy, Default)]
pub(crate) struct Echoed {
    pub(crate) requests: u64,
    pub(crate) bytes: u64,
}

impl Echoed {
    pub(crate) fn add(&mut self, other: Echoed) {
        self.requests += other.requests;
        self.bytes += other.bytes;
    }
}

pub(crate) struct Client {
    stream: Async<TcpStream>,
    noise: Noise,
    number: u64,
}

pub(crate) async fn open_all(address: SocketAddr, connections: u64) -> io::Result<Vec<Client>> {
    stream::iter(0..connections).map(|number| open(address, number)).buffer_unordered(OPENING).try_collect().await
}

/// An open connection is one that has been answered.
async fn open(address: SocketAddr, number: u64) -> io::Result<Client> {
    let stream = Async::<TcpStream>::connect(address).await?;
    stream.get_ref().set_nodelay(true)?;
    let client = Client { stream, noise: Noise(number + 1), number };
    client.exchange(GREETING, &mut Vec::new()).await?;
    Ok(client)
}

impl Client {
    /// Sends all messages, one after the other, and says what came back.
    pub(crate) async fn talk(mut self, messages: Messages) -> io::Result<Echoed> {
        let (mut message, mut echo, mut echoed) = (Vec::new(), Vec::new(), Echoed::default());
        for _ in 0..messages.count {
            self.noise.fill(&mut message, messages.largest);
            self.exchange(&message, &mut echo).await?;
            echoed.add(Echoed { requests: 1, bytes: message.len() as u64 });
        }
        // Tells the server that this was all, and looks whether it has more to say than it should.
        self.stream.get_ref().shutdown(Shutdown::Write)?;
        match (&self.stream).read_to_end(&mut echo).await? {
            0 => Ok(echoed),
            more => Err(io::Error::other(format!("connection {}: {more} bytes too many", self.number))),
        }
    }

    async fn exchange(&self, message: &[u8], echo: &mut Vec<u8>) -> io::Result<()> {
        echo.clear();
        echo.resize(message.len(), 0);
        // At once: the server stops reading while nobody reads what it sends.
        let (mut sender, mut receiver) = (&self.stream, &self.stream);
        try_join!(sender.write_all(message), receiver.read_exact(echo))?;
        match message.iter().zip(&*echo).position(|(sent, came)| sent != came) {
            None => Ok(()),
            Some(place) => {
                let (number, length) = (self.number, message.len());
                Err(io::Error::other(format!("connection {number}: byte {place} of {length} is not as it was sent")))
            }
        }
    }
}

/// Bytes without a pattern, other ones for each connection, and the same in every run (Marsaglia's xorshift).
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A message of 1 to `largest` bytes.
    fn fill(&mut self, message: &mut Vec<u8>, largest: u32) {
        message.clear();
        message.resize(1 + (self.next() % u64::from(largest)) as usize, 0);
        for bytes in message.chunks_mut(8) {
            bytes.copy_from_slice(&self.next().to_le_bytes()[..bytes.len()]);
        }
    }
}
