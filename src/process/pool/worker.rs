//! One worker process, as its pool knows it: what it was handed, what came back (`results`), how long its tasks may run
//! (`time`), and when the supervisor may sleep (`rest`).

mod rest;
mod results;
mod time;

use super::parked::Parked;
use super::roster::Demand;
use crate::process::launch::LastWords;
use crate::process::post::{self, Pigeonholes};
use crate::process::sys::socket;
use crate::process::words::flags;
use crate::ring::{Damage, Mapped, NoRoom, Sender, State, Ticket, Watch, spinning_may_pay};
use crate::state::ring::{Found, Head};
use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The longest envelope that goes through the ring; copying a longer one costs more than sending a descriptor.
pub(in crate::process) const INLINE: usize = 64 << 10;
/// How many tasks with descriptors a worker may have before it; their messages wait on its socket.
const MOST_SENT: usize = 4;
/// How much work a worker is given in advance.
const AHEAD: Duration = Duration::from_micros(200);
const MOST_AHEAD: usize = 256;
/// Who has been at one task for so long may be at it for much longer, and is given nothing to do after it.
const STUCK: Duration = Duration::from_millis(1);
/// When to look again for a task with a limit that has not been begun; not sooner, however short its limit is.
const SOON: Duration = Duration::from_millis(1);
/// What it takes to wake a worker that sleeps.
const WAKING: Duration = Duration::from_micros(20);
/// What takes less is done sooner than the next is submitted.
const SHORT: Duration = Duration::from_micros(1);
/// What a worker should have before it when another one is woken for more of that: who submits is busy too, and would have
/// to share the processor with it.
const WAKING_FOR_SHORT: Duration = Duration::from_micros(80);
/// How long results of short tasks are left where they are while more of them are on their way, unless somebody waits for
/// them; and a task behind one that should have ended by now, while other workers have nothing to do.
pub(in crate::process) const LEISURE: Duration = Duration::from_micros(200);
/// Who waits for a task does not watch for it if there is more than this to be done before.
const WATCHED: Duration = Duration::from_micros(20);

/// A task that was handed to a worker.
pub(in crate::process) struct Handed {
    pub(in crate::process) ticket: Ticket,
    pub(in crate::process) parked: Parked,
    /// When it was the first in the line, as far as the parent has seen.
    pub(in crate::process) since: Instant,
    handed_at: Instant,
    /// When the worker began it, once it has and the parent has looked.
    began: Option<Instant>,
    /// Of one with a limit: when to look whether its time is up.
    look_at: Option<Instant>,
    sent: bool,
    /// Somebody waits for it.
    is_awaited: bool,
}

impl Handed {
    /// It is the first in the line from now on, as far as the parent sees. A limit beyond all clocks is none.
    fn is_first(&mut self, now: Instant) {
        self.since = now;
        self.look_at = self.parked.limit().and_then(|limit| now.checked_add(limit.max(SOON)));
    }
}

/// What came of handing a task to a worker.
pub(in crate::process) enum Handing {
    Taken,
    /// It has enough for now.
    Later(Parked),
    /// Too many descriptors are on their way.
    Crowded(Parked),
    /// The system lacks something for it.
    Refused(Parked, io::Error),
    /// The worker has to go: see [`Worker::damage`].
    Damaged(Parked),
}

/// A task that was running when its worker ended.
pub(in crate::process) struct Interrupted {
    pub(in crate::process) parked: Parked,
    /// Of a chunk: some of its items have ended there, and no other was begun.
    pub(in crate::process) between_items: bool,
}

