//! Room for many bytes at once.
//!
//! Memory that is new to the process comes a page of 4 KiB at a time, by a fault for each, which takes longer than to copy
//! the bytes that go there. So where much is asked for, the system is told that larger pages will do.

use crate::wire::sys;

/// From so many bytes on: what is shorter need not have a whole huge page in it, and its faults take less than a call.
const LARGE: usize = 4 << 20;
/// Behind much that is written some bytes may come in the end, and for these it should not have to grow.
const MORE: usize = 64;

/// Makes room for so many bytes that are written next.
#[inline]
pub(super) fn reserve(bytes: &mut Vec<u8>, length: usize) {
    if length >= LARGE && bytes.capacity() - bytes.len() < length {
        reserve_large(bytes, length.saturating_add(MORE));
    }
}

/// Room for so many bytes, and nothing in it; `None`: they are too few for this to matter.
#[inline]
pub(super) fn of_large(length: usize) -> Option<Vec<u8>> {
    (length >= LARGE).then(|| {
        let mut room = Vec::new();
        reserve_large(&mut room, length);
        room
    })
}

#[cold]
fn reserve_large(bytes: &mut Vec<u8>, length: usize) {
    bytes.reserve(length);
    sys::prefer_huge_pages(bytes.spare_capacity_mut());
}

#[cfg(all(test, not(concurrent_futures_loom)))]
mod tests {
    use super::*;

    #[test]
    fn much_is_written_into_room_that_does_not_move() {
        let length = if cfg!(miri) { LARGE } else { 3 * LARGE + 5 };
        let much = vec![7; length];
        let mut bytes = vec![1, 2];
        reserve(&mut bytes, length);
        let start = bytes.as_ptr();
        bytes.extend_from_slice(&much);
        bytes.extend_from_slice(&[3; MORE]);
        assert_eq!((bytes.as_ptr(), &bytes[..3], bytes.len()), (start, &[1, 2, 7][..], length + MORE + 2));
    }

    #[test]
    fn few_are_left_to_who_wants_them() {
        let mut bytes = Vec::new();
        reserve(&mut bytes, LARGE - 1);
        assert_eq!(bytes.capacity(), 0);
        assert_eq!(of_large(LARGE - 1), None);
        assert!(of_large(LARGE).is_some_and(|room| room.is_empty() && room.capacity() >= LARGE));
    }
}
