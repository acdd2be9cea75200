//! What becomes of a worker's tasks when it is over: those that had ended keep their results, the one that ran fails, and
//! the others go back to where they were in the queue.

use super::findings::Findings;
use super::parked::Parked;
use super::roster::Roster;
use super::tail::Tail;
use super::ward::Unfit;
use super::worker::{Because, Interrupted, Worker};
use crate::error::{DeathReport, TaskError};
use crate::process::sys::processes::Status;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What a start counts that failed; and one that somebody killed, which may be chance.
const FAILED: u32 = 4;
const KILLED: u32 = 1;
/// The signals that come from elsewhere: SIGKILL and SIGTERM.
const FROM_OUTSIDE: [i32; 2] = [9, 15];
/// When starts that failed, one after the other, have come to so much, they are given up: five, or twenty kills.
const MOST_FAILURES: u32 = 5 * FAILED;

/// A worker's end.
pub(in crate::process) struct End {
    pub(in crate::process) slot: usize,
    pub(in crate::process) pid: u32,
    pub(in crate::process) status: Status,
    pub(in crate::process) tail: Tail,
    pub(in crate::process) unfit: Option<Unfit>,
}

/// Called once the end is certain.
pub(in crate::process) fn settle(
    end: End,
    mut worker: Worker,
    roster: &mut Roster,
    now: Instant,
    findings: &mut Findings,
) {
    let mut running = None;
    match worker.remains(&mut findings.ended, now) {
        Ok((ran, unbegun)) => {
            running = ran;
            for parked in unbegun {
                findings.take_again(parked, roster);
            }
        }
        Err(damage) => {
            // Nothing is certain of any of them, so none may be run again.
            let why = damage.to_string();
            worker.has_served |= !worker.handed.is_empty();
            roster.places[end.slot].completed += worker.handed.len() as u64;
            for handed in std::mem::take(&mut worker.handed) {
                let error = end.report(&worker, &handed.parked, Some(&why));
                findings.failed.push((handed.parked, error));
            }
        }
    }
    if let Some(ran) = running {
        fail_running(ran, &end, &worker, roster, findings);
    }
    if worker.has_served {
        start_succeeded(end.slot, roster);
    } else if worker.closed_at.is_none() {
        end.count_failure(worker.last_message.take(), roster, now, findings);
    }
}

/// The task, or the item of a chunk, that ran when its worker ended.
fn fail_running(ran: Interrupted, end: &End, worker: &Worker, roster: &mut Roster, findings: &mut Findings) {
    let Interrupted { mut parked, between_items } = ran;
    if parked.items() > 1 && parked.is_complete() {
        return findings.ended.push(parked);
    }
    let doom = worker.doom.filter(|doom| doom.sequence.is_none_or(|sequence| sequence == parked.sequence));
    let error = match doom.map(|doom| doom.because) {
        Some(Because::Late) => TaskError::DeadlineExceeded,
        Some(Because::Killed) => TaskError::Cancelled,
        Some(Because::Shutdown) => {
            roster.killed += 1;
            // What is left of a chunk goes with it.
            return findings.cut_off.push(parked);
        }
        None if parked.retries > 0 && !roster.cancels => {
            parked.retries -= 1;
            return findings.take_again(parked, roster);
        }
        // No item of it ran. (One that has not come to its first is to blame, or it would be tried for ever.)
        None if between_items => return findings.take_again(parked, roster),
        None => end.report(worker, &parked, None),
    };
    if parked.items() == 1 {
        roster.places[end.slot].completed += 1;
        findings.failed.push((parked, error));
        return;
    }
    // What is left of a chunk goes on elsewhere.
    parked.failed(1, error);
    if parked.is_complete() {
        findings.ended.push(parked);
    } else {
        findings.take_again(parked, roster);
    }
}

impl End {
    fn report(&self, worker: &Worker, parked: &Parked, damage: Option<&str>) -> TaskError {
        let (exit_code, signal) = match self.status {
            Status::Exited(code) => (Some(code), None),
            Status::Killed(signal) => (None, Some(signal)),
            Status::Unknown => (None, None),
        };
        let mut stderr_tail = self.tail.text();
        if let Some(damage) = damage {
            stderr_tail.push_str(damage);
        }
        TaskError::WorkerDied(Arc::new(DeathReport {
            pid: self.pid,
            exit_code,
            signal,
            out_of_memory: worker.last_words.out_of_memory || self.tail.says_out_of_memory(),
            may_have_run: damage.is_none().then_some(true),
            task: parked.packed.name().map(str::to_owned),
            slot: self.slot,
            stderr_tail,
        }))
    }

    /// It never did anything: starting another one may come to the same.
    fn count_failure(self, said: Option<String>, roster: &mut Roster, now: Instant, findings: &mut Findings) {
        let why = match (said, &self.unfit) {
            (Some(said), _) => said,
            (None, Some(Unfit::Start(why) | Unfit::Damaged(why))) => why.clone(),
            (None, None) => format!("its workers end before they have done anything: {}", self.describe()),
        };
        let counts = match self.status {
            Status::Killed(signal) if self.unfit.is_none() && FROM_OUTSIDE.contains(&signal) => KILLED,
            _ => FAILED,
        };
        start_failed(self.slot, counts, why.into(), roster, now, findings);
    }

    fn describe(&self) -> String {
        let how = match self.status {
            Status::Exited(code) => format!("exit code {code}"),
            Status::Killed(signal) => format!("signal {signal}"),
            Status::Unknown => "status unknown".to_owned(),
        };
        let said = self.tail.text();
        if said.is_empty() { how } else { format!("{how}; standard error: {}", said.trim_end()) }
    }
}

/// A worker has come so far that it took a task. One that is ready may still end before that, again and again.
pub(in crate::process) fn start_succeeded(slot: usize, roster: &mut Roster) {
    roster.failures = 0;
    roster.places[slot].failures = 0;
}

/// The system did not start a worker at all.
pub(in crate::process) fn start_refused(
    slot: usize,
    why: Arc<str>,
    roster: &mut Roster,
    now: Instant,
    findings: &mut Findings,
) {
    start_failed(slot, FAILED, why, roster, now, findings);
}

/// Counts a start that came to nothing. The pool is broken by one too many, unless it has workers that go on; then it is
/// over only with what is for that place alone.
fn start_failed(slot: usize, counts: u32, why: Arc<str>, roster: &mut Roster, now: Instant, findings: &mut Findings) {
    let place = &mut roster.places[slot];
    place.failures += counts;
    place.not_before = Some(now + Duration::from_millis(10 << (place.failures / FAILED).min(6)));
    if place.failures >= MOST_FAILURES {
        let mail = std::mem::take(&mut place.mail).into_values();
        findings.failed.extend(mail.map(|parked| (parked, TaskError::Broken(Arc::clone(&why)))));
    }
    if roster.workers().any(|worker| worker.has_served && !worker.is_closed) {
        return;
    }
    roster.failures += counts;
    if roster.failures >= MOST_FAILURES {
        findings.broken = Some(why);
    }
}
