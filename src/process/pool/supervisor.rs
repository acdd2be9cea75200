//! The one thread of a pool that listens to its workers: results, words, deaths, and the time.
//!
//! Each turn it takes what has come (under the lock), ends tasks (outside of it), starts the workers that are missing,
//! and sleeps until something of that happens again. It begins with the first task and ends with the pool.

use super::death::{self, End};
use super::findings::Findings;
use super::notify;
use super::roster::{Roster, Stage};
use super::shared::ProcessPool;
use super::ward::{News, Unfit, Ward};
use super::worker::{Because, Doom, Worker};
use crate::error::TaskError;
use crate::process::launch::{self, Newborn};
use crate::process::serve::serve;
use crate::process::words::Orders;
use crate::ring::bell;
use crate::ring::{Descriptors, Mapped, Sender, Sizes, spinning_may_pay};
use crate::sync::spawn_thread;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

const STACK: usize = 1 << 20;

pub(in crate::process) fn start(pool: Arc<ProcessPool>) -> io::Result<()> {
    let name = format!("{}-super", pool.config.name);
    let wards = std::iter::repeat_with(|| None).take(pool.config.max_workers).collect();
    spawn_thread(name, STACK, move || Supervisor { pool, wards }.run()).map(drop)
}

struct Supervisor {
    pool: Arc<ProcessPool>,
    /// One a place, as long as there is a process. Nobody else has them, so they can be polled without the lock.
    wards: Vec<Option<Ward>>,
}

impl Supervisor {
    fn run(mut self) {
        notify::supervise();
        loop {
            let mut findings = Findings::default();
            let pool = Arc::clone(&self.pool);
            for ward in self.wards.iter_mut().flatten().filter(|ward| ward.news.wrote) {
                ward.follow(&pool.echo);
            }
            let mut roster = pool.roster.lock();
            let now = Instant::now();
            // What others have it look at it sees before it sleeps.
            roster.looks_at = Some(now);
            kill_what_is_left(&mut roster, now, &mut findings);
            roster.workers().for_each(Worker::awake);
            for slot in 0..roster.places.len() {
                self.look_after(slot, &mut roster, now, &mut findings);
            }
            fail_what_is_broken(&mut roster, &mut findings);
            pool.dispatch(&mut roster, now, &mut findings);
            pool.share(&mut roster, now, &mut findings);
            self.close_what_is_not_needed(&mut roster, now);
            let missing = if roster.kills { None } else { pool.missing(&mut roster, now) };
            let is_over = roster.is_over();
            drop(roster);
            pool.tell_of_room();
            findings.conclude(&pool);
            if is_over {
                pool.supervision_ended();
                return;
            }
            // One at a time: what others have done meanwhile does not wait until all are started.
            if let Some(slot) = missing {
                self.bear(slot);
            }
            self.sleep(now, missing.is_some());
        }
    }

    // ------------------------------------------------------------------------------------------ looking

