//! The time, the same for all processes of a machine, which is also what [`Instant`](std::time::Instant) reads.

use rustix::time::{ClockId, clock_gettime};

/// In nanoseconds since some moment before all of them.
pub(in crate::ring) fn now() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    (now.tv_sec as u64).saturating_mul(1_000_000_000).saturating_add(now.tv_nsec as u64)
}
