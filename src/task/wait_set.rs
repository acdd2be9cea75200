//! Waiting for many futures at once: who has ended is told to one place.
#![expect(unsafe_code, reason = "nodes that are linked into other lists")]

use super::awaited::MemberNotes;
use super::blocking::{self, Member, Need, Pause, Ticket};
use super::cancel_on_drop::CancelOnDrop;
use super::future::{Future, FutureId};
use super::header::Header;
use super::remote;
use super::run;
use super::shared::SharedFuture;
use super::waiters::{Ready, SetNode};
use crate::error::TaskError;
use crate::sync::{Deadline, Mutex, Unparker, drop_contained, spin_hint};
use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

/// Anything that can be waited for, whatever its value: a future, a shared one, `&` or `Box` of one.
///
/// `&dyn Waitable` mixes types; [`futures!`](crate::futures) makes a list of them.
pub trait Waitable: Sealed {
    /// Which future it is.
    fn id(&self) -> FutureId;

    /// Whether its task has ended.
    fn done(&self) -> bool;

    /// What went wrong; `None` while the task goes on, and where there is, or was, a value.
    fn error(&self) -> Option<TaskError>;

    /// As [`Future::cancel`].
    fn cancel(&self) -> bool;
}

pub(crate) mod sealed {
    use super::Header;

    /// The task behind a handle.
    pub struct Target<'a>(pub(crate) &'a Header);

    pub trait Sealed {
        #[doc(hidden)]
        fn target(&self) -> Target<'_>;
    }
}

use sealed::{Sealed, Target};

impl<T> Sealed for Future<T> {
    fn target(&self) -> Target<'_> {
        Target(self.header())
    }
}

impl<T> Sealed for SharedFuture<T> {
    fn target(&self) -> Target<'_> {
        self.future().target()
    }
}

impl<T> Sealed for CancelOnDrop<T> {
    fn target(&self) -> Target<'_> {
        (**self).target()
    }
}

impl<W: Sealed + ?Sized> Sealed for &W {
    fn target(&self) -> Target<'_> {
        (**self).target()
    }
}

impl<W: Sealed + ?Sized> Sealed for Box<W> {
    fn target(&self) -> Target<'_> {
        (**self).target()
    }
}

impl<W: Sealed + ?Sized> Waitable for W {
    fn id(&self) -> FutureId {
        super::future::id(self.target().0)
    }

    fn done(&self) -> bool {
        self.target().0.has_ended()
    }

    fn error(&self) -> Option<TaskError> {
        self.target().0.error(true)
    }

    fn cancel(&self) -> bool {
        run::cancel(self.target().0)
    }
}

/// A list of futures of different types, to [`wait`](crate::wait()) for: `futures![a, b]`.
///
/// # Examples
/// ```
/// use concurrent_futures::{Future, ReturnWhen, futures, wait};
///
/// let (number, text) = (Future::ready(1), Future::ready("two"));
/// let ended = wait(futures![number, text], None, ReturnWhen::AllCompleted);
/// assert_eq!(ended.done.len(), 2);
/// ```
#[macro_export]
macro_rules! futures {
    ($($f:expr),* $(,)?) => {
        [$(&$f as &dyn $crate::Waitable),*]
    };
}

/// More members than this are a long list to go through for each sleep.
const MANY: usize = 64;
/// How long a wait for one of many sleeps before it goes through the list.
const SOON: Duration = Duration::from_millis(1);

/// Where the members tell of their end.
struct Told {
    state: Mutex<ToldState>,
}

#[derive(Default)]
struct ToldState {
    /// Not handed out yet, in the order in which they ended.
    ready: VecDeque<usize>,
    /// Everybody who was ever told of, by index.
    told: Vec<bool>,
    /// Who sleeps, and how many have to be ready before it is woken.
    sleeper: Option<(usize, Arc<Unparker>)>,
    /// The same for who awaits it.
    waker: Option<(usize, Waker)>,
}

impl Ready for Told {
    fn ready(&self, index: usize) -> Option<Waker> {
        let mut state = self.state.lock();
        state.ready.push_back(index);
        state.told[index] = true;
        let ready = state.ready.len();
        let sleeper = state.sleeper.take_if(|(wanted, _)| ready >= *wanted);
        let waker = state.waker.take_if(|(wanted, _)| ready >= *wanted);
        drop(state);
        if let Some((_, sleeper)) = sleeper {
            sleeper.unpark();
        }
        waker.map(|(_, waker)| waker)
    }
}