    fn look_after(&mut self, slot: usize, roster: &mut Roster, now: Instant, findings: &mut Findings) {
        let Some(ward) = &mut self.wards[slot] else { return };
        let News { spoke, over, .. } = std::mem::take(&mut ward.news);
        let grace = self.pool.config.term_grace;
        let Some(worker) = roster.places[slot].worker.as_mut() else { return };
        let ended_before = findings.ended.len();
        if ward.handshake.is_some() {
            if let Err(text) = ward.hear(now) {
                ward.unfit = Some(Unfit::Start(text));
            }
        }
        if ward.handshake.is_none() {
            if spoke {
                ward.is_silent |= !worker.listen();
            }
            worker.collect(&mut findings.ended, now);
            worker.note_flow();
            if let Some(damage) = worker.damage {
                ward.unfit.get_or_insert_with(|| Unfit::Damaged(damage.to_string()));
            }
            let (back, has_served) = (worker.mind_the_time(now, grace), worker.has_served);
            if has_served {
                death::start_succeeded(slot, roster);
            }
            for parked in back {
                findings.take_again(parked, roster);
            }
        }
        let Some(worker) = roster.places[slot].worker.as_mut() else { return };
        if ward.unfit.is_some() {
            ward.end(now, Duration::ZERO);
        } else if let Some(doom) = worker.is_doomed() {
            ward.end(now, doom.grace);
        } else if let Some(free_since) = worker.free_since() {
            ward.hurry(now, free_since, grace);
        }
        let late = worker.doom.filter(|doom| doom.because == Because::Late).and_then(|doom| doom.sequence);
        let ended = if over { ward.process.try_end().ok().flatten() } else { None };
        let ended = ended.map(|status| (status, ward.process.pid()));
        if let Some((status, pid)) = ended {
            ward.follow(&self.pool.echo);
            let (Some(ward), Some(worker)) = (self.wards[slot].take(), roster.places[slot].worker.take()) else {
                return;
            };
            death::settle(End { slot, pid, status, tail: ward.tail, unfit: ward.unfit }, worker, roster, now, findings);
        }
        roster.places[slot].completed += findings.ended.len().saturating_sub(ended_before) as u64;
        if let Some(sequence) = late {
            findings.was_late(sequence);
        }
    }

    /// Workers that have done as much as they may, have been idle for too long, or belong to a pool that ends.
    fn close_what_is_not_needed(&self, roster: &mut Roster, now: Instant) {
        // What stands behind a long task may still go to others.
        let may_move = roster.workers().any(|worker| worker.movable() > 0);
        let is_open = matches!(roster.stage, Stage::Open);
        let ends = !is_open && !roster.has_queued() && !may_move && roster.reserved == 0;
        let idle_timeout = self.pool.config.idle_timeout;
        for worker in roster.workers() {
            let tired =
                worker.is_idle() && idle_timeout.is_some_and(|limit| now.duration_since(worker.idle_since) >= limit);
            if ends || worker.is_worn() || tired {
                worker.close(now);
            }
        }
    }

    // ------------------------------------------------------------------------------------------ starting

    fn bear(&mut self, slot: usize) {
        let born = self.born(slot);
        let now = Instant::now();
        let mut roster = self.pool.roster.lock();
        roster.places[slot].starting = false;
        match born {
            Ok((ward, worker)) => {
                roster.places[slot].worker = Some(worker);
                self.wards[slot] = Some(ward);
            }
            Err(why) => {
                let mut findings = Findings::default();
                death::start_refused(slot, why, &mut roster, now, &mut findings);
                drop(roster);
                findings.conclude(&self.pool);
            }
        }
    }

    fn born(&self, slot: usize) -> Result<(Ward, Worker), Arc<str>> {
        let explain = |what: &str, error: io::Error| Arc::from(format!("no worker can be started: {what}: {error}"));
        let config = &self.pool.config;
        let (sender, Descriptors { jobs, board }) =
            Sender::<Mapped>::create(Sizes::default(), Arc::clone(&self.pool.bell))
                .map_err(|error| explain("shared memory", error))?;
        let mut descriptors = vec![Arc::new(jobs), Arc::new(board), Arc::clone(&self.pool.bell)];
        if let Some(initializer) = &config.initializer {
            descriptors.extend_from_slice(&initializer.beside);
        }
        let call = config.initializer.as_ref().map(|initializer| initializer.call.clone());
        let orders = Orders { slot, spins: spinning_may_pay(), initializer: call };
        let orders = orders.write().map_err(Arc::<str>::from)?;
        let newborn = launch::spawn(&self.pool.program, &config.settings, serve, orders, descriptors)
            .map_err(launch::LaunchError::into_text)?;
        let Newborn { process, socket, stderr, handshake } = newborn;
        let socket = Arc::new(socket);
        let most_tasks = config.max_tasks_per_child.unwrap_or(u64::MAX);
        let worker = Worker::new(process.pid(), Arc::clone(&socket), sender, most_tasks, Instant::now());
        Ok((Ward::new(process, socket, stderr, handshake), worker))
    }

