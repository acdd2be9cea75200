//! What queues promise beyond Python's: foreign code that panics, futures that wait and leave, and all of it at once.

#[path = "queues/awaiting.rs"]
mod awaiting;
#[path = "queues/panics.rs"]
mod panics;
#[path = "queues/stress.rs"]
mod stress;
mod support;
