//! The birth of a worker: what it is to be, and the one system call that makes it.
//!
//! The child is made by `posix_spawn`, because a fork takes the longer the larger the parent is. std takes that way as
//! long as it is asked for nothing that only works between fork and exec; so the working directory and the limits are
//! the worker's own to set, and everything else that it gets follows over the socket.
//!
//! The kernel gives the new process: the socket as standard input, standard output and error, an environment with the
//! marker in it, and a process group of its own. The hello lies in the socket by then, and nothing else.

use super::child::Context;
use super::exit::Process;
use super::handshake::Handshake;
use super::identity::locate;
use super::marker::{self, Marker};
use super::message::{LARGEST_CONFIG, LONGEST, Nonce, Setup};
use super::program::Program;
use crate::process::bundle;
use crate::process::sys::{descriptors, processes, socket};
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

/// Why there is no worker; a text for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LaunchError(Arc<str>);

impl LaunchError {
    pub(in crate::process) fn new(text: String) -> Self {
        LaunchError(text.into())
    }

    pub(crate) fn into_text(self) -> Arc<str> {
        self.0
    }
}

impl fmt::Display for LaunchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a worker's standard input comes from.
#[derive(Clone, Debug, Default)]
pub(crate) enum Input {
    /// There is nothing in it.
    #[default]
    Empty,
    /// The parent's.
    Inherited,
    /// This one.
    From(Arc<OwnedFd>),
}

/// Where a worker's standard output or error goes.
#[derive(Clone, Debug)]
pub(crate) enum Output {
    /// Nowhere.
    Discarded,
    /// Where the parent's goes.
    Inherited,
    /// There.
    To(Arc<OwnedFd>),
}

/// What a worker is to be.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// What `ps -o comm` and `top` show of it (15 bytes of it), and the name of its task thread.
    pub(crate) name: String,
    /// Changes to the parent's environment: set, or taken away.
    pub(crate) environment: Vec<(OsString, Option<OsString>)>,
    /// Where it works; where the parent does, if `None`.
    pub(crate) working_directory: Option<PathBuf>,
    pub(crate) stdin: Input,
    pub(crate) stdout: Output,
    /// `None`: to the parent, which reads it.
    pub(crate) stderr: Option<Output>,
    /// Of its task thread, in bytes.
    pub(crate) stack_size: usize,
    /// How much private memory it may have to write to, in bytes: its heap, its variables and its threads' stacks
    /// (`RLIMIT_DATA`).
    ///
    /// Not what it shares, or only reads, or has only set aside, as allocators and sanitizers do with large ranges of
    /// addresses; `RLIMIT_AS` would count all of that, and so punish a worker for a shared slice.
    ///
    /// A worker over it gets no memory, and mostly ends of that, by SIGABRT or SIGSEGV. That it was the limit is told
    /// by its last words, if next to nothing more was to be had at its end; and for one large request, that would not
    /// have fitted anyway, by what Rust, or C++, writes on the standard error
    /// ([`says_out_of_memory`]).
    pub(crate) memory_limit: Option<u64>,
}

/// A worker that has been started, and has to be listened to until it is ready.
///
/// Whoever drops it ends it. For an orderly end, the service is made to return: by the end of messages on the socket
/// (`shutdown` for writing), or by what it has been told to take for that; the socket has to stay open until the
/// process is over, since a worker whose parent has let go of it ends at once.
#[derive(Debug)]
pub(crate) struct Newborn {
    pub(crate) process: Process,
    /// The control socket. What comes on it goes to the handshake, until that is over; then it is the service's.
    pub(crate) socket: OwnedFd,
    /// What the worker writes on its standard error, if it is to be read; reads of it never wait.
    pub(crate) stderr: Option<OwnedFd>,
    pub(crate) handshake: Handshake,
}

