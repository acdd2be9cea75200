//! The state word of a task: who may touch what, and the transitions between.
//!
//! # The word
//! The low bits hold the phase and the flags below; all bits above [`REF`] count references to the cell.
//!
//! | phase | meaning | next |
//! |---|---|---|
//! | `PENDING` | nobody has begun it; the slot holds the job | `RUNNING`, `CANCELLED`, `DONE` (rejected, expired) |
//! | `HANDED` | its outcome comes from another cell, which it asks about `running` and `cancel` | `DONE`, `CANCELLED` |
//! | `RUNNING` | one runner owns the slot; of a future, whoever the poll word (`polling`) names | `DONE`, `CANCELLED` (future) |
//! | `DONE` | the slot holds the value or, with `FAILED`, the error | none |
//! | `CANCELLED` | the canceller drops the job; there is no outcome in the slot | none |
//!
//! # The flags
//! * `FAILED`: set together with `DONE` (or in place of `ENCODED`), never cleared. The error in the slot is immutable
//!   from then on, so it can be read and cloned by anybody who saw the bit; it is dropped with the cell.
//! * `LOCKED`: held for a few instructions by whoever changes the list of waiters, attaches an owner, or takes the
//!   phase to a terminal one while there may be waiters. No foreign code runs under it.
//! * `WAITERS`: the list of waiters is not empty. Changed only while `LOCKED` is held.
//! * `ACCESS`: callbacks are reading the outcome by reference. Set with the terminal phase or by a late callback,
//!   cleared by the one who set it. While it is set nobody takes or drops the value.
//! * `TAKEN`: the value has left the slot (or, with `FAILED`, somebody has looked at the error). Never cleared.
//! * `DETACHED`: the future is gone. The value then belongs to the completer, or to the holder of `ACCESS`.
//! * `CANCEL_REQUESTED`: the running task has been asked to stop. Never cleared.
//! * `ENCODED`: set with `DONE` where the slot holds the value as bytes that came from another process, which whoever
//!   wants it decodes: the holder of `ACCESS`, who clears it, and sets `FAILED` where the bytes are no value.
//! * `FORWARDED`: another cell gets its outcome from this one, and answers for it to a scope. Never cleared.
//!
//! # Who may touch the slot
//! 1. The creator, before it shares the cell.
//! 2. Whoever won `PENDING -> RUNNING` (the runner), until its transition to `DONE`; of a future, whoever the poll word
//!    names in that phase, be it a runner or who has claimed it to end it.
//! 3. Whoever won `PENDING -> CANCELLED` (the canceller), to drop the job.
//! 4. After `DONE`: any reader of a `FAILED` error; the holder of `ACCESS`, by reference; whoever set `TAKEN` while
//!    `ACCESS` was clear, to move the value out.
//! 5. Whoever released the last reference.
//!
//! # Why no wake-up is lost
//! A waiter is added under `LOCKED`, after looking at the phase under it. The terminal transition and the release of
//! `ACCESS` are one compare-exchange that succeeds only if neither `LOCKED` nor `WAITERS` is set; otherwise they take
//! `LOCKED` first and take the list with it. So either the waiter saw the terminal phase (or `ACCESS` clear), or the
//! other side saw the waiter.
//!
//! # Why the cell is freed once
//! Each of the future, the task, every waker and every extra copy of the task owns one [`REF`]. The last subtraction
//! that brings the count to zero frees the cell, or, if a future is left in it, takes it up again for a last time. A
//! completer gives its reference back in the same compare-exchange as `DONE` where nobody has to be told, and touches
//! nothing afterwards.

use super::word::{
    ACCESS, Begin, Birth, Borrow, CANCEL_REQUESTED, CANCELLED, Cancel, DETACHED, DONE, Detach, ENCODED, Ending, FAILED,
    FORWARDED, HANDED, LOCKED, PENDING, PHASE, Quiet, REF, RUNNING, Release, Snapshot, TAKEN, Take, WAITERS,
};
use crate::sync::{AtomicUsize, Ordering, spin_hint};
use std::fmt;

/// The state word; see the [module](self).
pub(crate) struct Lifecycle(AtomicUsize);

impl Lifecycle {
    /// A fresh word, owned by `references` handles.
    pub(crate) fn new(birth: Birth, references: usize) -> Self {
        let word = match birth {
            Birth::Pending => PENDING,
            Birth::Handed => HANDED,
            Birth::Value => DONE,
            Birth::Error => DONE | FAILED,
        };
        Lifecycle(AtomicUsize::new(word + references * REF))
    }

