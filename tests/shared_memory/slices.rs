//! What slices hold, and what can be done with them as with any slice.

use bytemuck::{Pod, Zeroable};
use concurrent_futures::shared_memory::{Plain, SharedBytes, SharedSlice, SharedSliceMut};
use concurrent_futures::{Executor, InlineExecutor, ThreadPoolExecutor, call, task};
use ndarray::{ArrayView2, ArrayViewMut2};
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::thread;

#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
#[repr(C)]
struct Reading {
    at: u64,
    value: f32,
    flags: [u8; 4],
}

/// As strict as alignment gets.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(4096))]
struct Page([u8; 4096]);

#[test]
fn a_copy_holds_what_was_copied_whatever_the_type() {
    assert_eq!(*SharedSlice::copy_from(b"bytes").unwrap(), *b"bytes");
    assert_eq!(*SharedSlice::copy_from(&[0.5f64, f64::INFINITY]).unwrap(), [0.5, f64::INFINITY]);
    assert_eq!(*SharedSlice::copy_from(&[[1u16; 100]; 3]).unwrap(), [[1; 100]; 3]);
    let readings = [Reading { at: 1, value: 2.0, flags: [3; 4] }, Reading { at: u64::MAX, value: -0.0, flags: [0; 4] }];
    assert_eq!(*SharedSlice::copy_from(&readings).unwrap(), readings);
    let pages = SharedSlice::copy_from(&[Page([1; 4096]), Page([2; 4096])]).unwrap();
    assert!(pages.as_ptr().is_aligned() && pages[1].0 == [2; 4096]);
}

/// Lengths around those of pages, and of the pieces in which memory is reserved.
#[test]
fn every_length_is_whole_and_zero_at_first() {
    const PIECE: usize = 2 << 20;
    for len in [1, 2, 4095, 4096, 4097, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 7] {
        let mut writer = SharedSlice::<u8>::zeroed(len).unwrap();
        assert_eq!(writer.len(), len);
        assert!(writer.iter().all(|byte| *byte == 0));
        writer[len - 1] = 7;
        let slice = writer.freeze().unwrap();
        assert_eq!((slice.len(), slice[len - 1]), (len, 7));
        assert_eq!(SharedSlice::copy_from(&slice).unwrap(), slice);
    }
}

#[test]
fn a_slice_of_nothing_takes_nothing() {
    let slices = [
        SharedSlice::<u64>::default(),
        SharedSlice::copy_from(&[]).unwrap(),
        SharedSlice::zeroed(0).unwrap().freeze().unwrap(),
    ];
    for slice in slices {
        assert!(slice.is_empty() && slice.descriptor().is_none());
        assert!(slice.as_ptr().is_aligned());
        assert_eq!(slice.clone(), slice);
    }
    assert!(SharedBytes::from_reader(io::empty()).unwrap().is_empty());
}

#[test]
fn bytes_come_from_readers_and_can_be_read() {
    let text: Vec<u8> = (0..1_000_000u32).flat_map(u32::to_le_bytes).collect();
    let shared = SharedBytes::from_reader(&text[..]).unwrap();
    assert_eq!(*shared, text);
    let numbers: &[u32] = bytemuck::cast_slice(&shared);
    assert_eq!(numbers[999_999], 999_999);
    let mut reader = Cursor::new(shared);
    reader.seek(SeekFrom::Start(8)).unwrap();
    let mut number = [0; 4];
    reader.read_exact(&mut number).unwrap();
    assert_eq!(u32::from_le_bytes(number), 2);
}

/// Its own error comes out as it is, and nothing is left behind.
#[test]
fn a_reader_that_fails_or_panics_costs_the_call_only() {
    struct Fails(u8);
    impl Read for Fails {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0 += 1;
            match self.0 {
                1 => Err(io::ErrorKind::Interrupted.into()),
                2..10 => Ok(buffer.len()),
                _ => Err(io::Error::other("the disk is gone")),
            }
        }
    }
    assert_eq!(SharedBytes::from_reader(Fails(0)).unwrap_err().to_string(), "the disk is gone");

    struct Panics;
    impl Read for Panics {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            std::panic::resume_unwind(Box::new("planned"))
        }
    }
    assert!(std::panic::catch_unwind(|| SharedBytes::from_reader(Panics)).is_err());
}

