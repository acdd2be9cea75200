//! Freezing while somebody else could still write: refused, and the writer comes back with everything in it.
#![expect(unsafe_code, reason = "mapping memory a second time")]

use crate::child::{self, say};
use crate::support::watchdog;
use crate::{descriptors, mappings};
use concurrent_futures::shared_memory::{FreezeError, SharedSlice, SharedSliceMut};
use rustix::fs::fstat;
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use std::error::Error;
use std::ffi::c_void;
use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::ptr;

/// The memory of a writer, opened once more behind its back.
fn reopen(writer: &SharedSliceMut<u32>) -> File {
    let start = writer.as_ptr() as usize;
    let inode = mappings().into_iter().find(|mapping| mapping.start == start).expect("it is mapped").inode;
    let open = |descriptor| {
        let file = OpenOptions::new().read(true).write(true).open(format!("/proc/self/fd/{descriptor}")).ok()?;
        (fstat(&file).unwrap().st_ino == inode).then_some(file)
    };
    descriptors().into_iter().find_map(open).expect("its descriptor is open")
}

/// A second writable mapping, as a forked process has one.
struct SecondMapping(*mut c_void);

impl SecondMapping {
    fn of(writer: &SharedSliceMut<u32>) -> Self {
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: the kernel chooses the place, and nobody makes a reference to it.
        let mapped = unsafe { mmap(ptr::null_mut(), 1, protection, MapFlags::SHARED, reopen(writer), 0) };
        SecondMapping(mapped.unwrap())
    }
}

impl Drop for SecondMapping {
    fn drop(&mut self) {
        // SAFETY: this is the mapping that `of` made.
        unsafe { munmap(self.0, 1) }.unwrap();
    }
}

fn writer() -> SharedSliceMut<u32> {
    let mut writer = SharedSlice::zeroed(1000).unwrap();
    writer.iter_mut().zip(1..).for_each(|(element, number)| *element = number);
    writer
}

#[test]
fn another_writable_mapping_gives_the_writer_back_until_it_is_gone() {
    let _watchdog = watchdog();
    let mut writer = writer();
    let second = SecondMapping::of(&writer);
    for round in 1..4 {
        let error: FreezeError<u32> = writer.freeze().unwrap_err();
        assert_eq!(error.cause().kind(), ErrorKind::ResourceBusy);
        let said = error.to_string();
        assert!(said.contains("1000 elements") && said.contains("4000 bytes") && said.contains("forked"), "{said}");
        assert!(error.source().is_some());
        writer = error.into_writer().unwrap();
        assert_eq!(writer[999], if round == 1 { 1000 } else { round - 1 });
        writer[999] = round;
    }
    drop(second);
    let shared = writer.freeze().unwrap();
    assert_eq!((shared[0], shared[999]), (1, 3));
}

#[test]
fn a_second_descriptor_alone_does_no_harm() {
    let writer = writer();
    let file = reopen(&writer);
    let shared = writer.freeze().unwrap();
    assert!(rustix::io::pwrite(&file, b"x", 0).is_err());
    assert_eq!(shared[0], 1);
}

#[test]
fn a_writer_that_is_not_asked_for_again_goes_away_with_its_error() {
    let _watchdog = watchdog();
    let ended = child::run("freezing::a_writer_that_is_not_asked_for_again_goes_away_with_its_error", || {
        let writer = writer();
        let second = SecondMapping::of(&writer);
        let error = writer.freeze().unwrap_err();
        assert_eq!((descriptors().len(), mappings().len()), (1, 1), "the error's descriptor, the second mapping");
        drop(error);
        assert_eq!((descriptors().len(), mappings().len()), (0, 1));
        drop(second);
        assert!(mappings().is_empty());
        say("to the end");
    });
    ended.assert_quiet();
    assert_eq!(ended.said, ["to the end"]);
}
