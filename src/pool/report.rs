//! What a pool tells about itself.

use super::shared::Pool;
use super::slot::Slot;
use crate::report::{Stats, WorkerInfo, WorkerState};

impl Pool {
    pub(crate) fn stats(&self) -> Stats {
        let crew = self.crew.load();
        let mut swept = self.swept_elsewhere();
        let (mut queued, mut mail, mut running) = (self.injector.len(), 0, 0);
        for slot in self.slots() {
            swept += slot.swept();
            queued += slot.stealer.len() + usize::from(!slot.woken.is_empty());
            mail += slot.mail_len();
            running += usize::from(slot.age().is_some());
        }
        // Tasks that were cancelled, or run by whoever waited for them, stay in a queue until it is their turn.
        let left_behind = self.withdrawn().saturating_sub(swept);
        Stats {
            queued: queued.saturating_sub(usize::try_from(left_behind).unwrap_or(usize::MAX)) + mail,
            running,
            blocked: self.lock().lent(),
            idle: crew.threads().saturating_sub(running),
            suspended: self.residents.suspended(),
            completed: self.completed(),
        }
    }

    /// Tasks that have run to their end.
    pub(crate) fn completed(&self) -> u64 {
        self.slots().map(Slot::completed).sum()
    }

    pub(crate) fn workers(&self) -> Vec<WorkerInfo> {
        let occupied = self.occupied_slots();
        let describe = |(number, slot): (usize, &Slot)| {
            let age = slot.age();
            slot.now(|now| WorkerInfo {
                slot: number,
                os_id: now.os_id,
                state: match age {
                    None => WorkerState::Idle,
                    Some(_) if now.blocked => WorkerState::Blocked,
                    Some(_) => WorkerState::Running,
                },
                task: now.task.as_deref().map(str::to_owned),
                age,
                completed: slot.completed(),
            })
        };
        self.slots().enumerate().filter(|(number, _)| occupied.contains(number)).map(describe).collect()
    }
}
