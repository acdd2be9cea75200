//! Waiting for a few instructions of another thread.

use super::chosen::nap;
use super::spin_hint;

/// From here on a thread that waits naps between its looks.
const ROUNDS_BEFORE_NAPS: u32 = 100;

/// One round of the wait for a short step that another thread is in the middle of. Spins, then gives way, and after that
/// naps, so that a thread that was descheduled in that step gets to run whatever its priority is.
#[cold]
pub(crate) fn stand_by(round: &mut u32) {
    if *round < ROUNDS_BEFORE_NAPS {
        spin_hint(round);
    } else {
        nap();
    }
}
