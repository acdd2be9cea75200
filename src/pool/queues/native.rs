//! crossbeam-deque, with its retries folded in.

use crate::sync::{AtomicUsize, Mutex, Ordering};
use crate::task::Task;
use crossbeam_deque::Steal;
use std::collections::VecDeque;

/// What comes from outside of the pool, first in, first out.
#[expect(clippy::large_enum_variant, reason = "one to a pool; its padding keeps threads off each other's cache lines")]
pub(in super::super) enum Injector {
    Shared(crossbeam_deque::Injector<Task>),
    /// For a pool with one worker, which runs tasks strictly in the order in which they came.
    Serial(Serial),
}

/// A locked queue, whose length can be read without the lock.
pub(in super::super) struct Serial {
    tasks: Mutex<VecDeque<Task>>,
    length: AtomicUsize,
}

impl Serial {
    fn with<R>(&self, change: impl FnOnce(&mut VecDeque<Task>) -> R) -> R {
        let mut tasks = self.tasks.lock();
        let result = change(&mut tasks);
        // ORDERING: Release pairs with the Acquire in `len`; the pool's fences order it against sleeping.
        self.length.store(tasks.len(), Ordering::Release);
        result
    }

    fn len(&self) -> usize {
        // ORDERING: as above.
        self.length.load(Ordering::Acquire)
    }
}

/// One thread's own queue; first in, first out, so that no task is overtaken for ever.
pub(in super::super) struct Local(crossbeam_deque::Worker<Task>);

/// The other threads' end of a [`Local`].
pub(in super::super) struct Stealer(crossbeam_deque::Stealer<Task>);

fn settle(mut attempt: impl FnMut() -> Steal<Task>) -> Option<Task> {
    loop {
        match attempt() {
            Steal::Success(task) => return Some(task),
            Steal::Empty => return None,
            // Somebody else took one at the same moment, so there was progress.
            Steal::Retry => {}
        }
    }
}

impl Injector {
    pub(in super::super) fn new(serial: bool) -> Self {
        if serial {
            let tasks = Mutex::new(VecDeque::new());
            Injector::Serial(Serial { tasks, length: AtomicUsize::new(0) })
        } else {
            Injector::Shared(crossbeam_deque::Injector::new())
        }
    }

    pub(in super::super) fn push(&self, task: Task) {
        match self {
            Injector::Shared(queue) => queue.push(task),
            Injector::Serial(queue) => queue.with(|tasks| tasks.push_back(task)),
        }
    }

    pub(in super::super) fn is_empty(&self) -> bool {
        match self {
            Injector::Shared(queue) => queue.is_empty(),
            Injector::Serial(queue) => queue.len() == 0,
        }
    }

    pub(in super::super) fn len(&self) -> usize {
        match self {
            Injector::Shared(queue) => queue.len(),
            Injector::Serial(queue) => queue.len(),
        }
    }

    /// Takes one task, and may move some more over to `local`.
    pub(in super::super) fn take(&self, local: &Local) -> Option<Task> {
        match self {
            // The other way finds that out too, with a fence.
            Injector::Shared(queue) if queue.is_empty() => None,
            Injector::Shared(queue) => settle(|| queue.steal_batch_and_pop(&local.0)),
            Injector::Serial(_) => self.take_one(),
        }
    }

    pub(in super::super) fn take_one(&self) -> Option<Task> {
        match self {
            Injector::Shared(queue) => settle(|| queue.steal()),
            Injector::Serial(queue) if queue.len() == 0 => None,
            Injector::Serial(queue) => queue.with(VecDeque::pop_front),
        }
    }

    /// Takes out what is dead. In the shared form each live task is for a moment in the caller's hand, and goes behind
    /// those that others push meanwhile.
    pub(in super::super) fn sweep(&self, is_dead: impl Fn(&Task) -> bool) -> Vec<Task> {
        let mut dead = Vec::new();
        match self {
            Injector::Shared(_) => {
                for _ in 0..self.len() {
                    match self.take_one() {
                        Some(task) if is_dead(&task) => dead.push(task),
                        Some(task) => self.push(task),
                        None => break,
                    }
                }
            }
            Injector::Serial(queue) => queue.with(|tasks| {
                for task in std::mem::take(tasks) {
                    if is_dead(&task) { dead.push(task) } else { tasks.push_back(task) }
                }
            }),
        }
        dead
    }
}

impl Local {
    pub(in super::super) fn new() -> Self {
        Local(crossbeam_deque::Worker::new_fifo())
    }

    pub(in super::super) fn push(&self, task: Task) {
        self.0.push(task);
    }

    pub(in super::super) fn pop(&self) -> Option<Task> {
        self.0.pop()
    }

    pub(in super::super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(in super::super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(in super::super) fn stealer(&self) -> Stealer {
        Stealer(self.0.stealer())
    }
}

impl Stealer {
    /// Takes one task, and moves some more over to `local`.
    pub(in super::super) fn take(&self, local: &Local) -> Option<Task> {
        settle(|| self.0.steal_batch_and_pop(&local.0))
    }

    pub(in super::super) fn take_one(&self) -> Option<Task> {
        settle(|| self.0.steal())
    }

    pub(in super::super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(in super::super) fn len(&self) -> usize {
        self.0.len()
    }
}
