//! A medium of ordinary memory, for two threads that play both sides: what loom, Miri and ThreadSanitizer can watch.

use super::{Layout, Medium};
use crate::state::ring::WorkerSleep;
use crate::sync::{AtomicU32, AtomicU64, Condvar, Mutex, Ordering};
use std::sync::Arc;

#[expect(clippy::disallowed_types, reason = "time passes without a step of either side, which loom would count")]
type Time = std::sync::atomic::AtomicU64;

/// See the [module](self).
pub(crate) struct Heap {
    jobs: Box<[AtomicU64]>,
    board: Box<[AtomicU64]>,
    flag: AtomicU32,
    /// The kernel's lock, under which it compares the flag and puts the worker to sleep.
    kernel: Mutex<()>,
    woken: Condvar,
    /// What an event descriptor counts.
    rings: Mutex<u64>,
    rung: Condvar,
    time: Time,
}

impl Heap {
    pub(crate) fn new(layout: Layout) -> Arc<Self> {
        let zeros = |words| (0..words).map(|_| AtomicU64::new(0)).collect();
        Arc::new(Heap {
            jobs: zeros(layout.jobs()),
            board: zeros(layout.board()),
            flag: AtomicU32::new(0),
            kernel: Mutex::new(()),
            woken: Condvar::new(),
            rings: Mutex::new(0),
            rung: Condvar::new(),
            time: Time::new(1),
        })
    }

    /// What polling does, where nothing else can come; gives the number of rings.
    pub(crate) fn parent_sleeps(&self) -> u64 {
        let mut rings = self.rings.lock();
        while *rings == 0 {
            rings = self.rung.wait_until(rings, crate::sync::Deadline::NEVER);
        }
        std::mem::take(&mut *rings)
    }

    pub(crate) fn rings(&self) -> u64 {
        *self.rings.lock()
    }
}

impl Medium for Arc<Heap> {
    fn jobs(&self) -> &[AtomicU64] {
        &self.jobs
    }

    fn board(&self) -> &[AtomicU64] {
        &self.board
    }

    fn worker_flag(&self) -> &AtomicU32 {
        &self.flag
    }

    fn worker_sleeps(&self) {
        let guard = self.kernel.lock();
        if self.flag.load(Ordering::Relaxed) == WorkerSleep::ASLEEP {
            drop(self.woken.wait_until(guard, crate::sync::Deadline::NEVER));
        }
    }

    fn wake_worker(&self) {
        let _guard = self.kernel.lock();
        self.woken.notify_one();
    }

    fn wake_parent(&self) {
        *self.rings.lock() += 1;
        self.rung.notify_one();
    }

    fn now(&self) -> u64 {
        self.time.fetch_add(1, Ordering::Relaxed)
    }
}
