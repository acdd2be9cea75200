//! What does not fit is an error that names the size and the cause, never a signal. The limits are those of a process,
//! so the tests of limits run in one of their own.

use crate::child::{self, say};
use crate::support::watchdog;
use concurrent_futures::shared_memory::{SharedBytes, SharedSlice};
use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::io::{self, ErrorKind, Read};
use std::os::unix::process::ExitStatusExt;

const MEBIBYTE: usize = 1 << 20;
const SIGXFSZ: i32 = 25;

fn limit(resource: Resource, current: u64) {
    setrlimit(resource, Rlimit { current: Some(current), maximum: getrlimit(resource).maximum }).unwrap();
}

#[track_caller]
fn assert_says<T>(outcome: io::Result<T>, kind: ErrorKind, words: &[&str]) {
    let error = outcome.err().expect("it does not fit");
    let said = error.to_string();
    assert!(error.kind() == kind && words.iter().all(|word| said.contains(word)), "{:?}: {said}", error.kind());
}

#[test]
fn more_than_an_address_space_is_refused_by_arithmetic() {
    let most = isize::MAX as usize;
    for len in [usize::MAX, usize::MAX / 8 + 1, most / 8 + 1] {
        let words = [&*len.to_string(), "8 bytes", "address space"];
        assert_says(SharedSlice::<u64>::zeroed(len), ErrorKind::InvalidInput, &words);
    }
    assert_says(SharedSlice::<[u8; 3]>::zeroed(usize::MAX / 2), ErrorKind::InvalidInput, &["3 bytes"]);
}

/// Without the look beforehand this would take all memory there is, and the kernel would kill somebody.
#[test]
fn more_than_the_machine_has_is_refused_at_once() {
    for bytes in [isize::MAX as usize, 1 << 50] {
        let words = [&*bytes.to_string(), "of memory and swap here", "smaller parts"];
        assert_says(SharedSlice::<u8>::zeroed(bytes), ErrorKind::OutOfMemory, &words);
    }
}

/// The danger itself: what the next test does by the library, done by hand.
#[test]
fn a_file_over_the_limit_ends_a_process_by_a_signal() {
    let _watchdog = watchdog();
    let ended = child::run("limits::a_file_over_the_limit_ends_a_process_by_a_signal", || {
        limit(Resource::Core, 0);
        limit(Resource::Fsize, MEBIBYTE as u64);
        let _ = ftruncate(memfd_create("by hand", MemfdFlags::CLOEXEC).unwrap(), 2 * MEBIBYTE as u64);
        say("it goes on");
    });
    assert_eq!(ended.status.signal(), Some(SIGXFSZ), "{ended:?}");
}

#[test]
fn a_slice_over_the_limit_on_files_is_an_error_and_no_signal() {
    let _watchdog = watchdog();
    let ended = child::run("limits::a_slice_over_the_limit_on_files_is_an_error_and_no_signal", || {
        limit(Resource::Fsize, MEBIBYTE as u64);
        let words = ["2097152 bytes", "limit of 1048576 bytes for files", "ulimit -f"];
        assert_says(SharedSlice::<u64>::zeroed(MEBIBYTE / 4), ErrorKind::FileTooLarge, &words);
        assert_says(SharedSlice::copy_from(&vec![1u8; 2 * MEBIBYTE]), ErrorKind::FileTooLarge, &words);
        let endless = SharedBytes::from_reader(io::repeat(1));
        assert_says(endless, ErrorKind::FileTooLarge, &["limit of 1048576 bytes for files"]);
        // What fits, to the last byte, is there.
        assert_eq!(SharedSlice::<u8>::zeroed(MEBIBYTE).unwrap().freeze().unwrap().len(), MEBIBYTE);
        assert_eq!(SharedSlice::copy_from(&vec![1u8; MEBIBYTE]).unwrap().len(), MEBIBYTE);
        let fits = SharedBytes::from_reader(io::repeat(1).take(MEBIBYTE as u64)).unwrap();
        assert_eq!(fits.len(), MEBIBYTE);
        say("to the end");
    });
    ended.assert_quiet();
    assert_eq!(ended.said, ["to the end"]);
}

// case 70: what the system refuses to make is an error, and no panic
#[test]
fn no_descriptor_left_is_an_error_that_says_so() {
    let _watchdog = watchdog();
    let ended = child::run("limits::no_descriptor_left_is_an_error_that_says_so", || {
        let slice = SharedSlice::copy_from(b"from before").unwrap();
        limit(Resource::Nofile, 0);
        let words = ["keeps a descriptor open", "ulimit -n"];
        // std has no kind for it.
        let kind = io::Error::from(rustix::io::Errno::MFILE).kind();
        assert_says(SharedSlice::<u8>::zeroed(1), kind, &words);
        assert_says(SharedSlice::copy_from(b"x"), kind, &words);
        assert_says(SharedBytes::from_reader(&b"x"[..]), kind, &words);
        // Clones need none.
        assert_eq!(*slice.clone(), *b"from before");
        say("to the end");
    });
    ended.assert_quiet();
    assert_eq!(ended.said, ["to the end"]);
}

#[test]
fn no_address_space_left_is_an_error_and_loses_no_writer() {
    let _watchdog = watchdog();
    let ended = child::run("limits::no_address_space_left_is_an_error_and_loses_no_writer", || {
        let mut writer = SharedSlice::<u8>::zeroed(64 * MEBIBYTE).unwrap();
        writer[0] = 7;
        let unlimited = getrlimit(Resource::As);
        limit(Resource::As, 16 * MEBIBYTE as u64);
        let words = ["67108864 bytes", "cannot be mapped", "smaller parts"];
        assert_says(SharedSlice::<u8>::zeroed(64 * MEBIBYTE), ErrorKind::OutOfMemory, &words);
        // It is mapped once more for reading before it is unmapped; and then it cannot be mapped for writing either.
        let error = writer.freeze().unwrap_err();
        assert_eq!(error.cause().kind(), ErrorKind::OutOfMemory);
        let error = error.into_writer().unwrap_err();
        setrlimit(Resource::As, unlimited).unwrap();
        let shared = error.into_writer().unwrap().freeze().unwrap();
        assert_eq!((shared.len(), shared[0]), (64 * MEBIBYTE, 7));
        assert_eq!(crate::descriptors().len(), 1, "what failed left a descriptor behind");
        say("to the end");
    });
    ended.assert_quiet();
    assert_eq!(ended.said, ["to the end"]);
}
