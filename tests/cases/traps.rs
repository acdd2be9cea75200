//! Values that do something bad at one moment of their way to a worker and back.
#![allow(dead_code, reason = "each test file uses its part")]

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
use std::fmt::Display;

/// What it does.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Does {
    Nothing,
    Fails,
    Panics,
    Exits(i32),
    Aborts,
    Crashes,
}

/// When it does it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum When {
    /// When it is written by the process that made it.
    Leaving,
    /// When it is read by another process.
    Arriving,
    /// When it is dropped by another process.
    Dropped,
    /// When it is written by another process.
    Returning,
    /// When it is read by the process that made it.
    Back,
}

#[derive(Debug)]
pub(crate) struct Trap {
    home: u32,
    when: When,
    does: Does,
    /// Makes it large.
    load: String,
}

impl Trap {
    pub(crate) fn new(when: When, does: Does) -> Self {
        Self::of_size(0, when, does)
    }

    pub(crate) fn of_size(load: usize, when: When, does: Does) -> Self {
        Trap { home: std::process::id(), when, does, load: "x".repeat(load) }
    }

    pub(crate) fn harmless() -> Self {
        Self::new(When::Leaving, Does::Nothing)
    }

    pub(crate) fn size(&self) -> usize {
        self.load.len()
    }

    fn is_home(&self) -> bool {
        self.home == std::process::id()
    }

    /// It is this moment.
    fn meets(&self, when: When) -> Result<(), impl Display + use<>> {
        if self.when == when { act(self.does) } else { Ok(()) }
    }
}

/// Does it, here.
pub(crate) fn act(does: Does) -> Result<(), &'static str> {
    match does {
        Does::Nothing => Ok(()),
        Does::Fails => Err("a trap failed"),
        Does::Panics => panic!("a trap panicked"),
        Does::Exits(code) => std::process::exit(code),
        Does::Aborts => std::process::abort(),
        Does::Crashes => crash(),
    }
}

/// Ends this process by the signal of a bad memory access.
fn crash() -> ! {
    use rustix::process::{Signal, getpid, kill_process};
    kill_process(getpid(), Signal::SEGV).unwrap();
    loop {
        std::thread::park();
    }
}

impl Serialize for Trap {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.meets(if self.is_home() { When::Leaving } else { When::Returning }).map_err(ser::Error::custom)?;
        (self.home, self.when, self.does, &self.load).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Trap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (home, when, does, load) = Deserialize::deserialize(deserializer)?;
        let trap = Trap { home, when, does, load };
        if let Err(error) = trap.meets(if trap.is_home() { When::Back } else { When::Arriving }) {
            // Its end is no moment of its own then.
            std::mem::forget(trap);
            return Err(de::Error::custom(error));
        }
        Ok(trap)
    }
}

impl Drop for Trap {
    fn drop(&mut self) {
        if !self.is_home() && self.when == When::Dropped {
            // There is nobody to tell of a failure.
            let _ = act(self.does);
        }
    }
}
