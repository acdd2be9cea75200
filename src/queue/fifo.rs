//! First in, first out: the two-lock queue, with a buffer on each side.
//!
//! Those who put have a lock and a buffer at the *back*, those who get have theirs at the *front*. When the front's
//! buffer is empty, the two are swapped, in one step for everything that has come meanwhile; so an item costs each side
//! one short critical section, and the sides meet once a batch. (The lock for each end is Michael and Scott's, 1996.)
//!
//! Rules:
//! 1. Who needs both locks takes the front's first.
//! 2. The older items are in the front's buffer; the back's are younger than all of them.
//! 3. An operation that must not be wrong about the other side, because somebody is about to sleep, holds both locks.
//!    The others read the other side's count, which may be old: then they find the queue fuller, or emptier, than it
//!    has become meanwhile, as they would have a moment earlier.

use super::accounts::Accounts;
use super::store::{Done, NotGot, NotPut, Store, limit, spare};
use crate::sync::{AtomicBool, AtomicU64, Latch, Ordering};
use std::collections::VecDeque;

/// A buffer with room for more than so many items is given back to the system when it has become too large.
const LARGE: usize = 1024;

pub(super) struct Fifo<T> {
    bound: Option<usize>,
    front: Front<T>,
    back: Back<T>,
    /// Set under both locks, once; after it nothing arrives.
    closed: AtomicBool,
    accounts: Accounts,
}

/// The side of those who get, in cache lines of its own.
#[repr(align(128))]
struct Front<T> {
    lock: Latch<Older<T>>,
    /// How many items have left. Written under the lock.
    taken: AtomicU64,
}

/// The side of those who put, in cache lines of its own.
#[repr(align(128))]
struct Back<T> {
    lock: Latch<Younger<T>>,
}

struct Older<T> {
    items: VecDeque<T>,
    /// The mark that a putter may sleep.
    putters: bool,
}

struct Younger<T> {
    items: VecDeque<T>,
    /// What `taken` was when somebody last looked at it from here.
    taken: u64,
    /// The mark that a getter may sleep.
    getters: bool,
}

impl<T> Fifo<T> {
    pub(super) fn new(bound: Option<usize>) -> Self {
        let older = Older { items: VecDeque::new(), putters: false };
        let younger = Younger { items: VecDeque::new(), taken: 0, getters: false };
        Fifo {
            bound,
            front: Front { lock: Latch::new(older), taken: AtomicU64::new(0) },
            back: Back { lock: Latch::new(younger) },
            closed: AtomicBool::new(false),
            accounts: Accounts::new(),
        }
    }

    #[inline]
    fn taken(&self) -> u64 {
        // ORDERING: Acquire pairs with the Release in `take`.
        self.front.taken.load(Ordering::Acquire)
    }

    /// So many have left. The caller holds the front's lock.
    #[inline]
    fn take(&self, count: u64) {
        let taken = &self.front.taken;
        // ORDERING: Relaxed, because only holders of the lock write it; Release pairs with the Acquire in `taken`.
        taken.store(taken.load(Ordering::Relaxed) + count, Ordering::Release);
    }

    /// How many are in it, by one look at each side. Others may have come and gone between the two.
    fn guess(&self) -> u64 {
        let taken = self.taken();
        self.accounts.tally.arrived() - taken
    }

    #[inline]
    fn put_at(&self, younger: &mut Younger<T>, item: T) -> Result<Done<()>, NotPut<T>> {
        if self.is_closed() {
            return Err(NotPut::Closed(item));
        }
        let arrived = self.accounts.tally.arrived();
        if arrived - younger.taken >= limit(self.bound) {
            younger.taken = self.taken();
            if arrived - younger.taken >= limit(self.bound) {
                return Err(NotPut::Full(item));
            }
        }
        younger.items.push_back(item);
        self.accounts.tally.arrivals().arrive();
        Ok(Done { value: (), wake: younger.getters })
    }

    /// Gets the younger items to the front, if there are any. A buffer that is not needed any more goes to `spent`.
    fn refill(&self, older: &mut Older<T>, spent: &mut VecDeque<T>, sleeping: bool) {
        let waiting = self.accounts.tally.arrived() - self.taken();
        // Without the back's lock first: who finds nothing again and again is not to be in the others' way.
        if waiting == 0 && !sleeping {
            return;
        }
        if older.items.capacity() > LARGE && (older.items.capacity() / 4) as u64 > waiting {
            std::mem::swap(&mut older.items, spent);
        }
        // It begins anew: so there are never two parts to be moved when it grows.
        older.items.clear();
        let mut younger = self.back.lock.lock();
        if younger.items.is_empty() {
            // What will not come will not be waited for.
            younger.getters |= sleeping && !self.is_closed();
            return;
        }
        std::mem::swap(&mut older.items, &mut younger.items);
        self.accounts.tally.note(self.accounts.tally.arrived());
    }
}

impl<T> Store for Fifo<T> {
    type Item = T;

    #[inline]
    fn put(&self, item: T, sleeping: bool) -> Result<Done<()>, NotPut<T>> {
        if !sleeping {
            return self.put_at(&mut self.back.lock.lock(), item);
        }
        let mut older = self.front.lock.lock();
        let put = self.put_at(&mut self.back.lock.lock(), item);
        older.putters |= matches!(put, Err(NotPut::Full(_)));
        put
    }

    #[inline]
    fn get(&self, sleeping: bool) -> Result<Done<T>, NotGot> {
        // Given back to the system when the lock is free.
        let mut spent = VecDeque::new();
        let mut older = self.front.lock.lock();
        if older.items.is_empty() {
            self.refill(&mut older, &mut spent, sleeping);
        }
        let Some(value) = older.items.pop_front() else {
            // It cannot become closed while this holds the front's lock; so if it is, every arrival was visible above.
            return Err(if self.is_closed() { NotGot::Closed } else { NotGot::Empty });
        };
        self.take(1);
        Ok(Done { value, wake: older.putters })
    }

    fn may_get(&self) -> bool {
        self.guess() > 0
    }

    fn may_put(&self) -> bool {
        self.bound.is_none_or(|bound| self.guess() <= spare(bound))
    }

    fn forget_getters(&self) {
        self.back.lock.lock().getters = false;
    }

    fn forget_putters(&self) {
        self.front.lock.lock().putters = false;
    }

    fn close(&self, empty: bool) -> Vec<T> {
        let mut older = self.front.lock.lock();
        let mut younger = self.back.lock.lock();
        // ORDERING: Release pairs with the Acquire in `is_closed`: who sees it sees every arrival.
        self.closed.store(true, Ordering::Release);
        if !empty {
            return Vec::new();
        }
        let (mut first, second) = (std::mem::take(&mut older.items), std::mem::take(&mut younger.items));
        self.take((first.len() + second.len()) as u64);
        drop(younger);
        drop(older);
        first.extend(second);
        first.into()
    }

    fn is_closed(&self) -> bool {
        // ORDERING: Acquire pairs with the Release in `close`.
        self.closed.load(Ordering::Acquire)
    }

    fn len(&self) -> usize {
        let len = self.accounts.tally.arrived_without(|| self.taken());
        usize::try_from(len).unwrap_or(usize::MAX)
    }

    fn bound(&self) -> Option<usize> {
        self.bound
    }

    fn accounts(&self) -> &Accounts {
        &self.accounts
    }
}