/// See the [module](self).
pub(in crate::process) struct Worker {
    pub(in crate::process) pid: u32,
    /// The control socket.
    socket: Arc<OwnedFd>,
    /// It has its state, and takes tasks.
    pub(in crate::process) is_ready: bool,
    /// It has taken one, so starting workers leads to something.
    pub(in crate::process) has_served: bool,
    sender: Sender<Mapped>,
    watch: Watch<Mapped>,
    pub(in crate::process) handed: VecDeque<Handed>,
    post: Pigeonholes,
    serial: u32,
    /// The last in the order of submission that it was ever handed.
    newest: u64,
    /// The task that is being made ready for it, and before which it gets no other.
    pub(in crate::process) promised: Option<u64>,
    /// The ring had no room for a task, the last time it was asked.
    pub(in crate::process) lacks_room: bool,
    /// The supervisor has been woken for what has ended here, or somebody has spared it that, since it last lay down.
    flows: bool,
    /// Among what was taken last is something that nobody waits for.
    took_unawaited: bool,
    /// When the supervisor last lay down.
    lay_down_at: Option<Instant>,
    /// When the supervisor looks for what it is not woken for, if there is such.
    looks_at: Option<Instant>,
    /// How many more tasks it may be given.
    left: u64,
    pub(in crate::process) idle_since: Instant,
    /// What a task takes, so far; `None` before the first.
    pace: Option<Duration>,
    /// How many tasks it may have at that pace.
    depth: usize,
    /// It is to take nothing more, and end.
    pub(in crate::process) is_closed: bool,
    /// What it has written cannot be believed.
    pub(in crate::process) damage: Option<Damage>,
    /// Why it said that it cannot go on.
    pub(in crate::process) last_message: Option<String>,
    /// What its signal handler could still say.
    pub(in crate::process) last_words: LastWords,
    /// Why it is to be ended, if it is.
    pub(in crate::process) doom: Option<Doom>,
    /// When it was told to take nothing more.
    pub(in crate::process) closed_at: Option<Instant>,
}

/// Why a worker is ended by its pool.
#[derive(Clone, Copy, Debug)]
pub(in crate::process) struct Doom {
    pub(in crate::process) because: Because,
    /// The task for whose sake it is, if it is for one; when that has ended, the worker may end by itself.
    pub(in crate::process) sequence: Option<u64>,
    /// Between the polite signal and the other.
    pub(in crate::process) grace: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::process) enum Because {
    /// Its task was killed.
    Killed,
    /// Its task has run for as long as it may.
    Late,
    /// The pool kills what is left.
    Shutdown,
}

impl Worker {
    pub(in crate::process) fn new(
        pid: u32,
        socket: Arc<OwnedFd>,
        sender: Sender<Mapped>,
        most_tasks: u64,
        now: Instant,
    ) -> Self {
        Worker {
            pid,
            socket,
            is_ready: false,
            has_served: false,
            watch: sender.watch(spinning_may_pay()),
            sender,
            handed: VecDeque::new(),
            post: Pigeonholes::default(),
            serial: 0,
            newest: 0,
            promised: None,
            lacks_room: false,
            flows: false,
            took_unawaited: false,
            lay_down_at: None,
            looks_at: None,
            left: most_tasks,
            idle_since: now,
            pace: None,
            depth: 1,
            is_closed: false,
            damage: None,
            last_message: None,
            last_words: LastWords::default(),
            doom: None,
            closed_at: None,
        }
    }

    // ------------------------------------------------------------------------------------------ handing out

    /// How many more tasks it should be given now.
    pub(in crate::process) fn appetite(&self, now: Instant) -> usize {
        if self.is_closed || !self.is_ready || self.promised.is_some() || self.handed.len() >= self.depth {
            return 0;
        }
        let depth = if self.stuck_from().is_some_and(|at| at <= now) { 1 } else { self.depth };
        depth.saturating_sub(self.handed.len()).min(usize::try_from(self.left).unwrap_or(usize::MAX))
    }

    /// Nothing is known of what its next tasks take.
    pub(in crate::process) fn forget_pace(&mut self) {
        self.pace = None;
        self.depth = 1;
    }

