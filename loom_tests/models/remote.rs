//! Tasks that have left the process: their values come back as bytes, which whoever wants them decodes; and their time
//! in the queue may pass while they are being packed.

use super::{Counted, Drops, bounded, exhaustively};
use crate::error::TaskError;
use crate::sync::Mutex;
use crate::task::{
    Anybody, CancelOutcome, CellRef, Future, Header, Packed, PortableWork, Remote, Task, Work, make_portable, ticket,
    withdraw,
};
use crate::wire::{CodeMap, Encoded, Entry, Frames, Invocation, Parcel, Place, Segment, Whole};
use loom::thread;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

/// Its value is decoded by one look at the bytes.
struct Seven;

impl Work for Seven {
    type Output = u8;

    fn work(self) -> u8 {
        7
    }
}

impl PortableWork for Seven {
    fn pack(&self, _: &dyn CodeMap) -> Result<Parcel, TaskError> {
        const ENTRY: &Entry = &Entry::new(|| "seven", |_: Invocation<'_>| ());
        Ok(Parcel { entry: ENTRY, payload: Vec::new(), items: 1 })
    }

    fn unpack(encoded: Encoded) -> Result<u8, TaskError> {
        let Encoded::Whole(whole) = encoded else { return Err(TaskError::Abandoned) };
        match whole.segments.first() {
            Some(Segment::Frames(frames)) => Ok(7 + frames.bytes().len() as u8),
            _ => Err(TaskError::Abandoned),
        }
    }
}

/// No bytes, which count how often they are looked at, and when they are dropped.
struct Bytes {
    looks: Arc<AtomicUsize>,
    _dropped: Counted,
}

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        self.looks.fetch_add(1, Ordering::Relaxed);
        &[]
    }
}

struct NoCode;

impl CodeMap for NoCode {
    fn locate(&self, _: *const ()) -> Result<Place, String> {
        Err("there is none".to_owned())
    }
}

/// An engine with one place in its queue.
#[derive(Default)]
struct Queue(Mutex<Option<Packed>>);

impl Queue {
    fn take(&self, task: Task) {
        let engine: Weak<dyn Remote> = Weak::<Queue>::new();
        self.take_for(task, engine);
    }

    fn take_for(&self, task: Task, engine: Weak<dyn Remote>) {
        let Some((packed, _)) = task.begin().and_then(|begun| Packed::new(begun, engine, &NoCode)) else { return };
        let mut queue = self.0.lock();
        match packed.set_ticket(1) {
            Ok(()) => *queue = Some(packed),
            Err(fate) => {
                drop(queue);
                packed.meet(fate, &Anybody);
            }
        }
    }

    fn take_out(&self, task: &Header) -> Option<Packed> {
        let mut queue = self.0.lock();
        if ticket(task) == 1 { queue.take() } else { None }
    }

    fn end(&self, looks: &Arc<AtomicUsize>, drops: &Drops) {
        let Some(packed) = self.0.lock().take() else { return };
        let bytes = Bytes { looks: Arc::clone(looks), _dropped: drops.item() };
        let segments = vec![Segment::Frames(Frames::Mapped(Box::new(bytes)))];
        // As it is: to see whether it is short would be a look.
        let whole = Whole { items: 1, segments, elapsed: Duration::ZERO, beside: None };
        packed.arrived(Encoded::Whole(Box::new(whole)), &Anybody);
    }
}

impl Remote for Queue {
    fn cancel(&self, task: &Header) -> Option<bool> {
        let taken = self.take_out(task);
        let is_taken = taken.is_some();
        if let Some(packed) = taken {
            packed.cancel(&Anybody);
        }
        Some(is_taken)
    }

    fn expire(&self, task: &Header) {
        if let Some(packed) = self.take_out(task) {
            packed.fail(TaskError::DeadlineExceeded, &Anybody);
        }
    }

    fn is_running(&self, _: &Header) -> bool {
        false
    }

    fn expect(&self, _: &Header) {}

    fn watch(&self, _: &Header) {}

    fn lost(&self) -> Option<TaskError> {
        None
    }

    fn request_cancel(&self, _: &Header) {}

    fn kill(&self, _: &Header, _: Duration) -> CancelOutcome {
        CancelOutcome::AlreadyDone
    }
}

/// What came, how often it was decoded, and that it is gone in the end.
#[derive(Clone)]
struct Account {
    looks: Arc<AtomicUsize>,
    drops: Drops,
}

impl Account {
    /// A future whose value comes on another thread, while `f` has the future.
    fn of(f: impl FnOnce(Future<u8>)) -> Account {
        let account = Account { looks: Arc::default(), drops: Drops::new() };
        let (task, future) = make_portable(Seven, None);
        let queue = Queue::default();
        queue.take(task);
        let theirs = account.clone();
        let ending = thread::spawn(move || queue.end(&theirs.looks, &theirs.drops));
        f(future);
        assert!(ending.join().is_ok());
        assert_eq!(account.drops.count(), 1, "the bytes are dropped, and once");
        account
    }

