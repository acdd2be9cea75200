//! What the pool asks the operating system beyond std; other systems go without.

use std::time::Duration;

/// A time with the resolution of the kernel's tick, which costs a fraction of an exact one.
#[derive(Clone, Copy)]
pub(super) struct CoarseTime(u64);

impl CoarseTime {
    #[cfg(all(target_os = "linux", not(miri)))]
    pub(super) fn now() -> Self {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::MonotonicCoarse);
        // Nanoseconds of uptime fit for 584 years.
        CoarseTime(now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64)
    }

    #[cfg(not(all(target_os = "linux", not(miri))))]
    pub(super) fn now() -> Self {
        use std::sync::OnceLock;
        use std::time::Instant;
        static START: OnceLock<Instant> = OnceLock::new();
        CoarseTime(START.get_or_init(Instant::now).elapsed().as_nanos() as u64)
    }

    /// Nonzero.
    pub(super) fn stamp(self) -> u64 {
        self.0.max(1)
    }

    pub(super) fn from_stamp(stamp: u64) -> Self {
        CoarseTime(stamp)
    }

    pub(super) fn elapsed(self) -> Duration {
        Duration::from_nanos(Self::now().0.saturating_sub(self.0))
    }
}

/// The system's number of the calling thread, as `top -H` and `/proc` show it.
pub(crate) fn thread_id() -> Option<u64> {
    #[cfg(all(target_os = "linux", not(miri)))]
    return Some(rustix::thread::gettid().as_raw_nonzero().get().unsigned_abs().into());
    #[cfg(not(all(target_os = "linux", not(miri))))]
    return None;
}