/// Starts a worker, which will run `service` on its task thread, and finds `config` and `fds` in its [`Context`].
///
/// # Errors
/// The system's reason, or what is wrong with the settings.
pub(crate) fn spawn(
    program: &Program,
    settings: &Settings,
    service: fn(Context),
    config: Vec<u8>,
    mut fds: Vec<Arc<OwnedFd>>,
) -> Result<Newborn, LaunchError> {
    if config.len() > LARGEST_CONFIG {
        let text =
            format!("{} bytes of configuration: more than {LARGEST_CONFIG} have to go by a descriptor", config.len());
        return Err(LaunchError::new(text));
    }
    let input = input(&settings.stdin).map_err(|error| refused("its standard input", &error))?;
    let has_input = input.is_some();
    fds.splice(0..0, input.map(Arc::new));
    if settings.name.contains('\0') {
        let text = format!("the worker's name is {:?}: the system's names cannot hold a NUL", settings.name);
        return Err(LaunchError::new(text));
    }
    let service = locate(service as *const ());
    let service = service.ok_or_else(|| LaunchError::new("the service is not in any loaded object".to_owned()))?;
    let setup = Setup {
        service,
        name: settings.name.clone(),
        working_directory: settings.working_directory.clone().map(PathBuf::into_os_string),
        stack_size: settings.stack_size as u64,
        memory_limit: settings.memory_limit,
        has_input,
        bundled: bundle::bundled(fds.len()),
        config,
    };
    let setup = setup.to_bytes();
    if setup.len() > LONGEST {
        let text = format!("{} bytes of settings for a worker: at most {LONGEST} can be sent", setup.len());
        return Err(LaunchError::new(text));
    }
    let (ours, theirs) = socket::pair().map_err(|error| refused("a pair of sockets", &error))?;
    let nonce = Nonce::new();
    socket::send(&ours, &nonce.hello(), &[]).map_err(|error| refused("the hello", &error))?;
    let mut child = execute(program, settings, Marker { nonce, copy: program.copy }, &theirs)?;
    drop(theirs);
    let stderr = child.stderr.take().map(OwnedFd::from);
    let process = claim(child, program)?;
    if let Some(stderr) = &stderr {
        descriptors::never_wait(stderr).map_err(|error| refused("its standard error", &error))?;
    }
    let program_name = program.name().to_owned();
    let pid = process.pid();
    let handshake =
        Handshake { copy: program.copy, pid, program: program_name, setup: Some((setup, fds)), answered: false };
    Ok(Newborn { process, socket: ours, stderr, handshake })
}

/// Whether a text on the standard error is what Rust or C++ say when they get no memory.
pub(crate) fn says_out_of_memory(stderr: &[u8]) -> bool {
    let has = |text: &str| stderr.windows(text.len()).any(|part| part == text.as_bytes());
    has("memory allocation of ") && has(" bytes failed") || has("std::bad_alloc")
}

fn refused(what: &str, error: &io::Error) -> LaunchError {
    let advice = match error.raw_os_error() {
        Some(libc::EMFILE | libc::ENFILE) => "; raise `ulimit -n`",
        Some(libc::ENOSYS) => {
            "; it takes Linux 5.4 or later (pidfd_open, waitid), and some sandboxes and old versions of valgrind are less"
        }
        Some(libc::EAGAIN) => "; raise `ulimit -u`, or have fewer workers",
        _ => "",
    };
    LaunchError::new(format!("no worker can be started: {what}: {error}{advice}"))
}

fn input(input: &Input) -> io::Result<Option<OwnedFd>> {
    match input {
        Input::Empty => Ok(None),
        // A program whose standard input is closed has none to hand on.
        Input::Inherited => {
            descriptors::duplicate(descriptors::standard_input()).or_else(|_| descriptors::null()).map(Some)
        }
        Input::From(fd) => descriptors::duplicate(fd).map(Some),
    }
}

fn output(output: &Output) -> io::Result<Stdio> {
    Ok(match output {
        Output::Discarded => Stdio::null(),
        Output::Inherited => Stdio::inherit(),
        Output::To(fd) => descriptors::duplicate(fd)?.into(),
    })
}

/// Executes the program, by the first of its paths that the system takes.
fn execute(program: &Program, settings: &Settings, marker: Marker, socket: &OwnedFd) -> Result<Child, LaunchError> {
    let attempt = |path: &Path| {
        let mut arguments = program.arguments().into_iter();
        let mut command = Command::new(path);
        if let Some(name) = arguments.next() {
            command.arg0(name);
        }
        command.args(arguments);
        for (name, value) in &settings.environment {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.env(marker::VARIABLE, marker.to_text()).process_group(0);
        command.stdin(descriptors::duplicate(socket)?);
        command
            .stdout(output(&settings.stdout)?)
            .stderr(settings.stderr.as_ref().map_or_else(|| Ok(Stdio::piped()), output)?);
        command.spawn()
    };
    let mut failure = io::Error::from(io::ErrorKind::NotFound);
    for path in program.paths() {
        match attempt(&path) {
            Ok(made) => return Ok(made),
            Err(error) => failure = error,
        }
    }
    Err(refused(&program.name().display().to_string(), &failure))
}

/// Opens the process that was started just now.
///
/// Its number is its own until somebody reaps it. Where the host ignores SIGCHLD nobody has to, and a worker that dies
/// at once could be another process by now; but not another child.
fn claim(mut child: Child, program: &Program) -> Result<Process, LaunchError> {
    let pid = child.id();
    match processes::open_process(pid) {
        Ok(pidfd) if processes::is_child(&pidfd) => Ok(Process::new(pid, pidfd)),
        Err(error) if error.raw_os_error() != Some(libc::ESRCH) => {
            // It cannot be watched, so it must not be. Nobody has reaped it, so this is the right one.
            let _ = child.kill();
            let _ = child.wait();
            Err(refused(&format!("process {pid} cannot be watched"), &error))
        }
        _ => {
            let text =
                format!("the worker {} (process {pid}) ended at once, and nobody knows how", program.name().display());
            Err(LaunchError::new(text))
        }
    }
}
