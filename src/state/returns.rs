//! Which cells of a slab have come back, and who may give them out again: one word a slab.
//!
//! # Words
//! A *slab* is a piece of memory with so many *cells* of one size. Its *holder* is the one thread that gives cells out of
//! it. Whoever has a cell may give it back, on any thread. Cells that came back are a *chain*: the word says where it
//! begins and how long it is, and each cell in it has a pointer to the next.
//!
//! # The word
//! * **HEAD**, bits 0 to 15: where in the slab the first cell of the chain begins, in bytes; nowhere, if that is 0, where
//!   the slab's own header is.
//! * **COUNT**, bits 16 to 27: how many cells are free, as far as this word knows. While the slab is held, that is the
//!   length of the chain. Otherwise those that were never given out are counted, too, and `COUNT` is all cells exactly
//!   if nobody has any of them.
//! * **PLACE**, bits 28 and 29:
//!   * *held*: by a thread. Only the holder changes this place, by letting go.
//!   * *loose*: by nobody, and nobody can find it but by its cells. Only who gives a cell back changes this place, and only
//!     under the lock of the depot.
//!   * *listed*: in the list of the depot, where the next thread without cells finds it. This place, and the list, are
//!     only changed under the lock of the depot.
//!
//! # Steps
//! * *Give back*: the giver makes its cell point to the head that it saw, and puts it in front by a compare-exchange,
//!   which counts it. That is all that a giver does to a slab that is held.
//! * *Take*: the holder, which has no free cells left, swaps the word for an empty chain.
//! * *Let go*: the holder puts what it has left in front of the chain, and changes the place, in one compare-exchange.
//! * *List*: a giver, whose cell makes enough of them to be worth it, does both in one compare-exchange.
//! * *Hold*: who has found the slab in the list makes it its own by the same swap as in *take*.
//! * *Retire*: the giver of the last cell of a slab that nobody holds does not give it back, but has the whole slab.
//!
//! # Why nobody has a cell that another one has, and no slab is freed twice, too early, or never
//! * *A chain is whole.* Only *give back*, *let go* and *list* add to it, all in front, and only swaps take from it, all of
//!   it. So a compare-exchange that finds the head which the giver has seen finds it in front still, or again, which is as
//!   good: all that the new cell says is what comes next, and nobody can have given that cell out and not had it back.
//! * *A giver may touch the slab until its compare-exchange*, because its cell is not counted before, so that nobody can
//!   find all cells free. After it, the giver does not, but for one who lists: it has the lock, and a listed slab goes
//!   away under the lock only.
//! * *One retires.* Who holds a slab retires it when it lets go of it and finds all others free: as no cell is out, there
//!   is nobody else. Who gives back a cell of a loose slab, and sees all others free, has the only one, so nobody else can
//!   change the word any more, or even look at it. If the slab is listed, a thread without cells might still find it; so
//!   the same giver looks once more under the lock, and takes it off the list.
//! * *Nobody has to wait.* The lock is only ever tried. Who does not get it when the cells would be worth listing leaves
//!   the slab loose, and the next giver tries; who does not get it for the last cell of a listed slab gives that back, and
//!   leaves word that there is a slab in the list with all its cells, which the next one with the lock retires.

use crate::sync::{AtomicUsize, Ordering};

const HEAD: usize = (1 << COUNT_SHIFT) - 1;
const COUNT_SHIFT: u32 = 16;
const COUNT: usize = (1 << (PLACE_SHIFT - COUNT_SHIFT)) - 1;
const PLACE_SHIFT: u32 = 28;

/// How many bytes a slab may have: so that `HEAD` can say where each cell begins.
pub(crate) const MAX_BYTES: usize = HEAD + 1;
/// How many cells a slab may have.
pub(crate) const MAX_CELLS: usize = COUNT;

/// Where a slab is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Held,
    Loose,
    Listed,
}

/// What the word said at some moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen(usize);

/// A chain of free cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chain {
    /// Where in the slab the first one begins.
    pub(crate) head: Option<usize>,
    /// How many cells are free with it.
    pub(crate) count: usize,
}

impl Seen {
    fn new(chain: Chain, place: Place) -> Self {
        let head = chain.head.unwrap_or(0);
        debug_assert!(head <= HEAD && chain.count <= COUNT);
        Seen(head | chain.count << COUNT_SHIFT | (place as usize) << PLACE_SHIFT)
    }

    pub(crate) fn chain(self) -> Chain {
        let head = self.0 & HEAD;
        Chain { head: (head != 0).then_some(head), count: self.0 >> COUNT_SHIFT & COUNT }
    }

    pub(crate) fn place(self) -> Place {
        match self.0 >> PLACE_SHIFT {
            0 => Place::Held,
            1 => Place::Loose,
            _ => Place::Listed,
        }
    }
}

/// See [the module](self).
#[derive(Debug)]
pub(crate) struct Returns(AtomicUsize);

impl Returns {
    /// Of a new slab, which whoever made it holds.
    pub(crate) fn new() -> Self {
        Returns(AtomicUsize::new(Seen::new(Chain { head: None, count: 0 }, Place::Held).0))
    }

    pub(crate) fn load(&self) -> Seen {
        // ORDERING: Acquire pairs with the Release in `change`: who sees all other cells free may free the memory, and so
        // comes after whatever was done to them.
        Seen(self.0.load(Ordering::Acquire))
    }

    /// *Give back*, *list*, or *let go*: the chain that was seen has got longer in front, and the slab is there now.
    ///
    /// # Errors
    /// Something else has changed meanwhile: what the word says now.
    pub(crate) fn change(&self, seen: Seen, chain: Chain, place: Place) -> Result<(), Seen> {
        // ORDERING: Release pairs with the Acquire in `load` and `take`: what was done to the cells comes before whatever
        // is done to them next. Acquire on failure, because the caller goes by it as by a `load`.
        self.0
            .compare_exchange_weak(seen.0, Seen::new(chain, place).0, Ordering::Release, Ordering::Acquire)
            .map(drop)
            .map_err(Seen)
    }

    /// *Take*, by the holder, or *hold*, under the lock, of a slab that was listed: all that has come back.
    #[must_use]
    pub(crate) fn take(&self) -> Chain {
        let held = Seen::new(Chain { head: None, count: 0 }, Place::Held);
        // ORDERING: Acquire pairs with the Release in `change`, of all who have added to the chain, because nothing but
        // read-modify-writes comes between.
        Seen(self.0.swap(held.0, Ordering::Acquire)).chain()
    }
}
