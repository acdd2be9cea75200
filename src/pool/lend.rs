//! What a worker does when its task has to wait: run what it waits for, or lend its place.
//!
//! Rules:
//! 1. It runs an awaited task right here only if the task is this pool's and nobody has begun it, the wait has no
//!    limit and needs that very task (or all of several), the thread is not unwinding, and the stack has room. It never
//!    runs any other task: that one might want a lock that the caller holds. Futures are not polled here either, unless
//!    no thread can be added for them.
//! 2. Otherwise it lends its place: another thread may be active meanwhile. The tasks that it waits for go first, so
//!    that a place is not lost to a task that wants the caller's lock. Coming back it goes on at once; a thread that is
//!    then too many parks at its next task boundary. (Waiting for a free place would deadlock: whoever has it may wait
//!    for a lock that the returning task holds.)
//! 3. Where no thread can be added, the wait still just sleeps if it has a limit, is for something outside, or any
//!    other thread of the pool is up. The last thread that is up runs a task that it waits for, whatever the others wait
//!    for; if it cannot, and no other wait may end by itself, it is not put to sleep but gets an error. If there was
//!    nothing to be done when it lay down, and then something comes that needs a thread (a future is woken), the last of
//!    those who sleep is woken with that error.
//! 4. A `block_on` may wait for something outside too, and has no error to give: it sleeps. Its tasks are known
//!    (`task::awaited`), but not which of them it needs; so it runs them here, closures and futures, only where rule 3
//!    has it that nobody else can, one at a time. If none can be run it asks the futures among them that wait what those
//!    wait for.
//!
//! # Why nothing is left lying that a `block_on` waits for
//! Let no thread be up and none to be had, let something be queued, and let a wait of rule 4 sleep that could do
//! something about it. It could because a task was queued, or a future came to wait anew; both are done by a thread that
//! is not asleep. If that is one of the pool's, it lies down later: the last of those to lie down sees, under the pool's
//! lock, everything that was done before, and rouses the sleeper (or does what it waits for itself). If it is not, it has
//! queued something, and then finds that nobody is up: it rouses the sleeper too. Who misses the push because it comes
//! while it lies down is seen, lying down, by whoever pushes: that pair of fences is `state::crew`'s.
//! Two threads may lie down at once, each while the other asks for a thread without the lock. Neither counts as asleep
//! until it has decided; who decides finds that nobody is up, and looks again.
//! Nothing goes round in circles: who is roused runs something, asks a future that it did not ask before in this turn of
//! that, or finds that somebody else was faster. If it was roused for nothing, it is the last to lie down once more, and
//! so nothing was lost.
//!
//! Lent waits are written down under the pool's lock, together with the count, so the last one is well defined.

use super::activation::Refusal;
use super::roster::{Lent, LentWait, Roster};
use super::shared::Pool;
use super::worker::Worker;
use crate::sync::{MutexGuard, Parker};
use crate::task::{Begun, CellRef, Header, Member, Need, Pause, Place, Step};
use std::sync::Arc;

impl Place for Worker {
    fn before_wait(&self, pause: &Pause<'_>, parker: &Parker) -> Step {
        self.stop_searching();
        // Asked once: a little deeper in the stack the answer may be another one, and who says that it could go on and
        // then does not would come here again for ever.
        let can_run = self.can_run();
        if let Need::Polled(awaited) = pause.need {
            // Its mail is for this thread alone, whoever else is up.
            let own = self.own();
            if own.has_mail() && can_run && awaited.wants_a_thread(&own.owner) {
                if awaited.can_be_relied_on() {
                    awaited.run_one(&own.owner, |begun| self.run_begun(begun));
                }
                return Step::Again;
            }
        } else if pause.deadline.is_never() {
            // Nobody else may run this slot's mail, so it is run for a wait for any one of several too.
            let mail = |task: &Header| self.is_own_mail(task);
            if can_run && self.run_awaited(pause.awaited, mail, usize::MAX) {
                return Step::Again;
            }
            if matches!(pause.need, Need::All) {
                if pause.awaited.iter().any(|task| mail(task)) {
                    return Step::Never(
                        "a task waits for what only its own thread may run, and has no room for".into(),
                    );
                }
                // A thread whose place is lent already has none to run another task in.
                let job = |task: &Header| self.is_own_pending(task) && !task.is_future();
                if can_run && self.depth() == 0 && self.run_awaited(pause.awaited, job, usize::MAX) {
                    return Step::Again;
                }
            }
        }
        self.lend(pause, parker, can_run)
    }