    // ------------------------------------------------------------------------------------------ sleeping

    /// `looked`: the time by which this turn has gone. What was due then has been seen to, and what has become due since
    /// has not. `busy`: there is more to do, and this only looks who has something to say.
    fn sleep(&mut self, looked: Instant, busy: bool) {
        let mut alarms: Vec<Instant> = Vec::new();
        let mut roster = self.pool.roster.lock();
        let mut may_sleep = !busy;
        let (waits, demand) = (roster.has_queued(), roster.demand());
        let lacks_workers = waits || roster.workers().any(|worker| worker.movable() > 0);
        alarms.extend(roster.kill_at.filter(|_| !roster.kills));
        alarms.extend(roster.aside_until());
        alarms.extend(roster.crowded_until.filter(|at| waits && *at > looked));
        alarms.extend(roster.help_due(looked));
        for (place, ward) in roster.places.iter_mut().zip(&self.wards) {
            alarms.extend(place.not_before.filter(|at| lacks_workers && *at > looked));
            let Some(worker) = &mut place.worker else { continue };
            may_sleep &= worker.may_sleep(demand, looked);
            alarms.extend(worker.alarm(self.pool.config.idle_timeout));
            alarms.extend(ward.as_ref().and_then(|ward| ward.alarm(looked, worker.free_since())));
        }
        let looks_at = alarms.into_iter().min();
        roster.looks_at = looks_at;
        drop(roster);
        let limit = match looks_at {
            // There is something to do already; but who says that he has ended is heard.
            _ if !may_sleep => Some(Duration::ZERO),
            at => at.map(|at| at.saturating_duration_since(Instant::now())),
        };
        let reads = self.pool.echo.has_room();
        let mut entries = vec![PollFd::new(&*self.pool.bell, PollFlags::IN)];
        for ward in self.wards.iter().flatten() {
            entries.push(PollFd::from_borrowed_fd(ward.process.pidfd(), PollFlags::IN));
            entries.extend((!ward.is_silent).then(|| PollFd::new(&*ward.socket, PollFlags::IN)));
            entries.extend(ward.stderr.as_ref().filter(|_| reads).map(|stderr| PollFd::new(stderr, PollFlags::IN)));
        }
        let limit =
            limit.map(|limit| Timespec { tv_sec: limit.as_secs() as i64, tv_nsec: limit.subsec_nanos().into() });
        // An interruption is a reason to look, like any other.
        let failed = poll(&mut entries, limit.as_ref()).is_err();
        let mut ready =
            entries.iter().map(|entry| failed || !entry.revents().is_empty()).collect::<Vec<_>>().into_iter();
        drop(entries);
        let mut next = || ready.next().unwrap_or(false);
        if next() {
            bell::silence(&*self.pool.bell);
        }
        for ward in self.wards.iter_mut().flatten() {
            let over = next();
            let spoke = !ward.is_silent && next();
            let wrote = reads && ward.stderr.is_some() && next();
            ward.news = News { wrote, spoke, over };
        }
    }
}

/// What comes back from a worker to a pool that cannot run it any more.
fn fail_what_is_broken(roster: &mut Roster, findings: &mut Findings) {
    if let Stage::Broken(why) = &roster.stage {
        let why = Arc::clone(why);
        let back = roster.take_queued().into_iter();
        findings.failed.extend(back.map(|parked| (parked, TaskError::Broken(Arc::clone(&why)))));
    }
}

/// The time of a shutdown that kills has come.
fn kill_what_is_left(roster: &mut Roster, now: Instant, findings: &mut Findings) {
    if roster.kills || roster.kill_at.is_none_or(|at| now < at) {
        return;
    }
    roster.kills = true;
    roster.cancels = true;
    let mut back = roster.take_queued();
    for worker in roster.workers() {
        back.extend(worker.take_back_all());
        worker.doom = Some(Doom { because: Because::Shutdown, sequence: None, grace: Duration::ZERO });
        worker.close(now);
    }
    for parked in back {
        findings.take_again(parked, roster);
    }
}
