//! Futures on the pool: what `spawn`, `block_on`, `Scope::spawn` and `yield_now` promise.
//!
//! Much of what is asked here is asked by the suites of other async executors too; a test's comment names the one that
//! it has its question from. A module each for what may happen to a future.

mod support;
mod torture;

#[path = "spawn/basic.rs"]
mod basic;
#[path = "spawn/block_on.rs"]
mod block_on;
#[path = "spawn/block_on_edges.rs"]
mod block_on_edges;
#[path = "spawn/block_on_several.rs"]
mod block_on_several;
#[path = "spawn/block_on_stuck.rs"]
mod block_on_stuck;
#[path = "spawn/broken.rs"]
mod broken;
#[path = "spawn/cancel.rs"]
mod cancel;
#[path = "spawn/counts.rs"]
mod counts;
#[path = "spawn/drops.rs"]
mod drops;
#[path = "spawn/fairness.rs"]
mod fairness;
#[path = "spawn/joining.rs"]
mod joining;
#[path = "spawn/leftovers.rs"]
mod leftovers;
#[path = "spawn/lending.rs"]
mod lending;
#[path = "spawn/many.rs"]
mod many;
#[path = "spawn/options.rs"]
mod options;
#[path = "spawn/panics.rs"]
mod panics;
#[path = "spawn/races.rs"]
mod races;
#[path = "spawn/reentry.rs"]
mod reentry;
#[path = "spawn/scopes.rs"]
mod scopes;
#[path = "spawn/shutdown.rs"]
mod shutdown;
#[path = "spawn/tools.rs"]
mod tools;
#[path = "spawn/wakers.rs"]
mod wakers;
