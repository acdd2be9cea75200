//! How long a worker has been at a task, and how long it may be.

use super::{Because, Doom, SOON, Worker};
use crate::process::pool::parked::Parked;
use std::time::{Duration, Instant};

impl Worker {
    /// Dooms it for a task that has run for as long as it may. Gives what it was to run after that.
    ///
    /// The time counts from when the worker began the task, by the worker's own word; as long as it has not, there is
    /// nothing to count, and after at most the limit it is looked at once more.
    pub(in crate::process) fn mind_the_time(&mut self, now: Instant, grace: Duration) -> Vec<Parked> {
        if self.time_is_up().is_none_or(|at| now < at) {
            return Vec::new();
        }
        let began = self.first_began();
        let Some(first) = self.handed.front_mut() else { return Vec::new() };
        let (sequence, limit) = (first.parked.sequence, first.parked.limit().unwrap_or(Duration::MAX));
        let up = began.map(|began| began.checked_add(limit));
        if up.is_none_or(|up| up.is_none_or(|up| now < up)) {
            first.look_at = up.unwrap_or_else(|| now.checked_add(limit.max(SOON)));
            return Vec::new();
        }
        // Nothing but this task may be hit.
        let back = self.take_back_all();
        if self.running().is_some_and(|running| running.parked.sequence == sequence) {
            self.doom = Some(Doom { because: Because::Late, sequence: Some(sequence), grace });
            self.close(now);
        } else if let Some(first) = self.handed.front_mut() {
            // It has ended, which is met elsewhere.
            first.look_at = now.checked_add(SOON);
        }
        back
    }

    /// When to look whether it has been at its task for too long.
    pub(in crate::process) fn time_is_up(&self) -> Option<Instant> {
        self.handed.front().filter(|_| self.doom.is_none())?.look_at
    }

    /// When it began the first task in its line, if it has. What it says of that is believed once, within what can be.
    fn first_began(&mut self) -> Option<Instant> {
        let first = self.handed.front_mut()?;
        if first.began.is_none() {
            let age = self.sender.age(first.ticket).ok()??;
            let now = Instant::now();
            let began = now.checked_sub(age).unwrap_or(first.handed_at);
            first.began = Some(began.max(first.handed_at));
        }
        first.began
    }

    /// For how long it has been at the task that it runs.
    pub(in crate::process) fn age(&mut self) -> Option<Duration> {
        let runs = self.running()?.ticket;
        self.sender.age(runs).ok().flatten()
    }

    /// When to look after it next.
    pub(in crate::process) fn alarm(&self, idle_timeout: Option<Duration>) -> Option<Instant> {
        let idles = self.is_idle() && !self.is_closed;
        let other = self.time_is_up().or_else(|| self.idle_since.checked_add(idle_timeout.filter(|_| idles)?));
        other.into_iter().chain(self.looks_at).min()
    }
}
