//! A thread's part: the slab that it gives cells out of, and its cells that are free.
#![expect(unsafe_code, reason = "chains of cells by pointers")]

use super::depot::{Cells, Depot, Found};
use super::slab::{Node, Slab};
use std::cell::Cell;
use std::ops::Deref;
use std::ptr::NonNull;

/// So many cells of a slab are used for the first time at once: those after them are memory that is not touched yet.
const CUT: usize = 16;

/// See [the module](self).
pub(crate) struct Hold<D> {
    /// Always the same one.
    depot: D,
    /// Held by this.
    slab: Cell<Option<NonNull<Slab>>>,
    /// A chain of that slab's cells.
    free: Cell<Option<NonNull<Node>>>,
}

impl<D> Hold<D> {
    pub(crate) const fn new(depot: D) -> Self {
        Hold { depot, slab: Cell::new(None), free: Cell::new(None) }
    }
}

impl<D: Deref<Target = Depot>> Hold<D> {
    /// A cell that is at hand.
    #[inline]
    pub(crate) fn take(&self) -> Option<NonNull<Node>> {
        let cell = self.free.get()?;
        // SAFETY: the chain is this thread's.
        self.free.set(unsafe { Node::next(cell) });
        Some(cell)
    }

    /// A cell that is not. None if there is no memory.
    #[cold]
    pub(crate) fn fetch(&self) -> Option<NonNull<Node>> {
        let more = self.slab.get().and_then(|slab| self.more(slab));
        let chain = more.or_else(|| {
            self.let_go();
            let Found { slab, chain } = self.depot.find()?;
            self.slab.set(Some(slab));
            chain.or_else(|| self.more(slab))
        });
        self.free.set(chain);
        self.take()
    }

    /// More cells of the slab that this holds, when none is at hand.
    fn more(&self, slab: NonNull<Slab>) -> Option<NonNull<Node>> {
        let shape = self.depot.shape();
        // SAFETY: this holds the slab.
        let cut = unsafe { Slab::cut(slab, shape, CUT) };
        cut.or_else(|| {
            // SAFETY: the same.
            let came_back = unsafe { Slab::header(slab) }.returns.load().chain().count;
            // SAFETY: this holds the slab, and has none of its free cells left.
            (came_back >= shape.worth_staying()).then(|| unsafe { Depot::take(slab) }.chain).flatten()
        })
    }

    /// Gives everything up.
    pub(crate) fn let_go(&self) {
        let Some(slab) = self.slab.take() else { return };
        let mut cells = Cells { ends: None, count: 0 };
        let mut at = self.free.take();
        while let Some(cell) = at {
            let first = cells.ends.map_or(cell, |(first, _)| first);
            cells = Cells { ends: Some((first, cell)), count: cells.count + 1 };
            // SAFETY: the chain is this thread's.
            at = unsafe { Node::next(cell) };
        }
        // SAFETY: this held the slab, and has forgotten it, and the chain.
        unsafe { self.depot.let_go(slab, cells) };
    }

    /// Takes a cell back, or brings it to where it came from.
    ///
    /// # Safety
    /// The caller has the cell, whose value is gone. It is one of that slab, and that one of this depot's.
    #[inline]
    pub(crate) unsafe fn give_back(&self, cell: NonNull<Node>, slab: NonNull<Slab>) {
        if self.slab.get() == Some(slab) {
            // SAFETY: the caller has the cell.
            unsafe { Node::set_next(cell, self.free.get()) };
            self.free.set(Some(cell));
        } else {
            // SAFETY: by the contract.
            unsafe { self.depot.give_back(cell, slab) };
        }
    }
}