    /// So many tasks have taken so long.
    fn learn_pace(&mut self, tasks: u32, took: Duration) {
        let last = took / tasks;
        // A worker that had to wait for its processor has not become slower.
        let pace = self.pace.map_or(last, |pace| if last < pace { (pace + last) / 2 } else { (pace * 7 + last) / 8 });
        self.pace = Some(pace);
        self.depth = (AHEAD.as_nanos() / pace.as_nanos().max(1)).clamp(1, MOST_AHEAD as u128) as usize;
    }

    /// How long so many of its tasks should take.
    fn time_for(&self, tasks: usize) -> Duration {
        self.pace.unwrap_or(WAKING).saturating_mul(u32::try_from(tasks).unwrap_or(u32::MAX))
    }

    /// How long such tasks as it has had may wait before a worker that sleeps is woken for them.
    fn waking(&self) -> Duration {
        if self.pace.is_some_and(|pace| pace < SHORT) { WAKING_FOR_SHORT } else { WAKING }
    }

    /// How long it should take until it begins another task that it is given now.
    pub(in crate::process) fn begins_in(&self) -> Duration {
        let sleeps = self.handed.is_empty() && self.sender.worker_sleeps();
        if sleeps { self.waking() } else { self.time_for(self.handed.len()) }
    }

    /// Whether what stands behind its first task could be begun sooner by a worker that has to be woken for it.
    pub(in crate::process) fn keeps_waiting(&self, now: Instant) -> bool {
        let before_last = self.time_for(self.handed.len().saturating_sub(1));
        before_last > self.waking() || self.is_late(now)
    }

    /// Whether its first task takes much longer than expected.
    pub(in crate::process) fn is_late(&self, now: Instant) -> bool {
        self.late_from().is_some_and(|at| at <= now)
    }

    /// When it will have done so.
    pub(in crate::process) fn late_from(&self) -> Option<Instant> {
        self.handed.front()?.since.checked_add(self.time_for(1) + LEISURE)
    }

    /// When it will have been at its task for too long for others to stand behind that one.
    pub(in crate::process) fn stuck_from(&self) -> Option<Instant> {
        self.handed.front()?.since.checked_add(STUCK)
    }

    /// Where this task is in its line. Most that are asked for are not there yet.
    fn position(&self, sequence: u64) -> Option<usize> {
        let is_it = |handed: &Handed| handed.parked.sequence == sequence;
        if sequence <= self.newest { self.handed.iter().position(is_it) } else { None }
    }

    /// Whether it has this task.
    pub(in crate::process) fn has(&self, sequence: u64) -> bool {
        self.position(sequence).is_some()
    }

    /// What somebody who waits for this task watches, if it may end before long.
    pub(in crate::process) fn watch(&self, sequence: u64) -> Option<(Watch<Mapped>, Ticket, Found)> {
        let at = self.position(sequence)?;
        let ahead = if self.pace.is_some() { self.time_for(at) } else { Duration::ZERO };
        (ahead < WATCHED).then(|| (self.watch.clone(), self.handed[at].ticket, self.sender.worker()))
    }

    /// Whether it has had as many tasks as it may.
    pub(in crate::process) fn is_worn(&self) -> bool {
        self.left == 0
    }

    pub(in crate::process) fn is_idle(&self) -> bool {
        self.is_ready && self.handed.is_empty() && self.promised.is_none()
    }

    /// Whether it has nothing to do, and could take what others do not come to.
    pub(in crate::process) fn could_help(&self) -> bool {
        self.is_idle() && !self.is_closed
    }

