//! What queues promise beyond Python's: foreign code that panics, futures that wait and leave, unusual sizes, and all of it
//! at once.

#[path = "queues/awaiting.rs"]
mod awaiting;
#[path = "queues/corners.rs"]
mod corners;
#[path = "queues/panics.rs"]
mod panics;
#[path = "queues/stress.rs"]
mod stress;
mod support;
