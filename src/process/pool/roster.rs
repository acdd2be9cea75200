//! What a pool's lock guards: the queue, the workers, and what was counted.

use super::parked::Parked;
use super::worker::Worker;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

/// How a pool stands to new tasks.
pub(in crate::process) enum Stage {
    Open,
    /// It takes no more, and ends when it has none.
    Closed,
    /// It cannot run tasks: why.
    Broken(Arc<str>),
}

/// One of the pool's places for workers.
#[derive(Default)]
pub(in crate::process) struct Place {
    pub(in crate::process) worker: Option<Worker>,
    /// A worker is being started for it.
    pub(in crate::process) starting: bool,
    /// Tasks for this place alone, by their order of submission.
    pub(in crate::process) mail: BTreeMap<u64, Parked>,
    /// What starts have come to that failed here since the last that did not.
    pub(in crate::process) failures: u32,
    /// Not before then, because starts have failed.
    pub(in crate::process) not_before: Option<Instant>,
    /// Tasks that have run to their end here.
    pub(in crate::process) completed: u64,
}

/// A task for which the system lacked something, so that others go on meanwhile.
pub(in crate::process) struct Aside {
    parked: Parked,
    /// When to try again.
    until: Instant,
}

/// What waits until tasks of the workers end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::process) enum Demand {
    None,
    /// Others are to be handed out, before the workers have none left.
    Tasks,
    /// A thread, for room in the queue.
    Threads,
}

pub(in crate::process) struct Roster {
    pub(in crate::process) stage: Stage,
    /// By their order of submission, so that what comes back from a dead worker goes where it was.
    pub(in crate::process) queue: BTreeMap<u64, Parked>,
    /// The same of those that are to be tried again later; then they go back to where they were.
    pub(in crate::process) aside: BTreeMap<u64, Aside>,
    pub(in crate::process) next: u64,
    /// Tasks that are being packed, and have their place in the queue already.
    pub(in crate::process) reserved: usize,
    /// Threads that wait for room in the queue.
    pub(in crate::process) outside: usize,
    pub(in crate::process) places: Vec<Place>,
    /// What starts have come to that failed since the last that did not, without anybody to do the work meanwhile.
    pub(in crate::process) failures: u32,
    pub(in crate::process) is_supervised: bool,
    /// When the supervisor looks next, if nothing happens before; `None`: it does not.
    pub(in crate::process) looks_at: Option<Instant>,
    /// What no worker has begun is cancelled, also what comes back.
    pub(in crate::process) cancels: bool,
    /// When the workers that are still there are killed.
    pub(in crate::process) kill_at: Option<Instant>,
    /// They are.
    pub(in crate::process) kills: bool,
    /// No descriptors can be sent to anybody until then, at least; what needs none goes on.
    pub(in crate::process) crowded_until: Option<Instant>,
    /// What a shutdown has done: see [`ShutdownReport`](crate::ShutdownReport).
    pub(in crate::process) completed_before: u64,
    pub(in crate::process) cancelled: usize,
    /// Of these, in nobody's report so far.
    pub(in crate::process) cancelled_late: usize,
    pub(in crate::process) killed: usize,
}

impl Roster {
    pub(in crate::process) fn new(places: usize) -> Self {
        Roster {
            stage: Stage::Open,
            queue: BTreeMap::new(),
            aside: BTreeMap::new(),
            next: 0,
            reserved: 0,
            outside: 0,
            places: std::iter::repeat_with(Place::default).take(places).collect(),
            failures: 0,
            is_supervised: false,
            looks_at: None,
            cancels: false,
            kill_at: None,
            kills: false,
            crowded_until: None,
            completed_before: 0,
            cancelled: 0,
            cancelled_late: 0,
            killed: 0,
        }
    }

    pub(in crate::process) fn workers(&mut self) -> impl Iterator<Item = &mut Worker> {
        self.places.iter_mut().filter_map(|place| place.worker.as_mut())
    }

