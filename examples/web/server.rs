//! The server: connections and their requests are futures on one pool, what a request has to compute is a job on
//! another.

use crate::io::Io;
use async_io::Async;
use concurrent_futures::ThreadPoolExecutor;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::rt::Executor;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use std::io;
use std::net::TcpListener;

/// What is computed for one request has to have a limit.
const MOST: u32 = 10_000_000;

#[derive(Clone, Copy)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

/// The pool, as hyper wants it: for HTTP/2 it makes a future of its own of every request.
#[derive(Clone)]
pub(crate) struct OnPool(pub(crate) ThreadPoolExecutor);

impl<F> Executor<F> for OnPool
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    fn execute(&self, future: F) {
        // Hyper wants no handle: it ends its futures itself.
        drop(self.0.spawn(future));
    }
}

/// Takes connections until it is cancelled; each is then a future of its own.
///
/// # Errors
/// If no more connections can be taken.
pub(crate) async fn serve(
    protocol: Protocol,
    listener: Async<TcpListener>,
    front: ThreadPoolExecutor,
    work: ThreadPoolExecutor,
) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.get_ref().set_nodelay(true)?;
        let (work, executor) = (work.clone(), OnPool(front.clone()));
        let connection = async move {
            let service = service_fn(|request| answer(request, work.clone()));
            let ended = match protocol {
                Protocol::Http1 => http1::Builder::new().serve_connection(Io(stream), service).await,
                Protocol::Http2 => http2::Builder::new(executor).serve_connection(Io(stream), service).await,
            };
            if let Err(error) = ended {
                eprintln!("a connection ended early: {error}");
            }
        };
        drop(front.spawn(connection));
    }
}

async fn answer(request: Request<Incoming>, work: ThreadPoolExecutor) -> hyper::Result<Response<Full<Bytes>>> {
    let path = request.uri().path();
    let (status, text) = match path.strip_prefix("/primes/").map(str::parse::<u32>) {
        // Hyper drops this future if the client goes away, and with it the counting, if it has not begun.
        Some(Ok(limit @ ..=MOST)) => match work.submit(move || primes_below(limit)).cancel_on_drop().await {
            Ok(primes) => (StatusCode::OK, primes.to_string()),
            // It panicked, perhaps; that costs no more than this one answer.
            Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
        },
        Some(Ok(_)) => (StatusCode::BAD_REQUEST, format!("{MOST} is the most")),
        Some(Err(error)) => (StatusCode::BAD_REQUEST, error.to_string()),
        None if path == "/" => (StatusCode::OK, "/primes/N counts them".to_owned()),
        None => (StatusCode::NOT_FOUND, "no such page".to_owned()),
    };
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    Ok(response)
}

/// By the sieve of Eratosthenes.
fn primes_below(limit: u32) -> usize {
    let limit = limit as usize;
    let mut is_prime = vec![true; limit];
    is_prime.iter_mut().take(2).for_each(|small| *small = false);
    for number in (2..).take_while(|number| number * number < limit) {
        if is_prime[number] {
            is_prime[number * number..].iter_mut().step_by(number).for_each(|multiple| *multiple = false);
        }
    }
    is_prime.into_iter().filter(|is_prime| *is_prime).count()
}
