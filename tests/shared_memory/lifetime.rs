//! Nothing stays behind, in this process or another. Each test runs in a process of its own, because it counts.

use crate::child::{self, say};
use crate::support::watchdog;
use crate::{NAME, descriptors, mappings};
use concurrent_futures::shared_memory::{SharedBytes, SharedSlice};
use concurrent_futures::{ThreadPoolExecutor, task};
use rustix::io::{FdFlags, fcntl_setfd};
use std::process::{Command, Stdio};

fn alive() -> (usize, usize) {
    (descriptors().len(), mappings().len())
}

#[test]
fn descriptors_and_mappings_end_with_the_last_handle() {
    let _watchdog = watchdog();
    let ended = child::run("lifetime::descriptors_and_mappings_end_with_the_last_handle", || {
        assert_eq!(alive(), (0, 0));
        for _ in 0..3 {
            let copied = SharedSlice::copy_from(&[1u64; 1000]).unwrap();
            assert_eq!(alive(), (1, 1));
            let clones: Vec<_> = (0..100).map(|_| copied.clone()).collect();
            let writer = SharedSlice::<u64>::zeroed(1000).unwrap();
            assert_eq!(alive(), (2, 2));
            let frozen = writer.freeze().unwrap();
            let read = SharedBytes::from_reader(&b"text"[..]).unwrap();
            assert_eq!(alive(), (3, 3));
            let again = SharedBytes::from_descriptor(read.descriptor().unwrap().try_clone_to_owned().unwrap()).unwrap();
            assert_eq!(alive(), (4, 4));
            drop((copied, frozen, read));
            assert_eq!(alive(), (2, 2));
            drop(again);
            assert_eq!(alive(), (1, 1));
            drop(clones);
            assert_eq!(alive(), (0, 0));
            drop(SharedSlice::<u64>::zeroed(1000).unwrap());
            let empty = (SharedBytes::default(), SharedSlice::<u8>::zeroed(0).unwrap());
            assert_eq!(alive(), (0, 0));
            drop(empty);
        }
        say("to the end");
    });
    ended.assert_quiet();
    assert_eq!(ended.said, ["to the end"]);
}

#[test]
fn what_fails_leaves_nothing_behind() {
    let _watchdog = watchdog();
    let ended = child::run("lifetime::what_fails_leaves_nothing_behind", || {
        struct Panics(usize);
        impl std::io::Read for Panics {
            fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
                self.0 += 1;
                if self.0 > 100 { std::panic::resume_unwind(Box::new("planned")) } else { Ok(buffer.len()) }
            }
        }
        assert!(std::panic::catch_unwind(|| SharedBytes::from_reader(Panics(0))).is_err());
        let three = SharedSlice::copy_from(&[0u8; 3]).unwrap();
        let of_three = || three.descriptor().unwrap().try_clone_to_owned().unwrap();
        assert!(SharedSlice::<u16>::from_descriptor(of_three()).is_err());
        assert_eq!(alive(), (1, 1));
        drop(three);
        assert!(SharedSlice::<u8>::zeroed(isize::MAX as usize).is_err());
        assert_eq!(alive(), (0, 0));
        say("to the end");
    });
    ended.assert_quiet();
    assert_eq!(ended.said, ["to the end"]);
}

#[test]
fn a_pool_keeps_nothing_of_what_its_tasks_had() {
    let _watchdog = watchdog();
    let ended = child::run("lifetime::a_pool_keeps_nothing_of_what_its_tasks_had", || {
        let pool = ThreadPoolExecutor::new(2).unwrap();
        let shared = SharedSlice::copy_from(&[1u8; 10_000]).unwrap();
        let submit = |_| {
            let shared = shared.clone();
            pool.submit(task!([shared] => SharedSlice::copy_from(&shared[..10]).unwrap()))
        };
        let parts: Vec<_> = (0..50).map(submit).collect();
        let parts: Vec<SharedBytes> = parts.iter().map(|part| part.result(None).unwrap()).collect();
        assert_eq!(alive(), (51, 51));
        drop((parts, shared));
        assert_eq!(alive(), (0, 0));
        say("to the end");
    });
    ended.assert_quiet();
    assert_eq!(ended.said, ["to the end"]);
}

/// What the descriptors of a started program are.
fn inherited() -> String {
    let listing = Command::new("ls").args(["-l", "/proc/self/fd"]).stdin(Stdio::null()).output().unwrap();
    assert!(listing.status.success());
    String::from_utf8(listing.stdout).unwrap()
}

#[test]
fn programs_that_are_started_do_not_inherit_it() {
    let _watchdog = watchdog();
    let ended = child::run("lifetime::programs_that_are_started_do_not_inherit_it", || {
        let made = (SharedSlice::copy_from(b"x").unwrap(), SharedSlice::<u8>::zeroed(1).unwrap());
        assert!(!inherited().contains(NAME));
        // That the listing would show it: the same memory, left open on purpose.
        let left_open = made.0.descriptor().unwrap().try_clone_to_owned().unwrap();
        fcntl_setfd(&left_open, FdFlags::empty()).unwrap();
        assert!(inherited().contains(NAME));
        say("to the end");
    });
    ended.assert_quiet();
    assert_eq!(ended.said, ["to the end"]);
}
