//! More descriptors of this user are on their way between processes than the kernel allows: nobody is at fault, and what
//! has to be sent is sent once some of them have arrived.

use crate::kit::outside::program::alone;
use crate::kit::{double, pool};
use crate::limits::{Limit, become_somebody_else};
use crate::support::watchdog;
use concurrent_futures::shared_memory::SharedSlice;
use concurrent_futures::{Future, ProcessPoolExecutor, Shutdown, TaskError, call, task};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType, sendmsg, socketpair,
};
use rustix::process::Resource;
use std::convert::Infallible;
use std::fs::File;
use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

/// Descriptors that are on their way until this is dropped, as many as may be.
struct Crowd {
    _sockets: (OwnedFd, OwnedFd),
    _limit: Limit,
}

impl Crowd {
    fn new() -> Self {
        const AT_ONCE: usize = 200;
        let limit = Limit::new(Resource::Nofile, 1000);
        let sockets = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
        let null = File::open("/dev/null").unwrap();
        let descriptors = [null.as_fd(); AT_ONCE];
        let refused = (0..100).find_map(|_| {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(AT_ONCE))];
            let mut control = SendAncillaryBuffer::new(&mut space);
            assert!(control.push(SendAncillaryMessage::ScmRights(&descriptors)));
            sendmsg(&sockets.0, &[IoSlice::new(&[0])], &mut control, SendFlags::DONTWAIT).err()
        });
        assert_eq!(refused, Some(Errno::TOOMANYREFS), "the limit does not hold");
        Crowd { _sockets: sockets, _limit: limit }
    }
}

/// Longer than what the system refuses for other reasons is tried again.
const LONG: Duration = Duration::from_secs(5);

#[track_caller]
fn is_pending<T: Send + 'static>(future: &Future<T>, within: Duration) {
    assert!(matches!(future.result(within), Err(TaskError::TimedOut)), "it is no matter of waiting");
}

#[test]
fn what_needs_descriptors_waits_and_everything_else_goes_on() {
    alone("crowded::what_needs_descriptors_waits_and_everything_else_goes_on", || {
        let _watchdog = watchdog();
        become_somebody_else();
        let pool = pool(1);
        assert_eq!(pool.submit(call!(double(4))).result(None).unwrap(), 8);
        let slice = SharedSlice::copy_from(&[1_u64, 2, 3]).unwrap();
        let crowd = Crowd::new();
        let large: Vec<Future<usize>> =
            (0..4).map(|_| pool.submit(task!([bytes = vec![7_u8; 100_000]] => bytes.len()))).collect();
        let shared: Future<u64> = pool.submit(task!([slice] => slice.iter().sum::<u64>()));
        let everywhere = pool.broadcast(|()| 3);
        for n in 0..100 {
            assert_eq!(pool.submit(call!(double(n))).result(None).unwrap(), 2 * n);
        }
        assert_eq!(everywhere[0].result(None).unwrap(), 3);
        is_pending(&large[0], LONG);
        assert_eq!(pool.stats().queued, 5);
        assert!(large[2].cancel() && !large[0].running());
        drop(crowd);
        for future in [&large[0], &large[1], &large[3]] {
            assert_eq!(future.result(None).unwrap(), 100_000);
        }
        assert_eq!(shared.result(None).unwrap(), 6);
        assert_eq!(pool.shutdown(Shutdown::wait()).abandoned, 0);
    });
}

fn sum(slices: Vec<SharedSlice<u64>>) -> Result<u64, Infallible> {
    Ok(slices.iter().map(|slice| slice[0]).sum())
}

#[test]
fn a_start_waits_and_does_not_count_as_failed() {
    alone("crowded::a_start_waits_and_does_not_count_as_failed", || {
        let _watchdog = watchdog();
        become_somebody_else();
        let slices: Vec<_> = (0..300).map(|n| SharedSlice::copy_from(&[n]).unwrap()).collect();
        for slices in [&slices[..2], &slices] {
            let initializer = call!(sum(slices.to_vec()));
            let pool = ProcessPoolExecutor::builder().max_workers(2).initializer(initializer).build().unwrap();
            let crowd = Crowd::new();
            let future = pool.submit_with_state(call!(u64::clone(_)));
            // A pool is broken before that whose starts fail, one after the other.
            is_pending(&future, Duration::from_secs(2));
            drop(crowd);
            assert_eq!(future.result(None).unwrap(), (0..slices.len() as u64).sum::<u64>());
        }
    });
}

#[test]
fn a_pool_that_waits_can_be_shut_down() {
    alone("crowded::a_pool_that_waits_can_be_shut_down", || {
        let _watchdog = watchdog();
        become_somebody_else();
        for starts in [false, true] {
            let pool = pool(1);
            if starts {
                assert_eq!(pool.submit(call!(double(4))).result(None).unwrap(), 8);
            }
            let crowd = Crowd::new();
            let large: Future<usize> = pool.submit(task!([bytes = vec![7_u8; 100_000]] => bytes.len()));
            is_pending(&large, Duration::from_millis(100));
            let report = pool.shutdown(Shutdown::wait().cancel_pending());
            assert_eq!((report.cancelled, report.abandoned), (1, 0));
            assert!(large.result(None).unwrap_err().is_cancelled());
            drop(crowd);
        }
    });
}
