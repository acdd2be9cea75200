//! Actions at a point in time: one thread for the whole process, started when there is something to wait for.
//!
//! The thread that waits for the next action is the leader. Before it carries one out it stops being it, and sees to it
//! that the rest has a new one; so an action that runs foreign code for long (a callback, a `Drop`) delays no other. A
//! thread that comes back from an action and is not needed as the leader stays as the follower, the next to lead,
//! unless there is one already.

use super::header::CellRef;
use super::run;
use crate::sync::{Condvar, Deadline, Mutex, MutexGuard, global, spawn_thread};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

type Action = Box<dyn FnOnce() + Send>;
type Key = (Instant, u64);

#[derive(Default)]
struct Schedule {
    next_id: u64,
    actions: BTreeMap<Key, Action>,
    led: bool,
    /// A thread waits to become the leader.
    followed: bool,
    /// It is to lead, and has not come to it yet.
    promoted: bool,
}

global! {
    static SCHEDULE: Mutex<Schedule> = Mutex::new(Schedule {
        next_id: 0,
        actions: BTreeMap::new(),
        led: false,
        followed: false,
        promoted: false,
    })
}
// Wakes the leader: there is an earlier action.
global! {
    static EARLIER: Condvar = Condvar::new()
}
// Wakes the follower: it leads.
global! {
    static LEAD: Condvar = Condvar::new()
}

/// How long a leader without actions stays.
const LINGER: Duration = Duration::from_secs(1);
/// Callbacks and destructors of users run on it, so it is as large as std's threads' usually are.
const STACK: usize = 2 * 1024 * 1024;

/// An action that is due later; dropping it takes it back if it has not begun.
#[must_use]
pub(crate) struct Alarm(Option<Key>);

impl Drop for Alarm {
    fn drop(&mut self) {
        let Some(key) = self.0 else { return };
        let action = SCHEDULE.lock().actions.remove(&key);
        // What it holds is dropped outside the lock.
        drop(action);
    }
}

/// Carries `action` out after `wait`, on a thread of its own. A time that the clock cannot express never comes.
pub(crate) fn after(wait: Duration, action: impl FnOnce() + Send + 'static) -> Alarm {
    let Some(at) = Deadline::after(Some(wait)).at() else {
        return Alarm(None);
    };
    let mut schedule = SCHEDULE.lock();
    let key = (at, schedule.next_id);
    schedule.next_id += 1;
    schedule.actions.insert(key, Box::new(action));
    if schedule.led {
        EARLIER.notify_one();
    } else {
        start_leader(&mut schedule);
    }
    Alarm(Some(key))
}

/// Tells the task after `limit` that its time is up.
pub(super) fn limit_after(limit: Duration, task: CellRef) -> Alarm {
    after(limit, move || run::out_of_time(&task))
}

/// Fails the task with `DeadlineExceeded` after `limit`, if it has not begun by then.
pub(crate) fn expire_after(limit: Duration, task: CellRef) -> Alarm {
    after(limit, move || run::withdraw(task, crate::error::TaskError::DeadlineExceeded))
}

/// Where the system gives no thread, the next action or the end of another one tries again.
fn start_leader(schedule: &mut Schedule) {
    if schedule.followed && !schedule.promoted {
        schedule.led = true;
        schedule.promoted = true;
        LEAD.notify_one();
    } else {
        schedule.led = spawn_thread("cf-timer".to_owned(), STACK, lead).is_ok();
    }
}

/// Waits as the follower; `None` if it was not needed for long, or if there is one already.
fn follow(mut schedule: MutexGuard<'static, Schedule>) -> Option<MutexGuard<'static, Schedule>> {
    if schedule.followed {
        return None;
    }
    schedule.followed = true;
    let until = Deadline::after(Some(LINGER));
    while !schedule.promoted {
        if until.is_past() {
            schedule.followed = false;
            return None;
        }
        schedule = LEAD.wait_until(schedule, until);
    }
    schedule.followed = false;
    schedule.promoted = false;
    Some(schedule)
}

fn lead() {
    let mut schedule = SCHEDULE.lock();
    let mut idle_since = Instant::now();
    loop {
        let now = Instant::now();
        let next = schedule.actions.first_key_value().map(|((at, _), _)| *at);
        match next {
            Some(at) if at <= now => {
                let Some((_, action)) = schedule.actions.pop_first() else {
                    continue;
                };
                schedule.led = false;
                if !schedule.actions.is_empty() {
                    start_leader(&mut schedule);
                }
                drop(schedule);
                // Actions contain what is foreign in them; this is the second line.
                let _ = crate::sync::contain(action);
                schedule = SCHEDULE.lock();
                if schedule.promoted {
                    // The follower has not come to lead yet, and need not.
                    schedule.promoted = false;
                } else if schedule.led {
                    // It is this thread, once it has followed.
                    match follow(schedule) {
                        Some(leading) => schedule = leading,
                        None => return,
                    }
                }
                schedule.led = true;
                idle_since = Instant::now();
            }
            Some(at) => {
                schedule = EARLIER.wait_until(schedule, Deadline::after(Some(at - now)));
                idle_since = Instant::now();
            }
            None if now.duration_since(idle_since) >= LINGER => {
                schedule.led = false;
                return;
            }
            None => schedule = EARLIER.wait_until(schedule, Deadline::after(Some(LINGER))),
        }
    }
}
