//! The two lists of a depot: slabs with enough free cells, and slabs whose cells are all free.
//!
//! All of this happens under the depot's lock, which is what makes the links of the slabs in it safe to touch.
#![expect(unsafe_code, reason = "lists by pointers")]

use super::shape::Shape;
use super::slab::{Links, Slab};
use std::ptr::NonNull;

/// So many slabs without a value are kept for who needs one next.
const SPARES: usize = if cfg!(concurrent_futures_loom) { 1 } else { 4 };

/// See [the module](self).
pub(super) struct Shelves {
    /// In both directions, so that a slab can leave from anywhere.
    listed: Option<NonNull<Slab>>,
    /// In one.
    spare: Option<NonNull<Slab>>,
    spares: usize,
}

// SAFETY: slabs in the lists belong to nobody; who takes one out has it from then on.
unsafe impl Send for Shelves {}

/// The header of a slab that is in a list, or of one that the caller is about to put there.
fn header<'a>(slab: NonNull<Slab>) -> &'a Slab {
    // SAFETY: slabs leave the lists before they are freed, and whoever puts one there has it.
    unsafe { Slab::header(slab) }
}

impl Shelves {
    pub(super) const EMPTY: Shelves = Shelves { listed: None, spare: None, spares: 0 };

    /// The slab's word says that it is listed.
    pub(super) fn list(&mut self, slab: NonNull<Slab>) {
        if let Some(next) = self.listed {
            let links = header(next).links();
            links.set(Links { previous: Some(slab), ..links.get() });
        }
        header(slab).links().set(Links { next: self.listed, previous: None });
        self.listed = Some(slab);
    }

    /// The slab is in the list.
    pub(super) fn unlist(&mut self, slab: NonNull<Slab>) {
        let Links { next, previous } = header(slab).links().get();
        if let Some(next) = next {
            let links = header(next).links();
            links.set(Links { previous, ..links.get() });
        }
        match previous {
            None => self.listed = next,
            Some(previous) => {
                let links = header(previous).links();
                links.set(Links { next, ..links.get() });
            }
        }
    }

    pub(super) fn take_listed(&mut self) -> Option<NonNull<Slab>> {
        let slab = self.listed?;
        self.unlist(slab);
        Some(slab)
    }

    /// All its cells are free, and nobody else has it.
    pub(super) fn add_spare(&mut self, slab: NonNull<Slab>) {
        header(slab).links().set(Links { next: self.spare, previous: None });
        self.spare = Some(slab);
        self.spares += 1;
    }

    pub(super) fn take_spare(&mut self) -> Option<NonNull<Slab>> {
        let slab = self.spare?;
        self.spare = header(slab).links().get().next;
        self.spares -= 1;
        Some(slab)
    }

    /// Finds slabs in the list that have all their cells.
    pub(super) fn sweep(&mut self, shape: Shape) {
        let mut at = self.listed;
        while let Some(slab) = at {
            at = header(slab).links().get().next;
            if header(slab).returns.load().chain().count == shape.cells {
                self.unlist(slab);
                self.add_spare(slab);
            }
        }
    }

    /// Those that are too many, linked.
    pub(super) fn take_surplus(&mut self) -> Option<NonNull<Slab>> {
        let mut surplus = None;
        while self.spares > SPARES {
            let Some(slab) = self.take_spare() else { break };
            header(slab).links().set(Links { next: surplus, previous: None });
            surplus = Some(slab);
        }
        surplus
    }
}
