//! What all queues do: try the store, and wait in a line where that fails.
//!
//! A getter that finds nothing looks again for a moment, and then takes the lock of the getters' line, asks the store a
//! last time, which leaves a mark there, and stands in line before it lets go of the lock. A put that finds the mark
//! takes the line's lock, so the getter is in line by then, and notifies one. When the line is empty the mark is taken
//! away, under the same lock, so nobody can be between leaving a mark and standing in line then. Putters and room are
//! the same the other way round.
//!
//! Locks are taken in this order: a line's, then the store's. Items are dropped, and wakers are woken, with none held.

use super::accounts::{Accounts, TooMany};
use super::error::{GetError, PutError, TaskDoneError};
use super::store::{Done, NotGot, NotPut, Store};
use crate::sync::{Deadline, Experience, Mutex, drop_contained};
use crate::task::{Site, WaitList, Waiting, Wakes};
use std::fmt;
use std::future::poll_fn;
use std::time::Duration;

pub(super) struct Engine<S> {
    store: S,
    getters: Mutex<WaitList>,
    putters: Mutex<WaitList>,
    getting: Experience,
    putting: Experience,
}

type Put<T> = Result<Done<()>, NotPut<T>>;
type Get<T> = Result<Done<T>, NotGot>;

impl<S: Store> Engine<S> {
    pub(super) fn new(store: S) -> Self {
        Engine {
            store,
            getters: Mutex::new(WaitList::new()),
            putters: Mutex::new(WaitList::new()),
            getting: Experience::new(),
            putting: Experience::new(),
        }
    }

    // ------------------------------------------------------------------------------------------ putting

    #[inline]
    pub(super) fn try_put(&self, item: S::Item) -> Result<(), PutError<S::Item>> {
        self.settle_put(self.store.put(item, false))
    }

    #[inline]
    pub(super) fn put(&self, item: S::Item, timeout: Option<Duration>) -> Result<(), PutError<S::Item>> {
        match self.store.put(item, false) {
            Err(NotPut::Full(item)) => self.put_slowly(item, Deadline::after(timeout)),
            ended => self.settle_put(ended),
        }
    }

    #[cold]
    fn put_slowly(&self, mut item: S::Item, deadline: Deadline) -> Result<(), PutError<S::Item>> {
        let mut patience = self.putting.patience();
        while patience.last(deadline) {
            if self.store.may_put() {
                match self.store.put(item, false) {
                    Err(NotPut::Full(back)) => item = back,
                    ended => return self.settle_put(ended),
                }
            }
        }
        let mut slot = Some(item);
        let ended = self.waiting_putter().block_until(deadline, |_, _| self.put_or_sleep(&mut slot));
        match ended {
            Some(ended) => self.settle_put(ended),
            // An attempt that ends nothing leaves the item there.
            None => slot.map_or(Ok(()), |item| Err(PutError::TimedOut(item))),
        }
    }

    pub(super) async fn put_async(&self, item: S::Item) -> Result<(), PutError<S::Item>> {
        let item = match self.store.put(item, false) {
            Err(NotPut::Full(item)) => item,
            ended => return self.settle_put(ended),
        };
        // In this order: where this is dropped, the room is passed on before the item's own code runs.
        let mut slot = Some(item);
        let mut waiting = self.waiting_putter();
        let ended = poll_fn(|cx| waiting.poll(cx, |_, _| self.put_or_sleep(&mut slot))).await;
        self.settle_put(ended)
    }

    /// Under the lock of the putters' line. Keeps the item where there is no room.
    fn put_or_sleep(&self, slot: &mut Option<S::Item>) -> Option<Put<S::Item>> {
        match self.store.put(slot.take()?, true) {
            Err(NotPut::Full(item)) => {
                *slot = Some(item);
                None
            }
            ended => Some(ended),
        }
    }

    /// With no lock held.
    #[inline]
    fn settle_put(&self, ended: Put<S::Item>) -> Result<(), PutError<S::Item>> {
        match ended {
            Ok(done) => {
                if done.wake {
                    self.wake_getter();
                }
                Ok(())
            }
            Err(NotPut::Full(item)) => Err(PutError::Full(item)),
            Err(NotPut::Closed(item)) => Err(PutError::ShutDown(item)),
            Err(NotPut::Panicked(item, panic)) => {
                // The room is for the next one, who may have been told of it through this one.
                self.wake_putter();
                drop_contained(item);
                panic.resume()
            }
        }
    }

    // ------------------------------------------------------------------------------------------ getting

    #[inline]
    pub(super) fn try_get(&self) -> Result<S::Item, GetError> {
        self.settle_get(self.store.get(false))
    }

