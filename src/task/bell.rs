//! A deadline for something that is polled.

use super::timer::{self, Alarm};
use crate::sync::{Deadline, Mutex, contain, drop_contained};
use std::sync::Arc;
use std::task::Waker;

/// Wakes the last one who polled when the deadline comes; armed with the first poll that has to wait.
#[derive(Default)]
pub(crate) struct Bell {
    waker: Arc<Mutex<Option<Waker>>>,
    alarm: Option<Alarm>,
}

impl Bell {
    /// `false`: the deadline has passed.
    pub(crate) fn ring_at(&mut self, deadline: Deadline, waker: &Waker) -> bool {
        let Some(left) = deadline.remaining() else {
            return true;
        };
        let waker = waker.clone();
        let old = self.waker.lock().replace(waker);
        drop_contained(old);
        if deadline.is_past() {
            return false;
        }
        self.alarm.get_or_insert_with(|| {
            let rung = Arc::clone(&self.waker);
            timer::after(left, move || {
                let waker = rung.lock().take();
                if let Some(waker) = waker {
                    let _ = contain(|| waker.wake());
                }
            })
        });
        true
    }
}
