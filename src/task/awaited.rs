//! What a future that is polled by `block_on` waits for, as far as it waits for tasks of this crate.
//!
//! A future does not say what it waits for; but whoever awaits one of our tasks leaves a waker with it. While `block_on`
//! polls, a [`Note`] goes into the task's list of waiters beside each such waker: an entry in the list of that
//! `block_on`, which is struck out when the waker goes, because the task has ended, its handle is gone, or it was awaited
//! anew. So the list says at any moment where wakers of this `block_on` are, it keeps no task, and nobody need poll
//! anything to find out.
//!
//! A waker that is there need not be waited for any more: its future may have turned to something else, and then the task
//! may want a lock that the future holds. One that is the very waker of the `block_on` counts only if the last poll left
//! it, because whoever waits leaves it in every poll; and since a poll may leave one and then go on, the future is polled
//! once more, without having been woken, before the list is relied on. Wakers of others in between (of a combinator that
//! polls only what was woken, of a spawned future) always count, after those.
//!
//! A future among these tasks that waits already has left its wakers before anybody took notes. It is *asked*: polled out
//! of turn, once for each of its own turns, with notes for the same list.
#![expect(unsafe_code, reason = "a list of cells that it does not keep, and a pointer to it on the stack")]

use super::erased::Begun;
use super::header::{CellRef, Header, Owner};
use super::spawned::{Spawned, suspended_since};
use crate::sync::{Mutex, thread_local};
use std::cell::Cell;
use std::collections::btree_map::{self, BTreeMap};
use std::ptr::NonNull;
use std::sync::Arc;
use std::task::Waker;

/// The list of one `block_on`.
pub(crate) struct Awaited {
    /// The waker that its future is polled with.
    own: Waker,
    /// Nothing else is locked under this lock, and nothing foreign runs.
    notes: Mutex<Notes>,
}

/// By numbers, so that they stay in the order in which they came.
#[derive(Default)]
struct Notes {
    entries: BTreeMap<u64, Entry>,
    next: u64,
    /// Of each task with an entry: by its cell's address.
    tasks: BTreeMap<usize, Noted>,
    /// Where the last poll began.
    last_poll: u64,
    standing: Standing,
}

/// Whether the list can be relied on.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Standing {
    /// The last poll was for a wake, and may have left wakers on its way.
    #[default]
    Rough,
    /// The same, and somebody would rely on it.
    Wanted,
    /// The last poll was not for a wake, so it left wakers only with what the future waits for.
    Exact,
}

struct Entry {
    /// A cell that somebody else keeps.
    task: NonNull<Header>,
    /// It was left with the very waker of the `block_on`.
    direct: bool,
}

#[derive(Default)]
struct Noted {
    entries: usize,
    /// In which of its turns it was asked. Not in the entries: futures in a circle leave new ones whenever they are asked.
    asked: Option<usize>,
}

// SAFETY: the cell is only looked at, and counted, which may be on any thread.
unsafe impl Send for Entry {}

/// An entry, for whoever has to do with the waker; dropping this strikes it out.
pub(super) struct Note {
    list: Arc<Awaited>,
    number: u64,
}

thread_local! {
    /// The list for which notes are taken; null: none are.
    static NOTING: Cell<*const Arc<Awaited>> = Cell::new(std::ptr::null())
}

/// Runs `f` with notes going to another list than before.
fn noting<R>(list: Option<&Arc<Awaited>>, f: impl FnOnce() -> R) -> R {
    struct Leave(*const Arc<Awaited>);
    impl Drop for Leave {
        fn drop(&mut self) {
            NOTING.with(|noting| noting.set(self.0));
        }
    }
    let list = list.map_or(std::ptr::null(), std::ptr::from_ref);
    let _leave = Leave(NOTING.with(|noting| noting.replace(list)));
    f()
}

/// Runs what is no poll of the future, on top of one.
pub(super) fn unnoted<R>(f: impl FnOnce() -> R) -> R {
    noting(None, f)
}

