//! The thread pool as an executor for libraries that bring their own futures: `futures::task::Spawn`.

use super::engine::{By, Engine};
use super::thread_pool::ThreadPoolExecutor;
use crate::error::Rejected;
use crate::task;
use futures_task::{FutureObj, Spawn, SpawnError};

/// Spawned futures are detached.
impl<S: 'static> Spawn for ThreadPoolExecutor<S> {
    fn spawn_obj(&self, future: FutureObj<'static, ()>) -> Result<(), SpawnError> {
        self.status()?;
        let (task, handle) = task::make_spawned(future, None);
        drop(handle);
        By(self).execute(task, None).map_err(|Rejected { .. }| SpawnError::shutdown())
    }

    fn status(&self) -> Result<(), SpawnError> {
        if self.refusal().is_some() { Err(SpawnError::shutdown()) } else { Ok(()) }
    }
}