    fn after_wait(&self) {
        self.take_place_back(self.pool.lock());
    }

    fn slot(&self) -> Option<usize> {
        Some(self.number)
    }

    fn turn_key(&self) -> Option<usize> {
        Some(self.own().owner.turn_key())
    }
}

impl Worker {
    fn take_place_back(&self, mut roster: MutexGuard<'_, Roster>) {
        let (wait, last) = roster.end_wait(self.number);
        let no_longer = roster.take_back_urgent(self.urgent_for(), &self.pool.crew);
        if last {
            self.pool.crew.unblock();
        }
        drop(roster);
        drop((wait, no_longer));
        if last {
            self.own().now(|now| now.blocked = false);
        }
        self.set_depth(self.depth() - 1);
    }

    /// Whether a task can be run here, on top of the one that waits.
    fn can_run(&self) -> bool {
        !std::thread::panicking() && self.stack.has_room()
    }

    /// Runs awaited tasks that nobody has begun, here and now, at most so many. Says whether there was one.
    fn run_awaited(&self, awaited: &[Member<'_>], which: impl Fn(&Header) -> bool, most: usize) -> bool {
        let mut ran = 0;
        for task in awaited {
            if ran == most {
                break;
            }
            if !which(task) {
                continue;
            }
            if let Some(begun) = Begun::of(CellRef::to(task)) {
                if self.is_own(task) {
                    self.run_from_queue(begun)
                } else {
                    self.run_begun(begun)
                }
                ran += 1;
            }
        }
        ran > 0
    }

    /// Runs a task of which a copy stays behind in its queue.
    fn run_from_queue(&self, begun: Begun) {
        self.pool.count_withdrawn(&begun);
        self.sweep_now_and_then();
        self.run_begun(begun);
    }

    /// Whether this thread, where no other is up, could do something about what it waits for.
    fn could_help_itself(&self, pause: &Pause<'_>, can_run: bool) -> bool {
        can_run
            && pause.deadline.is_never()
            && match pause.need {
                Need::All | Need::First => pause.awaited.iter().any(|task| self.is_own_pending(task)),
                Need::Polled(awaited) => awaited.wants_a_thread(self.pool.owner()),
                Need::Room(_) | Need::End(_) | Need::Outside => false,
            }
    }

    /// Does it. If that fails, somebody else was faster.
    fn help_itself(&self, pause: &Pause<'_>) {
        let Need::Polled(awaited) = pause.need else {
            self.run_awaited(pause.awaited, |task| self.is_own_pending(task), 1);
            return;
        };
        if awaited.can_be_relied_on() && !awaited.run_one(self.pool.owner(), |begun| self.run_from_queue(begun)) {
            awaited.ask(self.pool.owner(), |begun| self.run_begun(begun));
        }
    }

    fn is_own(&self, task: &Header) -> bool {
        std::ptr::eq(task.owner(), self.pool.owner())
    }

    /// Whether it is for this slot alone, and nobody has begun it.
    fn is_own_mail(&self, task: &Header) -> bool {
        std::ptr::eq(task.owner(), &raw const self.own().owner) && task.snapshot().is_pending()
    }

    fn is_own_pending(&self, task: &Header) -> bool {
        self.is_own(task) && task.snapshot().is_pending()
    }

    fn lend(&self, pause: &Pause<'_>, parker: &Parker, can_run: bool) -> Step {
        let wait = self.describe(pause, can_run);
        self.pass_on_woken();
        // Before anybody takes the place, so that who has it finds this one listed as blocked.
        self.own().now(|now| now.blocked = true);
        let mut roster = self.pool.lock();
        self.set_depth(self.depth() + 1);
        // Until it is decided whether this thread sleeps, nobody may count it among those who cannot go on.
        let refusable = !pause.firm && matches!(pause.need, Need::All | Need::First | Need::Polled(_));
        let sleeper = refusable.then(|| parker.unparker());
        if roster.begin_wait(self.number, Lent { wait: LentWait::Free, sleeper }) {
            self.pool.crew.block();
        }
        let first = if matches!(pause.need, Need::First) { 1 } else { usize::MAX };
        for task in pause.awaited.iter().filter(|task| self.is_own_pending(task)).take(first) {
            roster.push_urgent(self.urgent_for(), CellRef::to(task), &self.pool.crew);
        }
        let mut wait = Some(wait);
        while let Some(decided) = wait.take() {
            // The count has changed, and a submit that saw the old one relies on this look.
            self.pool.crew.before_look();
            let work = roster.has_urgent() || self.pool.wants_a_searcher();
            let refused = if work {
                let refused = self.pool.activate_for_lent_place(roster);
                roster = self.pool.lock();
                refused
            } else {
                None
            };
            roster.decide_wait(self.number, decided);
            let none_is_up = work && self.pool.crew.load().active() == 0;
            let could_help = none_is_up && self.could_help_itself(pause, can_run);
            if let Some(refusal) = refused {
                if could_help {
                    // Others may end their waits by themselves, or wait for this very task.
                    self.take_place_back(roster);
                    self.help_itself(pause);
                    return Step::Again;
                }
                if none_is_up && roster.rouse_polling(self.pool.owner()) {
                    break;
                }
                if self.pool.is_stuck(&roster) {
                    self.take_place_back(roster);
                    return Step::Never(self.explain(pause, &refusal).into());
                }
                break;
            }
            // Whoever leaves its slot looks again afterwards.
            let relied_on = could_help && roster.leaving == 0;
            if !(relied_on || work && self.pool.is_stuck(&roster)) {
                break;
            }
            // Another thread lay down while this one decided, and relied on it.
            wait = roster.decide_wait(self.number, LentWait::Free);
        }
        drop(roster);
        Step::Sleep
    }

    /// This thread's innermost lent wait.
    fn urgent_for(&self) -> (usize, usize) {
        (self.number, self.depth())
    }

    /// What the pool has to know of a wait, to tell whether anybody can still go on.
    fn describe(&self, pause: &Pause<'_>, can_run: bool) -> LentWait {
        let own = |task: &&Member<'_>| self.is_own(task);
        let keep = |task: &Member<'_>| CellRef::to(task);
        match pause.need {
            _ if !pause.deadline.is_never() => LentWait::Free,
            Need::All => LentWait::All(pause.awaited.iter().filter(own).map(keep).collect()),
            Need::First if pause.awaited.iter().all(|task| own(&task)) => {
                LentWait::First(pause.awaited.iter().map(keep).collect())
            }
            Need::Polled(awaited) => LentWait::Polling { awaited: Arc::clone(awaited), can_run },
            Need::Room(owner) if std::ptr::eq(owner, self.pool.owner()) => LentWait::Room,
            Need::First | Need::Room(_) | Need::Outside | Need::End(_) => LentWait::Free,
        }
    }

    #[cold]
    fn explain(&self, pause: &Pause<'_>, refusal: &Refusal) -> String {
        let what = match pause.need {
            Need::Room(_) => "room in the queue".to_owned(),
            _ => pause.awaited.iter().map(|task| task.label()).collect::<Vec<_>>().join(", "),
        };
        let all_wait = match refusal {
            Refusal::AtTheLimit => "",
            Refusal::BySystem(_) => ", with all other threads waiting too",
        };
        format!("waiting for {what}{all_wait}; {}", self.pool.why(refusal))
    }
}

/// The place of a thread that is not at a task: its initializer runs, or one of its hooks. It cannot run tasks now.
pub(super) struct Starting(pub(super) Arc<Pool>, pub(super) usize);

impl Place for Starting {
    fn before_wait(&self, pause: &Pause<'_>, _parker: &Parker) -> Step {
        if matches!(pause.need, Need::Polled(_)) {
            // It may wait for something else as well.
            return Step::Sleep;
        }
        let mail = self.0.slot(self.1).map(|slot| &raw const slot.owner);
        let is_own = |owner| std::ptr::eq(owner, self.0.owner()) || mail == Some(owner);
        let own = match pause.need {
            Need::Room(owner) | Need::End(owner) => is_own(owner),
            _ => pause.awaited.iter().any(|task| is_own(task.owner())),
        };
        if own {
            return Step::Never("an initializer, or a hook of a thread, waits for its own pool".into());
        }
        Step::Sleep
    }

    fn after_wait(&self) {}

    fn slot(&self) -> Option<usize> {
        Some(self.1)
    }

    fn turn_key(&self) -> Option<usize> {
        None
    }
}
