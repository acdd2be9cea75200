//! How long somebody looks again and again before it is worth sleeping.

use super::{give_way, processors, spin_hint};

/// Rounds in which the processor is kept. Few, because where there are more threads than processors the one that is
/// waited for may be waiting for this one's.
const SPINS: u32 = 2;
/// Rounds in which it is given to whoever wants it. What is waited for often comes then, and no thread has been woken.
const YIELDS: u32 = 4;

/// What is left of it. A wake through the system costs more than all of it.
#[derive(Debug)]
pub(crate) struct Patience {
    round: u32,
}

impl Patience {
    pub(crate) fn new() -> Self {
        // With one processor nothing changes while this thread keeps it.
        Patience { round: if processors() == 1 { SPINS } else { 0 } }
    }

    /// Lets a moment pass, a longer one each time. `false`: it is time to sleep.
    pub(crate) fn last(&mut self) -> bool {
        // Under loom a look more or less is nothing new, and would only multiply what is explored.
        if self.round == SPINS + YIELDS || cfg!(concurrent_futures_loom) {
            return false;
        }
        if self.round < SPINS {
            spin_hint(&mut self.round);
        } else {
            give_way();
            self.round += 1;
        }
        true
    }
}
