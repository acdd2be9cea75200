//! Where slabs are between two holders, and how cells get back to a slab that somebody else holds, or nobody.
//!
//! The protocol is in `state/returns.rs`.
#![expect(unsafe_code, reason = "slabs are lists, and lists of slabs, by pointers")]

use super::shape::Shape;
use super::shelves::Shelves;
use super::slab::{Node, Slab};
use crate::state::{Chain, Place, Seen};
use crate::sync::{AtomicBool, Ordering, SpinningLatch, const_fn, spin};
use std::ptr::NonNull;

/// How often somebody tries to get the lock. As it is held for a few instructions, that is enough, if who has it runs.
const TRIES: u32 = if cfg!(concurrent_futures_loom) { 1 } else { 16 };

/// All slabs of a shape that no thread holds, as far as anybody can find them.
pub(crate) struct Depot {
    shape: Shape,
    /// Only ever tried, so also under loom, which would not see all that may come of that with a lock of its own.
    shelves: SpinningLatch<Shelves>,
    /// Somebody did not get the lock, and so there is a slab in the list with all its cells.
    missed: AtomicBool,
}

/// Free cells of one slab.
#[derive(Clone, Copy)]
pub(super) struct Cells {
    /// Those that have been given out before are linked, from the first to the last.
    pub(super) ends: Option<(NonNull<Node>, NonNull<Node>)>,
    /// All of them.
    pub(super) count: usize,
}

/// A slab, and those of its cells that have been given out before and are free.
pub(super) struct Found {
    pub(super) slab: NonNull<Slab>,
    pub(super) chain: Option<NonNull<Node>>,
}

impl Depot {
    const_fn! {
        pub(crate) fn new(shape: Shape) -> Self {
            Depot { shape, shelves: SpinningLatch::new(Shelves::EMPTY), missed: AtomicBool::new(false) }
        }
    }

    pub(super) fn shape(&self) -> Shape {
        self.shape
    }

    /// A slab with free cells, which the caller holds from now on. None if there is no memory.
    pub(super) fn find(&self) -> Option<Found> {
        let found = self.visit(|shelves| {
            if let Some(slab) = shelves.take_listed() {
                // SAFETY: it was listed.
                return Some(unsafe { Depot::take(slab) });
            }
            let slab = shelves.take_spare()?;
            // SAFETY: it was spare, so it is the caller's.
            unsafe { Slab::renew(slab, self.shape) };
            Some(Found { slab, chain: None })
        });
        found.flatten().or_else(|| Some(Found { slab: Slab::make(self.shape)?, chain: None }))
    }

    /// *Take*, or *hold*.
    ///
    /// # Safety
    /// The caller holds the slab and has none of its free cells left; or it was listed, and the caller has the lock.
    pub(super) unsafe fn take(slab: NonNull<Slab>) -> Found {
        // SAFETY: by the contract.
        let chain = unsafe { Slab::header(slab) }.returns.take();
        // SAFETY: the chain was the slab's.
        let chain = chain.head.map(|at| unsafe { Slab::cell(slab, at) });
        Found { slab, chain }
    }

    /// *Give back* one cell, and what follows of that.
    ///
    /// # Safety
    /// It is a cell of a slab of this depot, which the caller has, and there is no value in it any more.
    pub(crate) unsafe fn give_back(&self, cell: NonNull<Node>, slab: NonNull<Slab>) {
        let cells = Cells { ends: Some((cell, cell)), count: 1 };
        // SAFETY: by the contract.
        unsafe { self.put(slab, cells, false) };
    }

    /// *Let go*.
    ///
    /// # Safety
    /// The caller holds the slab, and gives up all of its cells that are free but for those which have come back to it.
    pub(super) unsafe fn let_go(&self, slab: NonNull<Slab>, cells: Cells) {
        // SAFETY: the caller holds the slab.
        let uncut = unsafe { Slab::header(slab) }.uncut(self.shape);
        // SAFETY: by the contract.
        unsafe { self.put(slab, Cells { count: cells.count + uncut, ..cells }, true) };
    }

