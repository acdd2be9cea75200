//! The medium that ships: two pieces of sealed memory, a futex for the worker and an event descriptor for the parent.

use super::sys::mapping::{self, Mapping, Writers};
use super::sys::{bell, clock, futex};
use super::{Damage, Layout, Medium, Receiver, Ring, Sender, Sizes};
use crate::state::ring::WorkerSleep;
use crate::sync::{AtomicU32, AtomicU64, Ordering};
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// See the [module](self).
pub(crate) struct Mapped {
    jobs: Mapping,
    board: Mapping,
    /// Shared by all workers of a pool.
    bell: Arc<OwnedFd>,
}

/// What the worker needs to map a ring, beside the parent's bell.
#[derive(Debug)]
pub(crate) struct Descriptors {
    pub(crate) jobs: OwnedFd,
    pub(crate) board: OwnedFd,
}

/// Whether there may be a processor for the other side while this one spins: as many as the affinity mask has, and as
/// the quota of the control group pays for.
pub(crate) fn spinning_may_pay() -> bool {
    std::thread::available_parallelism().is_ok_and(|processors| processors.get() > 1)
}

impl Sender<Mapped> {
    /// A ring, and what is to be sent to its worker. The bell is what the parent polls.
    pub(crate) fn create(sizes: Sizes, bell: Arc<OwnedFd>) -> io::Result<(Self, Descriptors)> {
        let layout = Layout::new(sizes);
        let (jobs, jobs_file) = mapping::create(layout.jobs(), Writers::Maker)?;
        let (board, board_file) = mapping::create(layout.board(), Writers::Everybody)?;
        for (word, value) in jobs.words().iter().zip(layout.describe()) {
            // ORDERING: Relaxed: sending the descriptor publishes it.
            word.store(value, Ordering::Relaxed);
        }
        let sender = Sender::new(Mapped { jobs, board, bell }, layout);
        Ok((sender, Descriptors { jobs: jobs_file, board: board_file }))
    }
}

impl Receiver<Mapped> {
    /// By the worker, with what it was sent.
    ///
    /// # Errors
    /// If it is not what [`Sender::create`] makes.
    pub(crate) fn open(descriptors: &Descriptors, bell: Arc<OwnedFd>, spin: bool) -> io::Result<Self> {
        let jobs = mapping::open(&descriptors.jobs, Writers::Maker)?;
        let board = mapping::open(&descriptors.board, Writers::Everybody)?;
        let refused = |damage: Damage| io::Error::new(io::ErrorKind::InvalidData, damage);
        // ORDERING: Relaxed: written before the descriptor was sent.
        let word = |index: usize| jobs.words().get(index).map_or(0, |word| word.load(Ordering::Relaxed));
        let layout = Layout::described(std::array::from_fn(word)).map_err(refused)?;
        let lengths =
            [("the length of the jobs", &jobs, layout.jobs()), ("the length of the board", &board, layout.board())];
        for (what, mapping, words) in lengths {
            if mapping.words().len() < words {
                return Err(refused(Damage::of(what, mapping.words().len() as u64)));
            }
        }
        Ok(Receiver::new(Ring::new(Mapped { jobs, board, bell }, layout), spin))
    }
}

impl Medium for Mapped {
    fn jobs(&self) -> &[AtomicU64] {
        self.jobs.words()
    }

    fn board(&self) -> &[AtomicU64] {
        self.board.words()
    }

    fn worker_flag(&self) -> &AtomicU32 {
        self.board.half_word(Layout::WORKER_SLEEP)
    }

    fn worker_sleeps(&self) {
        futex::wait(self.worker_flag(), WorkerSleep::ASLEEP);
    }

    fn wake_worker(&self) {
        futex::wake(self.worker_flag());
    }

    fn wake_parent(&self) {
        bell::ring(&self.bell);
    }

    fn now(&self) -> u64 {
        clock::now()
    }
}
