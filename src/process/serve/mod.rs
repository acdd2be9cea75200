//! What a worker does between its start and its end: it takes tasks from the ring (`desk`) and runs them as tasks of
//! its own (`host`).

mod desk;
mod host;

pub(in crate::process) use desk::{ELAPSED, serve};
#[cfg(any(test, feature = "conformance"))]
pub(crate) use host::{Courier, Received, run};
