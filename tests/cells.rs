//! The memory of tasks, which are made on one thread and freed on another: values of all sizes stay what they are
//! wherever that happens, also after the ends of threads and pools, in destructors of thread-locals and in copies of the
//! process. That the memory comes back is in `tests/memory.rs`.

mod support;

use concurrent_futures::{Future, Promise, ThreadPoolExecutor, promise};
use std::cell::RefCell;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;

/// Some slabs full.
const MANY: usize = if cfg!(miri) { 300 } else { 10_000 };

/// So many of a kind side by side.
const SEVERAL: usize = if cfg!(miri) { 3 } else { 20 };

/// Bytes that say where they belong.
#[derive(Clone, Debug, PartialEq)]
struct Sized<const N: usize>([u8; N]);

/// The same at addresses that are multiples of more than a word.
#[derive(Clone, Debug, PartialEq)]
#[repr(align(32))]
struct Aligned32<const N: usize>([u8; N]);

#[derive(Clone, Debug, PartialEq)]
#[repr(align(128))]
struct Aligned128<const N: usize>([u8; N]);

/// Makes so many values side by side, on this thread, reads them on another one, and drops every second one unread.
fn there_and_back<T: Clone + std::fmt::Debug + PartialEq + Send + 'static>(make: impl Fn(u8) -> T) {
    let cells: Vec<(Promise<T>, Future<T>)> = (0..SEVERAL).map(|_| promise()).collect();
    let values: Vec<T> = (0..SEVERAL as u8).map(make).collect();
    let (promises, futures): (Vec<_>, Vec<_>) = cells.into_iter().unzip();
    for (promise, value) in promises.into_iter().zip(&values) {
        promise.set_result(value.clone()).unwrap();
    }
    let reader = thread::spawn(move || {
        for (future, value) in futures.iter().zip(&values).step_by(2) {
            assert_eq!(future.result(None).unwrap(), *value);
        }
    });
    reader.join().unwrap();
}

/// From cells of each size to those that have memory of their own, with the borders between.
#[test]
fn values_of_every_size_and_alignment_stay_what_they_are() {
    macro_rules! sizes {
        ($($n:literal)*) => {$(
            there_and_back(|fill| Sized([fill; $n]));
            there_and_back(|fill| Aligned32([fill; $n]));
            there_and_back(|fill| Aligned128([fill; $n]));
        )*};
    }
    // On both sides of where the next size of cells begins.
    sizes!(0 1 16 17 48 49 80 81 200);
    if !cfg!(miri) {
        sizes!(8 15 24 31 32 33 40 47 56 64 72 79 96 128);
    }
}

/// A task, and what it comes to.
type Numbered = (usize, Promise<usize>, Future<usize>);

/// Takes promises from others and keeps them, and lets go of one of its own, or of another's, at random.
fn churn(seed: usize, own: &Sender<Numbered>, others: &Receiver<Numbered>) {
    let mut kept = Vec::new();
    let mut random = seed;
    for number in 0..MANY {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let (promise, future) = promise();
        if random >> 60 & 1 == 0 {
            kept.push((number, promise, future));
        } else {
            // Who has ended already has all that it wanted.
            let _ = own.send((number, promise, future));
        }
        kept.extend(others.try_iter());
        if random >> 61 & 1 == 0 && !kept.is_empty() {
            let (number, promise, future) = kept.swap_remove((random >> 33) % kept.len());
            promise.set_result(number).unwrap();
            assert_eq!(future.result(None).unwrap(), number);
        }
    }
    for (number, promise, future) in kept {
        promise.set_result(number).unwrap();
        assert_eq!(future.result(None).unwrap(), number);
    }
}

/// Each gives some of what it makes to the next one, so that cells come back while slabs are held, loose and listed.
#[test]
fn cells_go_round_between_threads() {
    let _watchdog = support::watchdog();
    let (mut senders, receivers): (Vec<_>, Vec<_>) = (0..3).map(|_| channel()).unzip();
    senders.rotate_left(1);
    thread::scope(|threads| {
        for (seed, (own, others)) in senders.into_iter().zip(receivers).enumerate() {
            threads.spawn(move || churn(seed, &own, &others));
        }
    });
}

