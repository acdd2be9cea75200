//! New tasks with both their ends.
#![expect(unsafe_code, reason = "makes both ends of a cell")]

use super::cell::{NewCell, PortableWork, Work};
use super::erased::Task;
use super::extras::Extras;
use super::future::Future;
use super::header::{CellRef, Header};
use super::remote::Luggage;
use super::spawned::cell_for;
use std::ptr::NonNull;

/// Both ends of a new cell with two references.
///
/// # Safety
/// The cell's value is a `T`, and it was made with two references that nobody else uses.
unsafe fn ends<T>(cell: NonNull<Header>) -> (Task, Future<T>) {
    // SAFETY: one of the two references is the task's.
    let task = unsafe { CellRef::from_owned(cell) };
    // SAFETY: the other is the future's, and the value is a `T` by the contract.
    let future = unsafe { Future::from_owned(cell) };
    (Task::new(task), future)
}

/// A task and its future, with room for what only some tasks carry.
pub(crate) fn make<W: Work>(work: W, extras: Option<Extras>) -> (Task, Future<W::Output>) {
    let new = NewCell::pending();
    let cell = match extras {
        None => new.with_work(work),
        Some(extras) => new.attach(extras).with_work(work),
    };
    // SAFETY: `pending` makes two references, and the value is the work's output.
    unsafe { ends(cell) }
}

/// The same for work that can leave this process.
pub(crate) fn make_portable<W: PortableWork>(work: W, extras: Option<Extras>) -> (Task, Future<W::Output>) {
    let new = NewCell::pending();
    let cell = match extras {
        None => new.attach(Luggage::new(())).with_portable_work(work),
        Some(extras) => new.attach(Luggage::new(extras)).with_portable_work(work),
    };
    // SAFETY: `pending` makes two references, and the value is the work's output.
    unsafe { ends(cell) }
}

/// A task that polls a future, and the handle for its outcome.
pub(crate) fn make_spawned<F: std::future::Future>(future: F, extras: Option<Extras>) -> (Task, Future<F::Output>) {
    let cell = cell_for(future, extras);
    // SAFETY: `cell_for` makes two references, and the value is the future's output.
    unsafe { ends(cell) }
}
