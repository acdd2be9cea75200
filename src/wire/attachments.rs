//! Descriptors that travel beside the bytes of a frame.
//!
//! A value that holds a descriptor meets serde's traits like any other, but bytes cannot carry a descriptor. So whoever
//! encodes a frame does that in [`collect`], in which such values leave theirs ([`attach`]) and write its number among
//! the frame's; and whoever decodes it does that in [`provide`], in which they find it again ([`claim`]).
//!
//! One frame is open on a thread at a time, the innermost: what is encoded or decoded on the way (a `Serialize` that
//! submits a job) has its own, and the outer one goes on after it, also when the inner one panics. While a frame is
//! being decoded nothing can be attached, and the other way round. A job that an engine runs right there still sees the
//! frame around it; what it attaches goes along for nothing.

use crate::sync::thread_local;
use std::cell::{Cell, RefCell};
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// What is being done to a frame.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    /// No frame is open.
    No,
    Encoding,
    Decoding,
}

/// The frame that is open.
struct Frame {
    open: Cell<Open>,
    /// Those that values have left so far, or those that came with the bytes.
    descriptors: RefCell<Vec<Arc<OwnedFd>>>,
}

thread_local! {
    static INNERMOST: Frame = Frame { open: Cell::new(Open::No), descriptors: RefCell::new(Vec::new()) }
}

impl Frame {
    /// Exchanges all of it. A frame is opened for each value, and nearly none has a descriptor: so empty lists stay where
    /// they are.
    #[inline]
    fn exchange(&self, open: Open, descriptors: &mut Vec<Arc<OwnedFd>>) -> Open {
        let mut there = self.descriptors.borrow_mut();
        if !there.is_empty() || !descriptors.is_empty() {
            std::mem::swap(&mut *there, descriptors);
        }
        self.open.replace(open)
    }
}

/// The frame around the innermost one, which is put back when this is dropped, also by a panic.
struct Outer {
    /// `None`: it is back. A thread that is ending has no frames.
    open: Option<Open>,
    descriptors: Vec<Arc<OwnedFd>>,
}

impl Outer {
    /// Opens a frame inside of it.
    #[inline]
    fn around(open: Open, descriptors: Vec<Arc<OwnedFd>>) -> Self {
        // In its place before anything is done with it: a list that is moved as soon as it is made costs as much as the rest.
        let mut outer = Outer { open: None, descriptors };
        outer.open = INNERMOST.try_with(|frame| frame.exchange(open, &mut outer.descriptors)).ok();
        outer
    }

    /// Puts it back, and gives what is in the inner one then.
    #[inline]
    fn restore(&mut self) -> Vec<Arc<OwnedFd>> {
        if let Some(open) = self.open.take() {
            let _ = INNERMOST.try_with(|frame| frame.exchange(open, &mut self.descriptors));
        }
        // As above.
        if self.descriptors.is_empty() { Vec::new() } else { std::mem::take(&mut self.descriptors) }
    }
}

impl Drop for Outer {
    #[inline]
    fn drop(&mut self) {
        self.restore();
    }
}

/// Opens a frame to be encoded; gives the descriptors that must go with it, in order.
///
/// They are counted, so that the values may be dropped before the frame is sent, and a frame may be sent again. How many
/// of them one message can take is for the caller to mind.
#[inline]
pub(crate) fn collect<R>(encode: impl FnOnce() -> R) -> (R, Vec<Arc<OwnedFd>>) {
    let mut outer = Outer::around(Open::Encoding, Vec::new());
    let result = encode();
    (result, outer.restore())
}

/// Opens a frame to be decoded, with what came with it. What nobody claims is closed.
pub(crate) fn provide<R>(descriptors: Vec<OwnedFd>, decode: impl FnOnce() -> R) -> R {
    let _outer = Outer::around(Open::Decoding, descriptors.into_iter().map(Arc::new).collect());
    decode()
}

/// Leaves a descriptor with the frame that is being encoded, once however often it is left; gives its number there.
///
/// `None`: no frame is being encoded on this thread.
pub(crate) fn attach(descriptor: &Arc<OwnedFd>) -> Option<u32> {
    let attach = |frame: &Frame| {
        if frame.open.get() != Open::Encoding {
            return None;
        }
        let mut attached = frame.descriptors.borrow_mut();
        let known = attached.iter().position(|there| Arc::ptr_eq(there, descriptor));
        let index = known.unwrap_or_else(|| {
            attached.push(Arc::clone(descriptor));
            attached.len() - 1
        });
        u32::try_from(index).ok()
    };
    // A thread that is ending has none.
    INNERMOST.try_with(attach).ok().flatten()
}

