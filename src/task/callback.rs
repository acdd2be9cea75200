//! A function that is to be called with a task's outcome: one allocation, chained into the list of waiters.
#![expect(unsafe_code, reason = "erased callback nodes")]

use super::cell::value;
use super::encoded;
use super::frame::{self, Role};
use super::header::{CellRef, Header};
use super::remote;
use super::run;
use super::waiters::CallbackNode;
use crate::error::TaskError;
use crate::state::Borrow;
use crate::sync::contain;
use std::marker::PhantomData;
use std::ptr::NonNull;

/// The outcome of a task by reference, as callbacks see it.
///
/// Where the value was taken before the callback was added, it is `Err(&TaskError::ResultTaken)`.
pub type Outcome<'a, T> = Result<&'a T, &'a TaskError>;

#[repr(C)]
struct Callback<T, F> {
    node: CallbackNode,
    f: F,
    _value: PhantomData<fn(&T)>,
}

impl<T, F: FnOnce(&Header, Outcome<'_, T>)> Callback<T, F> {
    /// # Safety
    /// `node` is one of this type, boxed, and is not used again. The task's value is a `T`, and the caller holds its
    /// `ACCESS`.
    unsafe fn call(node: NonNull<CallbackNode>, task: &Header) {
        // SAFETY: by the contract.
        let callback = unsafe { Box::from_raw(node.cast::<Self>().as_ptr()) };
        let f = callback.f;
        let _ = contain(move || {
            let now = task.snapshot();
            if now.is_cancelled() {
                f(task, Err(&TaskError::Cancelled));
            } else if now.holds_error() {
                f(task, Err(task.failure()));
            } else if now.holds_value() {
                // SAFETY: ACCESS is held, so nobody moves or drops the value meanwhile (access rule 4).
                f(task, Ok(unsafe { value::borrow::<T>(task) }));
            } else {
                f(task, Err(&TaskError::ResultTaken));
            }
        });
    }
}

/// Calls `f` with the outcome: later, or at once if there is one. Panics in `f` end here.
///
/// # Safety
/// The task's value is a `T`. If `f` keeps the value (a continuation), nobody else can.
pub(super) unsafe fn add<T, F>(task: &Header, f: F)
where
    F: FnOnce(&Header, Outcome<'_, T>) + Send + 'static,
{
    if let Some(error) = remote::lost(task) {
        let task = CellRef::to(task);
        let _ = contain(|| f(&task, Err(&error)));
        return;
    }
    let node = Box::new(Callback { node: CallbackNode::new(Callback::<T, F>::call), f, _value: PhantomData::<fn(&T)> });
    let node: NonNull<CallbackNode> = NonNull::from(Box::leak(node)).cast();
    loop {
        match task.life.borrow() {
            Borrow::Held => {
                // The callback may drop the caller's own handle; this one keeps the cell.
                let task = CellRef::to(task);
                encoded::decode_held(&task);
                frame::within(&task, Role::Notifying, || {
                    // SAFETY: ACCESS is held, and the value is a `T` by the contract.
                    unsafe { Callback::<T, F>::call(node, &task) };
                });
                run::release_access(&task);
                return;
            }
            Borrow::Pending | Borrow::Busy => {}
        }
        // The callback may drop the caller's own handle before its engine is told; this one keeps the cell.
        let remote = remote::may_travel(task).then(|| CellRef::to(task));
        let before = task.life.lock();
        let later = !before.is_settled();
        if later {
            // SAFETY: the lock is held; the node lives until it is called.
            unsafe { task.waiters.push(node.cast()) };
        }
        task.life.unlock(before, later || before.has_waiters());
        if later {
            return remote.iter().for_each(|task| remote::expect_first(task, before));
        }
    }
}