#[test]
fn clones_are_handles_to_the_same_memory() {
    let first = SharedSlice::copy_from(&[1u32, 2]).unwrap();
    let second = first.clone();
    assert_eq!(first.as_ptr(), second.as_ptr());
    drop(first);
    assert_eq!(*second, [1, 2]);
}

#[test]
fn bytemuck_casts_in_both_directions() {
    let mut writer = SharedSlice::<f32>::zeroed(2).unwrap();
    bytemuck::cast_slice_mut::<f32, u32>(&mut writer).copy_from_slice(&[1.0f32.to_bits(), 2.0f32.to_bits()]);
    let shared = writer.freeze().unwrap();
    assert_eq!(*shared, [1.0, 2.0]);
    assert_eq!(bytemuck::cast_slice::<f32, u32>(&shared), [1.0f32.to_bits(), 2.0f32.to_bits()]);
}

#[test]
fn ndarray_has_views_of_it_for_writing_and_for_reading() {
    let mut writer = SharedSlice::<f64>::zeroed(6).unwrap();
    let mut matrix = ArrayViewMut2::from_shape((2, 3), &mut writer).unwrap();
    matrix[(1, 2)] = 5.0;
    matrix.row_mut(0).fill(1.0);
    let shared = writer.freeze().unwrap();
    let matrix = ArrayView2::from_shape((2, 3), &shared).unwrap();
    assert_eq!((matrix.sum(), matrix[(1, 2)]), (8.0, 5.0));
    assert_eq!(matrix.as_ptr(), shared.as_ptr());
}

fn total(numbers: SharedSlice<u64>, factor: u64) -> u64 {
    numbers.iter().sum::<u64>() * factor
}

#[test]
fn portable_jobs_carry_slices_on_the_engines_of_this_process() {
    let numbers = SharedSlice::copy_from(&[1, 2, 3]).unwrap();
    let pool = ThreadPoolExecutor::new(2).unwrap();
    let engines: [&dyn Executor; 2] = [&pool, &InlineExecutor::new()];
    for executor in engines {
        assert_eq!(executor.submit(call!(total(numbers.clone(), 2))).result(None).unwrap(), 12);
        let tail = executor.submit(task!([numbers = numbers.clone()] => numbers[1..].to_vec()));
        assert_eq!(tail.result(None).unwrap(), [2, 3]);
        let made = executor.submit(task!([n = 3u8] => SharedSlice::copy_from(&[n; 4]).unwrap()));
        assert_eq!(*made.result(None).unwrap(), [3; 4]);
    }
}

// case 352, the sums within one process
#[test]
fn threads_write_disjoint_parts_and_then_read_it_all() {
    const PARTS: usize = 8;
    let mut writer: SharedSliceMut<u64> = SharedSlice::zeroed(PARTS * 1000).unwrap();
    thread::scope(|s| {
        for (part, elements) in writer.chunks_mut(1000).enumerate() {
            s.spawn(move || elements.fill(part as u64));
        }
    });
    let shared = writer.freeze().unwrap();
    let expected: u64 = (0..PARTS as u64).sum::<u64>() * 1000;
    thread::scope(|s| {
        for _ in 0..2 {
            let shared = shared.clone();
            s.spawn(move || assert_eq!(shared.iter().sum::<u64>(), expected));
        }
    });
}

#[test]
fn what_is_printed_is_the_type_and_the_length() {
    let mut writer = SharedSlice::<f64>::zeroed(3).unwrap();
    assert_eq!(format!("{writer:?}"), "SharedSliceMut<f64>[3]");
    writer.as_mut_slice()[0] = 1.0;
    assert_eq!(format!("{:?}", writer.freeze().unwrap()), "SharedSlice<f64>[3]");
}

#[test]
fn generic_code_asks_for_plain() {
    fn twice<T: Plain>(element: T) -> SharedSlice<T> {
        SharedSlice::copy_from(&[element; 2]).unwrap()
    }
    assert_eq!(twice(3u8).iter().chain(&twice(4)).map(|n| u32::from(*n)).sum::<u32>(), 14);
}
