//! What each thread has for itself.

use crate::support::watchdog;
use crate::{bunch, join};
use concurrent_futures::threading::{Local, Thread};
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;

#[test]
fn each_thread_has_its_own_value() {
    let _watchdog = watchdog();
    let made = Arc::new(AtomicUsize::new(0));
    let counts = Arc::clone(&made);
    // Neither Send nor Sync.
    let local = Arc::new(Local::new(move || {
        counts.fetch_add(1, Ordering::SeqCst);
        Rc::new(RefCell::new(Vec::new()))
    }));
    local.with(|mine| mine.borrow_mut().push(0));
    let theirs = Arc::clone(&local);
    let threads = bunch(4, move |number| {
        assert!(theirs.with(|theirs| theirs.borrow().is_empty()));
        theirs.with(|theirs| theirs.borrow_mut().push(number));
        theirs.with(|theirs| theirs.borrow().clone())
    });
    assert_eq!(join(threads), [[0], [1], [2], [3]]);
    assert!(local.with(|mine| *mine.borrow() == [0]));
    assert_eq!(made.load(Ordering::SeqCst), 5);
    // Others of the same type are others.
    let other = Local::<Cell<u8>>::default();
    let third = Local::<Cell<u8>>::default();
    other.with(|value| {
        value.set(1);
        third.with(|third| assert_eq!(third.get(), 0));
    });
    assert_eq!(other.with(Cell::get), 1);
}

struct Tells(std::sync::mpsc::Sender<u64>, u64);

impl Drop for Tells {
    fn drop(&mut self) {
        let _ = self.0.send(self.1);
    }
}

#[test]
fn values_end_with_their_thread_or_after_their_object() {
    let _watchdog = watchdog();
    let (tell, told) = channel();
    let local = Arc::new(Local::new(move || Tells(tell.clone(), concurrent_futures::threading::current().ident())));
    let theirs = Arc::clone(&local);
    let thread = Thread::new(move || theirs.with(|value| value.1)).start().unwrap();
    let ident = thread.join(None).unwrap();
    assert_eq!(told.try_recv().unwrap(), ident, "with the thread");
    local.with(|_| ());
    drop(local);
    assert!(told.try_recv().is_err());
    for _ in 0..16 {
        Local::new(|| 0).with(|_| ());
        let kept = Box::leak(Box::new(Local::new(|| 0)));
        kept.with(|_| ());
    }
    assert!(told.try_recv().is_ok(), "some time after the object");
}

#[test]
fn values_that_panic_while_they_are_dropped_end_there() {
    struct Bomb(Arc<AtomicUsize>);
    impl Drop for Bomb {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
            std::panic::resume_unwind(Box::new("a bomb"));
        }
    }
    let _watchdog = watchdog();
    let dropped = Arc::new(AtomicUsize::new(0));
    let counts = Arc::clone(&dropped);
    let body = move || {
        let locals = [(); 3].map(|()| {
            let counts = Arc::clone(&counts);
            Local::new(move || Bomb(Arc::clone(&counts)))
        });
        locals.iter().for_each(|local| local.with(|_| ()));
        drop(locals);
        // The fourth value: those of objects that are gone are dropped now, all of them.
        let seven = Local::new(|| 7).with(|seven| *seven);
        // And one at the end of the thread.
        let counts = Arc::clone(&counts);
        Local::new(move || Bomb(Arc::clone(&counts))).with(|_| seven)
    };
    assert_eq!(Thread::new(body).start().unwrap().join(None).unwrap(), 7);
    assert_eq!(dropped.load(Ordering::SeqCst), 4);
}

#[test]
fn making_a_value_may_look_at_it_or_panic() {
    fn next(local: &'static std::sync::OnceLock<Local<u32>>, depth: &'static AtomicUsize) -> u32 {
        if depth.fetch_add(1, Ordering::SeqCst) == 0 {
            return local.get().unwrap().with(|inner| inner + 10);
        }
        1
    }
    static LOCAL: std::sync::OnceLock<Local<u32>> = std::sync::OnceLock::new();
    static DEPTH: AtomicUsize = AtomicUsize::new(0);
    let local = LOCAL.get_or_init(|| Local::new(|| next(&LOCAL, &DEPTH)));
    assert_eq!(local.with(|value| *value), 1, "the first that was there stays");
    let tries = Cell::new(0);
    thread_local! {
        static TRIES: Cell<u32> = const { Cell::new(0) };
    }
    let local = Local::new(|| {
        TRIES.set(TRIES.get() + 1);
        if TRIES.get() == 1 {
            std::panic::resume_unwind(Box::new(()));
        }
        7
    });
    assert!(catch_unwind(AssertUnwindSafe(|| local.with(|_| tries.set(1)))).is_err());
    assert_eq!((local.with(|value| *value), tries.get()), (7, 0));
}