    /// A future whose value has come.
    fn come(f: impl FnOnce(Future<u8>)) -> Account {
        let account = Account { looks: Arc::default(), drops: Drops::new() };
        let (task, future) = make_portable(Seven, None);
        let queue = Queue::default();
        queue.take(task);
        queue.end(&account.looks, &account.drops);
        f(future);
        assert_eq!(account.drops.count(), 1, "the bytes are dropped, and once");
        account
    }

    fn decoded(&self) -> usize {
        self.looks.load(Ordering::Relaxed)
    }
}

/// Would show bytes that two takers decode, or a taker that sleeps through the end of another's decoding.
#[test]
fn one_of_two_takers_decodes_and_has_the_value() {
    bounded(3, || {
        let account = Account::come(|future| {
            let future = Arc::new(future);
            let theirs = Arc::clone(&future);
            let other = thread::spawn(move || theirs.result(None));
            let outcomes = [future.result(None), other.join().unwrap()];
            let values = outcomes.iter().filter(|outcome| matches!(outcome, Ok(7))).count();
            let taken = outcomes.iter().filter(|outcome| matches!(outcome, Err(TaskError::ResultTaken))).count();
            assert_eq!((values, taken), (1, 1));
        });
        assert_eq!(account.decoded(), 1);
    });
}

/// Would show a reader that sees bytes, or an empty slot, where the other one is just decoding.
#[test]
fn two_readers_read_what_one_has_decoded() {
    bounded(3, || {
        let account = Account::come(|future| {
            let shared = future.shared();
            let theirs = shared.clone();
            let other = thread::spawn(move || theirs.result(None).copied());
            assert!(matches!(shared.result(None), Ok(7)));
            assert!(matches!(other.join().unwrap(), Ok(7)));
        });
        assert_eq!(account.decoded(), 1);
    });
}

/// Would show bytes that leak, or that are dropped as if they were the value.
#[test]
fn bytes_that_nobody_wants_are_dropped_undecoded() {
    exhaustively(|| {
        let account = Account::of(drop);
        assert_eq!(account.decoded(), 0);
    });
}

/// Would show a callback that is lent bytes, and a value that is decoded for each.
#[test]
fn a_callback_and_a_taker_share_one_decoding() {
    bounded(2, || {
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        let account = Account::of(|future| {
            future.add_done_callback(move |outcome| {
                assert!(matches!(outcome, Ok(7)));
                counted.fetch_add(1, Ordering::Relaxed);
            });
            assert!(matches!(future.result(None), Ok(7)));
        });
        assert_eq!((account.decoded(), calls.load(Ordering::Relaxed)), (1, 1));
    });
}

/// Would show a limit on the time in the queue that passes while a task is being packed, and is forgotten.
#[test]
fn a_limit_that_passes_while_a_task_is_packed_ends_it() {
    exhaustively(|| {
        let (task, future) = make_portable(Seven, None);
        let queue = Arc::new(Queue::default());
        let engine: Weak<dyn Remote> = Arc::<Queue>::downgrade(&queue);
        let late = CellRef::to(task.header());
        let alarm = thread::spawn(move || withdraw(late, TaskError::DeadlineExceeded));
        queue.take_for(task, engine);
        alarm.join().unwrap();
        assert!(matches!(future.try_result(), Some(Err(TaskError::DeadlineExceeded))));
    });
}

/// Would show a cancel while a task is being packed that is promised, and not kept; or one that is refused, though nobody
/// has run it.
#[test]
fn a_cancel_while_a_task_is_packed_is_kept() {
    exhaustively(|| {
        let (task, future) = make_portable(Seven, None);
        let queue = Arc::new(Queue::default());
        let engine: Weak<dyn Remote> = Arc::<Queue>::downgrade(&queue);
        let future = Arc::new(future);
        let theirs = Arc::clone(&future);
        let canceller = thread::spawn(move || theirs.cancel());
        queue.take_for(task, engine);
        let cancelled = canceller.join().unwrap();
        // Before its engine could be seen it counts as running.
        assert!(cancelled || future.try_result().is_none());
        assert!(!cancelled || matches!(future.try_result(), Some(Err(TaskError::Cancelled))));
        drop(queue.0.lock().take());
    });
}

/// Would show a task that meets two fates, or none (an engine that can be seen before the task is begun).
#[test]
fn one_of_two_fates_is_met() {
    bounded(2, || {
        let (task, future) = make_portable(Seven, None);
        let queue = Arc::new(Queue::default());
        let engine: Weak<dyn Remote> = Arc::<Queue>::downgrade(&queue);
        let late = CellRef::to(task.header());
        let alarm = thread::spawn(move || withdraw(late, TaskError::DeadlineExceeded));
        let future = Arc::new(future);
        let theirs = Arc::clone(&future);
        let canceller = thread::spawn(move || theirs.cancel());
        queue.take_for(task, engine);
        alarm.join().unwrap();
        let cancelled = canceller.join().unwrap();
        match future.try_result() {
            Some(Err(TaskError::Cancelled)) => assert!(cancelled),
            Some(Err(TaskError::DeadlineExceeded)) => assert!(!cancelled),
            other => panic!("{other:?}"),
        }
    });
}