/// The list for which notes are taken on this thread now.
pub(super) fn current() -> Option<Arc<Awaited>> {
    // SAFETY: `noting` takes the pointer away again before the borrow that it was made from ends.
    unsafe { NOTING.with(Cell::get).as_ref() }.map(Arc::clone)
}

impl Awaited {
    pub(crate) fn new(own: &Waker) -> Arc<Self> {
        Arc::new(Awaited { own: own.clone(), notes: Mutex::new(Notes::default()) })
    }

    /// Polls the future, and takes notes. `woken`: it is for a wake, or for the first time.
    pub(crate) fn during_poll<R>(self: &Arc<Self>, woken: bool, poll: impl FnOnce() -> R) -> R {
        {
            let mut notes = self.notes.lock();
            notes.last_poll = notes.next;
            notes.standing = if woken { Standing::Rough } else { Standing::Exact };
        }
        noting(Some(self), poll)
    }

    /// Whether the future is to be polled once more although nobody has woken it.
    pub(super) fn wants_a_poll(&self) -> bool {
        self.notes.lock().standing == Standing::Wanted
    }

    /// Before anything is done about what is in the list. `false`: the future is to be polled once more first.
    pub(crate) fn can_be_relied_on(&self) -> bool {
        let mut notes = self.notes.lock();
        if notes.standing == Standing::Rough {
            notes.standing = Standing::Wanted;
        }
        notes.standing == Standing::Exact
    }

    /// A waker is about to be left with a task; `None`: one that is not the `block_on`'s own.
    ///
    /// # Safety
    /// The cell has a reference until the note is dropped.
    pub(super) unsafe fn note(self: Arc<Self>, task: &Header, waker: Option<&Waker>) -> Note {
        let direct = waker.is_some_and(|waker| waker.will_wake(&self.own));
        let mut notes = self.notes.lock();
        let number = notes.next;
        notes.next += 1;
        notes.entries.insert(number, Entry { task: task.pointer(), direct });
        notes.tasks.entry(task.address()).or_default().entries += 1;
        drop(notes);
        Note { list: self, number }
    }

    /// Whether a thread could do something about a task of this owner: run it, or ask it.
    pub(crate) fn wants_a_thread(&self, owner: &Owner) -> bool {
        self.find(0, |noted, task| is_of(task, owner) && (task.can_begin() || noted.can_be_asked(task)), |_| ())
            .is_some()
    }

    /// Has one task of this owner run that nobody is at; `false`: there is none.
    pub(crate) fn run_one(self: &Arc<Self>, owner: &Owner, run: impl FnOnce(Begun)) -> bool {
        let can_begin = |task: &Header| is_of(task, owner) && task.can_begin();
        let begun = self
            .begin(0, |noted, task| noted.direct && can_begin(task), Begun::of)
            .or_else(|| self.begin(0, |_, task| can_begin(task), Begun::of));
        begun.map(|(number, begun)| self.go_on(number, begun, run)).is_some()
    }

    /// Asks all futures of this owner that wait, and were not asked in this turn of theirs.
    pub(crate) fn ask(self: &Arc<Self>, owner: &Owner, mut run: impl FnMut(Begun)) {
        let can_be_asked = |noted: Seen, task: &Header| is_of(task, owner) && noted.can_be_asked(task);
        let mut from = 0;
        while let Some((number, begun)) = self.begin(from, can_be_asked, Begun::of_suspended) {
            self.go_on(number, begun, &mut run);
            from = number + 1;
        }
    }

    /// The first of them that can be begun, or resumed, from that number on.
    fn begin(
        &self,
        mut from: u64,
        which: impl Fn(Seen, &Header) -> bool,
        begin: fn(CellRef) -> Option<Begun>,
    ) -> Option<(u64, Begun)> {
        loop {
            let (number, task) = self.find(from, &which, CellRef::to)?;
            // `None`: somebody was faster.
            if let Some(begun) = begin(task) {
                return Some((number, begun));
            }
            from = number + 1;
        }
    }

