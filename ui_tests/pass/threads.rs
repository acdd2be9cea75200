//! Threads and what they wait on, as somebody uses them who knows Python's `threading`.
#![forbid(unsafe_code)]
use concurrent_futures::threading::{
    Barrier, BoundedSemaphore, Condition, Event, Local, Lock, RLock, Semaphore, Thread, ThreadRef, Timer, active_count,
    current, enumerate, main_thread,
};
use std::cell::Cell;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

static STOP: Event = Event::new();
static DOORS: Semaphore = Semaphore::new(2);
static SEATS: BoundedSemaphore = BoundedSemaphore::new(2);
static ITEMS: Lock<Vec<u32>> = Lock::new(Vec::new());
static CHANGED: Condition = Condition::new();
static AGAIN: RLock<Cell<u32>> = RLock::new(Cell::new(0));

fn main() -> Result<(), Box<dyn Error>> {
    let workers: Vec<_> = (0..3)
        .map(|number| Thread::new(move || work(number)).name(format!("worker {number}")).start())
        .collect::<Result<_, _>>()?;
    let heartbeat = Thread::new(|| while !STOP.wait(Duration::from_millis(1)) {}).daemon(true).start()?;
    {
        let mut items = ITEMS.acquire(Duration::from_secs(30))?;
        CHANGED.wait_for(&mut items, |items| items.len() == 3, None);
    }
    for worker in &workers {
        worker.join(Duration::from_secs(30))?;
    }
    STOP.set();
    heartbeat.join(None)?;

    let others: Vec<ThreadRef> = enumerate().into_iter().filter(|thread| *thread != current()).collect();
    others.iter().try_for_each(|thread| thread.join(None))?;
    assert_eq!((active_count(), current().ident()), (1, main_thread().ident()));

    let timer = Timer::new(Duration::from_secs(3600), || ()).daemon(true).start()?;
    assert!(timer.cancel());
    let barrier = Barrier::new(1).action(|| ()).timeout(Duration::from_secs(1));
    assert_eq!(barrier.wait(None)?, 0);
    let local = Arc::new(Local::new(|| Cell::new(1)));
    assert_eq!(local.with(Cell::get), 1);
    futures::executor::block_on(async {
        STOP.wait_async().await;
        let _door = DOORS.acquire_async().await;
        let _seat = SEATS.acquire_async().await;
        ITEMS.acquire_async().await.clear();
    });
    assert_eq!(AGAIN.acquire(None)?.get(), 3);
    Ok(())
}

fn work(number: u32) {
    let Ok(_door) = DOORS.acquire(None) else { return };
    let Ok(mut items) = ITEMS.acquire(None) else { return };
    items.push(number);
    let (Ok(outer), Ok(inner)) = (AGAIN.acquire(None), AGAIN.acquire(None)) else { return };
    inner.set(outer.get() + 1);
    CHANGED.notify_all();
}
