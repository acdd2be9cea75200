//! A line of threads and futures that wait for something that changes under a lock of their own: room in a queue, an
//! item, a permit. What `queue` and `threading` block on.
//!
//! # Words
//! The **owner** has a `Mutex` around its state, and in that state a [`WaitList`]. Who wants something makes an
//! **attempt** under that lock; where it fails, it is **enlisted**, still under the lock, and sleeps after letting go
//! of it. Who changes the state **notifies**, under the lock: that takes the foremost out of the line and marks them;
//! they are woken ([`Wakes`]) when the lock is free again, because a waker is foreign code. Who wakes makes another
//! attempt. Nothing is handed over: whoever comes first, also from outside of the line, takes what is there.
//!
//! # Why no wake is lost
//! 1. *Between the attempt and the sleep*: attempt and enlisting are one critical section, and so are change and
//!    notification. A notification that comes before the sleep is remembered by the entry's mark and by the parker's
//!    flag, or wakes the waker.
//! 2. *By somebody who was chosen and goes away* (its time is up, its future is dropped, it unwinds): it still has its
//!    mark, and leaving with a mark that no attempt has used notifies the next in line, in the critical section in
//!    which it leaves. So does not wanting what came: only a successful attempt uses a mark up.
//! 3. *By somebody who was chosen and found nothing*: another one was faster. It goes to the front of the line, where
//!    it came from, and its mark is gone. That is right if whoever makes something available notifies, each time, as
//!    many as can use it: then *either nobody is in line unmarked, or there are at least as many marks as there are
//!    things to be had*. A notification adds a mark for each new thing, while there is anybody to mark; a success takes
//!    one thing and at most one mark; a failure with a mark shows that there is nothing, so that no mark is needed.
//!
//! By rule 2 a mark may come from somebody who came earlier and left. Where it matters what has happened *since* one
//! came, as for a barrier, the owner counts that in its state, and attempts compare the count.
//!
//! A marked future that nobody polls, and nobody drops, holds one thing up, as in every channel that can be awaited.

mod list;
mod waiting;

pub(crate) use list::{WaitList, Wakes};
pub(crate) use waiting::{Site, Waiting};