    /// # Safety
    /// As for `give_back`, or, if the caller is leaving, for `let_go`.
    unsafe fn put(&self, slab: NonNull<Slab>, cells: Cells, leaving: bool) {
        // SAFETY: the caller has a cell of it, or holds it, until the change of its word.
        let returns = &unsafe { Slab::header(slab) }.returns;
        let change = |seen: Seen, place| {
            let chain = seen.chain();
            let head = cells.ends.map_or(chain.head, |(first, last)| {
                // SAFETY: the chain is of this slab.
                let next = chain.head.map(|at| unsafe { Slab::cell(slab, at) });
                // SAFETY: the caller has these cells until the change.
                unsafe { Node::set_next(last, next) };
                Some(first.addr().get() - slab.addr().get())
            });
            returns.change(seen, Chain { head, count: chain.count + cells.count }, place)
        };
        let mut seen = returns.load();
        loop {
            let place = if leaving { Place::Loose } else { seen.place() };
            let count = seen.chain().count + cells.count;
            let changed = match place {
                Place::Loose if count == self.shape.cells => return self.retire(slab),
                Place::Loose if count >= self.shape.worth_listing() => self
                    .visit(|shelves| change(seen, Place::Listed).map(|()| shelves.list(slab)))
                    .unwrap_or_else(|| change(seen, Place::Loose)),
                Place::Listed if count == self.shape.cells => {
                    let retired = self.visit(|shelves| {
                        let now = returns.load();
                        if now == seen {
                            shelves.unlist(slab);
                            shelves.add_spare(slab);
                            Ok(())
                        } else {
                            Err(now)
                        }
                    });
                    retired.unwrap_or_else(|| change(seen, Place::Listed).map(|()| self.note_miss()))
                }
                place => change(seen, place),
            };
            match changed {
                Ok(()) => return,
                Err(now) => seen = now,
            }
        }
    }

    /// The caller has the whole slab.
    fn retire(&self, slab: NonNull<Slab>) {
        if self.visit(|shelves| shelves.add_spare(slab)).is_none() {
            // SAFETY: it is of this depot, and the caller's.
            unsafe { Slab::unmake(slab, self.shape) };
        }
    }

    fn note_miss(&self) {
        // ORDERING: Release pairs with the Acquire in `visit`: who sees it sees that the slab has all its cells. A swap,
        // because of several misses a store would show the last one only.
        self.missed.swap(true, Ordering::Release);
    }

    /// Does something under the lock, and gives back what there is too much of after that. None, and nothing is done, if
    /// the lock is not to be had: also in a copy of this process that was made while somebody had it.
    fn visit<R>(&self, act: impl FnOnce(&mut Shelves) -> R) -> Option<R> {
        let mut shelves = (0..TRIES).find_map(|round| {
            self.shelves.try_lock().or_else(|| {
                spin(round);
                None
            })
        })?;
        let result = act(&mut shelves);
        // ORDERING: Acquire pairs with the Release in `note_miss`. Relaxed before, because another visit will do as well.
        if self.missed.load(Ordering::Relaxed) && self.missed.swap(false, Ordering::Acquire) {
            shelves.sweep(self.shape);
        }
        let mut surplus = shelves.take_surplus();
        drop(shelves);
        while let Some(slab) = surplus {
            // SAFETY: it was spare, so it is this thread's now.
            surplus = unsafe { Slab::header(slab) }.links().get().next;
            // SAFETY: the same; it is of this depot.
            unsafe { Slab::unmake(slab, self.shape) };
        }
        Some(result)
    }
}

impl Drop for Depot {
    /// Slabs that somebody has a cell of stay. Those of the library are never dropped.
    fn drop(&mut self) {
        let _ = self.visit(|_| ());
        let mut shelves = self.shelves.lock();
        while let Some(slab) = shelves.take_spare() {
            // SAFETY: it was spare, and is of this depot.
            unsafe { Slab::unmake(slab, self.shape) };
        }
    }
}
