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

/// Looks at the innermost task that runs on this thread, if any does.
pub(super) fn current<R>(look: impl FnOnce(Option<&Header>) -> R) -> R {
    let running = walk(|task, role| (role == Role::Running).then(|| NonNull::from(task)));
    // SAFETY: its frame is further down this stack than the call of `look`, and borrows the task for as long.
    look(running.map(|task| unsafe { task.as_ref() }))
}

/// Whether `task` is on this stack in that role.
pub(super) fn holds(task: &Header, role: Role) -> bool {
    walk(|on_stack, on_role| (on_role == role && std::ptr::eq(on_stack, task)).then_some(())).is_some()
}

/// The keys of all that cannot come before this stack goes on, each once, since all the tasks of a deep stack hold up the
/// end of one pool: see `graph`.
pub(super) fn held() -> Vec<usize> {
    let mut keys = Vec::new();
    walk(|task, role| {
        if role == Role::Running {
            keys.push(task.end_key());
        }
        keys.extend([task.settled_key(), task.owner().addr()]);
        None::<()>
    });
    keys.sort_unstable();
    keys.dedup();
    keys
}

#[cfg(all(test, not(concurrent_futures_loom)))]
mod tests {
    use super::*;
    use crate::task::promise;

    /// A list that names a pool once for every task on the stack makes deep nesting quadratic.
    #[test]
    fn what_a_stack_holds_up_is_listed_once() {
        let ((_first, one), (_second, two)) = (promise::<()>(), promise::<()>());
        let (one, two) = (one.header(), two.header());
        let keys = within(one, Role::Running, || within(two, Role::Running, || within(one, Role::Notifying, held)));
        let mut expected = vec![one.end_key(), one.settled_key(), two.end_key(), two.settled_key(), one.owner().addr()];
        expected.sort_unstable();
        assert_eq!(keys, expected, "both have the same owner");
    }
}