    pub(in crate::process) fn hand(&mut self, parked: Parked, now: Instant) -> Handing {
        let descriptors = parked.descriptors();
        let small = descriptors.is_empty();
        let sent = if small { 0 } else { self.handed.iter().filter(|handed| handed.sent).count() };
        if sent >= MOST_SENT {
            return Handing::Later(parked);
        }
        let bytes = parked.small_bytes();
        let room = self.sender.room_for(bytes.map_or(0, <[u8]>::len));
        if let Err(lack) = room {
            return self.without_room(parked, lack);
        }
        self.lacks_room = false;
        let mut head = Head { items: parked.items(), skip: parked.first(), ..Head::default() };
        if !small {
            self.serial = self.serial.checked_add(1).unwrap_or(1);
            match post::send(&*self.socket, self.serial, &descriptors) {
                Ok(()) => {}
                // It has to take from its socket first what it was sent before.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && sent > 0 => return Handing::Later(parked),
                // It is over, and so somebody else's from its death on.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                    self.is_closed = true;
                    return Handing::Later(parked);
                }
                Err(error) if socket::is_crowded(&error) => return Handing::Crowded(parked),
                Err(error) => return Handing::Refused(parked, error),
            }
            head.serial = self.serial;
            head.flags = if bytes.is_some() { 0 } else { flags::LARGE };
        }
        match self.sender.publish(head, bytes.unwrap_or_default()) {
            Ok(ticket) => {
                self.left -= 1;
                self.newest = self.newest.max(parked.sequence);
                // Of one that runs once more, or that was asked on its way here.
                let task = parked.packed.snapshot();
                if task.is_cancel_requested() {
                    self.sender.request_cancel(ticket);
                }
                let is_awaited = task.has_waiters();
                let mut handed = Handed {
                    ticket,
                    parked,
                    since: now,
                    handed_at: now,
                    began: None,
                    look_at: None,
                    sent: !small,
                    is_awaited,
                };
                if self.handed.is_empty() {
                    handed.is_first(now);
                }
                self.handed.push_back(handed);
                if is_awaited {
                    self.wake_in_time(Demand::None);
                }
                Handing::Taken
            }
            Err(lack) => self.without_room(parked, lack),
        }
    }

    fn without_room(&mut self, parked: Parked, lack: NoRoom) -> Handing {
        match lack {
            NoRoom::Slots | NoRoom::Bytes => {
                self.lacks_room = true;
                Handing::Later(parked)
            }
            NoRoom::Damaged(damage) => {
                self.is_damaged(damage);
                Handing::Damaged(parked)
            }
        }
    }

    /// What stands behind its first task, and others could run.
    fn behind(&self) -> impl DoubleEndedIterator<Item = u64> {
        let others = self.handed.iter().skip(1).filter(|handed| handed.parked.only().is_none());
        others.map(|handed| handed.parked.sequence)
    }

    /// Whether there is such.
    pub(in crate::process) fn has_behind(&self) -> bool {
        self.behind().next().is_some()
    }

    /// How many tasks others could take from it.
    pub(in crate::process) fn movable(&self) -> usize {
        self.behind().count()
    }

    /// Takes the last of these back that it has not begun.
    pub(in crate::process) fn take_back_last(&mut self) -> Result<Option<Parked>, Damage> {
        let last = self.handed.iter().skip(1).rposition(|handed| handed.parked.only().is_none());
        last.map_or(Ok(None), |last| self.take_back_at(1 + last))
    }

    /// It is given nothing more, and the supervisor ends it.
    fn is_damaged(&mut self, damage: Damage) {
        self.is_closed = true;
        self.damage.get_or_insert(damage);
    }

    /// Takes back all that it has not begun.
    pub(in crate::process) fn take_back_all(&mut self) -> Vec<Parked> {
        let sequences: Vec<u64> = self.handed.iter().map(|handed| handed.parked.sequence).collect();
        // Damage is met by the supervisor.
        sequences.into_iter().filter_map(|sequence| self.take_back(sequence).ok().flatten()).collect()
    }

    /// Takes a task back, if it has not begun it.
    pub(in crate::process) fn take_back(&mut self, sequence: u64) -> Result<Option<Parked>, Damage> {
        self.position(sequence).map_or(Ok(None), |at| self.take_back_at(at))
    }

    fn take_back_at(&mut self, at: usize) -> Result<Option<Parked>, Damage> {
        if !self.sender.revoke(self.handed[at].ticket)? {
            return Ok(None);
        }
        self.left = self.left.saturating_add(1);
        let taken = self.handed.remove(at).map(|handed| handed.parked);
        if at == 0 {
            self.next_is_first(Instant::now());
        }
        Ok(taken)
    }

    /// The first in its line has left it.
    fn next_is_first(&mut self, now: Instant) {
        if let Some(next) = self.handed.front_mut() {
            next.is_first(now);
        }
    }

    pub(in crate::process) fn runs(&mut self, sequence: u64) -> Result<bool, Damage> {
        match self.position(sequence).map(|at| self.handed[at].ticket) {
            Some(ticket) => Ok(matches!(self.sender.state(ticket)?, State::Running | State::Done)),
            None => Ok(false),
        }
    }

    /// The task that it is at: the first that has not ended, since it takes them in order.
    pub(in crate::process) fn running(&mut self) -> Option<&Handed> {
        let Worker { handed, sender, .. } = self;
        let mut states = handed.iter().map(|handed| (handed, sender.state(handed.ticket)));
        let (first, state) = states.find(|(_, state)| !matches!(state, Ok(State::Done)))?;
        matches!(state, Ok(State::Running)).then_some(first)
    }

    /// Whether it has to be ended for what it is at now.
    pub(in crate::process) fn is_doomed(&mut self) -> Option<Doom> {
        let doom = self.doom?;
        let running = self.running().map(|handed| handed.parked.sequence);
        (doom.sequence.is_none() || doom.sequence == running).then_some(doom)
    }

    pub(in crate::process) fn request_cancel(&mut self, sequence: u64) {
        if let Some(at) = self.position(sequence) {
            self.sender.request_cancel(self.handed[at].ticket);
        }
    }

    /// It takes nothing more, and ends when it has done what it has.
    pub(in crate::process) fn close(&mut self, now: Instant) {
        if self.closed_at.is_none() {
            self.is_closed = true;
            self.closed_at = Some(now);
            self.sender.close();
        }
    }

    /// Since when it has nothing left to do but to end.
    pub(in crate::process) fn free_since(&self) -> Option<Instant> {
        self.closed_at.filter(|_| self.handed.is_empty()).map(|at| at.max(self.idle_since))
    }

    // ------------------------------------------------------------------------------------------ its end

    /// After its death was confirmed: what it had, the one that ran first (if one did), then what it had not begun.
    /// What had ended is among `ended`.
    ///
    /// # Errors
    /// Nothing is certain of what it had.
    pub(in crate::process) fn remains(
        &mut self,
        ended: &mut Vec<Parked>,
        now: Instant,
    ) -> Result<(Option<Interrupted>, Vec<Parked>), Damage> {
        self.listen();
        if let Some(damage) = self.damage {
            return Err(damage);
        }
        let remains = self.sender.remains()?;
        self.try_collect(ended, now)?;
        self.has_served |= remains.iter().any(|(_, state)| *state == State::Running);
        let mut running = None;
        let running_ticket = remains.iter().find(|(_, state)| *state == State::Running).map(|(ticket, _)| *ticket);
        if let Some(ticket) = running_ticket {
            if let Some(mut handed) = self.handed.pop_front() {
                let progress = self.take_items(&mut handed.parked, ticket).and_then(|()| self.sender.progress(ticket));
                let progress = match progress {
                    Ok(progress) => progress,
                    Err(damage) => {
                        self.handed.push_front(handed);
                        return Err(damage);
                    }
                };
                let between_items = progress.ended > 0 && !progress.under_way;
                running = Some(Interrupted { parked: handed.parked, between_items });
            }
        }
        Ok((running, self.handed.drain(..).map(|handed| handed.parked).collect()))
    }
}