    #[inline]
    pub(super) fn get(&self, timeout: Option<Duration>) -> Result<S::Item, GetError> {
        match self.store.get(false) {
            Err(NotGot::Empty) => self.get_slowly(Deadline::after(timeout)),
            ended => self.settle_get(ended),
        }
    }

    #[cold]
    fn get_slowly(&self, deadline: Deadline) -> Result<S::Item, GetError> {
        let mut patience = self.getting.patience();
        while patience.last(deadline) {
            if self.store.may_get() {
                match self.store.get(false) {
                    Err(NotGot::Empty) => {}
                    ended => return self.settle_get(ended),
                }
            }
        }
        match self.waiting_getter().block_until(deadline, |_, _| self.get_or_sleep()) {
            Some(ended) => self.settle_get(ended),
            None => Err(GetError::TimedOut),
        }
    }

    pub(super) async fn get_async(&self) -> Result<S::Item, GetError> {
        match self.store.get(false) {
            Err(NotGot::Empty) => {}
            ended => return self.settle_get(ended),
        }
        let mut waiting = self.waiting_getter();
        let ended = poll_fn(|cx| waiting.poll(cx, |_, _| self.get_or_sleep())).await;
        self.settle_get(ended)
    }

    /// Under the lock of the getters' line.
    fn get_or_sleep(&self) -> Option<Get<S::Item>> {
        match self.store.get(true) {
            Err(NotGot::Empty) => None,
            ended => Some(ended),
        }
    }

    /// With no lock held.
    #[inline]
    fn settle_get(&self, ended: Get<S::Item>) -> Result<S::Item, GetError> {
        match ended {
            Ok(done) => {
                if done.wake {
                    self.wake_putter();
                }
                Ok(done.value)
            }
            Err(NotGot::Empty) => Err(GetError::Empty),
            Err(NotGot::Closed) => Err(GetError::ShutDown),
            Err(NotGot::Panicked(panic)) => {
                // The item is still there, for the next one, who may have been told of it through this one.
                self.wake_getter();
                panic.resume()
            }
        }
    }

    // ------------------------------------------------------------------------------------------ the lines

    fn waiting_getter(&self) -> Waiting<'_, WaitList> {
        Waiting::new(Site::new(&self.getters, |line| line)).impatient()
    }

    fn waiting_putter(&self) -> Waiting<'_, WaitList> {
        Waiting::new(Site::new(&self.putters, |line| line)).impatient()
    }

    #[cold]
    fn wake_getter(&self) {
        wake_one(&self.getters, || self.store.forget_getters());
    }

    #[cold]
    fn wake_putter(&self) {
        wake_one(&self.putters, || self.store.forget_putters());
    }

    // ------------------------------------------------------------------------------------------ the rest

    pub(super) fn shutdown(&self, immediate: bool) {
        let items = self.store.close(immediate);
        choose_all(&self.getters).and(choose_all(&self.putters)).wake();
        for _ in &items {
            // Fewer are unfinished if `task_done` was called ahead of a get, which Python allows.
            if self.task_done().is_err() {
                break;
            }
        }
        // Last, because it is foreign code and may take its time.
        items.into_iter().for_each(drop_contained);
    }

    pub(super) fn is_shut_down(&self) -> bool {
        self.store.is_closed()
    }

    pub(super) fn task_done(&self) -> Result<(), TaskDoneError> {
        self.accounts().finish(1).map_err(|TooMany| TaskDoneError(()))
    }

    pub(super) fn join(&self, timeout: Option<Duration>) -> bool {
        self.accounts().join(|| Deadline::after(timeout))
    }

    pub(super) fn accounts(&self) -> &Accounts {
        self.store.accounts()
    }

    pub(super) fn len(&self) -> usize {
        self.store.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn is_full(&self) -> bool {
        self.bound().is_some_and(|bound| self.len() >= bound)
    }

    pub(super) fn bound(&self) -> Option<usize> {
        self.store.bound()
    }

    /// What all queues show of themselves.
    pub(super) fn debug(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(name)
            .field("len", &self.len())
            .field("bound", &self.bound())
            .field("unfinished", &self.accounts().unfinished())
            .field("is_shut_down", &self.is_shut_down())
            .finish()
    }
}

fn choose_all(line: &Mutex<WaitList>) -> Wakes {
    line.lock().notify_all()
}

/// Chooses the foremost; when nobody is left, those on the other side need not look any more.
fn wake_one(line: &Mutex<WaitList>, forget: impl FnOnce()) {
    let mut line = line.lock();
    let wakes = line.notify_one();
    if line.is_empty() {
        forget();
    }
    drop(line);
    wakes.wake();
}