    #[inline]
    pub(crate) fn load(&self) -> Snapshot {
        // ORDERING: Acquire pairs with the AcqRel of the terminal transitions: who sees DONE sees the outcome.
        Snapshot(self.0.load(Ordering::Acquire))
    }

    /// One more reference for a copy of the task. Only while the caller holds one.
    pub(crate) fn add_reference(&self) {
        // ORDERING: Relaxed, as for every reference count: the caller's own reference orders what matters.
        let before = self.0.fetch_add(REF, Ordering::Relaxed);
        // Overflowing into a wrapped count would free memory in use; there are at least 2^20 before that.
        if before > usize::MAX / 2 {
            std::process::abort();
        }
    }

    /// One more reference for somebody who has none, but knows that the cell is still allocated. `false`: the last one
    /// is gone.
    #[must_use]
    pub(crate) fn upgrade(&self) -> bool {
        // ORDERING: Relaxed is a guess that the compare-exchange confirms.
        let mut seen = self.0.load(Ordering::Relaxed);
        loop {
            if Snapshot(seen).references() == 0 {
                return false;
            }
            // ORDERING: Acquire pairs with the transitions: the caller looks at the task next.
            match self.0.compare_exchange_weak(seen, seen + REF, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => seen = now,
            }
        }
    }

    /// Gives a reference back; says whether it was the last, and then what the cell still holds.
    pub(crate) fn release_reference(&self) -> Option<Snapshot> {
        // ORDERING: Release publishes what this handle did with the cell to whoever frees it; Acquire, needed only by
        // the last one, pairs with those. One RMW instead of a fence, which ThreadSanitizer does not understand.
        let before = Snapshot(self.0.fetch_sub(REF, Ordering::AcqRel));
        (before.references() == 1).then_some(Snapshot(before.0 - REF))
    }

    /// `PENDING -> RUNNING`.
    ///
    /// Before [`Begin::Gone`] the lock was free: whoever withdrew the task under it has finished with the owner, so the
    /// caller may let the owner go.
    pub(crate) fn begin(&self) -> Begin {
        let mut round = 0;
        // ORDERING: Relaxed is a guess that the compare-exchange confirms.
        let mut seen = self.0.load(Ordering::Relaxed);
        loop {
            match Snapshot(seen).phase() {
                PENDING => {
                    // ORDERING: Acquire pairs with the Release that published the cell, for a runner that came by a
                    // copy of the task. Failure is a new guess.
                    match self.0.compare_exchange_weak(seen, seen | RUNNING, Ordering::Acquire, Ordering::Relaxed) {
                        Ok(_) => return Begin::Begun,
                        Err(now) => seen = now,
                    }
                }
                _ if Snapshot(seen).has(LOCKED) => {
                    spin_hint(&mut round);
                    // ORDERING: Acquire pairs with the Release of the unlock.
                    seen = self.0.load(Ordering::Acquire);
                }
                _ => return Begin::Gone,
            }
        }
    }

    /// `PENDING -> RUNNING` for somebody who will not run it, and who has to tell its owner: the lock stays taken.
    pub(crate) fn begin_locked(&self) -> Option<Snapshot> {
        let before = self.lock();
        if !before.is_pending() {
            self.unlock(before, before.has_waiters());
            return None;
        }
        // Others may begin it without the lock.
        // ORDERING: Relaxed is a guess that the compare-exchange confirms.
        let mut seen = self.0.load(Ordering::Relaxed);
        loop {
            if !Snapshot(seen).is_pending() {
                self.unlock(before, before.has_waiters());
                return None;
            }
            // ORDERING: Acquire as in `begin`.
            match self.0.compare_exchange_weak(seen, seen | RUNNING, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return Some(before),
                Err(now) => seen = now,
            }
        }
    }

    /// The terminal transition where nobody has to be told, together with giving the caller's reference back.
    /// The caller has written the outcome.
    pub(crate) fn finish_quietly(&self, ending: Ending) -> Quiet {
        // ORDERING: Acquire, because `Detached` hands the memory over (pairs with the AcqRel of `detach`).
        let mut seen = self.0.load(Ordering::Acquire);
        loop {
            let now = Snapshot(seen);
            if now.has(DETACHED) {
                return Quiet::Detached;
            }
            if now.has(LOCKED) || now.has(WAITERS) {
                return Quiet::Waiters;
            }
            let next = (seen & !PHASE | ending.word()) - REF;
            // ORDERING: Release publishes the outcome to every Acquire load that sees DONE. Failure as above.
            match self.0.compare_exchange_weak(seen, next, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Quiet::Finished,
                Err(seen_now) => seen = seen_now,
            }
        }
    }

