//! This crate's pool of processes, as it comes.

use super::{kill_itself, trivial};
use crate::Failure;
use concurrent_futures::shared_memory::{SharedBytes, SharedSlice};
use concurrent_futures::{Future, ProcessPoolExecutor, call};
use serde_bytes::ByteBuf;

#[derive(Clone)]
pub(crate) struct Ours(ProcessPoolExecutor);

fn echo(bytes: ByteBuf) -> ByteBuf {
    bytes
}

fn give_back(bytes: SharedBytes) -> SharedBytes {
    bytes
}

/// The answer is memory of its own, as if it had been computed.
fn copy(bytes: SharedBytes) -> Result<SharedBytes, String> {
    SharedBytes::copy_from(&bytes).map_err(|error| error.to_string())
}

fn element(slice: SharedSlice<u64>, index: usize) -> u64 {
    slice[index]
}

fn times_three(number: u64) -> u64 {
    3 * number
}

impl Ours {
    pub(crate) const NAME: &'static str = "concurrent-futures";

    pub(crate) fn start(processes: usize) -> Result<Self, Failure> {
        Ok(Ours(ProcessPoolExecutor::new(processes)?))
    }

    /// The next begins when the last has come back.
    pub(crate) fn one_by_one(&self, count: u64) -> Result<u64, Failure> {
        let mut sum = 0;
        for number in 0..count {
            sum += self.0.submit(call!(trivial(number))).result(None)?;
        }
        Ok(sum)
    }

    /// All are submitted, then all are collected.
    pub(crate) fn in_bulk(&self, count: u64) -> Result<u64, Failure> {
        let futures: Vec<_> = (0..count).map(|number| self.0.submit(call!(trivial(number)))).collect();
        sum(&futures)
    }

    /// In chunks as the map makes them by itself; three times each number.
    pub(crate) fn map(&self, count: u64) -> Result<u64, Failure> {
        let results: Vec<u64> = self.0.map(times_three, 0..count).collect::<Result<_, _>>()?;
        Ok(results.iter().sum())
    }

    /// There and back.
    pub(crate) fn echo(&self, bytes: ByteBuf) -> Result<ByteBuf, Failure> {
        Ok(self.0.submit(call!(echo(bytes))).result(None)?)
    }

    /// There and back, as memory that both processes have: copied into that first, and then no more.
    pub(crate) fn echo_shared(&self, bytes: &[u8]) -> Result<SharedBytes, Failure> {
        let shared = SharedBytes::copy_from(bytes)?;
        Ok(self.0.submit(call!(give_back(shared))).result(None)?)
    }

    /// There and back, copied once on either side.
    pub(crate) fn copy(&self, bytes: &[u8]) -> Result<SharedBytes, Failure> {
        let shared = SharedBytes::copy_from(bytes)?;
        Ok(self.0.submit(call!(copy(shared))).result(None)??)
    }

    /// Hands the slice to each of so many tasks, which read one element.
    pub(crate) fn hand_out(&self, slice: &SharedSlice<u64>, tasks: usize) -> Result<u64, Failure> {
        let stride = slice.len() / tasks;
        let one = |task| self.0.submit(call!(element(slice.clone(), task * stride)));
        sum(&(0..tasks).map(one).collect::<Vec<_>>())
    }

    /// A task kills its worker; when that is known, another does something. Gives which process did.
    pub(crate) fn kill_and_go_on(&self) -> Result<u32, Failure> {
        match self.0.submit(call!(kill_itself())).result(None) {
            Err(error) if error.is_worker_died() => Ok(self.0.submit(call!(std::process::id())).result(None)?),
            other => Err(format!("a worker that killed itself came to {other:?}").into()),
        }
    }

    /// Of the processes that are there.
    pub(crate) fn pids(&self) -> Vec<u64> {
        self.0.workers().iter().filter_map(|worker| worker.os_id).collect()
    }
}

fn sum(futures: &[Future<u64>]) -> Result<u64, Failure> {
    let mut sum = 0;
    for future in futures {
        sum += future.result(None)?;
    }
    Ok(sum)
}
