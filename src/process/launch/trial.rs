//! Starts single workers by hand, for tests from outside of the crate: no pool, nothing that anybody should use.
//!
//! A worker begins in a doctest, too:
//! ```
//! use concurrent_futures::__private::trial::{End, Entry, Trial};
//!
//! static ECHO: Entry = Entry::new(|worker| worker.echo());
//!
//! let mut worker = Trial::default().start(&ECHO).unwrap();
//! assert_eq!(worker.ask(b"are you there?").unwrap(), b"are you there?");
//! worker.say_goodbye();
//! assert_eq!(worker.end(), Some(End::Exited(0)));
//! ```
#![expect(unsafe_code, reason = "what to run is named by where it is in this program")]

use super::child::Context;
use super::forked::Origin;
use super::handshake::Progress;
use super::identity::{Expected, Location, ObjectId, locate, resolve};
use super::message::{LONGEST, LastWords};
use super::program::Program;
use super::spawn::{Input, Newborn, Output, Settings, says_out_of_memory, spawn};
use crate::process::sys::processes::Status;
use crate::process::sys::socket;
use rustix::process::Signal;
use std::ffi::OsString;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// No worker takes longer to be ready.
const LIMIT: Duration = Duration::from_secs(60);

/// What a trial's worker finds.
#[derive(Debug)]
pub struct Worker {
    context: Context,
}

impl Worker {
    /// What was sent along.
    pub fn config(&self) -> &[u8] {
        // The first words are where the entry is.
        &self.context.config[24..]
    }

    /// The descriptors that were sent along.
    pub fn take_descriptors(&mut self) -> Vec<OwnedFd> {
        std::mem::take(&mut self.context.fds)
    }

    /// The next message; `None` at the end.
    pub fn receive(&self) -> Option<Vec<u8>> {
        receive(self.context.socket)
    }

    /// A message for the parent.
    pub fn send(&self, message: &[u8]) {
        let _ = socket::send(self.context.socket, message, &[]);
    }

    /// Sends everything back, until the end.
    pub fn echo(&self) {
        while let Some(message) = self.receive() {
            self.send(&message);
        }
    }
}

fn receive(from: BorrowedFd<'_>) -> Option<Vec<u8>> {
    let mut message = vec![0; LONGEST];
    let received = socket::receive(from, &mut message, true).ok().filter(|received| received.length > 0)?;
    message.truncate(received.length);
    Some(message)
}

/// The service of every trial: runs what the parent has named.
fn serve(context: Context) {
    let Some(location) = context.config.split_first_chunk::<24>().map(|(head, _)| read_location(head)) else { return };
    let expected = Expected::Constant { bytes: size_of::<Entry>(), align: align_of::<Entry>() };
    if let Ok(address) = resolve(location, expected) {
        // SAFETY: constants of this length are there, so aligned; whether they are an entry, the first word says.
        let entry = unsafe { &*address.cast::<Entry>() };
        if entry.magic == MAGIC {
            (entry.run)(Worker { context });
        }
    }
}

fn read_location(bytes: &[u8; 24]) -> Location {
    let mut words = bytes.chunks_exact(8).map(|word| word.try_into().map(u64::from_le_bytes).unwrap_or_default());
    let mut word = || words.next().unwrap_or_default();
    let object = u128::from(word()) | u128::from(word()) << 64;
    Location { object: ObjectId(object), offset: word() }
}

/// A constant with what a worker is to run. The address of the constant is what names it.
#[derive(Debug)]
pub struct Entry {
    magic: u64,
    run: fn(Worker),
}

const MAGIC: u64 = 0x7452_4941_4c65_6e74;

impl Entry {
    /// In a `static`.
    pub const fn new(run: fn(Worker)) -> Self {
        Entry { magic: MAGIC, run }
    }
}

/// What a trial's worker is to be.
#[derive(Clone, Debug)]
pub struct Trial {
    settings: Settings,
    program: Option<PathBuf>,
    config: Vec<u8>,
}

impl Default for Trial {
    fn default() -> Self {
        let settings = Settings {
            name: "cf-trial".to_owned(),
            environment: Vec::new(),
            working_directory: None,
            stdin: Input::Empty,
            stdout: Output::Inherited,
            stderr: None,
            stack_size: 2 << 20,
            memory_limit: None,
        };
        Trial { settings, program: None, config: Vec::new() }
    }
}

impl Trial {
    /// The worker's name.
    pub fn name(mut self, name: &str) -> Self {
        self.settings.name = name.to_owned();
        self
    }

    /// A change of its environment.
    pub fn env(mut self, name: &str, value: Option<&str>) -> Self {
        self.settings.environment.push((name.into(), value.map(OsString::from)));
        self
    }