    /// Takes the lock; spins while somebody else has it.
    pub(crate) fn lock(&self) -> Snapshot {
        let mut round = 0;
        loop {
            // ORDERING: Acquire pairs with the Release of the unlocks: the list is as the last holder left it.
            let before = self.0.fetch_or(LOCKED, Ordering::Acquire);
            if before & LOCKED == 0 {
                return Snapshot(before);
            }
            spin_hint(&mut round);
        }
    }

    /// Gives the lock back and says whether the list has waiters. The holder knows whether it had.
    pub(crate) fn unlock(&self, before: Snapshot, waiters: bool) {
        let flip = if before.has(WAITERS) == waiters { LOCKED } else { LOCKED | WAITERS };
        // ORDERING: Release pairs with the Acquire of `lock`.
        self.0.fetch_xor(flip, Ordering::Release);
    }

    /// The terminal transition by the runner (or by the other cell of a handed one), under the lock, whose list it has
    /// emptied. `access`: it will run callbacks. Says whether the future was gone; then the value is the caller's to
    /// drop, after the callbacks.
    pub(crate) fn finish_locked(&self, ending: Ending, access: bool) -> Snapshot {
        self.settle_locked(ending.word(), access)
    }

    /// The end as cancelled, under the lock, whose list the caller has emptied: of a pending task whose lock
    /// [`cancel`](Self::cancel) took, of a handed one, or of a future that the caller owns.
    pub(crate) fn unlock_cancelled(&self, access: bool) {
        let _ = self.settle_locked(CANCELLED, access);
    }

    fn settle_locked(&self, outcome: usize, access: bool) -> Snapshot {
        // ORDERING: Relaxed is a guess that the compare-exchange confirms.
        let mut seen = self.0.load(Ordering::Relaxed);
        loop {
            let mut next = seen & !(PHASE | LOCKED | WAITERS) | outcome;
            if access {
                next |= ACCESS;
            }
            // ORDERING: Release publishes the outcome and the emptied list; Acquire, because a future that is gone
            // leaves the value to the caller.
            match self.0.compare_exchange_weak(seen, next, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return Snapshot(next),
                Err(now) => seen = now,
            }
        }
    }

    /// Marks the value as moved out, by whoever owns it because the future is gone.
    pub(crate) fn mark_taken(&self) {
        // ORDERING: Relaxed: the reference that the caller gives back next publishes it to whoever frees the cell.
        self.0.fetch_or(TAKEN, Ordering::Relaxed);
    }

    /// `PENDING -> CANCELLED`. After [`Cancel::Won`] the caller holds the lock.
    pub(crate) fn cancel(&self) -> Cancel {
        let mut round = 0;
        // ORDERING: Acquire: `Already` and `Refused` answer for an outcome that the caller may look at.
        let mut seen = self.0.load(Ordering::Acquire);
        loop {
            match Snapshot(seen).phase() {
                PENDING if Snapshot(seen).has(LOCKED) => {
                    spin_hint(&mut round);
                    seen = self.0.load(Ordering::Acquire);
                }
                PENDING => {
                    let next = seen & !PHASE | CANCELLED | LOCKED;
                    // ORDERING: Acquire to own the job and the list; Release so that `cancelled()` is seen together
                    // with what came before it.
                    match self.0.compare_exchange_weak(seen, next, Ordering::AcqRel, Ordering::Acquire) {
                        Ok(_) => return Cancel::Won,
                        Err(now) => seen = now,
                    }
                }
                CANCELLED => return Cancel::Already,
                _ => return Cancel::Refused,
            }
        }
    }

    /// Asks the running task to stop. Says in which phase the request found it.
    pub(crate) fn request_cancel(&self) -> Snapshot {
        // ORDERING: Release pairs with the Acquire in the task's own look at its token.
        Snapshot(self.0.fetch_or(CANCEL_REQUESTED, Ordering::AcqRel))
    }

    /// Another cell will answer for the outcome.
    pub(crate) fn forward(&self) {
        // ORDERING: Relaxed: whoever ends the task and sees it late asks the task itself, which is as good.
        self.0.fetch_or(FORWARDED, Ordering::Relaxed);
    }

    /// Claims the value, or says why there is none to claim. A look at an error marks it as seen.
    pub(crate) fn take(&self) -> Take {
        // ORDERING: Acquire pairs with the terminal transition's Release.
        let mut seen = self.0.load(Ordering::Acquire);
        loop {
            let now = Snapshot(seen);
            let answer = match now.phase() {
                CANCELLED => return Take::Cancelled,
                DONE if now.has(FAILED) && now.has(TAKEN) => return Take::Error,
                DONE if now.has(FAILED) => Take::Error,
                DONE if now.has(TAKEN) => return Take::Gone,
                DONE if now.has(ACCESS) => return Take::Busy,
                DONE if now.has(ENCODED) => return Take::Encoded,
                DONE => Take::Value,
                _ => return Take::Pending,
            };
            // ORDERING: AcqRel: the winner owns the value, and the release of ACCESS came before (its Release).
            match self.0.compare_exchange_weak(seen, seen | TAKEN, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return answer,
                Err(seen_now) => seen = seen_now,
            }
        }
    }

