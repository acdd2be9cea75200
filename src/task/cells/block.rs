//! A value in a cell, or by itself.
#![expect(unsafe_code, reason = "values that are put into memory, and dropped there, by pointers")]

use super::slab::{Front, Node, Slab};
use crate::sync::{Access, contain};
use std::mem::MaybeUninit;
use std::ptr::NonNull;

/// What a cell is while it has a value.
#[repr(C)]
pub(crate) struct Block<T> {
    front: Front,
    value: T,
}

impl<T> Block<T> {
    /// Puts a value into a cell.
    ///
    /// # Safety
    /// The caller has the cell, which has room for this block, and lies as it has to.
    #[inline]
    pub(crate) unsafe fn fill(cell: NonNull<Node>, value: T) -> NonNull<T> {
        // SAFETY: by the contract. All cells have their fronts already.
        let front = unsafe { cell.cast::<Front>().as_ref() };
        let place = Block::value_in(cell.cast());
        // SAFETY: by the contract.
        front.access.exclusive(|| unsafe { place.write(value) });
        place
    }

    /// Finds memory for one value from the system.
    pub(crate) fn alone(value: T) -> NonNull<T> {
        let front = Front { slab: None, access: Access::new() };
        Block::value_in(NonNull::from(Box::leak(Box::new(Block { front, value }))))
    }

    /// Drops the value. Its cell is the caller's then, if it is one of a slab.
    ///
    /// # Safety
    /// The value is in a block, and nobody else uses it.
    #[inline]
    pub(crate) unsafe fn clear(value: NonNull<T>) -> Option<(NonNull<Node>, NonNull<Slab>)> {
        if std::mem::needs_drop::<T>() {
            // SAFETY: by the contract.
            let _ = contain(|| unsafe { value.drop_in_place() });
        }
        // SAFETY: by the contract, it stands in a block at this offset.
        let block = unsafe { value.byte_sub(std::mem::offset_of!(Block<T>, value)) }.cast::<Block<T>>();
        // SAFETY: fronts stay whatever becomes of the values behind them.
        let slab = unsafe { block.cast::<Front>().as_ref() }.slab;
        if slab.is_none() {
            // SAFETY: without a slab it was made by `alone`; there is nothing in it to be dropped any more.
            drop(unsafe { Box::from_raw(block.cast::<MaybeUninit<Block<T>>>().as_ptr()) });
        }
        slab.map(|slab| (block.cast(), slab))
    }

    /// Where the value is, by a pointer to all that the one to the block is to.
    fn value_in(block: NonNull<Block<T>>) -> NonNull<T> {
        // SAFETY: the field is within the block.
        unsafe { block.byte_add(std::mem::offset_of!(Block<T>, value)) }.cast()
    }
}
