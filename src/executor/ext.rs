//! The verbs for generic code, and inherently for `dyn Executor`.

use super::engine::{By, Engine};
use super::traits::{Executor, InProcessExecutor};
use super::verbs::{guards, maps, scopes, verbs};
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

    guards!();
}

impl<E: Executor + ?Sized> ExecutorExt for E {}

/// The verbs for closures that capture, for generic code: `fn f<E: InProcessExecutor + ?Sized>(e: &E)`.
///
/// They have names of their own, so that both traits can be imported. `&dyn InProcessExecutor` has them as `submit`,
/// `map` and so on, without an import.
pub trait InProcessExt: InProcessExecutor {
    verbs!(Job, submit_closure, submit_closure_with, try_submit_closure);
    maps!(closure '_ map_closure, borrowed);

    scopes!();
}

impl<E: InProcessExecutor + ?Sized> InProcessExt for E {}

impl<'e> dyn Executor + 'e {
    verbs!([pub] PortableJob, submit, submit_with, try_submit);
    maps!(portable [pub] '_, borrowed);
    guards!([pub]);
}

impl<'e> dyn InProcessExecutor + 'e {
    verbs!([pub] Job, submit, submit_with, try_submit);
    maps!(closure [pub] '_ map, borrowed);
    scopes!([pub]);
    guards!([pub]);
}
