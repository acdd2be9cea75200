//! Descriptors from elsewhere: only what the kernel keeps from changing becomes a slice.
#![expect(unsafe_code, reason = "mapping memory to show the danger")]

use concurrent_futures::shared_memory::{SharedBytes, SharedSlice};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::os::fd::OwnedFd;
use std::ptr;

const ENOUGH: SealFlags = SealFlags::WRITE.union(SealFlags::SHRINK);

fn memory(contents: &[u8], seals: SealFlags) -> OwnedFd {
    let memory = memfd_create("elsewhere", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).unwrap();
    let mut file = File::from(memory);
    file.write_all(contents).unwrap();
    fcntl_add_seals(&file, seals).unwrap();
    file.into()
}

#[track_caller]
fn assert_refused(descriptor: OwnedFd, why: &str) {
    let error = SharedBytes::from_descriptor(descriptor).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    assert!(error.to_string().contains(why), "{error}");
}

#[test]
fn sealed_memory_is_taken_whole() {
    let slice = SharedSlice::<u32>::from_descriptor(memory(&[1, 0, 0, 0, 2, 0, 0, 0], ENOUGH)).unwrap();
    assert_eq!(*slice, [1u32.to_le(), 2u32.to_le()]);
    assert!(SharedSlice::<u32>::from_descriptor(memory(&[], ENOUGH)).unwrap().is_empty());
}

#[test]
fn memory_that_is_not_sealed_is_refused() {
    for seals in [SealFlags::empty(), SealFlags::WRITE, SealFlags::SHRINK, SealFlags::SHRINK | SealFlags::GROW] {
        assert_refused(memory(b"x", seals), "not sealed against being written and being made shorter");
    }
}

/// A mapping from before that seal goes on writing: here it does.
#[test]
fn the_seal_against_future_writing_is_not_enough() {
    let descriptor = memory(b"A", SealFlags::empty());
    let writable = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: the kernel chooses the place.
    let page = unsafe { mmap(ptr::null_mut(), 1, writable, MapFlags::SHARED, &descriptor, 0) }.unwrap();
    let byte = page.cast::<u8>();
    assert!(fcntl_add_seals(&descriptor, SealFlags::WRITE).is_err(), "the kernel seals in spite of a writer");
    fcntl_add_seals(&descriptor, SealFlags::FUTURE_WRITE | SealFlags::SHRINK | SealFlags::GROW).unwrap();
    // SAFETY: the byte is mapped, and nobody has a reference to it.
    unsafe { byte.write_volatile(b'B') };
    let mut seen = [0];
    rustix::io::pread(&descriptor, &mut seen, 0).unwrap();
    assert_eq!(seen, *b"B");
    assert_refused(descriptor, "not sealed against being written");
    // SAFETY: this is the mapping from above, of which nobody keeps an address.
    unsafe { munmap(page, 1) }.unwrap();
}

#[test]
fn files_pipes_and_sockets_are_refused() {
    assert_refused(File::open("Cargo.toml").unwrap().into(), "not of memory that can be sealed");
    assert_refused(File::open("/dev/zero").unwrap().into(), "not of memory that can be sealed");
    assert_refused(std::io::pipe().unwrap().0.into(), "not of memory that can be sealed");
    assert_refused(std::os::unix::net::UnixStream::pair().unwrap().0.into(), "not of memory that can be sealed");
}

#[test]
fn a_length_that_is_not_of_whole_elements_is_refused() {
    for bytes in [1, 7, 9, 15] {
        let error = SharedSlice::<u64>::from_descriptor(memory(&vec![0; bytes], ENOUGH)).unwrap_err();
        assert!(error.to_string().contains(&format!("{bytes} bytes, which are no whole elements of 8")), "{error}");
    }
    assert_eq!(*SharedSlice::<[u8; 3]>::from_descriptor(memory(b"abcdef", ENOUGH)).unwrap(), [*b"abc", *b"def"]);
}

#[test]
fn memory_of_huge_pages_is_refused() {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING | MemfdFlags::HUGETLB;
    let Ok(memory) = memfd_create("huge", flags) else {
        println!("this kernel has no huge pages: nothing to refuse");
        return;
    };
    fcntl_add_seals(&memory, ENOUGH).unwrap();
    assert_refused(memory, "huge pages");
}
