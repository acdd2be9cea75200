//! The client: asks for pages over one connection, in two ways.

use crate::io::Io;
use crate::server::OnPool;
use async_io::Async;
use concurrent_futures::ThreadPoolExecutor;
use futures::future::try_join_all;
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::{http1, http2};
use hyper::header::HOST;
use hyper::{Request, Response, StatusCode};
use std::error::Error;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

pub(crate) type Failed = Box<dyn Error + Send + Sync>;

pub(crate) struct Answer {
    pub(crate) path: &'static str,
    pub(crate) status: StatusCode,
    pub(crate) text: String,
    pub(crate) took: Duration,
}

/// Over HTTP/1.1, one request after the other.
pub(crate) async fn one_by_one(
    server: SocketAddr,
    paths: Vec<&'static str>,
    pool: &ThreadPoolExecutor,
) -> Result<Vec<Answer>, Failed> {
    let stream = Async::<TcpStream>::connect(server).await?;
    let (mut sender, connection) = http1::handshake(Io(stream)).await?;
    // If it ends early, so do the requests, and they tell why.
    drop(pool.spawn(connection));
    let mut answers = Vec::new();
    for path in paths {
        let request = Request::get(path).header(HOST, server.to_string()).body(Empty::<Bytes>::new())?;
        answers.push(read(path, sender.send_request(request)).await?);
    }
    Ok(answers)
}

/// Over HTTP/2, all requests together.
pub(crate) async fn at_once(
    server: SocketAddr,
    paths: Vec<&'static str>,
    pool: &ThreadPoolExecutor,
) -> Result<Vec<Answer>, Failed> {
    let stream = Async::<TcpStream>::connect(server).await?;
    let (mut sender, connection) = http2::handshake(OnPool(pool.clone()), Io(stream)).await?;
    drop(pool.spawn(connection));
    let mut answers = Vec::new();
    for path in paths {
        let request = Request::get(format!("http://{server}{path}")).body(Empty::<Bytes>::new())?;
        answers.push(read(path, sender.send_request(request)));
    }
    try_join_all(answers).await
}

async fn read(
    path: &'static str,
    response: impl Future<Output = hyper::Result<Response<Incoming>>>,
) -> Result<Answer, Failed> {
    let asked = Instant::now();
    let response = response.await?;
    let status = response.status();
    let text = String::from_utf8(response.into_body().collect().await?.to_bytes().into())?;
    Ok(Answer { path, status, text, took: asked.elapsed() })
}
