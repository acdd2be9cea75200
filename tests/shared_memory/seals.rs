//! Attacks on memory that is shared: nothing that a process can do with its descriptor changes what others read.
#![expect(unsafe_code, reason = "mapping memory for the attack")]

use concurrent_futures::shared_memory::SharedSlice;
use rustix::fs::{FallocateFlags, SealFlags, fallocate, fcntl_add_seals, fcntl_get_seals, ftruncate};
use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::fs::FileExt;
use std::ptr;

const PAGE: usize = 4096;

/// Both ways to make one.
fn slices() -> [SharedSlice<u8>; 2] {
    let contents = vec![7u8; 3 * PAGE];
    let mut writer = SharedSlice::zeroed(contents.len()).unwrap();
    writer.copy_from_slice(&contents);
    [SharedSlice::copy_from(&contents).unwrap(), writer.freeze().unwrap()]
}

/// Runs the attack on each slice, and looks at what it did to the contents.
fn attack(attack: impl Fn(BorrowedFd<'_>)) {
    for slice in slices() {
        attack(slice.descriptor().unwrap());
        assert!(slice.len() == 3 * PAGE && slice.iter().all(|byte| *byte == 7));
    }
}

fn open(descriptor: BorrowedFd<'_>, options: &OpenOptions) -> io::Result<File> {
    options.open(format!("/proc/self/fd/{}", descriptor.as_raw_fd()))
}

#[track_caller]
fn assert_refused<T>(outcome: Result<T, Errno>) {
    assert_eq!(outcome.err(), Some(Errno::PERM));
}

fn errno<T>(outcome: io::Result<T>) -> Result<T, Errno> {
    outcome.map_err(|error| Errno::from_io_error(&error).unwrap())
}

#[test]
fn all_four_seals_are_there() {
    attack(|descriptor| {
        let seals = fcntl_get_seals(descriptor).unwrap();
        assert!(seals.contains(SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL), "{seals:?}");
        assert_refused(fcntl_add_seals(descriptor, SealFlags::FUTURE_WRITE));
    });
}

#[test]
fn writing_is_refused() {
    attack(|descriptor| {
        let file = File::from(descriptor.try_clone_to_owned().unwrap());
        assert_refused(errno(file.write_at(b"x", 0)));
        assert_refused(errno(file.write_at(b"x", 3 * PAGE as u64)));
    });
}

#[test]
fn making_it_shorter_or_longer_is_refused() {
    attack(|descriptor| {
        for bytes in [0, PAGE, 3 * PAGE - 1, 3 * PAGE + 1, 4 * PAGE] {
            assert_refused(ftruncate(descriptor, bytes as u64));
        }
    });
}

#[test]
fn holes_and_zeros_are_refused() {
    attack(|descriptor| {
        let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        assert_refused(fallocate(descriptor, hole, 0, PAGE as u64));
        assert!(fallocate(descriptor, FallocateFlags::ZERO_RANGE, 0, PAGE as u64).is_err());
    });
}

#[test]
fn a_writable_mapping_is_refused_and_one_for_reading_is_not() {
    attack(|descriptor| {
        let map = |protection, flags| {
            // SAFETY: the kernel chooses the place, and nobody makes a reference to it.
            unsafe { mmap(ptr::null_mut(), PAGE, protection, flags, descriptor, 0) }
        };
        assert_refused(map(ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED));
        assert_refused(map(ProtFlags::WRITE, MapFlags::SHARED));
        let reading = map(ProtFlags::READ, MapFlags::PRIVATE).unwrap();
        // SAFETY: this is the page from above, which nobody else knows.
        unsafe { munmap(reading, PAGE) }.unwrap();
    });
}

/// The kernel lets nobody have a descriptor that can write, or lets that one write nothing.
#[test]
fn reopening_it_by_its_place_in_proc_gives_no_way_to_write() {
    attack(|descriptor| {
        assert!(open(descriptor, OpenOptions::new().read(true)).is_ok());
        assert_refused(errno(open(descriptor, OpenOptions::new().write(true).truncate(true))));
        let reopened = open(descriptor, OpenOptions::new().read(true).write(true));
        assert_refused(errno(reopened).and_then(|file| errno(file.write_at(b"x", 0))));
    });
}

/// Its private pages of the mapping are all that a debugger, or the process itself, can change by its memory file.
#[test]
fn it_is_mapped_for_reading_only() {
    for slice in slices() {
        let start = slice.as_ptr() as usize;
        let mapping = crate::mappings().into_iter().find(|mapping| mapping.start == start).unwrap();
        assert_eq!(mapping.permissions, "r--p");
    }
}