    /// Where it works.
    pub fn working_directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.settings.working_directory = Some(directory.into());
        self
    }

    /// Its standard input; `None` for the parent's.
    pub fn stdin(mut self, input: Option<OwnedFd>) -> Self {
        self.settings.stdin = input.map_or(Input::Inherited, |fd| Input::From(Arc::new(fd)));
        self
    }

    /// Its standard output; `None` for nowhere.
    pub fn stdout(mut self, output: Option<OwnedFd>) -> Self {
        self.settings.stdout = output.map_or(Output::Discarded, |fd| Output::To(Arc::new(fd)));
        self
    }

    /// Its standard error is the parent's.
    pub fn inherit_stderr(mut self) -> Self {
        self.settings.stderr = Some(Output::Inherited);
        self
    }

    /// Of its task thread.
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.settings.stack_size = bytes;
        self
    }

    /// Of its private memory.
    pub fn memory_limit(mut self, bytes: u64) -> Self {
        self.settings.memory_limit = Some(bytes);
        self
    }

    /// Instead of this one.
    pub fn program(mut self, path: impl Into<PathBuf>) -> Self {
        self.program = Some(path.into());
        self
    }

    /// For the worker to find.
    pub fn config(mut self, config: &[u8]) -> Self {
        self.config = config.to_vec();
        self
    }

    /// Starts a worker, which is not yet ready.
    pub fn spawn(&self, entry: &'static Entry, fds: Vec<OwnedFd>) -> Result<Started, String> {
        let entry = locate((&raw const *entry).cast()).ok_or("the entry is in no object")?;
        let mut config = Vec::new();
        config.extend(entry.object.0.to_le_bytes());
        config.extend(entry.offset.to_le_bytes());
        config.extend(&self.config);
        let spawned = match &self.program {
            None => {
                let program = Program::current().map_err(|why| why.to_string())?;
                spawn(&program, &self.settings, serve, config, fds.into_iter().map(Arc::new).collect())
            }
            Some(path) => {
                let program = Program::named(path.clone()).map_err(|why| why.to_string())?;
                spawn(&program, &self.settings, serve, config, fds.into_iter().map(Arc::new).collect())
            }
        };
        Ok(Started { newborn: spawned.map_err(|error| error.to_string())?, last_words: None, origin: Origin::here() })
    }

    /// Starts a worker, and waits until it is ready.
    pub fn start(&self, entry: &'static Entry) -> Result<Started, String> {
        let mut started = self.spawn(entry, Vec::new())?;
        started.until_ready()?;
        Ok(started)
    }
}

/// A worker that has been started.
#[derive(Debug)]
pub struct Started {
    newborn: Newborn,
    last_words: Option<LastWords>,
    origin: Origin,
}

/// How a worker ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With a code.
    Exited(i32),
    /// By a signal.
    Killed(i32),
    /// Nobody knows.
    Unknown,
}

impl Started {
    /// Listens to the worker until it is ready.
    pub fn until_ready(&mut self) -> Result<(), String> {
        loop {
            let message = receive_within(&self.newborn.socket, LIMIT)?.ok_or_else(|| {
                let end = self.end();
                format!("the worker ended before it was ready: {end:?}, {:?}", self.stderr())
            })?;
            let Newborn { socket, handshake, .. } = &mut self.newborn;
            match handshake.on_message(&*socket, &message) {
                Ok(Progress::Ready) => return Ok(()),
                Ok(Progress::Waiting) => {}
                Err(error) => return Err(error.into_text().to_string()),
            }
        }
    }

    /// Whether this process has started it, and is no copy.
    pub fn is_here(&self) -> bool {
        self.origin.is_here()
    }

    /// The worker's process id.
    pub fn pid(&self) -> u32 {
        self.newborn.process.pid()
    }

    /// A message for the worker.
    pub fn send(&self, message: &[u8]) -> io::Result<()> {
        socket::send(&self.newborn.socket, message, &[])
    }

    /// The next message of the service; `None` at the end.
    pub fn receive(&mut self) -> Option<Vec<u8>> {
        let message = receive_within(&self.newborn.socket, LIMIT).ok().flatten()?;
        match LastWords::read(&message) {
            Some(words) => {
                self.last_words = Some(words);
                self.receive()
            }
            None => Some(message),
        }
    }

    /// Sends a message and waits for the answer.
    pub fn ask(&mut self, message: &[u8]) -> Option<Vec<u8>> {
        self.send(message).ok()?;
        self.receive()
    }

    /// No more messages.
    pub fn say_goodbye(&self) {
        let _ = rustix::net::shutdown(&self.newborn.socket, rustix::net::Shutdown::Write);
    }

    /// Kills the worker.
    pub fn kill(&self) {
        let _ = self.newborn.process.signal(Signal::KILL);
    }

    /// Waits for the worker's end, and reaps it.
    pub fn end(&mut self) -> Option<End> {
        crate::process::sys::processes::over_within(self.newborn.process.pidfd(), LIMIT);
        while self.receive().is_some() {}
        Some(match self.newborn.process.try_end().ok()?? {
            Status::Exited(code) => End::Exited(code),
            Status::Killed(signal) => End::Killed(signal),
            Status::Unknown => End::Unknown,
        })
    }

    /// What it wrote on its standard error, and has not been read.
    pub fn stderr(&mut self) -> String {
        let mut text = Vec::new();
        if let Some(stderr) = self.newborn.stderr.take() {
            let _ = std::fs::File::from(stderr).read_to_end(&mut text);
        }
        String::from_utf8_lossy(&text).into_owned()
    }

    /// After the end: whether it said that its stack was used up.
    pub fn said_stack_overflow(&self) -> bool {
        self.last_words.is_some_and(|words| words.stack_overflow)
    }

    /// After the end: whether it said that no memory was left, or its standard error does.
    pub fn said_out_of_memory(&self, stderr: &str) -> bool {
        self.last_words.is_some_and(|words| words.out_of_memory) || says_out_of_memory(stderr.as_bytes())
    }

    /// The numbers of the descriptors that a worker costs its parent.
    pub fn descriptors(&self) -> Vec<i32> {
        let Newborn { process, socket, stderr, .. } = &self.newborn;
        let stderr = stderr.iter().map(AsRawFd::as_raw_fd);
        [process.pidfd().as_raw_fd(), socket.as_raw_fd()].into_iter().chain(stderr).collect()
    }
}

fn receive_within(from: &OwnedFd, limit: Duration) -> Result<Option<Vec<u8>>, String> {
    use std::os::fd::AsFd;
    if !crate::process::sys::processes::over_within(from, limit) {
        return Err(format!("nothing was said for {limit:?}"));
    }
    Ok(receive(from.as_fd()))
}
