//! Every system call for the ring, behind functions with plain signatures.

pub(crate) mod bell;
pub(super) mod clock;
pub(super) mod futex;
pub(super) mod mapping;
