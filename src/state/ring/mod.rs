//! The words of the ring: the memory through which a process hands tasks to one worker process and gets results back.
//!
//! # Vocabulary
//! * The **parent** hands out, the **worker** runs one task at a time. Nobody else has the memory.
//! * The memory is two pieces. Only the parent writes **jobs**, and the worker cannot (its pages are read-only there);
//!   both write the **board**. So whatever goes wrong in a worker, what it was told stays true.
//! * A **ticket** is a place in the order in which tasks are handed out: 0, 1, 2 .. and never the same again. With n
//!   slots, ticket t is in **slot** t mod n, in its **lap** t div n. A count of 64 bits, of which laps use 61, lasts
//!   for decades at one task a nanosecond, so none of this wraps around.
//! * The bytes of jobs and of results stand in two **arenas**, circles of words. A place in one is a count of words
//!   since the beginning, of which the arena shows the last so many; so there is no wrap-around in the arithmetic
//!   either.
//! * What the parent **knows** is in its own memory: which tickets are out, and the furthest state that each was seen
//!   in. Everything on the board is a claim, compared with that ([`SlotState::may_become`]).
//!
//! # The words
//! | word | written by | says |
//! |---|---|---|
//! | slot ([`SlotWord`]) | both | lap and state of the task; see there |
//! | report ([`Report`]), one a slot | worker | when it was begun, where its results begin, how many items have ended, how many bytes their results are, whether one is under way, where results are that found no room, and the final one |
//! | position | worker | how many tickets it is past: it touches none of their words again, but for the one transition to DONE that may still be to come |
//! | head ([`HeadWords`]), one a slot | parent | what the task is, and where its bytes are |
//! | cancel, one a slot | parent | the lap that was asked to stop, and one; so it needs no reset |
//! | freed | parent | up to where results have been copied out, so that the worker may write over them |
//! | closed | parent | nothing more will be handed out |
//! | [`WorkerSleep`], [`ParentSleep`] | both | who sleeps; see there |
//!
//! # A slot
//! | from | to | by | how |
//! |---|---|---|---|
//! | DONE or REVOKED of the lap before, or nothing | QUEUED | parent | store, after head and bytes |
//! | QUEUED | RUNNING | worker | compare-exchange |
//! | QUEUED | REVOKED | parent | compare-exchange |
//! | RUNNING | DONE | worker | store, after the results and the position |
//!
//! One compare-exchange decides between the two that can leave QUEUED, so `revoke() == true` is a promise that the task
//! is not run, and RUNNING says that it has been begun.
//!
//! The worker takes the slots in order. It resets the report *before* it takes the slot: the report is its own, and the
//! parent reads it only in RUNNING and DONE, so whoever sees RUNNING, even if the worker died right there, never reads
//! the report of an earlier lap. The time goes with the reset, so RUNNING says since when, by a clock that both sides
//! read. It writes bytes before the count that covers them, and the position before DONE, so
//! DONE covers everything. Where the bytes of an item begin in the word in which those of the last one end, that word is
//! stored again with the same bytes and more: so whichever of the two somebody finds there has all that it was told of.
//!
//! # When a slot is used again
//! When the parent has settled the ticket (it has copied the results out, or has revoked it) *and* the position is
//! beyond it. For a revoked one only the position says that the worker has passed: before that it may be about to look
//! at the slot, and would run the new task out of turn and find the slots between already empty. A task's bytes are
//! given back with its slot; results as soon as they are copied out, those of a chunk as far as they are there, but for
//! the word in which the next one begins. Both go oldest first.
//!
//! Nobody waits for room. A parent without room keeps the task; a worker without room sends its result by other means
//! and says so in the report.
//!
//! # No wake-up is lost
//! See [`WorkerSleep`] and [`ParentSleep`]. What a sleeper waits for is more than its last look found: for the worker a
//! slot that is QUEUED or REVOKED, or `closed`; for the parent a position beyond what it had accounted for. The worker
//! rings after each DONE, and after passing revoked slots: a parent may be waiting for the room, not for a result.
//!
//! # When the worker dies
//! After its end is certain, each slot is in one state for ever, and every word that was written before is there. DONE:
//! it ran, its results are whole. RUNNING: it may have run, wholly, in part or not at all; the items that the report
//! counts have ended and their results are whole. QUEUED and REVOKED: not one instruction of it ran. There is at most
//! one RUNNING, none before it is QUEUED, none after it is DONE; anything else was not written by a worker of ours.
//!
//! # Rules of access
//! 1. Memory that two processes share is reached as `&AtomicU32` and `&AtomicU64` only, never as `&[u8]`, `&T` or
//!    `&mut`.
//! 2. Bytes are copied in and out word by word, and what they say is looked at in the copy.
//! 3. A length or place from the other side is checked before it is used, and every place is reduced to its arena, so
//!    that the worst of worlds is a wrong answer.
//! 4. The worker reads jobs by relaxed loads and an acquire fence ([`read_only`]): that is what is promised to work on
//!    read-only pages.

mod arena;
mod head;
mod report;
mod sleep;
mod slot;
mod turn;

pub(crate) use arena::{Arena, Tail, words_for};
pub(crate) use head::{Head, HeadWords};
pub(crate) use report::{Report, Reported, Spill};
pub(crate) use sleep::{ParentSleep, WorkerSleep};
pub(crate) use slot::{Look, SlotState, SlotWord};
pub(crate) use turn::{Found, Spins, Turn};

use crate::sync::{AtomicU64, Ordering, fence};

/// A count that one side raises and the other reads: the position, what is freed, `closed`.
#[derive(Clone, Copy)]
pub(crate) struct Count<'m>(pub(crate) &'m AtomicU64);

impl Count<'_> {
    pub(crate) fn set(self, count: u64) {
        // ORDERING: Release pairs with `get` and `read_only`: who sees the count is after whatever was done before, a
        // read of what may now be overwritten included.
        self.0.store(count, Ordering::Release);
    }

    pub(crate) fn get(self) -> u64 {
        // ORDERING: Acquire pairs with `set`.
        self.0.load(Ordering::Acquire)
    }

    /// By the worker, of a word of the jobs.
    pub(crate) fn get_read_only(self) -> u64 {
        read_only(self.0)
    }
}

/// An acquire load of a word in read-only memory, for which Rust promises nothing but relaxed ones.
fn read_only(word: &AtomicU64) -> u64 {
    // ORDERING: Relaxed, and the fence makes it an acquire load; pairs with the parent's Release of this word.
    let value = word.load(Ordering::Relaxed);
    // ORDERING: as above.
    fence(Ordering::Acquire);
    value
}
