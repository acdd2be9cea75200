//! The server: takes connections, and sends back what they say.

use async_io::Async;
use concurrent_futures::ThreadPoolExecutor;
use futures::io::copy;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What the server has done so far.
#[derive(Default)]
pub(crate) struct Served {
    connections: AtomicU64,
    bytes: AtomicU64,
    errors: Mutex<Vec<String>>,
}

impl Served {
    pub(crate) fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    /// Those of the connections that have ended.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn errors(&self) -> Vec<String> {
        self.errors.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn failed(&self, error: &io::Error) {
        self.errors.lock().unwrap_or_else(PoisonError::into_inner).push(format!("the server: {error}"));
    }
}

/// Takes connections until it is cancelled; each is then a future of its own.
pub(crate) async fn serve(listener: Async<TcpListener>, pool: ThreadPoolExecutor, served: Arc<Served>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                served.connections.fetch_add(1, Ordering::Relaxed);
                // Detached: it ends when its client is done, and the shutdown waits for it.
                drop(pool.spawn(echo(stream, Arc::clone(&served))));
            }
            Err(error) => return served.failed(&error),
        }
    }
}

async fn echo(stream: Async<TcpStream>, served: Arc<Served>) {
    match send_back(&stream).await {
        Ok(bytes) => drop(served.bytes.fetch_add(bytes, Ordering::Relaxed)),
        Err(error) => served.failed(&error),
    }
}

async fn send_back(mut stream: &Async<TcpStream>) -> io::Result<u64> {
    // Else the last part of a long message waits for the client to confirm the one before.
    stream.get_ref().set_nodelay(true)?;
    copy(stream, &mut stream).await
}