    /// Puts a task where it stood, or would have stood.
    pub(in crate::process) fn enqueue(&mut self, parked: Parked) {
        match parked.only() {
            None => self.queue.insert(parked.sequence, parked),
            Some(slot) => self.places[slot].mail.insert(parked.sequence, parked),
        };
    }

    pub(in crate::process) fn has_queued(&self) -> bool {
        !self.queue.is_empty() || !self.aside.is_empty() || self.places.iter().any(|place| !place.mail.is_empty())
    }

    /// Whether the supervisor has to know that something is queued. Where all places have their workers, it hears from
    /// these when they can take more.
    ///
    /// `now`: the time by which tasks were handed out. By a later one a task may be held back for a moment that has passed.
    pub(in crate::process) fn wants_supervisor(&self, now: Instant) -> bool {
        let has_free_place = self.places.iter().any(|place| place.worker.is_none());
        // It may have set no alarm for that.
        let is_crowded = || self.crowded_until.is_some_and(|until| now < until);
        has_free_place || is_crowded()
    }

    pub(in crate::process) fn demand(&self) -> Demand {
        match (self.outside, self.has_queued()) {
            (0, false) => Demand::None,
            (0, true) => Demand::Tasks,
            _ => Demand::Threads,
        }
    }

    /// Takes out all that is queued.
    pub(in crate::process) fn take_queued(&mut self) -> Vec<Parked> {
        let mut taken: Vec<Parked> = std::mem::take(&mut self.queue).into_values().collect();
        taken.extend(std::mem::take(&mut self.aside).into_values().map(|aside| aside.parked));
        taken.extend(self.places.iter_mut().flat_map(|place| std::mem::take(&mut place.mail).into_values()));
        taken
    }

    /// Takes one out, wherever it is queued.
    pub(in crate::process) fn take_out(&mut self, sequence: u64) -> Option<Parked> {
        let queued = self.queue.remove(&sequence);
        let aside = || self.aside.remove(&sequence).map(|aside| aside.parked);
        queued.or_else(aside).or_else(|| self.places.iter_mut().find_map(|place| place.mail.remove(&sequence)))
    }

    /// Keeps one out of the others' way for a while.
    pub(in crate::process) fn put_aside(&mut self, parked: Parked, until: Instant) {
        self.aside.insert(parked.sequence, Aside { parked, until });
    }

    /// Those whose time has come go back to where they were.
    pub(in crate::process) fn bring_back(&mut self, now: Instant) {
        let due = self.aside.values().filter(|aside| aside.until <= now).map(|aside| aside.parked.sequence);
        for sequence in due.collect::<Vec<u64>>() {
            if let Some(Aside { parked, .. }) = self.aside.remove(&sequence) {
                self.enqueue(parked);
            }
        }
    }

    /// When to try the next of these again.
    pub(in crate::process) fn aside_until(&self) -> Option<Instant> {
        self.aside.values().map(|aside| aside.until).min()
    }

    /// A task, if it is queued.
    pub(in crate::process) fn queued(&mut self, sequence: u64) -> Option<&mut Parked> {
        let mail = self.places.iter_mut().find_map(|place| place.mail.get_mut(&sequence));
        self.queue.get_mut(&sequence).or(mail)
    }

    /// What the worker waits for that was promised this task, is over. Its place, if it is still there.
    pub(in crate::process) fn keep_promise(&mut self, sequence: u64) -> Option<usize> {
        let promised = |place: &Place| place.worker.as_ref().is_some_and(|worker| worker.promised == Some(sequence));
        let slot = self.places.iter().position(promised)?;
        if let Some(worker) = &mut self.places[slot].worker {
            worker.promised = None;
        }
        Some(slot)
    }

    /// Says which tasks could be sent at that time, as far as their descriptors go.
    pub(in crate::process) fn can_go(&self, now: Instant) -> impl Fn(&Parked) -> bool + use<> {
        let crowded = self.crowded_until.is_some_and(|until| now < until);
        move |parked| !(crowded && parked.needs_descriptors())
    }