/// Why there is no descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unclaimed {
    /// No frame is being decoded on this thread.
    Outside,
    /// The frame came with this many only.
    Beyond(usize),
}

/// The descriptor with that number, of the frame that is being decoded. It can be claimed several times.
pub(crate) fn claim(index: u32) -> Result<Arc<OwnedFd>, Unclaimed> {
    let claim = |frame: &Frame| {
        if frame.open.get() != Open::Decoding {
            return Err(Unclaimed::Outside);
        }
        let there = frame.descriptors.borrow();
        let found = usize::try_from(index).ok().and_then(|index| there.get(index));
        found.cloned().ok_or(Unclaimed::Beyond(there.len()))
    };
    INNERMOST.try_with(claim).unwrap_or(Err(Unclaimed::Outside))
}

/// Whether a frame is open on this thread: what is encoded or decoded beside it needs one of its own.
pub(super) fn is_open() -> bool {
    INNERMOST.try_with(|frame| frame.open.get() != Open::No).unwrap_or(false)
}

#[cfg(test)]
#[cfg(not(concurrent_futures_loom))]
mod tests {
    use super::*;
    use crate::sync::contain;
    use std::fs::File;

    fn descriptor() -> Arc<OwnedFd> {
        Arc::new(File::open("/dev/null").unwrap().into())
    }

    fn owned() -> OwnedFd {
        File::open("/dev/null").unwrap().into()
    }

    #[test]
    fn a_descriptor_that_is_left_twice_travels_once() {
        let (first, second) = (descriptor(), descriptor());
        let (indices, attached) =
            collect(|| [attach(&first), attach(&second), attach(&first), attach(&Arc::clone(&second))]);
        assert_eq!(indices, [Some(0), Some(1), Some(0), Some(1)]);
        assert_eq!(attached.len(), 2);
        assert!(Arc::ptr_eq(&attached[0], &first) && Arc::ptr_eq(&attached[1], &second));
    }

    #[test]
    fn outside_of_a_frame_nothing_can_be_left_or_found() {
        assert_eq!(attach(&descriptor()), None);
        assert_eq!(claim(0).unwrap_err(), Unclaimed::Outside);
    }

    #[test]
    fn a_number_beyond_what_came_is_refused_with_their_count() {
        provide(vec![owned(), owned()], || {
            assert!(claim(1).is_ok() && claim(1).is_ok());
            assert_eq!(claim(2).unwrap_err(), Unclaimed::Beyond(2));
            assert_eq!(claim(u32::MAX).unwrap_err(), Unclaimed::Beyond(2));
        });
        provide(Vec::new(), || assert_eq!(claim(0).unwrap_err(), Unclaimed::Beyond(0)));
    }

    #[test]
    fn a_frame_within_a_frame_has_its_own() {
        let (first, second) = (descriptor(), descriptor());
        let ((), outer) = collect(|| {
            assert_eq!(attach(&first), Some(0));
            let (index, inner) = collect(|| attach(&second));
            assert_eq!((index, inner.len()), (Some(0), 1));
            assert!(Arc::ptr_eq(&inner[0], &second));
            provide(vec![owned()], || {
                assert!(claim(0).is_ok());
                assert_eq!(attach(&first), None, "a frame that is decoded takes nothing along");
            });
            assert_eq!(claim(0).unwrap_err(), Unclaimed::Outside, "a frame that is encoded has nothing to give");
            assert_eq!(attach(&second), Some(1));
        });
        assert_eq!(outer.len(), 2);
        assert_eq!(attach(&first), None);
    }

    #[test]
    fn a_panic_within_a_frame_leaves_the_outer_one_as_it_was() {
        let (first, second) = (descriptor(), descriptor());
        let ((), outer) = collect(|| {
            assert_eq!(attach(&first), Some(0));
            let inner = contain(|| {
                collect(|| {
                    attach(&second);
                    std::panic::resume_unwind(Box::new("planned"));
                })
            });
            assert!(inner.is_err());
            assert_eq!(attach(&first), Some(0));
        });
        assert_eq!(outer.len(), 1);
        assert_eq!((Arc::strong_count(&first), Arc::strong_count(&second)), (2, 1), "the inner frame has let go");
        assert_eq!(attach(&first), None);
    }

    #[test]
    fn what_nobody_claims_is_closed() {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        provide(vec![theirs.into()], || ());
        let mut rest = Vec::new();
        let read = std::io::Read::read_to_end(&mut &ours, &mut rest).unwrap();
        assert_eq!(read, 0, "the other end is closed");
    }
}
