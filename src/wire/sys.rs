//! The one system call of this floor: what memory of ours will be used for.
#![cfg_attr(
    all(feature = "processes", target_os = "linux", not(miri)),
    expect(unsafe_code, reason = "tells the system how memory of ours will be used")
)]

use std::mem::MaybeUninit;

/// Says that larger pages will do for this room. If the system has none, or not for this, everything is as it was.
#[cfg(all(feature = "processes", target_os = "linux", not(miri)))]
pub(super) fn prefer_huge_pages(room: &mut [MaybeUninit<u8>]) {
    use rustix::mm::{Advice, madvise};
    let page = rustix::param::page_size();
    let start = room.as_mut_ptr();
    let skipped = start.align_offset(page);
    let length = room.len().saturating_sub(skipped) / page * page;
    if length == 0 {
        return;
    }
    let start = start.wrapping_add(skipped);
    // SAFETY: these pages are wholly within room that is exclusively the caller's; of what is in them nothing changes, and
    // advice that is refused does nothing.
    let _ = unsafe { madvise(start.cast(), length, Advice::LinuxHugepage) };
}

/// Nobody to be told.
#[cfg(not(all(feature = "processes", target_os = "linux", not(miri))))]
pub(super) fn prefer_huge_pages(_room: &mut [MaybeUninit<u8>]) {}
