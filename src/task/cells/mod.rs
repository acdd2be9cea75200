//! Memory for tasks, which are made on one thread and often freed on another.
//!
//! For that the usual allocators are slow: they take locks, or queue what other threads freed. Here each thread cuts
//! cells out of a slab of its own, cells that come back are a list in their slab, and a slab is nobody's as soon as its
//! thread has no more use for it. So memory does not stay with who was busy once. The protocol is in `state/returns.rs`,
//! and DESIGN.md says what it brings.
//!
//! `block` is what is in a cell, `slab` what cells are in, `hold` the part of a thread, `depot` and `shelves` what is
//! between threads. Tasks use [`place`] and [`remove`] only.

mod block;
mod depot;
mod hold;
mod shape;
mod shelves;
mod slab;

#[cfg(concurrent_futures_loom)]
mod modelled;
#[cfg(not(concurrent_futures_loom))]
mod native;

#[cfg(concurrent_futures_loom)]
use modelled as chosen;
#[cfg(not(concurrent_futures_loom))]
use native as chosen;

pub(super) use chosen::{place, remove};

#[cfg(all(test, concurrent_futures_loom))]
pub(crate) use {
    block::Block,
    depot::Depot,
    hold::Hold,
    shape::Shape,
    slab::{Node, Slab},
};
