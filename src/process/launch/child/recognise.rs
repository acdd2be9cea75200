//! Whether this process is a worker, and whose.
//!
//! The marker may have been handed on by a program in between, which knows nothing of it. So it only says what to look
//! for: a socket as standard input, and on it, unread, the hello with the marker's nonce. Both were made for one
//! process; who has them is that process, or was started by it with everything that it had. Until the nonce was seen
//! nothing is changed but the environment, and the program goes on to its `main`; from then on it never does, whatever
//! comes: a worker whose parent has died meanwhile ends here.
#![expect(unsafe_code, reason = "the marker is taken out of the environment")]

use crate::process::launch::identity::Location;
use crate::process::launch::marker::{self, Marker};
use crate::process::launch::message::{FromNewborn, HELLO};
use crate::process::sys::signals::leave;
use crate::process::sys::{descriptors, processes, socket};
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

/// A process that is a worker for certain.
#[derive(Debug)]
pub(super) struct Newcomer {
    pub(super) socket: BorrowedFd<'static>,
    /// A descriptor of the parent, and not of another that got its number.
    pub(super) parent: BorrowedFd<'static>,
    pub(super) copy: Location,
}

/// Looks whether this process was started as a worker, for this copy of the crate.
pub(super) fn recognise(this_copy: Location) -> Option<Newcomer> {
    let marker = std::env::var(marker::VARIABLE).ok().as_deref().and_then(Marker::read);
    if marker.is_some_and(|marker| marker.copy != this_copy) {
        // The one that is meant may come yet. If it never does, nothing comes of it.
        return None;
    }
    // SAFETY: the loader calls us: before the program has threads; or because it loads a plugin, which nobody does who
    // changes the environment or looks into it on another thread meanwhile.
    unsafe { std::env::remove_var(marker::VARIABLE) };
    if !was_greeted(marker?) {
        return None;
    }
    let socket = match take_socket() {
        Ok(socket) => descriptors::keep_open(socket),
        Err(error) => refuse(descriptors::standard_input(), &format!("a worker could not begin: {error}")),
    };
    match parent_behind(socket).and_then(|parent| processes::lead_group().map(|()| parent)) {
        Ok(parent) => Some(Newcomer { socket, parent: descriptors::keep_open(parent), copy: this_copy }),
        Err(error) => refuse(socket, &format!("a worker could not begin: {error}")),
    }
}

/// Whether the standard input is the socket on which the nonce arrives. Nothing is read.
fn was_greeted(marker: Marker) -> bool {
    let input = descriptors::standard_input();
    let mut hello = [0; HELLO + 1];
    let peeked = socket::is_control_socket(input).then(|| socket::peek(input, &mut hello));
    matches!(peeked, Some(Ok(HELLO))) && hello[..HELLO] == marker.nonce.hello()
}

/// Takes the socket away from where a task would read its input.
fn take_socket() -> io::Result<OwnedFd> {
    descriptors::fill_standard()?;
    let socket = descriptors::duplicate(descriptors::standard_input())?;
    descriptors::replace_standard_input(descriptors::null()?)?;
    socket::receive(&socket, &mut [0; HELLO], false)?;
    Ok(socket)
}

/// Opens the process that made the socket, which has to be the one that started this one: its number could be another's
/// by now only if it had ended, and then it would not be the parent any more.
fn parent_behind(socket: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let maker = socket::peer(socket)?;
    let opened = processes::open_process(maker);
    let starter = processes::parent();
    match opened {
        Ok(parent) if starter == maker => Ok(parent),
        Ok(other) if !processes::is_over(&other) => {
            let text = format!(
                "a worker was started by process {starter}, and not by process {maker}, which has the pool: a worker \
                 program has to become the worker itself (`exec`)"
            );
            Err(io::Error::other(text))
        }
        Err(error) if starter == maker && maker != 0 => Err(error),
        // The parent has died. Nobody is there to be told.
        _ => leave(0),
    }
}

/// Ends a process that cannot be the worker it was meant to be, and says why.
pub(super) fn refuse(socket: BorrowedFd<'_>, why: &str) -> ! {
    let _ = socket::send(socket, &FromNewborn::Refused(why.to_owned()).to_bytes(), &[]);
    leave(1)
}

/// When no copy of the crate has known the marker, although it is this process's: the program is another build than the
/// parent, and would take itself for an ordinary one.
pub(super) fn refuse_if_meant_for_another_copy(this_copy: Option<Location>) {
    let marker = std::env::var(marker::VARIABLE).ok().as_deref().and_then(Marker::read);
    // This copy's own marker is still there in constructors that are called before ours.
    if marker.is_some_and(|marker| Some(marker.copy) != this_copy && was_greeted(marker)) {
        let input = descriptors::standard_input();
        let _ = socket::receive(input, &mut [0; HELLO], false);
        refuse(
            input,
            "the worker program does not contain the code that started it: it has to be the same build, or load the \
             same library",
        );
    }
}