    /// The place of the worker that should be given the next task, but for these.
    pub(in crate::process) fn hungriest(&self, now: Instant, but: &[usize]) -> Option<usize> {
        let workers = self.places.iter().enumerate().filter_map(|(slot, place)| Some((slot, place.worker.as_ref()?)));
        let hungry = workers.filter(|(slot, worker)| worker.appetite(now) > 0 && !but.contains(slot));
        hungry.min_by_key(|(_, worker)| (worker.is_late(now), worker.begins_in())).map(|(slot, _)| slot)
    }

    /// When some task will have stood behind another for too long, that has not by now, while others could run it.
    pub(in crate::process) fn help_due(&self, now: Instant) -> Option<Instant> {
        if !self.has_others() {
            return None;
        }
        let workers = || self.places.iter().filter_map(|place| place.worker.as_ref());
        let has_idle = workers().any(Worker::could_help);
        let keep_waiting = workers().filter(|worker| worker.movable() > 0);
        let due = keep_waiting.flat_map(|worker| [worker.late_from().filter(|_| has_idle), worker.stuck_from()]);
        due.flatten().filter(|at| *at > now).min()
    }

    /// The supervisor is woken for what somebody waits for, and in time to hand out more.
    pub(in crate::process) fn wake_in_time(&mut self) {
        let demand = self.demand();
        self.workers().for_each(|worker| worker.wake_in_time(demand));
    }

    /// Whether what one worker does not come to could be another's.
    pub(in crate::process) fn has_others(&self) -> bool {
        self.places.len() > 1
    }

    /// Tasks that wait to be begun, as a bound on them counts. The first task of a worker is as good as begun.
    pub(in crate::process) fn waiting(&self) -> usize {
        let handed = |place: &Place| place.worker.as_ref().map_or(0, |worker| worker.handed.len().saturating_sub(1));
        self.reserved + self.queue.len() + self.aside.len() + self.places.iter().map(handed).sum::<usize>()
    }

    /// Tasks that were accepted and have not ended.
    pub(in crate::process) fn unfinished(&self) -> usize {
        let of_place = |place: &Place| place.mail.len() + place.worker.as_ref().map_or(0, |worker| worker.handed.len());
        self.reserved + self.queue.len() + self.aside.len() + self.places.iter().map(of_place).sum::<usize>()
    }

    /// Tasks that have run to their end.
    pub(in crate::process) fn completed(&self) -> u64 {
        self.places.iter().map(|place| place.completed).sum()
    }

    /// Nothing is left to be done.
    pub(in crate::process) fn has_nothing(&self) -> bool {
        self.unfinished() == 0
    }

    /// Whether somebody works on the end of the pool, or will: a task that is being packed may start it all.
    pub(in crate::process) fn has_to_come(&self) -> bool {
        self.is_supervised || self.reserved > 0
    }

    /// Nothing is left to be done, and nobody to do it.
    pub(in crate::process) fn is_over(&self) -> bool {
        !matches!(self.stage, Stage::Open)
            && self.has_nothing()
            && self.places.iter().all(|place| place.worker.is_none() && !place.starting)
    }
}

impl Place {
    /// Whether its worker can be given a task that is for it alone.
    pub(in crate::process) fn wants_mail(&self, now: Instant) -> bool {
        !self.mail.is_empty() && self.has_appetite(now)
    }

    /// Whether its worker can be given a task.
    pub(in crate::process) fn has_appetite(&self, now: Instant) -> bool {
        self.worker.as_ref().is_some_and(|worker| worker.appetite(now) > 0)
    }

    /// Whether a worker could be started for it.
    pub(in crate::process) fn is_free(&self, now: Instant) -> bool {
        self.worker.is_none() && !self.starting && self.not_before.is_none_or(|at| now >= at)
    }
}
