//! What is said of a ring whose words cannot have been written by a worker, or a parent, that does what it should.

use super::Ticket;
use std::error::Error;
use std::fmt;

/// The ring cannot be believed any more, nor anything that was handed out through it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Damage {
    what: &'static str,
    ticket: Option<Ticket>,
    found: u64,
}

impl Damage {
    pub(super) fn of(what: &'static str, found: u64) -> Self {
        Damage { what, ticket: None, found }
    }

    pub(crate) fn at(ticket: Ticket, what: &'static str, found: u64) -> Self {
        Damage { what, ticket: Some(ticket), found }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Damage { what, ticket, found } = self;
        write!(f, "memory shared with a worker process was damaged: {what}")?;
        if let Some(ticket) = ticket {
            write!(f, " of task {} in it", ticket.number())?;
        }
        write!(f, " is {found:#x}")
    }
}

impl Error for Damage {}
