//! How a worker thread lies down, gets up, and decides to leave.

use super::roster::Sleeper;
use super::worker::Worker;
use crate::sync::Deadline;

impl Worker {
    /// A searcher that found nothing sleeps. `false`: the thread is to end. Afterwards it is a searcher again.
    pub(super) fn sleep_as_searcher(&self) -> bool {
        let mut roster = self.pool.lock();
        if roster.has_urgent() {
            return true;
        }
        let roll = self.pool.crew.load();
        if self.pool.is_over(roll) {
            // What was pushed before the flag was set is seen here; what comes later sees the flag.
            self.pool.crew.searcher_leaves();
            self.pool.crew.before_look();
            let stays = self.has_work();
            if stays {
                self.pool.crew.leaver_stays();
            } else {
                roster.leaving += 1;
            }
            return stays;
        }
        self.pool.crew.searcher_sleeps();
        roster.sleepers.push(self.sleeper());
        drop(roster);
        self.sleep()
    }

    /// A thread beyond the limit sleeps. `false`: the thread is to end. Afterwards it is a searcher, or was none too
    /// many.
    pub(super) fn sleep_as_surplus(&self) -> bool {
        let mut roster = self.pool.lock();
        let roll = self.pool.crew.load();
        if roll.active() <= self.pool.config.max_workers {
            return true;
        }
        if self.searching.get() {
            self.pool.crew.searcher_sleeps()
        } else {
            self.pool.crew.surplus_sleeps()
        }
        roster.sleepers.push(self.sleeper());
        drop(roster);
        self.searching.set(true);
        self.sleep()
    }

    fn sleeper(&self) -> Sleeper {
        Sleeper { slot: self.number, unparker: self.parker.unparker() }
    }

    fn has_work(&self) -> bool {
        self.pool.has_work() || self.own().has_mail()
    }

    /// In the list of sleepers: looks a last time, and parks.
    fn sleep(&self) -> bool {
        self.searching.set(true);
        self.pool.crew.before_look();
        let deadline = Deadline::after(self.pool.config.idle_timeout);
        let work = self.own().has_mail() || (self.pool.can_activate(self.pool.crew.load()) && self.pool.has_work());
        if work && self.get_up() {
            return true;
        }
        if self.parker.park_until(deadline) {
            return true;
        }
        let mut roster = self.pool.lock();
        let Some(at) = roster.sleepers.iter().position(|sleeper| sleeper.slot == self.number) else {
            // Somebody has just woken this thread, and is about to say so.
            drop(roster);
            self.parker.park_until(Deadline::NEVER);
            return true;
        };
        roster.sleepers.remove(at);
        if self.has_work() && self.pool.can_activate(self.pool.crew.load()) {
            self.pool.crew.wake();
            return true;
        }
        // Idle for long enough.
        self.pool.crew.sleeper_leaves();
        roster.leaving += 1;
        false
    }

    /// Leaves the list of sleepers, unless somebody else took this thread out of it and is about to unpark it.
    fn get_up(&self) -> bool {
        let mut roster = self.pool.lock();
        let Some(at) = roster.sleepers.iter().position(|sleeper| sleeper.slot == self.number) else {
            return false;
        };
        roster.sleepers.remove(at);
        self.pool.crew.wake();
        true
    }
}
