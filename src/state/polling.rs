//! The poll word of a spawned future: who may poll or drop it, and whether it has to be polled again.
//!
//! A spawned future is a task that may be run several times. While its task is `PENDING` nothing here matters: nobody
//! has polled it, so nobody has its waker. From the first run on, this word says who owns the slot.
//!
//! # The word
//! | state | meaning | next |
//! |---|---|---|
//! | (none) | idle: it waits to be woken; nobody owns the slot | `WOKEN` (woken), `POLLED` (out of turn), `OVER` (claimed) |
//! | `WOKEN` | woken: somebody has queued it, or is about to; nobody owns the slot | `POLLED` (its turn), `OVER` (claimed) |
//! | `POLLED` | one runner owns the slot | idle (suspended), `POLLED` and `WOKEN` (woken), `OVER` (ended, or stopped) |
//! | `POLLED` and `WOKEN` | the same, and the runner is to queue it again | `WOKEN` (suspended), `OVER` (ended, or stopped) |
//! | `OVER` | whoever set it owns the slot, ends the task, and nobody polls again | none; a wake that is late sets `WOKEN`, which means nothing |
//!
//! A poll *out of turn* is of a future that was not woken, which every future has to bear. Somebody who waits for it,
//! and is the only one who could go on, learns from it what the future waits for itself (`task::awaited`).
//!
//! The bits above the flags count the *turns*: how often it was resumed because it was woken. Polls out of turn do not
//! count, so two threads that each ask it once in a turn do not make each other ask again.
//!
//! Flags come on top, in any state. `STOP`: it was asked to end, or (with `OVER`) was ended, as cancelled; with `LATE`
//! because its time was up, with `BROKEN` because its pool can run nothing any more. They are set once, before or
//! together with `OVER`, so who sees `OVER` knows how the task ends.
//!
//! # Why no wake-up is lost
//! A wake sets `WOKEN` in one read-modify-write, whatever the state, and releases what came before it. The runner's
//! last step is a compare-exchange that fails if `WOKEN` came meanwhile; so either it sees the wake and queues the
//! future again, or the wake sees it idle and queues it. Every way to `POLLED` acquires.
//!
//! # Why it is queued once
//! Only the transition from idle to `WOKEN`, and the runner's own from `POLLED` and `WOKEN` to `WOKEN`, queue it. Who
//! polls out of turn is a runner like any other: what is woken meanwhile it queues. A copy that somebody left in a queue
//! finds it not `WOKEN`, or takes the turn of the one that is to come.

use crate::sync::{AtomicUsize, Ordering};

const WOKEN: usize = 1;
const POLLED: usize = 1 << 1;
const OVER: usize = 1 << 2;
const STOP: usize = 1 << 3;
const LATE: usize = 1 << 4;
const BROKEN: usize = 1 << 5;
/// One turn; the bits above it are the count, which may wrap.
const TURN: usize = 1 << 6;

/// The word; see the [module](self).
pub(crate) struct Polling(AtomicUsize);

/// Why a future ends before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    Cancelled,
    /// Its time was up.
    Late,
    /// Its pool can run nothing any more.
    Broken,
}

#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Suspend {
    /// It waits to be woken; the slot is nobody's.
    Idle,
    /// It was woken meanwhile: the caller queues it again.
    Woken,
    /// It was asked to end: the caller still owns the slot, for good.
    Stopped(Stop),
}

#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stopping {
    /// The slot is the caller's, for good, who ends it for this reason. `queued`: what is left in a queue is dead.
    Claimed { why: Stop, queued: bool },
    /// It is being polled, and will end after that.
    Asked,
    /// It is being polled and somebody asked before, or it is over; for this reason, if there was one.
    Before(Option<Stop>),
}

fn reason(word: usize) -> Option<Stop> {
    match word & (STOP | LATE | BROKEN) {
        0 => None,
        STOP => Some(Stop::Cancelled),
        word if word & LATE != 0 => Some(Stop::Late),
        _ => Some(Stop::Broken),
    }
}

impl Polling {
    /// Whoever begins the task polls first.
    pub(crate) fn new() -> Self {
        Polling(AtomicUsize::new(POLLED))
    }

    /// `true`: the caller queues it.
    #[must_use]
    pub(crate) fn wake(&self) -> bool {
        // ORDERING: Release publishes what the waker did before; Acquire, because the caller who queues it reads where
        // it lives.
        let before = self.0.fetch_or(WOKEN, Ordering::AcqRel);
        before & (WOKEN | POLLED | OVER) == 0
    }

    /// The same, by whoever let go of the last reference: nobody will ever wake it, so it is queued to be dropped.
    #[must_use]
    pub(crate) fn wake_to_stop(&self) -> bool {
        // ORDERING: as in `wake`.
        let before = self.0.fetch_or(WOKEN | STOP, Ordering::AcqRel);
        before & (WOKEN | POLLED | OVER) == 0
    }

    /// Somebody has ended it, or is about to.
    pub(crate) fn is_over(&self) -> bool {
        // ORDERING: Relaxed: it is never unset.
        self.0.load(Ordering::Relaxed) & OVER != 0
    }

