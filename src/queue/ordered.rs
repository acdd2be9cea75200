//! A pile behind a lock: the store of the queues that are not first in, first out.
//!
//! Where items are compared, that happens under the lock, because the order must not change meanwhile. A panic ends
//! before the lock is released, and goes on after it. A comparison that uses the queue itself would wait for its own
//! thread; it gets a panic instead.

use super::accounts::Accounts;
use super::pile::Pile;
use super::store::{Done, NotGot, NotPut, Store, limit};
use crate::sync::{AtomicUsize, Mutex, MutexGuard, Ordering, Payload, contain, thread_local};
use std::cell::Cell;

pub(super) struct Ordered<P> {
    bound: Option<usize>,
    state: Mutex<State<P>>,
    /// The thread that compares, or 0.
    comparing: AtomicUsize,
    accounts: Accounts,
}

thread_local! {
    /// Its address is the thread's name here.
    static HERE: Cell<u8> = Cell::new(0)
}

struct State<P> {
    pile: P,
    closed: bool,
    /// The mark that a getter may sleep.
    getters: bool,
    /// The mark that a putter may sleep.
    putters: bool,
}

impl<P: Pile> Ordered<P> {
    pub(super) fn new(bound: Option<usize>) -> Self {
        let state = State { pile: P::default(), closed: false, getters: false, putters: false };
        Ordered { bound, state: Mutex::new(state), comparing: AtomicUsize::new(0), accounts: Accounts::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State<P>> {
        // ORDERING: Relaxed, because only what this thread has stored itself could be its own name.
        assert!(
            self.comparing.load(Ordering::Relaxed) != here(),
            "`Ord` of an item uses the queue that the item is in, which is locked while items are compared"
        );
        self.state.lock()
    }

    /// Runs what compares items. The caller holds the lock.
    fn compare<R>(&self, compare: impl FnOnce() -> R) -> Result<R, Payload> {
        // ORDERING: as in `lock`.
        self.comparing.store(here(), Ordering::Relaxed);
        let compared = contain(compare);
        self.comparing.store(0, Ordering::Relaxed);
        compared
    }
}

fn here() -> usize {
    HERE.with(|here| std::ptr::from_ref(here).addr())
}

impl<P: Pile> Store for Ordered<P> {
    type Item = P::Item;

    fn put(&self, item: P::Item, sleeping: bool) -> Result<Done<()>, NotPut<P::Item>> {
        let mut state = self.lock();
        if state.closed {
            return Err(NotPut::Closed(item));
        }
        if state.pile.len() as u64 >= limit(self.bound) {
            state.putters |= sleeping;
            return Err(NotPut::Full(item));
        }
        match self.compare(|| state.pile.place_for(&item)) {
            Ok(place) => state.pile.put(item, place),
            Err(panic) => return Err(NotPut::Panicked(item, panic)),
        }
        self.accounts.tally.arrivals().arrive();
        Ok(Done { value: (), wake: state.getters })
    }

    fn get(&self, sleeping: bool) -> Result<Done<P::Item>, NotGot> {
        let mut state = self.lock();
        let gap = self.compare(|| state.pile.gap()).map_err(NotGot::Panicked)?;
        let Some(value) = gap.and_then(|gap| state.pile.take(gap)) else {
            if state.closed {
                return Err(NotGot::Closed);
            }
            state.getters |= sleeping;
            return Err(NotGot::Empty);
        };
        self.accounts.tally.note(self.accounts.tally.arrived());
        Ok(Done { value, wake: state.putters })
    }

    fn forget_getters(&self) {
        self.lock().getters = false;
    }

    fn forget_putters(&self) {
        self.lock().putters = false;
    }

    fn close(&self, empty: bool) -> Vec<P::Item> {
        let mut state = self.lock();
        state.closed = true;
        let pile = if empty { std::mem::take(&mut state.pile) } else { P::default() };
        drop(state);
        pile.into_items()
    }

    fn is_closed(&self) -> bool {
        self.lock().closed
    }

    fn len(&self) -> usize {
        self.lock().pile.len()
    }

    fn bound(&self) -> Option<usize> {
        self.bound
    }

    fn accounts(&self) -> &Accounts {
        &self.accounts
    }
}
