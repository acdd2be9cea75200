//! The double for loom: a locked list whose length is read without the lock.
//!
//! A lock alone would order every push before every later look at the queue, which crossbeam does not promise. Here a
//! look reads the length, relaxed: it may miss a push that nothing else orders before it, so a model finds a missing
//! fence.

use crate::sync::{AtomicUsize, Mutex, Ordering};
use crate::task::Task;
use std::collections::VecDeque;
use std::sync::Arc;

struct Queue {
    tasks: Mutex<VecDeque<Task>>,
    length: AtomicUsize,
}

impl Queue {
    fn new() -> Self {
        Queue { tasks: Mutex::new(VecDeque::new()), length: AtomicUsize::new(0) }
    }

    fn push(&self, task: Task) {
        let mut tasks = self.tasks.lock();
        tasks.push_back(task);
        self.length.store(tasks.len(), Ordering::Relaxed);
    }

    fn len(&self) -> usize {
        self.length.load(Ordering::Relaxed)
    }

    fn pop(&self) -> Option<Task> {
        if self.len() == 0 {
            return None;
        }
        let mut tasks = self.tasks.lock();
        let task = tasks.pop_front();
        self.length.store(tasks.len(), Ordering::Relaxed);
        task
    }

    /// Moves the one behind it over, which is in no queue for a moment.
    fn pop_and_move(&self, local: &Local) -> Option<Task> {
        let task = self.pop()?;
        if let Some(next) = self.pop() {
            local.push(next);
        }
        Some(task)
    }
}

pub(in super::super) struct Injector {
    queue: Queue,
    serial: bool,
}
pub(in super::super) struct Local(Arc<Queue>);
pub(in super::super) struct Stealer(Arc<Queue>);

impl Injector {
    pub(in super::super) fn new(serial: bool) -> Self {
        Injector { queue: Queue::new(), serial }
    }

    pub(in super::super) fn sweep(&self, is_dead: impl Fn(&Task) -> bool) -> Vec<Task> {
        let mut tasks = self.queue.tasks.lock();
        let (dead, live) = std::mem::take(&mut *tasks).into_iter().partition(is_dead);
        *tasks = Vec::into(live);
        self.queue.length.store(tasks.len(), Ordering::Relaxed);
        dead
    }

    pub(in super::super) fn push(&self, task: Task) {
        self.queue.push(task);
    }

    pub(in super::super) fn is_empty(&self) -> bool {
        self.queue.len() == 0
    }

    pub(in super::super) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(in super::super) fn take(&self, local: &Local) -> Option<Task> {
        if self.serial { self.queue.pop() } else { self.queue.pop_and_move(local) }
    }

    pub(in super::super) fn take_one(&self) -> Option<Task> {
        self.queue.pop()
    }
}

impl Local {
    pub(in super::super) fn new() -> Self {
        Local(Arc::new(Queue::new()))
    }

    pub(in super::super) fn push(&self, task: Task) {
        self.0.push(task);
    }

    pub(in super::super) fn pop(&self) -> Option<Task> {
        self.0.pop()
    }

    pub(in super::super) fn is_empty(&self) -> bool {
        self.0.len() == 0
    }

    pub(in super::super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(in super::super) fn stealer(&self) -> Stealer {
        Stealer(Arc::clone(&self.0))
    }
}

impl Stealer {
    pub(in super::super) fn take(&self, local: &Local) -> Option<Task> {
        self.0.pop_and_move(local)
    }

    pub(in super::super) fn take_one(&self) -> Option<Task> {
        self.0.pop()
    }

    pub(in super::super) fn is_empty(&self) -> bool {
        self.0.len() == 0
    }

    pub(in super::super) fn len(&self) -> usize {
        self.0.len()
    }
}