    /// It is in a queue, or on its way into one.
    pub(crate) fn is_woken(&self) -> bool {
        // ORDERING: Relaxed: what is read may be out of date, which callers live with.
        self.0.load(Ordering::Relaxed) & (WOKEN | OVER) == WOKEN
    }

    /// It was woken, and nobody polls it: a [`resume`](Self::resume) would succeed.
    pub(crate) fn awaits_its_turn(&self) -> bool {
        // ORDERING: Relaxed, as above.
        self.0.load(Ordering::Relaxed) & (WOKEN | POLLED | OVER) == WOKEN
    }

    /// The turn since which nobody polls it, nobody has queued it, and it is not over.
    pub(crate) fn idle_since(&self) -> Option<usize> {
        // ORDERING: Relaxed, as above.
        let seen = self.0.load(Ordering::Relaxed);
        (seen & (WOKEN | POLLED | OVER) == 0).then_some(seen / TURN)
    }

    /// By the runner: which turn it is.
    pub(crate) fn turn(&self) -> usize {
        // ORDERING: Relaxed: it changes only when the runner has let go.
        self.0.load(Ordering::Relaxed) / TURN
    }

    /// `WOKEN -> POLLED`. `false`: there is nothing to poll.
    #[must_use]
    pub(crate) fn resume(&self) -> bool {
        // ORDERING: Relaxed is a guess that the compare-exchange confirms.
        let mut seen = self.0.load(Ordering::Relaxed);
        loop {
            if seen & (WOKEN | POLLED | OVER) != WOKEN {
                return false;
            }
            let next = (seen & !WOKEN | POLLED).wrapping_add(TURN);
            // ORDERING: Acquire pairs with the Release of the last poll, and of every wake before this one.
            match self.0.compare_exchange_weak(seen, next, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => seen = now,
            }
        }
    }

    /// Idle to `POLLED`, out of turn. `false`: somebody polls it or will, or it is over.
    #[must_use]
    pub(crate) fn resume_idle(&self) -> bool {
        // ORDERING: Relaxed is a guess that the compare-exchange confirms.
        let mut seen = self.0.load(Ordering::Relaxed);
        loop {
            if seen & (WOKEN | POLLED | OVER) != 0 {
                return false;
            }
            // ORDERING: Acquire pairs with the Release of the last poll.
            match self.0.compare_exchange_weak(seen, seen | POLLED, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => seen = now,
            }
        }
    }

    /// By the runner: why it should end instead of being polled.
    pub(crate) fn stop_asked(&self) -> Option<Stop> {
        // ORDERING: Relaxed: the reason alone is read, and who comes later is seen when the poll ends.
        reason(self.0.load(Ordering::Relaxed))
    }

    /// The runner's last step after a poll that did not end the future.
    pub(crate) fn suspend(&self) -> Suspend {
        // ORDERING: Relaxed is a guess that the compare-exchange confirms.
        let mut seen = self.0.load(Ordering::Relaxed);
        loop {
            let (next, answer) = match reason(seen) {
                Some(why) => (seen | OVER, Suspend::Stopped(why)),
                None if seen & WOKEN != 0 => (seen & !POLLED, Suspend::Woken),
                None => (seen & !POLLED, Suspend::Idle),
            };
            // ORDERING: Release publishes the poll to the next runner, or to who claims it. Acquire, because whoever
            // asked for the stop has set the task's cancel token.
            match self.0.compare_exchange_weak(seen, next, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return answer,
                Err(now) => seen = now,
            }
        }
    }

    /// By the runner: it has ended. With a reason to stop that came before, that is how the task ends.
    #[must_use]
    pub(crate) fn finish(&self) -> Option<Stop> {
        // ORDERING: AcqRel: as in `suspend`.
        reason(self.0.fetch_or(OVER, Ordering::AcqRel))
    }

    /// By anybody: ends it now, or after the poll that is under way.
    pub(crate) fn stop(&self, why: Stop) -> Stopping {
        let ask = match why {
            Stop::Cancelled => STOP,
            Stop::Late => STOP | LATE,
            Stop::Broken => STOP | BROKEN,
        };
        // ORDERING: Relaxed is a guess that the compare-exchange confirms.
        let mut seen = self.0.load(Ordering::Relaxed);
        loop {
            let asked = reason(seen);
            let polled = seen & POLLED != 0;
            if seen & OVER != 0 || (polled && asked.is_some()) {
                return Stopping::Before(asked);
            }
            let (next, answer) = if polled {
                (seen | ask, Stopping::Asked)
            } else {
                // One that was queued to be dropped can be claimed too: nobody owns the slot yet.
                let flags = if asked.is_some() { OVER } else { ask | OVER };
                (seen | flags, Stopping::Claimed { why: asked.unwrap_or(why), queued: seen & WOKEN != 0 })
            };
            // ORDERING: Acquire: the slot becomes the caller's, after the last poll. Release: as in `wake`.
            match self.0.compare_exchange_weak(seen, next, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return answer,
                Err(now) => seen = now,
            }
        }
    }
}
