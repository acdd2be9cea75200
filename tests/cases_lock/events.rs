//! Events.

use crate::support::{eventually, watchdog};
use crate::{SOON, bunch, join, times_out};
use concurrent_futures::threading::{Event, TimedOut};
use futures::FutureExt;
use futures::executor::block_on;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

// cases 273, 276
#[test]
fn an_event_releases_all_who_wait() {
    let _watchdog = watchdog();
    let event = Arc::new(Event::new());
    assert!(!event.is_set() && format!("{event:?}").contains("false"));
    for _ in 0..2 {
        let waits = Arc::clone(&event);
        let (arrived, seen) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (arrives, sees) = (Arc::clone(&arrived), Arc::clone(&seen));
        let waiting = bunch(5, move |_| {
            arrives.fetch_add(1, Ordering::SeqCst);
            let set = waits.wait(None);
            sees.fetch_add(1, Ordering::SeqCst);
            set && waits.wait(Duration::ZERO) && block_on(waits.wait_async().map(|()| true))
        });
        eventually("all are there", || arrived.load(Ordering::SeqCst) == 5);
        assert_eq!(seen.load(Ordering::SeqCst), 0);
        event.set();
        event.set();
        assert!(join(waiting).into_iter().all(|set| set));
        assert!(event.is_set() && format!("{event:?}").contains("true"));
        event.clear();
        event.clear();
        assert!(!event.is_set());
    }
}

// case 274
#[test]
fn an_event_is_waited_for_as_long_as_was_said() {
    let event = Event::new();
    assert!(!event.wait(Duration::ZERO));
    times_out(|limit| event.wait(limit).then_some(()).ok_or(TimedOut));
    event.set();
    assert!(event.wait(Duration::ZERO) && event.wait(SOON) && event.wait(None));
}

// beside case 273: as in Python, who waits when it is set is released, although it is cleared at once
#[test]
fn a_short_pulse_reaches_all_who_wait_and_nobody_else() {
    let event = Event::new();
    let mut before = Box::pin(event.wait_async());
    let mut gives_up = Box::pin(event.wait_async());
    assert!((&mut gives_up).now_or_never().is_none() && (&mut before).now_or_never().is_none());
    event.set();
    event.clear();
    let mut after = Box::pin(event.wait_async());
    assert!((&mut after).now_or_never().is_none());
    // It was told, and did not look: that is not for others to have.
    drop(gives_up);
    assert!((&mut after).now_or_never().is_none());
    assert!((&mut before).now_or_never().is_some());
    event.set();
    assert!((&mut after).now_or_never().is_some());
}
