//! An allocator that is the system's, and can be told to count how many bytes it gives out and gets back.
#![expect(unsafe_code, reason = "an allocator")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// While it is off, all that is added to an allocation is a look at a word which nobody writes; all contenders have that.
static ON: AtomicBool = AtomicBool::new(false);
static BYTES: AtomicI64 = AtomicI64::new(0);

/// What `make` keeps allocated, with what it makes. Other threads' allocations count too.
pub(crate) fn bytes_kept<T>(make: impl FnOnce() -> T) -> (T, i64) {
    BYTES.store(0, Ordering::SeqCst);
    ON.store(true, Ordering::SeqCst);
    let made = make();
    ON.store(false, Ordering::SeqCst);
    (made, BYTES.load(Ordering::SeqCst))
}

/// What an allocation takes: with glibc all of the block, and the word before it that says how long it is; elsewhere
/// what was asked for.
///
/// # Safety
/// It is an allocation of the system's allocator.
unsafe fn taken(place: *mut u8, layout: Layout) -> usize {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        let _ = layout;
        // SAFETY: as the caller promises.
        let usable = unsafe { libc::malloc_usable_size(place.cast()) };
        usable + if usable == 0 { 0 } else { size_of::<usize>() }
    }
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    {
        layout.size()
    }
}

/// # Safety
/// It is an allocation of the system's allocator, or null.
unsafe fn note(place: *mut u8, layout: Layout, sign: i64) {
    if ON.load(Ordering::Relaxed) && !place.is_null() {
        // SAFETY: as the caller promises.
        let bytes = unsafe { taken(place, layout) };
        BYTES.fetch_add(sign * bytes as i64, Ordering::Relaxed);
    }
}

// SAFETY: the system's allocator does everything, and counting neither allocates nor unwinds.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are the same.
        let place = unsafe { System.alloc(layout) };
        // SAFETY: this is what it gave.
        unsafe { note(place, layout, 1) };
        place
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are the same.
        let place = unsafe { System.alloc_zeroed(layout) };
        // SAFETY: this is what it gave.
        unsafe { note(place, layout, 1) };
        place
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        // SAFETY: the caller promises that it came from here.
        unsafe { note(place, layout, -1) };
        // SAFETY: the caller's promises are the same.
        unsafe { System.dealloc(place, layout) }
    }
}