/// Members that are waited for together. Each is handed out once; dropping the set takes it out of the others' lists.
pub(crate) struct WaitSet<W: Waitable> {
    told: Arc<Told>,
    /// Linked into the members' lists, so they do not move. One for each place.
    #[expect(clippy::vec_box, reason = "other lists point to the nodes")]
    nodes: Vec<Box<SetNode>>,
    /// Before the members, so that it is dropped before them, and never keeps a task longer than they do.
    noted: MemberNotes,
    members: Vec<Option<W>>,
    /// Places whose member was handed out.
    free: Vec<usize>,
    unfinished: usize,
    /// Below this place all members were handed out.
    lowest: usize,
    /// This process is a copy, made by a fork, and nodes are in lists that nobody may touch here.
    is_stranded: bool,
}

impl<W: Waitable> WaitSet<W> {
    pub(crate) fn empty() -> Self {
        let told = Arc::new(Told { state: Mutex::new(ToldState::default()) });
        WaitSet {
            told,
            nodes: Vec::new(),
            noted: MemberNotes::default(),
            members: Vec::new(),
            free: Vec::new(),
            unfinished: 0,
            lowest: 0,
            is_stranded: false,
        }
    }

    /// Duplicates collapse into the first of them; places follow the order of the input.
    pub(super) fn new(futures: impl IntoIterator<Item = W>) -> Self {
        let mut set = Self::empty();
        let mut known = HashSet::new();
        for future in futures {
            if known.insert(future.id()) {
                set.push(future);
            }
        }
        set
    }

    /// One more member.
    pub(crate) fn push(&mut self, future: W) {
        let index = self.free.pop().unwrap_or(self.members.len());
        if index == self.members.len() {
            self.nodes.push(Box::new(SetNode::new(Arc::clone(&self.told) as Arc<dyn Ready>, index)));
            self.members.push(None);
            self.told.state.lock().told.push(false);
        } else {
            self.told.state.lock().told[index] = false;
        }
        self.unfinished += 1;
        self.lowest = self.lowest.min(index);
        self.members[index] = Some(future);
        self.noted.joined(index);
        self.register(index);
    }

    fn register(&self, index: usize) {
        let Some(member) = &self.members[index] else {
            return;
        };
        let task = member.target().0;
        if remote::is_elsewhere(task) {
            // Nobody would ever tell.
            let _ = self.told.ready(index);
            return;
        }
        let before = task.life.lock();
        let done = before.is_terminal();
        if !done {
            // SAFETY: the lock is held; `drop` does not let the nodes go before each was removed or told.
            unsafe { task.waiters.push(self.nodes[index].node()) };
        }
        task.life.unlock(before, !done || before.has_waiters());
        if !done {
            remote::expect_first(task, before);
        } else {
            // Nobody awaits the set while it gets a member.
            let _ = self.told.ready(index);
        }
    }

    pub(super) fn total(&self) -> usize {
        self.members.len()
    }

    /// How many have not been handed out.
    pub(crate) fn unfinished(&self) -> usize {
        self.unfinished
    }

    /// Those who have not been handed out.
    pub(crate) fn rest(&self) -> impl Iterator<Item = &W> {
        self.members.iter().flatten()
    }

    /// Who has not been handed out, and where it stood in the input.
    pub(super) fn into_rest(mut self) -> Vec<(usize, W)> {
        self.unregister();
        self.noted = MemberNotes::default();
        self.members.iter_mut().enumerate().filter_map(|(index, member)| Some((index, member.take()?))).collect()
    }

    /// Whether there is one that has ended and was not handed out.
    pub(crate) fn has_ready(&self) -> bool {
        !self.told.state.lock().ready.is_empty()
    }

    /// The next that has ended, if there is one now.
    pub(crate) fn next_ready(&mut self) -> Option<(usize, W)> {
        let index = self.told.state.lock().ready.pop_front()?;
        self.noted.left(index);
        let member = self.members[index].take()?;
        self.unfinished -= 1;
        self.free.push(index);
        Some((index, member))
    }

