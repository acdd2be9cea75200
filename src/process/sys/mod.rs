//! Every system call for worker processes, behind functions with plain signatures.

pub(super) mod auxiliary;
pub(super) mod descriptors;
pub(super) mod memory;
pub(super) mod objects;
pub(super) mod processes;
pub(super) mod signals;
pub(super) mod socket;
