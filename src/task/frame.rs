//! Which tasks are on this thread's stack: the one that runs, the ones that wait beneath it, and whose callbacks run.
#![expect(unsafe_code, reason = "a list of frames on the stack")]

use super::header::Header;
use crate::sync::thread_local;
use std::cell::Cell;
use std::ptr::NonNull;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// The task's job is being run.
    Running,
    /// The task has ended and its callbacks are being called.
    Notifying,
}

/// A link of the list; lives on the stack for as long as what it tells of.
struct Frame {
    task: NonNull<Header>,
    role: Role,
    outer: *const Frame,
}

thread_local! {
    static TOP: Cell<*const Frame> = Cell::new(std::ptr::null())
}

/// Runs `f` with `task` on top of the list.
pub(super) fn within<R>(task: &Header, role: Role, f: impl FnOnce() -> R) -> R {
    struct Pop(*const Frame);
    impl Drop for Pop {
        fn drop(&mut self) {
            TOP.with(|top| top.set(self.0));
        }
    }
    let frame = Frame { task: NonNull::from(task), role, outer: TOP.with(Cell::get) };
    let _pop = Pop(frame.outer);
    TOP.with(|top| top.set(&raw const frame));
    f()
}

fn walk<R>(mut visit: impl FnMut(&Header, Role) -> Option<R>) -> Option<R> {
    let mut link = TOP.with(Cell::get);
    // SAFETY: `within` unlinks a frame before it leaves the stack, so every link leads to a living frame.
    while let Some(frame) = unsafe { link.as_ref() } {
        // SAFETY: `within` borrows the task for as long as its frame is linked.
        if let Some(found) = visit(unsafe { frame.task.as_ref() }, frame.role) {
            return Some(found);
        }
        link = frame.outer;
    }
    None
}

/// Whether any task, or callback of one, is on this stack.
pub(super) fn is_empty() -> bool {
    TOP.with(Cell::get).is_null()
}

/// Looks at the innermost task that runs on this thread.
pub(super) fn current<R>(look: impl FnOnce(&Header) -> R) -> Option<R> {
    let mut look = Some(look);
    walk(|task, role| if role == Role::Running { look.take().map(|look| look(task)) } else { None })
}

/// Whether `task` is on this stack in that role.
pub(super) fn holds(task: &Header, role: Role) -> bool {
    walk(|on_stack, on_role| (on_role == role && std::ptr::eq(on_stack, task)).then_some(())).is_some()
}

/// The keys of all that cannot come before this stack goes on: see `graph`.
pub(super) fn held() -> Vec<usize> {
    let mut keys = Vec::new();
    walk(|task, role| {
        if role == Role::Running {
            keys.push(task.end_key());
        }
        keys.extend([task.settled_key(), task.owner().addr()]);
        None::<()>
    });
    keys
}