    /// Sleeps until `wanted` members that were not handed out may have ended. `false`: the deadline came first.
    ///
    /// # Errors
    /// [`TaskError::Deadlock`] where that would never be.
    pub(crate) fn sleep(&mut self, need: Need<'_>, wanted: usize, deadline: Deadline) -> Result<bool, TaskError> {
        if self.meet_lost() {
            return Ok(true);
        }
        // A look that does not wait neither lends this thread's place nor says what it waits for.
        if deadline.is_past() && !cfg!(concurrent_futures_loom) {
            return Ok(false);
        }
        if blocking::asks() && matches!(need, Need::First) && self.unfinished > MANY {
            // To say what is waited for takes as long as there are members; among many, one usually ends soon.
            let soon = Deadline::after(Some(SOON));
            let Some(ticket) = blocking::enter(&Pause::new(&[], Need::Outside, soon))? else { return Ok(true) };
            if self.park(&ticket, wanted, soon) {
                return Ok(true);
            }
        }
        let awaited: Vec<Member<'_>> = if blocking::asks() {
            self.members.iter().flatten().map(|member| Member::resolved(member.target().0, false)).collect()
        } else {
            Vec::new()
        };
        let Some(ticket) = blocking::enter(&Pause::new(&awaited, need, deadline))? else {
            return Ok(true);
        };
        let told = self.park(&ticket, wanted, deadline);
        ticket.check()?;
        Ok(told)
    }

    /// If this process was forked off from the one where the members have their workers, since they were gathered: tells
    /// of them, as nobody else will. `true`: there were some that nobody had told of.
    fn meet_lost(&mut self) -> bool {
        while self.members.get(self.lowest).is_some_and(Option::is_none) {
            self.lowest += 1;
        }
        let is_lost =
            |member: &Option<W>| member.as_ref().is_some_and(|member| remote::is_elsewhere(member.target().0));
        // All of them were gathered before the fork, or all that were are handed out; so the first one tells.
        if !self.members.get(self.lowest).is_some_and(is_lost) {
            return false;
        }
        let lost = self.members.iter().enumerate().filter(|(_, member)| is_lost(member)).map(|(index, _)| index);
        let untold: Vec<usize> = lost.filter(|index| !self.told.state.lock().told[*index]).collect();
        untold.iter().for_each(|index| drop(self.told.ready(*index)));
        self.is_stranded = true;
        !untold.is_empty()
    }

    /// Sleeps once: `false` if the deadline came first.
    fn park(&self, ticket: &Ticket, wanted: usize, deadline: Deadline) -> bool {
        {
            let mut state = self.told.state.lock();
            if state.ready.len() >= wanted {
                return true;
            }
            state.sleeper = Some((wanted, ticket.parker.unparker()));
        }
        let told = ticket.parker.park_until(deadline);
        self.told.state.lock().sleeper = None;
        told
    }

    /// Leaves a waker for when `wanted` members that were not handed out have ended. `false`: they have.
    pub(crate) fn set_waker(&mut self, wanted: usize, waker: &Waker) -> bool {
        if self.meet_lost() {
            return false;
        }
        let member = |index: usize| self.members[index].as_ref().map(|member| member.target().0);
        self.noted.take(self.members.len(), member);
        // Cloning and dropping are foreign code, and so happen outside the lock.
        let waker = waker.clone();
        let mut state = self.told.state.lock();
        if state.ready.len() >= wanted {
            return false;
        }
        let old = state.waker.replace((wanted, waker));
        drop(state);
        drop_contained(old);
        true
    }

    fn unregister(&mut self) {
        for (index, member) in self.members.iter().enumerate() {
            let Some(member) = member else { continue };
            let task = member.target().0;
            if remote::is_elsewhere(task) {
                self.is_stranded = true;
                continue;
            }
            let before = task.life.lock();
            // SAFETY: the lock is held.
            let removed = unsafe { task.waiters.remove(self.nodes[index].node()) };
            // SAFETY: the lock is held.
            let more = !unsafe { task.waiters.is_empty() };
            task.life.unlock(before, more);
            let mut round = 0;
            // Whoever took the list is about to tell this node, and calls nothing foreign before that.
            while !removed && !self.told.state.lock().told[index] {
                spin_hint(&mut round);
            }
        }
    }
}

impl<W: Waitable> Drop for WaitSet<W> {
    fn drop(&mut self) {
        self.unregister();
        if self.is_stranded {
            // What other lists point to stays where it is.
            std::mem::forget(std::mem::take(&mut self.nodes));
        }
    }
}
