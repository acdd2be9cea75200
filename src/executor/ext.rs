//! The verbs for generic code, and inherently for `dyn Executor`.

use super::engine::{By, Engine};
use super::guard::Guard;
use super::scope::{self, Scope, ScopeOptions};
use super::traits::{Executor, InProcessExecutor};
use super::verbs::{maps, verbs};
use crate::error::TaskError;
use std::sync::Arc;

fn borrowed<'e, E: Executor + ?Sized>(executor: &'e E) -> Arc<dyn Engine + 'e> {
    Arc::new(By(executor))
}

/// The verbs of every executor, for generic code: `fn f<E: Executor + ?Sized>(e: &E)`. All of them take portable jobs.
///
/// `&dyn Executor` has the same methods without an import.
pub trait ExecutorExt: Executor {
    verbs!(PortableJob, submit, submit_with, try_submit);
    maps!(portable '_, borrowed);

    /// Shuts this executor down when the guard is dropped.
    fn guard(&self) -> Guard<'_, Self> {
        Guard::new(self)
    }
}

impl<E: Executor + ?Sized> ExecutorExt for E {}

/// The verbs for closures that capture, for generic code: `fn f<E: InProcessExecutor + ?Sized>(e: &E)`.
///
/// They have names of their own, so that both traits can be imported. `&dyn InProcessExecutor` has them as `submit`,
/// `map` and so on, without an import.
pub trait InProcessExt: InProcessExecutor {
    verbs!(Job, submit_closure, submit_closure_with, try_submit_closure);
    maps!(closure '_ map_closure, borrowed);

    /// Runs `f` with a [`Scope`], whose tasks may borrow from the stack: see there.
    ///
    /// # Panics
    /// If `f` does, or if a scoped task did and nobody took its outcome; in both cases after all tasks have ended.
    fn scope<'env, R>(&'env self, f: impl for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> R) -> R {
        scope::run(&By(self), f)
    }

    /// The same with a policy or a time limit; a panic of a task is an error here.
    ///
    /// # Errors
    /// [`TaskError::Panicked`] if a scoped task panicked and nobody took its outcome.
    ///
    /// # Panics
    /// If `f` does, after all tasks have ended.
    fn scope_with<'env, R>(
        &'env self,
        options: ScopeOptions,
        f: impl for<'scope> FnOnce(&'scope Scope<'scope, 'env>) -> R,
    ) -> Result<R, TaskError> {
        scope::run_with(&By(self), options, f)
    }
}

impl<E: InProcessExecutor + ?Sized> InProcessExt for E {}

impl<'e> dyn Executor + 'e {
    verbs!([pub] PortableJob, submit, submit_with, try_submit);
    maps!(portable [pub] '_, borrowed);
}

impl<'e> dyn InProcessExecutor + 'e {
    verbs!([pub] Job, submit, submit_with, try_submit);
    maps!(closure [pub] '_ map, borrowed);
}
