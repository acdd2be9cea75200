//! Floor 3: the thread pool's engine.
//!
//! A submit pushes a task (`shared`) and makes sure that somebody will look (`activation`); a worker takes tasks until
//! there are none (`worker`, `search`) and sleeps (`sleeping`); one that has to wait runs what it waits for or lends its
//! place (`lend`). The counts behind all of this are one word, `state::crew`, which has the proof that no task is left lying;
//! `roster` is what the lock guards.

mod activation;
mod closing;
mod config;
mod counts;
mod home;
mod lend;
mod mail;
mod queues;
mod report;
mod room;
mod roster;
mod search;
mod shared;
mod sleeping;
mod slot;
mod stack;
mod sys;
mod worker;

pub(crate) use config::{Config, check_stack_size};
pub(crate) use shared::Pool;
pub(crate) use stack::probe_stack;
pub(crate) use sys::thread_id;
pub(crate) use worker::{is_worker_of, with_state};
