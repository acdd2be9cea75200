//! How a worker thread lies down, gets up, and decides to leave.
//!
//! One of those who sleep *watches*, as long as workers hand over futures to themselves (`state::crew`): it looks now
//! and then whether one still lies where it lay at the last look, because the task that woke it goes on, and if so gets up
//! for it. When nothing has been handed over from one look to the next it sleeps like the others.

use super::roster::Sleeper;
use super::shared::Pool;
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
        roster.lie_down(self.sleeper());
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
        self.pass_on_woken();
        if self.search.searching.get() {
            self.pool.crew.searcher_sleeps()
        } else {
            self.pool.crew.surplus_sleeps()
        }
        roster.lie_down(self.sleeper());
        drop(roster);
        self.sleep()
    }

    fn sleeper(&self) -> Sleeper {
        Sleeper { slot: self.number, unparker: self.parker.unparker() }
    }

    fn has_work(&self) -> bool {
        self.pool.has_work() || self.own().has_mail()
    }

    /// In the list of sleepers: looks once more, and parks, again and again if it watches. `false`: the thread is to end;
    /// one that watches stays as long as futures are handed over.
    fn sleep(&self) -> bool {
        self.search.searching.set(true);
        let leaves_at = Deadline::after(self.pool.config.idle_timeout);
        let mut goes_on = false;
        loop {
            self.pool.crew.before_look();
            if self.has_work_for_sleeper() && self.get_up() {
                return true;
            }
            let next_look = self.watch(goes_on);
            if self.parker.park_until(next_look.unwrap_or(leaves_at)) {
                return true;
            }
            let mut roster = self.pool.lock();
            if !roster.sleeps(self.number) {
                // Somebody has just woken this thread, and is about to say so.
                drop(roster);
                self.parker.park_until(Deadline::NEVER);
                return true;
            }
            let happens = roster.watches(self.number) && roster.begin_look(self.pool.handed_over());
            let watches = roster.watches(self.number) && self.can_get_up();
            if (watches && self.pool.hand_out_stale()) || self.has_work_for_sleeper() {
                roster.wake_slot(self.number, &self.pool.crew);
                return true;
            }
            goes_on = watches && happens;
            if goes_on {
                continue;
            }
            roster.stop_watching(self.number, &self.pool.crew);
            self.pool.crew.before_look();
            let stays = self.can_get_up() && self.pool.wants_a_searcher();
            if leaves_at.is_past() && !stays {
                // Idle for long enough.
                roster.take_sleeper(self.number, &self.pool.crew);
                self.pool.crew.sleeper_leaves();
                roster.leaving += 1;
                return false;
            }
        }
    }

    fn can_get_up(&self) -> bool {
        self.pool.can_activate(self.pool.crew.load())
    }

    fn has_work_for_sleeper(&self) -> bool {
        self.own().has_mail() || (self.can_get_up() && self.pool.has_work())
    }

    /// When this sleeper looks next, if it watches: if it goes on with that, or there is something to be watched, and nobody
    /// else does. Where it could not get up, whoever makes room for that looks as well.
    fn watch(&self, goes_on: bool) -> Option<Deadline> {
        let handed_over = self.pool.handed_over();
        let happens = self.search.handed_over.replace(handed_over) != handed_over || self.pool.has_handed_over();
        if !goes_on && !happens {
            return None;
        }
        let mut roster = self.pool.lock();
        // Somebody may have got it up meanwhile.
        let may_watch = roster.watches(self.number) || (roster.sleeps(self.number) && self.can_get_up());
        may_watch.then(|| roster.watch(self.number, &self.pool.crew)).flatten()
    }

    /// Leaves the list of sleepers, unless somebody else took this thread out of it and is about to unpark it.
    fn get_up(&self) -> bool {
        self.pool.lock().wake_slot(self.number, &self.pool.crew).is_some()
    }
}

impl Pool {
    /// How many futures workers have handed over to themselves so far; may wrap.
    fn handed_over(&self) -> usize {
        self.slots().fold(0, |sum, slot| sum.wrapping_add(slot.woken.puts()))
    }

    /// Puts futures that their workers do not come to where all look. Says whether there was one.
    fn hand_out_stale(&self) -> bool {
        let stale = self.slots().filter_map(|slot| slot.woken.take_stale());
        stale.map(|task| self.injector.push(task)).count() > 0
    }
}
