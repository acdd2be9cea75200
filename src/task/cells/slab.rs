//! The memory of a slab: a header, then cells of one size, each of which is free or has a value.
#![expect(unsafe_code, reason = "memory that is cut into cells")]

use super::shape::Shape;
use crate::state::Returns;
use crate::sync::{Access, allocate, deallocate};
use std::cell::Cell;
use std::ptr::NonNull;

/// What a cell begins with, free or not: whose it is.
#[repr(C)]
pub(crate) struct Front {
    /// None, if the value behind it has memory of its own.
    pub(super) slab: Option<NonNull<Slab>>,
    /// Stands for the rest of the cell under loom.
    pub(super) access: Access,
}

/// A cell that is free.
#[repr(C)]
pub(crate) struct Node {
    front: Front,
    /// The next one in the chain. Touched by whoever has the cell, or the chain that it is in.
    next: Option<NonNull<Node>>,
}

/// The header of a slab. Its cells come behind it in the same allocation, to the whole of which all these pointers are.
#[repr(C)]
pub(crate) struct Slab {
    pub(super) returns: Returns,
    rest: Rest,
}

/// In another cache line than what everybody writes to.
#[repr(align(64))]
struct Rest {
    /// Where the first cell begins that was never given out. Touched by who holds the slab, or has it for himself.
    fresh: Cell<usize>,
    /// Its neighbours in a list of the depot. Touched under its lock.
    links: Cell<Links>,
}

#[derive(Clone, Copy, Default)]
pub(super) struct Links {
    pub(super) next: Option<NonNull<Slab>>,
    pub(super) previous: Option<NonNull<Slab>>,
}

/// Where the first cell begins.
pub(super) const FIRST: usize = size_of::<Slab>();

impl Slab {
    /// A new one, which the caller holds. None if there is no memory.
    pub(super) fn make(shape: Shape) -> Option<NonNull<Slab>> {
        // SAFETY: the layout has room for the header, so it is not empty.
        let slab = NonNull::new(unsafe { allocate(shape.layout) })?.cast::<Slab>();
        let rest = Rest { fresh: Cell::new(FIRST), links: Cell::default() };
        // SAFETY: it was just allocated, with room for the header.
        unsafe { slab.write(Slab { returns: Returns::new(), rest }) };
        Some(slab)
    }

    /// # Safety
    /// It was made in this shape, and nobody else has it, or any of its cells.
    pub(super) unsafe fn unmake(slab: NonNull<Slab>, shape: Shape) {
        // SAFETY: by the contract.
        unsafe { Slab::claim(slab, shape) };
        // SAFETY: by the contract.
        unsafe { slab.drop_in_place() };
        // SAFETY: as it was allocated.
        unsafe { deallocate(slab.as_ptr().cast(), shape.layout) };
    }

    /// Its header.
    ///
    /// # Safety
    /// The slab is there for as long as the reference is used.
    pub(super) unsafe fn header<'a>(slab: NonNull<Slab>) -> &'a Slab {
        // SAFETY: by the contract; all of it is shared only by reference.
        unsafe { slab.as_ref() }
    }

    /// Makes it what it was when it was made.
    ///
    /// # Safety
    /// As for `unmake`.
    pub(super) unsafe fn renew(slab: NonNull<Slab>, shape: Shape) {
        // SAFETY: by the contract.
        unsafe { Slab::claim(slab, shape) };
        // SAFETY: by the contract.
        let header = unsafe { Slab::header(slab) };
        let _ = header.returns.take();
        header.rest.fresh.set(FIRST);
    }

    /// Tells loom that all of it is the caller's.
    ///
    /// # Safety
    /// As for `unmake`.
    unsafe fn claim(slab: NonNull<Slab>, shape: Shape) {
        if !cfg!(concurrent_futures_loom) {
            return;
        }
        // SAFETY: by the contract.
        let cut = FIRST..unsafe { Slab::header(slab) }.rest.fresh.get();
        for at in cut.step_by(shape.stride) {
            // SAFETY: cells begin at such steps.
            let front = unsafe { Slab::cell(slab, at) }.cast::<Front>();
            // SAFETY: all cells up to here have their fronts.
            unsafe { front.as_ref() }.access.exclusive(|| ());
        }
    }

    /// Under the depot's lock.
    pub(super) fn links(&self) -> &Cell<Links> {
        &self.rest.links
    }

    /// How many of its cells were never given out. The caller holds it.
    pub(super) fn uncut(&self, shape: Shape) -> usize {
        (shape.end() - self.rest.fresh.get()) / shape.stride
    }

    /// The next of its cells that were never given out, `most` of them, as a chain.
    ///
    /// # Safety
    /// The caller holds the slab, which has this shape.
    pub(super) unsafe fn cut(slab: NonNull<Slab>, shape: Shape, most: usize) -> Option<NonNull<Node>> {
        // SAFETY: by the contract.
        let fresh = &unsafe { Slab::header(slab) }.rest.fresh;
        let (begin, end) = (fresh.get(), shape.end().min(fresh.get() + most * shape.stride));
        fresh.set(end);
        let cells = (begin..end).step_by(shape.stride).rev();
        cells.fold(None, |next, at| {
            // SAFETY: from the first cell on, cells begin at such steps.
            let cell = unsafe { Slab::cell(slab, at) };
            // SAFETY: it is in the slab, and nobody has it.
            unsafe { cell.write(Node { front: Front { slab: Some(slab), access: Access::new() }, next }) };
            Some(cell)
        })
    }

    /// # Safety
    /// One of its cells begins there.
    pub(super) unsafe fn cell(slab: NonNull<Slab>, at: usize) -> NonNull<Node> {
        // SAFETY: by the contract it is in the allocation.
        unsafe { slab.byte_add(at) }.cast()
    }
}

impl Node {
    /// # Safety
    /// The caller has the cell, or the chain that it is in.
    #[inline]
    pub(super) unsafe fn next(cell: NonNull<Node>) -> Option<NonNull<Node>> {
        // SAFETY: by the contract.
        let node = unsafe { &*cell.as_ptr() };
        node.front.access.exclusive(|| node.next)
    }

    /// # Safety
    /// The caller has the cell, which has no value any more, or the chain that it is in.
    #[inline]
    pub(super) unsafe fn set_next(cell: NonNull<Node>, next: Option<NonNull<Node>>) {
        // SAFETY: by the contract; the front stays as it is.
        let front = unsafe { cell.cast::<Front>().as_ref() };
        // SAFETY: by the contract; the link may be what is left of a value, and is not read.
        front.access.exclusive(|| unsafe { (*cell.as_ptr()).next = next });
    }
}