    /// The first of them from that number on, and what is looked up of its task under the lock.
    fn find<R>(
        &self,
        from: u64,
        which: impl Fn(Seen, &Header) -> bool,
        look: impl Fn(&Header) -> R,
    ) -> Option<(u64, R)> {
        let notes = self.notes.lock();
        notes.entries.range(from..).find_map(|(number, entry)| {
            if entry.direct && *number < notes.last_poll {
                return None;
            }
            // SAFETY: the lock is held, which `Note::drop` takes before the cell's last reference may go.
            let cell = unsafe { entry.task.as_ref() };
            let asked = notes.tasks.get(&cell.address()).and_then(|noted| noted.asked);
            let task = cell.resolve();
            which(Seen { direct: entry.direct, asked }, task).then(|| (*number, look(task)))
        })
    }

    /// Goes on with what was begun: of a future that is what it waits for that is of interest.
    fn go_on(self: &Arc<Self>, number: u64, begun: Begun, run: impl FnOnce(Begun)) {
        let Some(turn) = begun.header().spawned().map(Spawned::turn) else {
            return run(begun);
        };
        self.notes.lock().set_asked(number, turn);
        noting(Some(self), || run(begun));
    }
}

impl Notes {
    fn set_asked(&mut self, number: u64, turn: usize) {
        let cell = self.entries.get(&number).map(|entry| entry.task.addr().get());
        if let Some(noted) = cell.and_then(|cell| self.tasks.get_mut(&cell)) {
            noted.asked = Some(turn);
        }
    }

    fn strike(&mut self, number: u64) {
        let Some(entry) = self.entries.remove(&number) else { return };
        if let btree_map::Entry::Occupied(mut noted) = self.tasks.entry(entry.task.addr().get()) {
            noted.get_mut().entries -= 1;
            if noted.get().entries == 0 {
                noted.remove();
            }
        }
    }
}

/// What is known of an entry.
#[derive(Clone, Copy)]
struct Seen {
    direct: bool,
    asked: Option<usize>,
}

impl Seen {
    fn can_be_asked(self, task: &Header) -> bool {
        suspended_since(task).is_some_and(|turn| self.asked != Some(turn))
    }
}

fn is_of(task: &Header, owner: &Owner) -> bool {
    std::ptr::eq(task.owner(), owner)
}

impl Drop for Note {
    fn drop(&mut self) {
        self.list.notes.lock().strike(self.number);
    }
}

/// The notes of a wait for many, by the places of its members. They go before the members do.
#[derive(Default)]
pub(super) struct MemberNotes {
    list: Option<Arc<Awaited>>,
    /// Each with its cell, which it goes before: a wait that is forgotten leaves its notes for ever, and its members may
    /// only have been borrowed.
    notes: Vec<Option<(Note, CellRef)>>,
    /// Members that came since notes were taken.
    fresh: Vec<usize>,
}

impl MemberNotes {
    pub(super) fn joined(&mut self, index: usize) {
        if self.list.is_some() {
            self.fresh.push(index);
        }
    }

    pub(super) fn left(&mut self, index: usize) {
        if let Some(note) = self.notes.get_mut(index) {
            *note = None;
        }
    }

    /// A waker is left for any of the members, of which there are so many places.
    pub(super) fn take<'t>(&mut self, places: usize, member: impl Fn(usize) -> Option<&'t Header>) {
        let Some(list) = current() else { return };
        if !self.list.as_ref().is_some_and(|before| Arc::ptr_eq(before, &list)) {
            self.notes.clear();
            self.fresh = (0..places).collect();
            self.list = Some(Arc::clone(&list));
        }
        self.notes.resize_with(places, || None);
        for index in self.fresh.drain(..) {
            self.notes[index] = member(index).map(|task| {
                // SAFETY: the reference beside the note goes after it.
                (unsafe { Arc::clone(&list).note(task, None) }, CellRef::to(task))
            });
        }
    }
}
