//! From a newcomer to a worker that serves, in this order: the answer, the setup, where it is and what it is called,
//! the constructors that come later, signals, limits, the task thread.
#![expect(unsafe_code, reason = "the service is named by where it is in this program")]

use super::recognise::{Newcomer, refuse};
use super::watch::watch_over;
use crate::process::bundle;
use crate::process::launch::identity::{Expected, resolve};
use crate::process::launch::message::{Answer, FromNewborn, LONGEST, Setup, VERSION};
use crate::process::sys::signals::{self, SignalStack, leave};
use crate::process::sys::{descriptors, processes, socket};
use crate::ring::bell;
use crate::sync::{AtomicBool, JoinHandle, Ordering, contain, spawn_thread};
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;

/// What the service finds when it begins, on the worker's task thread.
#[derive(Debug)]
pub(crate) struct Context {
    /// The control socket. It is the service's to use; the end of messages on it is the sign to return.
    pub(crate) socket: BorrowedFd<'static>,
    /// What was sent along, in its order.
    pub(crate) fds: Vec<OwnedFd>,
    /// What was sent along.
    pub(crate) config: Vec<u8>,
}

/// The thread on which the service runs.
pub(super) struct Service {
    pub(super) thread: JoinHandle,
    /// Rings when the service has returned.
    pub(super) bell: BorrowedFd<'static>,
    /// Whether it has returned, and not panicked. Set before the bell rings.
    pub(super) went_well: Arc<AtomicBool>,
}

/// Makes a worker of this process. `later_constructors` are called where they have to be.
pub(super) fn run(newcomer: Newcomer, later_constructors: impl FnOnce()) -> ! {
    let Newcomer { socket, parent, copy } = newcomer;
    let answer = FromNewborn::Answer(Answer { version: VERSION, copy, pid: std::process::id() });
    let begun = socket::send(socket, &answer.to_bytes(), &[])
        .map_err(|error| format!("a worker could not answer: {error}"))
        .and_then(|()| await_setup(socket, parent))
        .and_then(|(setup, fds)| begin(setup, fds, socket, later_constructors));
    match begun {
        Ok(service) => watch_over(service, socket, parent),
        Err(why) => refuse(socket, &why),
    }
}

const TOO_MANY: &str = "a worker may not have as many open files as it was sent: raise `ulimit -n`";

fn await_setup(control: BorrowedFd<'static>, parent: BorrowedFd<'static>) -> Result<(Setup, Vec<OwnedFd>), String> {
    let [died, told] = socket::wait_for_any([(parent, true), (control, true)]);
    if died.readable && !told.readable {
        leave(0);
    }
    let mut message = vec![0; LONGEST];
    let received = socket::receive(control, &mut message, true).map_err(|error| format!("no setup came: {error}"))?;
    if received.length == 0 {
        // The parent has let go of this worker, or has died.
        leave(0);
    }
    if received.truncated {
        return Err(TOO_MANY.to_owned());
    }
    let setup = Setup::read(&message[..received.length]).ok_or("the setup is damaged")?;
    let fds = match (setup.bundled, received.fds.first()) {
        (None, _) => received.fds,
        (Some(count), Some(bundle)) => bundle::unpack(bundle, count as usize).ok_or(TOO_MANY)?,
        (Some(_), None) => return Err("the setup came without its descriptors".to_owned()),
    };
    Ok((setup, fds))
}

fn begin(
    setup: Setup,
    mut fds: Vec<OwnedFd>,
    socket: BorrowedFd<'static>,
    later_constructors: impl FnOnce(),
) -> Result<Service, String> {
    let Setup { service, name, working_directory, stack_size, memory_limit, has_input, bundled: _, config } = setup;
    if let Some(directory) = working_directory {
        std::env::set_current_dir(&directory)
            .map_err(|error| format!("the working directory {}: {error}", Path::new(&directory).display()))?;
    }
    if has_input {
        let input =
            if fds.is_empty() { descriptors::null().map_err(|error| error.to_string())? } else { fds.remove(0) };
        descriptors::replace_standard_input(input).map_err(|error| format!("the standard input: {error}"))?;
    }
    processes::set_name(&name);
    later_constructors();
    signals::settle().map_err(|error| format!("signals: {error}"))?;
    signals::tell_last_words(socket, memory_limit.is_some()).map_err(|error| format!("signals: {error}"))?;
    if let Some(bytes) = memory_limit {
        processes::limit_memory(bytes).map_err(|error| format!("a memory limit of {bytes} bytes: {error}"))?;
    }
    let serve = resolve(service, Expected::Code).map_err(|error| error.to_string())?;
    // SAFETY: the parent named a function of this type, in an object of which the two have the same build.
    let serve = unsafe { std::mem::transmute::<*const (), fn(Context)>(serve) };
    let bell = bell::create().map(descriptors::keep_open).map_err(|error| format!("an eventfd: {error}"))?;
    let went_well = Arc::new(AtomicBool::new(false));
    let noted = Arc::clone(&went_well);
    let task_thread = move || {
        let context = Context { socket, fds, config };
        let served = contain(|| serve_one(context, serve));
        noted.store(served.is_ok(), Ordering::SeqCst);
        bell::ring(bell);
    };
    let stack = usize::try_from(stack_size).unwrap_or(usize::MAX);
    let thread = spawn_thread(name, stack, task_thread).map_err(|error| refused_thread(&error, stack, memory_limit))?;
    Ok(Service { thread, bell, went_well })
}

fn serve_one(context: Context, serve: fn(Context)) {
    // Without it a stack overflow is a death like any other.
    let _stack = SignalStack::for_this_thread();
    // If nobody can be told, the parent is not there any more, which the main thread sees, too.
    if socket::send(context.socket, &FromNewborn::Ready.to_bytes(), &[]).is_ok() {
        serve(context);
    }
}

fn refused_thread(error: &io::Error, stack: usize, memory_limit: Option<u64>) -> String {
    let limit = memory_limit.map(|bytes| format!(", with a memory limit of {bytes} bytes")).unwrap_or_default();
    format!("a thread with a stack of {stack} bytes was refused{limit}: {error}")
}
