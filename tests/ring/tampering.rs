//! What the kernel refuses to a worker that turns on its memory, and what a worker refuses to map.

use super::super::{Descriptors, Mapped};
use super::*;
use crate::ring::sys::bell;
use rustix::fs::{
    FallocateFlags, MemfdFlags, Mode, OFlags, SealFlags, fallocate, fcntl_add_seals, ftruncate, memfd_create, open,
};
use rustix::io::{Errno, pwrite};
use std::fs::File;
use std::io::ErrorKind;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;

fn descriptors() -> (Sender<Mapped>, Descriptors, Arc<OwnedFd>) {
    let bell = Arc::new(bell::create().unwrap());
    let (sender, descriptors) = Sender::create(Sizes::default(), Arc::clone(&bell)).unwrap();
    (sender, descriptors, bell)
}

/// The same file, opened anew, which forgets how the descriptor was opened.
fn reopened(file: &OwnedFd) -> OwnedFd {
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    open(Path::new(&path), OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()).unwrap()
}

/// Whether the file can be mapped for writing.
fn mapped_for_writing(file: &OwnedFd) -> Result<(), std::io::Error> {
    use crate::ring::sys::mapping::{Writers, open};
    // As if everybody might write: what the worker's own code would not do.
    open(file, Writers::Everybody).map(drop)
}

#[test]
fn nobody_but_the_parent_writes_the_jobs() {
    let (_sender, Descriptors { jobs, board }, _bell) = descriptors();
    for jobs in [&jobs, &reopened(&jobs)] {
        assert_eq!(pwrite(jobs, b"x", 0), Err(Errno::PERM));
        assert_eq!(mapped_for_writing(jobs).unwrap_err().kind(), ErrorKind::PermissionDenied);
        let punch = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        assert_eq!(fallocate(jobs, punch, 0, 4096), Err(Errno::PERM));
    }
    assert!(mapped_for_writing(&board).is_ok(), "the board is for both");
}

#[test]
fn neither_piece_changes_its_length() {
    let (_sender, Descriptors { jobs, board }, _bell) = descriptors();
    for file in [&jobs, &board, &reopened(&jobs), &reopened(&board)] {
        for length in [0, 4096, 1 << 30] {
            assert_eq!(ftruncate(file, length), Err(Errno::PERM), "to {length}");
        }
        assert_eq!(fcntl_add_seals(file, SealFlags::WRITE), Err(Errno::PERM));
    }
}

#[test]
fn a_child_inherits_neither() {
    let (_sender, Descriptors { jobs, board }, bell) = descriptors();
    for file in [jobs.as_fd(), board.as_fd(), bell.as_fd()] {
        let flags = rustix::io::fcntl_getfd(file).unwrap();
        assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
    }
}

#[test]
fn a_worker_maps_nothing_that_can_change_its_length() {
    let (_sender, Descriptors { jobs, board }, bell) = descriptors();
    let fixed = SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
    let memory = |seals: SealFlags, length| {
        let file = memfd_create("test", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).unwrap();
        ftruncate(&file, length).unwrap();
        fcntl_add_seals(&file, seals).unwrap();
        file
    };
    let whole = rustix::fs::fstat(&board).unwrap().st_size as u64;
    let refused = [
        (memory(SealFlags::empty(), whole), "fixed"),
        (memory(SealFlags::SHRINK | SealFlags::GROW, whole), "fixed"),
        (memory(fixed, whole - 1), "bytes"),
        (memory(fixed, 0), "bytes"),
        (memory(fixed, whole - 8), "length of the board"),
        (OwnedFd::from(File::open("/dev/zero").unwrap()), "sealed"),
    ];
    let jobs = Arc::new(jobs);
    for (board, why) in refused {
        let descriptors = Descriptors { jobs: jobs.try_clone().unwrap(), board };
        let error = Receiver::open(&descriptors, Arc::clone(&bell), false).err().expect(why);
        assert!(error.to_string().contains(why), "{why}: {error}");
    }
    // Of the jobs, the description has to be one.
    for (words, why) in [(whole as usize, "mark"), (1, "mark")] {
        let jobs = memory(fixed, (words * 8) as u64);
        let error = Receiver::open(&Descriptors { jobs, board: board.try_clone().unwrap() }, Arc::clone(&bell), false);
        let error = error.err().expect(why);
        assert!(error.to_string().contains(why), "{why}: {error}");
    }
}

#[test]
fn a_description_is_believed_within_limits_only() {
    let good = layout(64, 1 << 16, 1 << 16);
    assert_eq!(Layout::described(good.describe()), Ok(good));
    for at in 0..4 {
        for wrong in [0, 3, u64::MAX, 1 << 63, 1 << 40] {
            let mut words = good.describe();
            words[at] = wrong;
            assert!(Layout::described(words).is_err(), "{wrong} at {at}");
        }
    }
}
