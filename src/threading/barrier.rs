//! So many parties wait for each other.
//!
//! # Rounds
//! Parties that come one after another make a round; the one that makes it complete runs the action and settles it.
//! What a round came to is kept until all its parties have seen it, apart from the rounds that follow, so nobody has to
//! wait for slow ones to leave. A round that breaks is settled at once, whoever breaks it; until a reset every later
//! one is broken from its start.

use super::error::BrokenBarrier;
use crate::sync::{Deadline, Mutex, Payload, contain};
use crate::task::{Site, WaitList, Waiting, Wakes};
use std::collections::BTreeMap;
use std::fmt;
use std::future::poll_fn;
use std::time::Duration;

type Action = Box<dyn Fn() + Send + Sync>;

/// Where a fixed number of parties wait until all of them are there; then it begins anew.
///
/// Python's, and each party is told *why* a barrier broke. Where more threads use a barrier than it has parties, the
/// action of one round may still run when the next one is complete.
///
/// # Cancel safety
/// Dropping a [`wait_async`](Barrier::wait_async) takes the party out of the round again, if that is not complete.
///
/// # Examples
/// ```
/// use concurrent_futures::threading::{Barrier, Thread};
/// use std::sync::Arc;
///
/// let start = Arc::new(Barrier::new(2));
/// let other = Arc::clone(&start);
/// let server = Thread::new(move || other.wait(None)).start()?;
/// let mine = start.wait(None)?;
/// let theirs = server.join(None)??;
/// assert_eq!(mine + theirs, 1); // one is 0, the other 1
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Barrier {
    parties: usize,
    timeout: Option<Duration>,
    action: Option<Action>,
    state: Mutex<State>,
}

struct State {
    /// The number of the round that parties enter now.
    current: u64,
    rounds: BTreeMap<u64, Round>,
    broken: Option<BrokenBarrier>,
    line: WaitList,
}

#[derive(Default)]
struct Round {
    /// Parties that have come and have not seen what it came to.
    parties: usize,
    /// `Some` once it is settled.
    outcome: Option<Result<(), BrokenBarrier>>,
    /// How many have been told that it is complete.
    passed: usize,
}

/// A party's place in a round, given up with this.
struct Party<'a> {
    barrier: &'a Barrier,
    round: u64,
}

impl Barrier {
    /// For so many parties.
    ///
    /// # Panics
    /// If there are none: nobody could ever complete a round.
    #[track_caller]
    pub fn new(parties: usize) -> Self {
        assert!(parties > 0, "a barrier for 0 parties: at least one has to come");
        Barrier {
            parties,
            timeout: None,
            action: None,
            state: Mutex::new(State { current: 0, rounds: BTreeMap::new(), broken: None, line: WaitList::new() }),
        }
    }

    /// What the last party of each round runs before any of them goes on.
    #[must_use]
    pub fn action(self, action: impl Fn() + Send + Sync + 'static) -> Self {
        Barrier { action: Some(Box::new(action)), ..self }
    }

