//! What the torture tests share: things that count their drops and may blow up, wakers that count, chance, and scale.
#![allow(dead_code, reason = "each test file uses its part")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Wake, Waker};
use std::thread;
use std::time::Duration;

/// For waits that end by themselves unless something is broken; well below the watchdog.
pub(crate) const LONG: Duration = Duration::from_secs(20);

/// How much more than usual a stress test is asked to do: `CF_STRESS=50`. Never less than 1.
pub(crate) fn scaled(usual: usize) -> usize {
    let factor = std::env::var("CF_STRESS").ok().and_then(|text| text.parse::<f64>().ok()).unwrap_or(1.0);
    // Miri is some hundred times slower.
    let factor = if cfg!(miri) { factor / 100.0 } else { factor };
    ((usual as f64 * factor) as usize).max(1)
}

/// How something blows up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Blast {
    /// Not at all.
    Dud,
    /// With a text.
    Text,
    /// With a payload that blows up itself when it is dropped.
    Payload,
}

/// What happened to the things of one test.
#[derive(Clone, Default)]
pub(crate) struct Ledger(Arc<Counts>);

#[derive(Default)]
struct Counts {
    captures: AtomicUsize,
    values: AtomicUsize,
    callbacks: AtomicUsize,
    thrown: AtomicUsize,
    payloads: AtomicUsize,
    defused: AtomicBool,
}

impl Ledger {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Something that a job captures.
    pub(crate) fn capture(&self, blast: Blast) -> Tracked {
        Tracked { ledger: self.clone(), kind: Kind::Capture, blast }
    }

    /// Something that a job returns.
    pub(crate) fn value(&self, blast: Blast) -> Tracked {
        Tracked { ledger: self.clone(), kind: Kind::Value, blast }
    }

    /// Something that a callback captures.
    pub(crate) fn callback(&self) -> Tracked {
        Tracked { ledger: self.clone(), kind: Kind::Callback, blast: Blast::Dud }
    }

    pub(crate) fn captures_dropped(&self) -> usize {
        self.0.captures.load(Ordering::SeqCst)
    }

    pub(crate) fn values_dropped(&self) -> usize {
        self.0.values.load(Ordering::SeqCst)
    }

    pub(crate) fn callbacks_dropped(&self) -> usize {
        self.0.callbacks.load(Ordering::SeqCst)
    }

    /// Payloads thrown, and payloads dropped.
    pub(crate) fn payloads(&self) -> (usize, usize) {
        (self.0.thrown.load(Ordering::SeqCst), self.0.payloads.load(Ordering::SeqCst))
    }

    /// From now on nothing blows up: what is dropped next is dropped by the test itself.
    pub(crate) fn defuse(&self) {
        self.0.defused.store(true, Ordering::SeqCst);
    }

    /// Blows up, if it is to, and was not defused. Never while unwinding, which would end the process by the language's
    /// own rules.
    pub(crate) fn blow(&self, blast: Blast, what: &str) {
        if self.0.defused.load(Ordering::SeqCst) || thread::panicking() {
            return;
        }
        match blast {
            Blast::Dud => {}
            Blast::Text => panic!("{what} blows up"),
            Blast::Payload => {
                self.0.thrown.fetch_add(1, Ordering::SeqCst);
                std::panic::panic_any(Payload(self.clone()));
            }
        }
    }
}

/// Panics when it is dropped.
struct Payload(Ledger);

impl Drop for Payload {
    fn drop(&mut self) {
        self.0.0.payloads.fetch_add(1, Ordering::SeqCst);
        panic!("a payload blows up");
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Capture,
    Value,
    Callback,
}

/// Counts its drop, and may blow up then.
pub(crate) struct Tracked {
    ledger: Ledger,
    kind: Kind,
    blast: Blast,
}

impl Drop for Tracked {
    fn drop(&mut self) {
        let counts = &self.ledger.0;
        let (counter, what) = match self.kind {
            Kind::Capture => (&counts.captures, "a capture"),
            Kind::Value => (&counts.values, "a value"),
            Kind::Callback => (&counts.callbacks, "a callback's capture"),
        };
        counter.fetch_add(1, Ordering::SeqCst);
        self.ledger.blow(self.blast, what);
    }
}

/// A waker that counts, and then may blow up.
pub(crate) struct Bell {
    rung: AtomicUsize,
    ledger: Ledger,
    blast: Blast,
}

impl Bell {
    pub(crate) fn new(ledger: &Ledger, blast: Blast) -> Arc<Self> {
        Arc::new(Bell { rung: AtomicUsize::new(0), ledger: ledger.clone(), blast })
    }

    pub(crate) fn rung(&self) -> usize {
        self.rung.load(Ordering::SeqCst)
    }

    pub(crate) fn waker(self: &Arc<Self>) -> Waker {
        Waker::from(Arc::clone(self))
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.rung.fetch_add(1, Ordering::SeqCst);
        let (ledger, blast) = (self.ledger.clone(), self.blast);
        drop(self);
        ledger.blow(blast, "a waker");
    }
}

/// A gate that is opened at the latest when it is dropped, so that a test that fails does not hang in its pool's drop.
/// To be made after the pool.
#[derive(Default)]
pub(crate) struct LastGate(crate::support::Gate);

impl LastGate {
    pub(crate) fn new() -> Self {
        Self::default()
    }
}

impl std::ops::Deref for LastGate {
    type Target = crate::support::Gate;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl Drop for LastGate {
    fn drop(&mut self) {
        self.0.open();
    }
}

/// Numbers that look like chance and repeat with the seed.
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Chance(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// xorshift64.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    pub(crate) fn coin(&mut self) -> bool {
        self.next() >> 60 & 1 == 1
    }

    /// Lets a short time pass, most often none: to come between the steps of others.
    pub(crate) fn dither(&mut self) {
        match self.below(8) {
            0 => thread::yield_now(),
            1 => (0..self.below(200)).for_each(|_| std::hint::spin_loop()),
            _ => {}
        }
    }
}