    /// Tries to hold the outcome by reference, for a callback that was added after the end.
    pub(crate) fn borrow(&self) -> Borrow {
        let mut round = 0;
        // ORDERING: Acquire pairs with the terminal transition's Release.
        let mut seen = self.0.load(Ordering::Acquire);
        loop {
            let now = Snapshot(seen);
            if !now.is_terminal() {
                return Borrow::Pending;
            }
            if now.has(ACCESS) {
                return Borrow::Busy;
            }
            if now.has(LOCKED) {
                spin_hint(&mut round);
                seen = self.0.load(Ordering::Acquire);
                continue;
            }
            // ORDERING: AcqRel: whoever held ACCESS before has finished; who takes next sees that it is held.
            match self.0.compare_exchange_weak(seen, seen | ACCESS, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Borrow::Held,
                Err(seen_now) => seen = seen_now,
            }
        }
    }

    /// By the holder of `ACCESS`: it has put the decoded value, or the error, in the place of the bytes.
    pub(crate) fn decoded(&self, failed: bool) {
        let flip = if failed { ENCODED | FAILED } else { ENCODED };
        // ORDERING: Release pairs with the Acquire of whoever sees FAILED, and so reads the error, without ACCESS.
        self.0.fetch_xor(flip, Ordering::Release);
    }

    /// Gives `ACCESS` back, unless waiters came meanwhile: they are the holder's to serve first.
    pub(crate) fn release_access(&self) -> Release {
        let mut round = 0;
        // ORDERING: Acquire: an orphaned value becomes the caller's.
        let mut seen = self.0.load(Ordering::Acquire);
        loop {
            let now = Snapshot(seen);
            if now.has(WAITERS) {
                return Release::Waiters;
            }
            if now.has(LOCKED) {
                spin_hint(&mut round);
                seen = self.0.load(Ordering::Acquire);
                continue;
            }
            let orphaned = now.has(DETACHED) && now.holds_value();
            let next = seen & !ACCESS | if orphaned { TAKEN } else { 0 };
            // ORDERING: Release pairs with the Acquire of `take` and `detach`: the callbacks have finished reading.
            match self.0.compare_exchange_weak(seen, next, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) if orphaned => return Release::Orphaned,
                Ok(_) => return Release::Released,
                Err(seen_now) => seen = seen_now,
            }
        }
    }

    /// Gives `ACCESS` back together with the lock, whose list the caller has emptied.
    pub(crate) fn release_access_locked(&self) -> Release {
        // ORDERING: Acquire: an orphaned value becomes the caller's.
        let mut seen = self.0.load(Ordering::Acquire);
        loop {
            let now = Snapshot(seen);
            let orphaned = now.has(DETACHED) && now.holds_value();
            let next = seen & !(ACCESS | LOCKED | WAITERS) | if orphaned { TAKEN } else { 0 };
            // ORDERING: as in `release_access`, and Release pairs with the Acquire of `lock`.
            match self.0.compare_exchange_weak(seen, next, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) if orphaned => return Release::Orphaned,
                Ok(_) => return Release::Released,
                Err(seen_now) => seen = seen_now,
            }
        }
    }

    /// The future goes away.
    pub(crate) fn detach(&self) -> Detach {
        // ORDERING: Acquire pairs with the terminal transition and with `release_reference`: a value, or the whole
        // cell, may become the caller's.
        let mut seen = self.0.load(Ordering::Acquire);
        loop {
            let now = Snapshot(seen);
            let last = now.references() == 1;
            if last && !now.is_running() {
                // Nobody else can reach the cell, so there is nobody to race with.
                return Detach::Last;
            }
            // A future that waits can still be found by its pool, until there is no reference at all.
            let owns_value = now.holds_value() && !now.has(ACCESS);
            let next = if owns_value { seen | DETACHED | TAKEN } else { (seen | DETACHED) - REF };
            // ORDERING: Release: what this handle did with the cell happens before it is freed.
            match self.0.compare_exchange_weak(seen, next, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) if owns_value => return Detach::OwnsValue,
                Ok(_) if last => return Detach::Last,
                Ok(_) => return Detach::Released,
                Err(seen_now) => seen = seen_now,
            }
        }
    }
}

impl fmt::Debug for Lifecycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.load(), f)
    }
}
