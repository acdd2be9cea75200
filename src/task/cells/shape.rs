//! How large the cells of a slab are, and how many it has.

use super::slab::FIRST;
use crate::state::{MAX_BYTES, MAX_CELLS};
use std::alloc::Layout;

/// See [the module](self).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(super) stride: usize,
    pub(super) cells: usize,
    pub(super) layout: Layout,
}

/// Slabs begin with a cache line, and so do cells whose size is a multiple of one.
const ALIGNMENT: usize = 64;

impl Shape {
    /// # Panics
    /// With more, or larger, cells than a slab can have.
    pub(crate) const fn new(stride: usize, cells: usize) -> Self {
        let bytes = FIRST + stride * cells;
        assert!(cells > 0 && cells <= MAX_CELLS && bytes <= MAX_BYTES);
        match Layout::from_size_align(bytes, ALIGNMENT) {
            Ok(layout) => Shape { stride, cells, layout },
            Err(_) => panic!("a slab that is larger than memory"),
        }
    }

    /// As many cells as so many bytes have room for.
    pub(crate) const fn filling(bytes: usize, stride: usize) -> Self {
        Shape::new(stride, (bytes - FIRST) / stride)
    }

    /// Where the last cell ends.
    pub(super) fn end(self) -> usize {
        FIRST + self.stride * self.cells
    }

    /// So many free cells are worth it that a thread without any takes over their slab. As a slab with fewer is more than
    /// half used, no more than half of what slabs take is lost to those that nobody gives cells out of.
    pub(super) fn worth_listing(self) -> usize {
        self.cells.div_ceil(2)
    }

    /// So many cells that came back are worth it that their holder stays with the slab.
    pub(super) fn worth_staying(self) -> usize {
        self.cells.div_ceil(4)
    }
}
