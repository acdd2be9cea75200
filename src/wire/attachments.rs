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
use std::cell::RefCell;
use std::os::fd::OwnedFd;
use std::sync::Arc;

enum Frame {
    /// No frame is open.
    Outside,
    /// Those that the values have left so far.
    Encoding(Vec<Arc<OwnedFd>>),
    /// Those that came with the bytes.
    Decoding(Vec<Arc<OwnedFd>>),
}

thread_local! {
    static INNERMOST: RefCell<Frame> = RefCell::new(Frame::Outside)
}

/// Opens a frame to be encoded; gives the descriptors that must go with it, in order.
///
/// They are counted, so that the values may be dropped before the frame is sent, and a frame may be sent again. How many
/// of them one message can take is for the caller to mind.
pub(crate) fn collect<R>(encode: impl FnOnce() -> R) -> (R, Vec<Arc<OwnedFd>>) {
    match within(Frame::Encoding(Vec::new()), encode) {
        (result, Frame::Encoding(attached)) => (result, attached),
        (result, _) => (result, Vec::new()),
    }
}

/// Opens a frame to be decoded, with what came with it. What nobody claims is closed.
pub(crate) fn provide<R>(descriptors: Vec<OwnedFd>, decode: impl FnOnce() -> R) -> R {
    within(Frame::Decoding(descriptors.into_iter().map(Arc::new).collect()), decode).0
}

/// Leaves a descriptor with the frame that is being encoded, once however often it is left; gives its number there.
///
/// `None`: no frame is being encoded on this thread.
pub(crate) fn attach(descriptor: &Arc<OwnedFd>) -> Option<u32> {
    let attach = |innermost: &RefCell<Frame>| match &mut *innermost.borrow_mut() {
        Frame::Encoding(attached) => {
            let known = attached.iter().position(|there| Arc::ptr_eq(there, descriptor));
            let index = known.unwrap_or_else(|| {
                attached.push(Arc::clone(descriptor));
                attached.len() - 1
            });
            u32::try_from(index).ok()
        }
        Frame::Outside | Frame::Decoding(_) => None,
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
    let claim = |innermost: &RefCell<Frame>| match &*innermost.borrow() {
        Frame::Decoding(there) => {
            let found = usize::try_from(index).ok().and_then(|index| there.get(index));
            found.cloned().ok_or(Unclaimed::Beyond(there.len()))
        }
        Frame::Outside | Frame::Encoding(_) => Err(Unclaimed::Outside),
    };
    INNERMOST.try_with(claim).unwrap_or(Err(Unclaimed::Outside))
}

/// Whether a frame is open on this thread: what is encoded or decoded beside it needs one of its own.
pub(super) fn is_open() -> bool {
    INNERMOST.try_with(|innermost| !matches!(&*innermost.borrow(), Frame::Outside)).unwrap_or(false)
}

/// Runs `f` with the frame open; gives it back as `f` left it.
fn within<R>(frame: Frame, f: impl FnOnce() -> R) -> (R, Frame) {
    /// Puts the outer frame back, also when `f` panics.
    struct Outer(Option<Frame>);

    impl Outer {
        fn restore(&mut self) -> Option<Frame> {
            let outer = self.0.take()?;
            INNERMOST.try_with(|innermost| innermost.replace(outer)).ok()
        }
    }

    impl Drop for Outer {
        fn drop(&mut self) {
            self.restore();
        }
    }

    let mut outer = Outer(INNERMOST.try_with(|innermost| innermost.replace(frame)).ok());
    let result = f();
    let frame = outer.restore().unwrap_or(Frame::Outside);
    (result, frame)
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
