//! A web server on two pools: hyper polls its connections on one thread, and what has to be computed for an answer is
//! computed on the others.
//!
//! It counts primes for whoever asks, over HTTP/1.1 and HTTP/2, and this program is its own client: it asks for
//! everything one by one, then for everything at once, and compares the answers. The page that needs no computing is
//! answered at once also while all the others are being computed.
//!
//! `server` has the service, and the few lines that make a pool hyper's executor; `io` lets hyper read and write
//! `async-io`'s sockets; `client` asks.

mod client;
mod io;
mod server;

use async_io::Async;
use client::{Answer, Failed};
use concurrent_futures::{Shutdown, SubmitOptions, ThreadPoolExecutor};
use hyper::StatusCode;
use server::{Protocol, serve};
use std::error::Error;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

/// A path, and how it has to be answered.
type Page = (&'static str, StatusCode, &'static str);

const PAGES: [Page; 6] = [
    ("/", StatusCode::OK, "/primes/N counts them"),
    ("/primes/1000000", StatusCode::OK, "78498"),
    ("/primes/2000000", StatusCode::OK, "148933"),
    ("/primes/1000000000", StatusCode::BAD_REQUEST, "10000000 is the most"),
    ("/primes/many", StatusCode::BAD_REQUEST, "invalid digit found in string"),
    ("/nowhere", StatusCode::NOT_FOUND, "no such page"),
];
/// How often every page is asked for at once.
const TIMES: usize = 10;
const LIMIT: Duration = Duration::from_secs(60);

fn main() -> Result<(), Box<dyn Error>> {
    // One thread is enough for those who mostly wait.
    let front = ThreadPoolExecutor::builder().max_workers(1).thread_name_prefix("front").build()?;
    let work = ThreadPoolExecutor::builder().thread_name_prefix("work").build()?;
    // On every way out: a server waits for connections for ever.
    let guard = front.guard().on_drop(Shutdown::wait().cancel_pending().deadline(LIMIT));

    let mut addresses = Vec::new();
    let mut servers = Vec::new();
    for protocol in [Protocol::Http1, Protocol::Http2] {
        let listener = Async::<TcpListener>::bind(([127, 0, 0, 1], 0))?;
        addresses.push(listener.get_ref().local_addr()?);
        servers.push(front.spawn(serve(protocol, listener, front.clone(), work.clone())).fallible());
    }

    let asking = ask(front.clone(), addresses[0], addresses[1]);
    let (one_by_one, at_once) =
        front.spawn_with(SubmitOptions::new().timeout(LIMIT), asking).fallible().result(None)?;
    print_table(&one_by_one, &at_once);
    let wrong = one_by_one.iter().chain(&at_once).filter(|answer| !is_right(answer)).count();
    println!("{} answers, {wrong} of them wrong", one_by_one.len() + at_once.len());
    println!("{} futures ran on one thread, {} jobs beside it", front.stats().completed, work.stats().completed);

    for server in servers {
        // It has ended already only if it failed.
        if !server.cancel() {
            server.result(None)?;
        }
    }
    let report = guard.shutdown();
    if wrong > 0 || report.abandoned > 0 {
        return Err(format!("{wrong} wrong answers, {report:?}").into());
    }
    Ok(())
}

fn is_right(answer: &Answer) -> bool {
    PAGES.contains(&(answer.path, answer.status, &answer.text))
}

/// Asks for every page alone, and then for all of them at once, the dear ones first.
async fn ask(
    front: ThreadPoolExecutor,
    http1: SocketAddr,
    http2: SocketAddr,
) -> Result<(Vec<Answer>, Vec<Answer>), Failed> {
    let paths = PAGES.map(|(path, ..)| path);
    let one_by_one = client::one_by_one(http1, paths.to_vec(), &front).await?;
    let many = paths.iter().rev().flat_map(|path| [*path; TIMES]).collect();
    Ok((one_by_one, client::at_once(http2, many, &front).await?))
}

fn print_table(one_by_one: &[Answer], at_once: &[Answer]) {
    row(["page", "status", "answer", "HTTP/1.1", "HTTP/2"]);
    row(["", "", "", "alone", &format!("{} at once", at_once.len())]);
    for answer in one_by_one {
        let same = at_once.iter().filter(|other| other.path == answer.path);
        let slowest = same.map(|other| other.took).max().unwrap_or_default();
        let (alone, slowest) = (format!("{:.1?}", answer.took), format!("{slowest:.1?}"));
        row([answer.path, answer.status.as_str(), &answer.text, &alone, &slowest]);
    }
}

fn row([page, status, answer, alone, at_once]: [&str; 5]) {
    println!("{page:<20} {status:<6} {answer:<30} {alone:>10} {at_once:>12}");
}
