//! A page that two processes share, with a number there and one back, and a futex for each to sleep on: the least that
//! a round trip can take where both sides sleep; or where they watch for a while before they do.
#![expect(unsafe_code, reason = "mapping shared memory, and making a reference to it")]

use super::{Process, start};
use crate::Failure;
use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags, mmap};
use rustix::process::getppid;
use rustix::thread::futex::{self, Flags, Timespec};
use std::hint;
use std::io::stdin;
use std::os::fd::{AsFd, OwnedFd};
use std::ptr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

pub(super) const ROLE: &str = "futex";

const EMPTY: u32 = 0;
const FULL: u32 = 1;
/// Empty, and the receiver sleeps.
const AWAITED: u32 = 2;
const OVER: u32 = 3;

/// A futex does not end when the other process does, so a sleeper looks after that from time to time.
const LONG: Timespec = Timespec { tv_sec: 10, tv_nsec: 0 };

/// One direction, on cache lines of its own.
#[repr(C, align(128))]
struct Mail {
    state: AtomicU32,
    number: AtomicU64,
}

#[repr(C)]
struct Page {
    there: Mail,
    back: Mail,
}

impl Mail {
    fn put(&self, number: u64) -> Result<(), Failure> {
        self.number.store(number, Ordering::Relaxed);
        self.change(FULL)
    }

    fn change(&self, state: u32) -> Result<(), Failure> {
        if self.state.swap(state, Ordering::AcqRel) == AWAITED {
            futex::wake(&self.state, Flags::empty(), 1)?;
        }
        Ok(())
    }

    /// `None` when it is over, or if after a long time there is `nobody` who could send any more.
    fn take(&self, looks: u32, nobody: impl Fn() -> bool) -> Result<Option<u64>, Failure> {
        for _ in 0..looks {
            if self.state.load(Ordering::Acquire) != EMPTY {
                break;
            }
            hint::spin_loop();
        }
        loop {
            match self.state.compare_exchange(EMPTY, AWAITED, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) | Err(AWAITED) => match futex::wait(&self.state, Flags::empty(), AWAITED, Some(&LONG)) {
                    Ok(()) | Err(Errno::AGAIN | Errno::INTR) => {}
                    Err(Errno::TIMEDOUT) if nobody() => return Ok(None),
                    Err(Errno::TIMEDOUT) => {}
                    Err(error) => return Err(error.into()),
                },
                Err(OVER) => return Ok(None),
                Err(_) => {
                    self.state.store(EMPTY, Ordering::Relaxed);
                    return Ok(Some(self.number.load(Ordering::Relaxed)));
                }
            }
        }
    }
}

impl Page {
    /// Mapped for as long as the process is there, which spares everybody to think of its end.
    fn map(file: impl AsFd) -> Result<&'static Page, Failure> {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a mapping of its own, wherever the kernel likes.
        let start = unsafe { mmap(ptr::null_mut(), size_of::<Page>(), access, MapFlags::SHARED, file, 0)? };
        // SAFETY: it stays, the file is as long as that, both sides treat it as atomics only, and zeros are a page.
        Ok(unsafe { &*start.cast::<Page>() })
    }
}

/// Ours of the two sides.
pub(crate) struct Futex {
    page: &'static Page,
    looks: u32,
    /// Told that it is over before it is waited for.
    process: Option<Process>,
}

impl Futex {
    /// Both sides look so often for an answer before they sleep; each look takes some 10 to 50 ns.
    pub(crate) fn start(looks: u32) -> Result<Self, Failure> {
        let file: OwnedFd = memfd_create("peers-futex", MemfdFlags::CLOEXEC)?;
        ftruncate(&file, size_of::<Page>() as u64)?;
        let page = Page::map(&file)?;
        Ok(Futex { page, looks, process: Some(start(&format!("{ROLE} {looks}"), file)?) })
    }

    pub(crate) fn sum_below(&mut self, count: u64) -> Result<u64, Failure> {
        let mut sum = 0;
        for number in 0..count {
            self.page.there.put(number)?;
            sum += self.page.back.take(self.looks, || true)?.ok_or("the other side does not answer")?;
        }
        Ok(sum)
    }
}

impl Drop for Futex {
    fn drop(&mut self) {
        // If it could not be told, it could not be reached at all.
        let _ = self.page.there.change(OVER);
        self.process.take();
    }
}

pub(super) fn serve(looks: &str) -> Result<(), Failure> {
    let looks = looks.parse()?;
    let (page, parent) = (Page::map(stdin())?, getppid());
    while let Some(number) = page.there.take(looks, || getppid() != parent)? {
        page.back.put(number)?;
    }
    Ok(())
}