    /// The limit of waits that bring none of their own.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Barrier { timeout: Some(timeout), ..self }
    }

    /// How many parties make a round.
    pub fn parties(&self) -> usize {
        self.parties
    }

    /// How many parties wait in the round that is not complete.
    pub fn waiting(&self) -> usize {
        let state = self.state.lock();
        state.rounds.get(&state.current).map_or(0, |round| round.parties)
    }

    /// Whether it needs a [`reset`](Barrier::reset).
    pub fn is_broken(&self) -> bool {
        self.state.lock().broken.is_some()
    }

    /// Waits until the round is complete. Each of its parties gets a different number, from 0 on, so that one of them
    /// can do what has to be done once.
    ///
    /// A limit that passes breaks the barrier for all parties, also while the action runs (Python waits for that);
    /// without one the barrier's own counts. A worker of a pool lends its place while it waits.
    ///
    /// # Errors
    /// [`BrokenBarrier`], which says why the round will never be complete.
    ///
    /// # Panics
    /// If this is the last party, and the action does; then the barrier is broken.
    pub fn wait(&self, timeout: impl Into<Option<Duration>>) -> Result<usize, BrokenBarrier> {
        let deadline = Deadline::after(timeout.into().or(self.timeout));
        let party = self.enter()?;
        match self.waiting_line().block_until(deadline, |state, _| state.outcome_of(party.round)) {
            Some(outcome) => outcome,
            None => party.give_up(),
        }
    }

    /// As [`wait`](Barrier::wait), without blocking the thread. The barrier's own limit does not count here: limits on
    /// futures are their runtime's.
    ///
    /// # Errors
    /// As [`wait`](Barrier::wait).
    ///
    /// # Panics
    /// As [`wait`](Barrier::wait).
    pub async fn wait_async(&self) -> Result<usize, BrokenBarrier> {
        let party = self.enter()?;
        let mut waiting = self.waiting_line();
        poll_fn(|cx| waiting.poll(cx, |state, _| state.outcome_of(party.round))).await
    }

    /// Breaks the barrier for whoever waits, and whoever comes, until it is [reset](Barrier::reset): where something
    /// has happened because of which some party will never come. A round that is complete, and whose action runs, is not
    /// touched.
    pub fn abort(&self) {
        self.change(|state| state.break_now(BrokenBarrier::Aborted));
    }

    /// As new: parties that wait get [`BrokenBarrier::Reset`], those that come make a new round. A round that is
    /// complete, and whose action runs, is not touched.
    pub fn reset(&self) {
        self.change(|state| {
            let wakes = state.settle(state.current, Err(BrokenBarrier::Reset));
            state.broken = None;
            wakes
        });
    }

    /// Comes into the current round, and settles it if that makes it complete.
    fn enter(&self) -> Result<Party<'_>, BrokenBarrier> {
        let (party, complete) = {
            let mut state = self.state.lock();
            if let Some(why) = state.broken {
                return Err(why);
            }
            let number = state.current;
            let round = state.rounds.entry(number).or_default();
            round.parties += 1;
            let complete = round.parties == self.parties;
            if complete {
                // Whoever comes while the action runs is in the next one.
                state.current += 1;
            }
            (Party { barrier: self, round: number }, complete)
        };
        if complete {
            let acted = self.action.as_ref().map_or(Ok(()), contain);
            self.complete(party.round, acted);
        }
        Ok(party)
    }

    fn complete(&self, round: u64, acted: Result<(), Payload>) {
        match acted {
            Ok(()) => self.change(|state| state.settle(round, Ok(()))),
            Err(payload) => {
                self.change(|state| {
                    let wakes = state.settle(round, Err(BrokenBarrier::ActionPanicked));
                    wakes.and(state.break_now(BrokenBarrier::ActionPanicked))
                });
                payload.resume();
            }
        }
    }

    fn change(&self, change: impl FnOnce(&mut State) -> Wakes) {
        let wakes = change(&mut self.state.lock());
        wakes.wake();
    }

    fn waiting_line(&self) -> Waiting<'_, State> {
        Waiting::new(Site::new(&self.state, |state| &mut state.line))
    }
}

impl State {
    /// What a round came to, if it is settled; for one of its parties, which asks no more after that.
    fn outcome_of(&mut self, round: u64) -> Option<Result<usize, BrokenBarrier>> {
        let round = self.rounds.get_mut(&round)?;
        let outcome = round.outcome?;
        round.passed += 1;
        Some(outcome.map(|()| round.passed - 1))
    }

    /// The first outcome stays.
    fn settle(&mut self, number: u64, outcome: Result<(), BrokenBarrier>) -> Wakes {
        match self.rounds.get_mut(&number) {
            Some(round) if round.outcome.is_none() => {
                round.outcome = Some(outcome);
                self.current = self.current.max(number + 1);
                self.line.notify_all()
            }
            _ => Wakes::none(),
        }
    }

    /// Breaks the round that is not complete, and all that would follow. A reason that is there stays.
    fn break_now(&mut self, why: BrokenBarrier) -> Wakes {
        self.broken.get_or_insert(why);
        self.settle(self.current, Err(why))
    }

    fn leave(&mut self, number: u64) {
        if let Some(round) = self.rounds.get_mut(&number) {
            round.parties -= 1;
            if round.parties == 0 {
                self.rounds.remove(&number);
            }
        }
    }
}

impl Party<'_> {
    /// This one's time is up.
    fn give_up(self) -> Result<usize, BrokenBarrier> {
        let mut state = self.barrier.state.lock();
        if let Some(outcome) = state.outcome_of(self.round) {
            return outcome;
        }
        // Also where it is complete, and its action runs.
        let wakes = state.settle(self.round, Err(BrokenBarrier::TimedOut));
        let wakes = wakes.and(state.break_now(BrokenBarrier::TimedOut));
        drop(state);
        wakes.wake();
        Err(BrokenBarrier::TimedOut)
    }
}

impl Drop for Party<'_> {
    fn drop(&mut self) {
        self.barrier.state.lock().leave(self.round);
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_struct("Barrier");
        text.field("waiting", &self.waiting()).field("parties", &self.parties).field("broken", &self.is_broken());
        text.finish()
    }
}
