//! What a future that is polled on this thread waits for, as far as it waits for tasks of this crate.
//!
//! A future does not say what it waits for; but whoever awaits one of our tasks leaves a waker with it, and that is
//! noted here while [`Awaited::note_during`] is on the stack. `block_on` is told in this way what may be run in place
//! where no thread can be added.
#![expect(unsafe_code, reason = "a pointer to a list on the stack")]

use super::header::{CellRef, Header};
use crate::sync::thread_local;
use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::ptr::NonNull;
use std::sync::Arc;

/// Up to so many tasks are looked through before every sleep for those that are no longer waited for; of more, when
/// their number has doubled.
const FEW: usize = 64;

/// The tasks. Kept, so that they are still there to be run.
pub(super) struct Awaited {
    tasks: RefCell<Tasks>,
    /// How many there were left after the last look through them.
    left: Cell<usize>,
    mark: Arc<Mark>,
}

/// In the order in which they were awaited.
#[derive(Default)]
struct Tasks {
    list: Vec<CellRef>,
    known: HashSet<NonNull<Header>>,
}

/// Tells one list from all others.
pub(super) struct Mark;

thread_local! {
    static NOTING: Cell<Option<NonNull<Awaited>>> = Cell::new(None)
}

impl Awaited {
    pub(super) fn new() -> Self {
        Awaited { tasks: RefCell::default(), left: Cell::new(0), mark: Arc::new(Mark) }
    }

    /// Runs `f`, and notes which tasks are awaited in it on this thread.
    pub(super) fn note_during<R>(&self, f: impl FnOnce() -> R) -> R {
        struct Leave(Option<NonNull<Awaited>>);
        impl Drop for Leave {
            fn drop(&mut self) {
                NOTING.with(|noting| noting.set(self.0));
            }
        }
        let _leave = Leave(NOTING.with(|noting| noting.replace(Some(NonNull::from(self)))));
        f()
    }

    /// Those that have not ended.
    pub(super) fn unfinished(&self) -> Vec<CellRef> {
        self.forget_ended();
        self.tasks.borrow().list.iter().filter(|task| !task.snapshot().is_terminal()).cloned().collect()
    }

    /// Lets go of tasks that have ended, and of those that nobody else keeps.
    fn forget_ended(&self) {
        let mut tasks = self.tasks.borrow_mut();
        let count = tasks.list.len();
        if count > FEW && count <= 2 * self.left.get() {
            return;
        }
        let is_over = |task: &CellRef| task.snapshot().is_terminal() || task.snapshot().has_one_reference();
        let (over, rest) = std::mem::take(&mut tasks.list).into_iter().partition::<Vec<_>, _>(is_over);
        for task in &over {
            tasks.known.remove(&task.pointer());
        }
        self.left.set(rest.len());
        tasks.list = rest;
        // A task that goes is dropped where nothing is borrowed: it may be the caller's code that runs then.
        drop(tasks);
        drop(over);
    }
}

fn with_noting(f: impl FnOnce(&Awaited)) {
    if let Some(awaited) = NOTING.with(Cell::get) {
        // SAFETY: `note_during` takes the pointer away again before its borrow of the list ends.
        f(unsafe { awaited.as_ref() });
    }
}

/// A waker was left with the task.
pub(super) fn note(task: &Header) {
    with_noting(|awaited| {
        let mut tasks = awaited.tasks.borrow_mut();
        if tasks.known.insert(task.pointer()) {
            tasks.list.push(CellRef::to(task));
        }
    });
}

/// A waker was left for any of many tasks, which are told once to each list: `mark` is the set's, for that.
pub(super) fn note_all<'a>(mark: &mut Option<Arc<Mark>>, tasks: impl Iterator<Item = &'a Header>) {
    with_noting(|awaited| {
        if !mark.as_ref().is_some_and(|mark| Arc::ptr_eq(mark, &awaited.mark)) {
            tasks.for_each(note);
            *mark = Some(Arc::clone(&awaited.mark));
        }
    });
}
