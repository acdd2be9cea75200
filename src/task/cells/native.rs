//! Cells as they ship: each thread holds one slab for each size of cells, until it ends.
#![expect(unsafe_code, reason = "memory that is freed by hand")]

use super::block::Block;
use super::depot::Depot;
use super::hold::Hold;
use super::shape::Shape;
use super::slab::{Node, Slab};
use crate::sync::{drop_contained, thread_local};
use std::ops::Deref;
use std::ptr::NonNull;

/// Cells are so large: tasks whose job and value have up to two words, up to six, and up to ten.
const STRIDES: [usize; 3] = [64, 96, 128];

/// What a slab takes with the header that the system's allocator gives it, so that those fit one behind the other.
const BYTES: usize = 16 * 1024 - 16;

static DEPOTS: [Depot; STRIDES.len()] = [depot(0), depot(1), depot(2)];

const fn depot(class: usize) -> Depot {
    Depot::new(Shape::filling(BYTES, STRIDES[class]))
}

/// One of these by its number: the oldest promised compiler has no thread-locals that begin with a reference to it.
struct Standing(usize);

impl Deref for Standing {
    type Target = Depot;

    #[inline]
    fn deref(&self) -> &Depot {
        &DEPOTS[self.0]
    }
}

thread_local! {
    static HOLDS: [Hold<Standing>; STRIDES.len()] =
        [Hold::new(Standing(0)), Hold::new(Standing(1)), Hold::new(Standing(2))]
}

thread_local! {
    static LEAVER: Leaver = Leaver
}

/// Lets go of the thread's slabs when it ends. It is apart from them, so that they can be used without asking whether that
/// has been.
struct Leaver;

impl Drop for Leaver {
    fn drop(&mut self) {
        let _ = HOLDS.try_with(|holds| holds.iter().for_each(Hold::let_go));
    }
}

/// For a type of values: which size of cells has room for it. None, if that is larger than all.
struct Class<T>(T);

impl<T> Class<T> {
    const OF: Option<usize> = {
        let mut class = 0;
        while class < STRIDES.len() && size_of::<Block<T>>() > STRIDES[class] {
            class += 1;
        }
        let fits = class < STRIDES.len() && STRIDES[class] % align_of::<Block<T>>() == 0;
        if fits { Some(class) } else { None }
    };
}

/// Finds memory for a value.
#[inline]
pub(crate) fn place<T>(value: T) -> NonNull<T> {
    let Some(class) = Class::<T>::OF else {
        return NonNull::from(Box::leak(Box::new(value)));
    };
    match take(class) {
        // SAFETY: cells of this class have room for it, and begin at multiples of what its alignment divides.
        Some(cell) => unsafe { Block::fill(cell, value) },
        None => Block::alone(value),
    }
}

/// Drops a value, and frees its memory.
///
/// # Safety
/// It was placed, as this type, and nobody else uses it.
#[inline]
pub(crate) unsafe fn remove<T>(value: NonNull<T>) {
    let Some(class) = Class::<T>::OF else {
        // SAFETY: by the contract; values of this type are placed by themselves.
        return drop_contained(unsafe { Box::from_raw(value.as_ptr()) });
    };
    // SAFETY: by the contract; values of this type are placed in blocks.
    if let Some((cell, slab)) = unsafe { Block::clear(value) } {
        // SAFETY: the block was in a cell of this class.
        unsafe { give_back(class, cell, slab) };
    }
}

/// A cell for the calling thread. None if there is no memory, or the thread is about to end.
#[inline]
fn take(class: usize) -> Option<NonNull<Node>> {
    HOLDS.try_with(|holds| holds[class].take().or_else(|| fetch(&holds[class]))).ok().flatten()
}

#[cold]
fn fetch(hold: &Hold<Standing>) -> Option<NonNull<Node>> {
    LEAVER.try_with(|_| ()).ok()?;
    hold.fetch()
}

/// # Safety
/// The caller has the cell, whose value is gone. It is one of this slab, and that one of this class.
#[inline]
unsafe fn give_back(class: usize, cell: NonNull<Node>, slab: NonNull<Slab>) {
    // SAFETY: by the contract.
    let given = HOLDS.try_with(|holds| unsafe { holds[class].give_back(cell, slab) });
    if given.is_err() {
        // SAFETY: the same.
        unsafe { DEPOTS[class].give_back(cell, slab) };
    }
}
