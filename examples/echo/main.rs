//! A TCP echo server and its clients, on the threads of one pool: a thousand connections at once, each of them a future.
//!
//! ```text
//! cargo run --release --example echo
//! cargo run --release --example echo -- --connections 5000 --messages 100
//! ```
//!
//! The pool polls the futures; `async-io` tells which socket is ready. Every connection sends messages of different
//! sizes and compares every byte that comes back. All of it stays on 127.0.0.1, and has a limit of time. Exit status: 0
//! if all is well, 1 if anything was lost or wrong, 2 if it could not begin.
//!
//! `server` echoes, `client` sends and compares, `descriptors` sees to it that there are enough of them.

mod client;
mod descriptors;
mod server;

use async_io::Async;
use clap::Parser;
use client::{Client, Echoed, Messages};
use concurrent_futures::{Future, Shutdown, ThreadPoolExecutor, as_completed};
use server::Served;
use std::error::Error;
use std::net::TcpListener;
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Open many connections to an echo server in the same process, and check every byte that it sends back.
#[derive(Parser)]
#[command(name = "echo", version)]
struct Options {
    /// How many connections are open at once.
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..=20_000))]
    connections: u64,

    /// How many messages each of them sends.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    messages: u32,

    /// How long a message is at the most; each has a length of its own.
    #[arg(long, value_name = "BYTES", default_value_t = 16_384, value_parser = clap::value_parser!(u32).range(1..=16_777_216))]
    largest: u32,

    /// How many threads the pool has. Default: as many as there are processors.
    #[arg(long, value_name = "N")]
    workers: Option<NonZeroUsize>,

    /// How long all of it may take.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    limit: u64,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("echo: {error}");
            ExitCode::from(2)
        }
    }
}

/// Whether all is well. An error here means that not all connections could be opened.
fn run(options: &Options) -> Result<bool, Box<dyn Error>> {
    let deadline = Instant::now() + Duration::from_secs(options.limit);
    let connections = descriptors::connections_that_fit(options.connections)?;
    if connections < options.connections {
        println!("The limit of open files leaves room for {connections} of {} connections.", options.connections);
    }
    let mut pool = ThreadPoolExecutor::builder();
    if let Some(workers) = options.workers {
        pool = pool.max_workers(workers.get());
    }
    let pool = pool.build()?;
    // On every way out: the server's futures would wait for clients for ever.
    let guard = pool.guard().on_drop(Shutdown::wait().cancel_pending().deadline(Duration::from_secs(5)));

    let listener = Async::<TcpListener>::bind(([127, 0, 0, 1], 0))?;
    let address = listener.get_ref().local_addr()?;
    let served = Arc::new(Served::default());
    let server = pool.spawn(server::serve(listener, pool.clone(), Arc::clone(&served)));

    let began = Instant::now();
    let clients: Vec<Client> = pool
        .spawn(client::open_all(address, connections))
        .fallible()
        .result(left(deadline))
        .map_err(|error| format!("{} of {connections} connections were open: {error}", served.connections()))?;
    println!("connections  {:>12}  open at once, on {address}", clients.len());
    println!("opened in    {:>12.1?}", began.elapsed());

    let began = Instant::now();
    let messages = Messages { count: options.messages, largest: options.largest };
    let talks: Vec<_> = clients.into_iter().map(|client| pool.spawn(client.talk(messages)).fallible()).collect();
    let (echoed, mut errors) = collect(&talks, deadline);
    let seconds = began.elapsed().as_secs_f64();

    server.cancel();
    if errors.is_empty() {
        // Its connections end by themselves, now that their clients have.
        let report = pool.shutdown(Shutdown::wait().deadline(left(deadline)));
        if report.abandoned > 0 {
            errors.push(format!("{} connections of the server have not ended", report.abandoned));
        }
    }
    errors.extend(served.errors());
    if errors.is_empty() && served.bytes() != echoed.bytes + connections * client::GREETING.len() as u64 {
        errors.push(format!("the server has echoed {} bytes", served.bytes()));
    }
    // What is left by now is cancelled, which is no more errors.
    drop(guard);

    println!("requests     {:>12}  of 1 to {} bytes", echoed.requests, options.largest);
    println!("bytes        {:>12}  came back, each compared", echoed.bytes);
    println!("errors       {:>12}", errors.len());
    let (requests, megabytes) = (echoed.requests as f64 / seconds, echoed.bytes as f64 / 1e6 / seconds);
    println!("requests/s   {requests:>12.0}  in {seconds:.2} s, {megabytes:.0} MB/s there and as much back");
    for error in errors.iter().take(5) {
        eprintln!("echo: {error}");
    }
    Ok(errors.is_empty())
}

/// What came back as it was sent, and what went wrong.
fn collect(talks: &[Future<Echoed>], deadline: Instant) -> (Echoed, Vec<String>) {
    let (mut all, mut errors) = (Echoed::default(), Vec::new());
    for talk in as_completed(talks, left(deadline)) {
        match talk.map_err(|late| format!("the limit of time: {late}")).and_then(outcome) {
            Ok(echoed) => all.add(echoed),
            Err(error) => errors.push(error),
        }
    }
    (all, errors)
}

fn outcome(talk: &Future<Echoed>) -> Result<Echoed, String> {
    talk.result(None).map_err(|error| error.to_string())
}

fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}