#[test]
fn results_outlive_their_pool_and_the_thread_that_submitted() {
    let _watchdog = support::watchdog();
    let futures: Vec<Future<String>> = thread::spawn(|| {
        // With two, it has queues of crossbeam's, which do not meet Miri's stricter model.
        let pool = ThreadPoolExecutor::new(if cfg!(miri) { 1 } else { 2 }).unwrap();
        (0..MANY).map(|number| pool.submit(move || number.to_string())).collect()
    })
    .join()
    .unwrap();
    // What others make meanwhile comes out of the same slabs.
    let later: Vec<(Promise<String>, Future<String>)> = (0..MANY).map(|_| promise()).collect();
    for (number, future) in futures.iter().enumerate() {
        assert_eq!(future.result(None).unwrap(), number.to_string());
    }
    assert!(later.iter().all(|(_, future)| !future.done()));
}

/// Some of these are dropped before the thread has let go of its slab, and some after.
#[test]
fn tasks_are_made_and_dropped_by_destructors_of_thread_locals() {
    struct Late(Mutex<Vec<(Promise<usize>, Future<usize>)>>, Arc<Mutex<usize>>);
    impl Drop for Late {
        fn drop(&mut self) {
            let (promise, future) = promise();
            promise.set_result(7).unwrap();
            let kept = std::mem::take(self.0.get_mut().unwrap()).len();
            *self.1.lock().unwrap() += kept + future.result(None).unwrap();
        }
    }
    std::thread_local! {
        static FIRST: RefCell<Option<Late>> = const { RefCell::new(None) };
        static LAST: RefCell<Option<Late>> = const { RefCell::new(None) };
    }
    let seen = Arc::new(Mutex::new(0));
    let given = Arc::clone(&seen);
    let ended = thread::spawn(move || {
        let late = || Late(Mutex::new((0..3).map(|_| promise()).collect()), Arc::clone(&given));
        // One is told of before the thread has any task, and one after that.
        FIRST.with(|first| first.borrow_mut().take());
        let filled = late();
        FIRST.with(|first| *first.borrow_mut() = Some(filled));
        LAST.with(|last| *last.borrow_mut() = Some(late()));
    });
    ended.join().unwrap();
    assert_eq!(*seen.lock().unwrap(), 20);
}

/// Notes when it is dropped.
struct Noted(&'static str, Arc<Mutex<Vec<&'static str>>>);

impl Drop for Noted {
    fn drop(&mut self) {
        self.1.lock().unwrap().push(self.0);
    }
}

/// The captures, before the end is seen; then the value, with the last handle.
#[test]
fn what_is_in_a_cell_is_dropped_when_it_always_was() {
    let _watchdog = support::watchdog();
    let notes = Arc::new(Mutex::new(Vec::new()));
    let noted = |what| Noted(what, Arc::clone(&notes));
    let pool = ThreadPoolExecutor::new(1).unwrap();
    let (capture, value) = (noted("capture"), noted("value"));
    let future = pool.submit(move || {
        drop(capture);
        value
    });
    support::eventually("it has ended", || future.done());
    assert_eq!(*notes.lock().unwrap(), ["capture"]);
    drop(future);
    assert_eq!(*notes.lock().unwrap(), ["capture", "value"]);
    let unused = noted("capture of a job that never ran");
    let manual = concurrent_futures::ManualExecutor::new();
    assert!(manual.submit(move || drop(unused)).cancel());
    assert_eq!(notes.lock().unwrap().len(), 3);
}

/// While other threads are anywhere between two steps, which the copy has as they were and without the threads.
#[test]
#[cfg(all(target_os = "linux", not(miri)))]
#[expect(unsafe_code, reason = "two functions of the C library are named")]
fn a_copy_of_the_process_makes_and_frees_tasks() {
    use std::sync::atomic::{AtomicBool, Ordering};
    unsafe extern "C" {
        safe fn fork() -> i32;
        safe fn _exit(code: i32) -> !;
    }
    let _watchdog = support::watchdog();
    let over = AtomicBool::new(false);
    thread::scope(|threads| {
        for _ in 0..2 {
            threads.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let cells: Vec<(Promise<usize>, Future<usize>)> = (0..1000).map(|_| promise()).collect();
                    drop(cells);
                }
            });
        }
        for _ in 0..300 {
            let cells: Vec<(Promise<usize>, Future<usize>)> = (0..1000).map(|_| promise()).collect();
            let child = fork();
            if child == 0 {
                drop(cells);
                let cells: Vec<(Promise<usize>, Future<usize>)> = (0..1000).map(|_| promise()).collect();
                drop(cells);
                _exit(7);
            }
            let child = rustix::process::Pid::from_raw(child);
            let ended = rustix::process::waitpid(child, rustix::process::WaitOptions::empty());
            assert_eq!(ended.unwrap().unwrap().1.exit_status(), Some(7));
        }
        over.store(true, Ordering::Relaxed);
    });
}
