//! The messages of a worker's start, and its last words, on the control socket.
//!
//! 1. Parent: the hello, sent before the worker exists. It holds the worker's nonce, and no byte that means anything to
//!    an interpreter, should the program that was started be one that reads commands from its standard input.
//! 2. Worker: the answer, which says of which build it is. Only now does the parent tell it anything.
//! 3. Parent: the setup, with descriptors.
//! 4. Worker: ready, or refused, with the reason.
//!
//! Messages begin with their kind. Those of the start are below 16; what the two say to each other afterwards is not
//! known here. Both ends are the same program, and were started by each other; still nothing of a message is believed
//! before it was found whole.

use super::identity::{Location, ObjectId};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// Longest message of a start that is received in one piece.
pub(crate) const LONGEST: usize = 128 * 1024;
/// How large a configuration may be that travels with the setup.
pub(crate) const LARGEST_CONFIG: usize = 64 * 1024;
/// Tells two versions of the crate apart, whose messages differ.
pub(in crate::process) const VERSION: u32 = 1;

const ANSWER: u32 = 1;
const SETUP: u32 = 2;
const READY: u32 = 3;
const REFUSED: u32 = 4;
const LAST_WORDS: u32 = 5;

/// Which start this is, so that nobody takes another process's socket for his own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::process) struct Nonce(pub(in crate::process) u128);

/// A hello's length: a head, and four bits a byte.
pub(in crate::process) const HELLO: usize = 8 + 32;

impl Nonce {
    /// Another one every time.
    pub(in crate::process) fn new() -> Self {
        use std::hash::{BuildHasher, RandomState};
        let word = || u128::from(RandomState::new().hash_one(0u8));
        Nonce(word() << 64 | word())
    }

    /// No byte of it is part of any text, in whatever encoding.
    pub(in crate::process) fn hello(self) -> [u8; HELLO] {
        let mut hello = [0xff; HELLO];
        for (at, byte) in hello.iter_mut().skip(8).enumerate() {
            *byte = 0x80 | (self.0 >> (at * 4)) as u8 & 0x0f;
        }
        hello
    }
}

/// The worker's answer to the hello.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::process) struct Answer {
    pub(in crate::process) version: u32,
    /// The object that this crate is a part of, and where in it.
    pub(in crate::process) copy: Location,
    /// The worker's process id, as it sees it itself.
    pub(in crate::process) pid: u32,
}

/// What a worker is told of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::process) struct Setup {
    /// The function that the task thread runs.
    pub(in crate::process) service: Location,
    /// For `ps`, and of the task thread.
    pub(in crate::process) name: String,
    pub(in crate::process) working_directory: Option<OsString>,
    pub(in crate::process) stack_size: u64,
    pub(in crate::process) memory_limit: Option<u64>,
    /// Whether the first descriptor is the standard input.
    pub(in crate::process) has_input: bool,
    /// How many descriptors there are, where they come as a bundle.
    pub(in crate::process) bundled: Option<u32>,
    /// For the service.
    pub(in crate::process) config: Vec<u8>,
}

/// What a worker of which a thread died could still say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LastWords {
    /// The task thread's stack was used up.
    pub(crate) stack_overflow: bool,
    /// The memory limit did not leave any more.
    pub(crate) out_of_memory: bool,
}

impl LastWords {
    /// Allocates nothing: it is called in a signal handler.
    pub(in crate::process) fn to_bytes(self) -> [u8; 8] {
        let mut bytes = [0; 8];
        bytes[..4].copy_from_slice(&LAST_WORDS.to_le_bytes());
        bytes[4] = u8::from(self.stack_overflow);
        bytes[5] = u8::from(self.out_of_memory);
        bytes
    }

    /// `None`: it is another message.
    pub(crate) fn read(message: &[u8]) -> Option<Self> {
        let mut reader = Reader(message);
        let [stack_overflow, out_of_memory, _, _] = reader.kind(LAST_WORDS)?.array()?;
        reader.end()?;
        Some(LastWords { stack_overflow: stack_overflow != 0, out_of_memory: out_of_memory != 0 })
    }
}

impl Answer {
    pub(in crate::process) fn to_bytes(self) -> Vec<u8> {
        let mut writer = Writer::new(ANSWER);
        writer.word(self.version);
        writer.location(self.copy);
        writer.word(self.pid);
        writer.0
    }

    fn read(message: &[u8]) -> Option<Self> {
        let mut reader = Reader(message);
        let answer = Answer { version: reader.kind(ANSWER)?.word()?, copy: reader.location()?, pid: reader.word()? };
        reader.end()?;
        Some(answer)
    }
}

impl Setup {
    pub(in crate::process) fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::new(SETUP);
        writer.location(self.service);
        writer.bytes(self.name.as_bytes());
        writer.word(u32::from(self.working_directory.is_some()));
        writer.bytes(self.working_directory.as_deref().map_or(&[], OsStr::as_bytes));
        writer.long(self.stack_size);
        writer.word(u32::from(self.memory_limit.is_some()));
        writer.long(self.memory_limit.unwrap_or(0));
        writer.word(u32::from(self.has_input));
        writer.word(self.bundled.unwrap_or(0));
        writer.bytes(&self.config);
        writer.0
    }

    pub(in crate::process) fn read(message: &[u8]) -> Option<Self> {
        let mut reader = Reader(message);
        let service = reader.kind(SETUP)?.location()?;
        let name = String::from_utf8(reader.bytes()?.to_owned()).ok()?;
        let (has_directory, directory) = (reader.flag()?, reader.bytes()?.to_owned());
        let stack_size = reader.long()?;
        let (has_limit, limit) = (reader.flag()?, reader.long()?);
        let has_input = reader.flag()?;
        let bundled = Some(reader.word()?).filter(|count| *count > 0);
        let config = reader.bytes()?.to_owned();
        reader.end()?;
        let working_directory = has_directory.then(|| OsString::from_vec(directory));
        let memory_limit = has_limit.then_some(limit);
        Some(Setup { service, name, working_directory, stack_size, memory_limit, has_input, bundled, config })
    }
}

/// What a worker says while it starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::process) enum FromNewborn {
    Answer(Answer),
    Ready,
    Refused(String),
}

impl FromNewborn {
    pub(in crate::process) fn to_bytes(&self) -> Vec<u8> {
        match self {
            FromNewborn::Answer(answer) => answer.to_bytes(),
            FromNewborn::Ready => Writer::new(READY).0,
            FromNewborn::Refused(why) => {
                let mut writer = Writer::new(REFUSED);
                // A text that is too long would not be sent at all.
                let end = (0..=why.len().min(4096)).rev().find(|at| why.is_char_boundary(*at));
                writer.bytes(&why.as_bytes()[..end.unwrap_or(0)]);
                writer.0
            }
        }
    }

    pub(in crate::process) fn read(message: &[u8]) -> Option<Self> {
        let mut reader = Reader(message);
        let known = match reader.word()? {
            ANSWER => return Answer::read(message).map(FromNewborn::Answer),
            READY => FromNewborn::Ready,
            REFUSED => FromNewborn::Refused(String::from_utf8_lossy(reader.bytes()?).into_owned()),
            _ => return None,
        };
        reader.end()?;
        Some(known)
    }
}

struct Writer(Vec<u8>);

impl Writer {
    fn new(kind: u32) -> Self {
        Writer(kind.to_le_bytes().to_vec())
    }

    fn word(&mut self, word: u32) {
        self.0.extend(word.to_le_bytes());
    }

    fn long(&mut self, long: u64) {
        self.0.extend(long.to_le_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.long(bytes.len() as u64);
        self.0.extend(bytes);
    }

    fn location(&mut self, location: Location) {
        self.0.extend(location.object.0.to_le_bytes());
        self.long(location.offset);
    }
}

/// Every step says `None` where the message ends too early.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*head)
    }

    fn word(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn long(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn flag(&mut self) -> Option<bool> {
        self.word().map(|word| word != 0)
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.long()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    fn location(&mut self) -> Option<Location> {
        Some(Location { object: ObjectId(self.array().map(u128::from_le_bytes)?), offset: self.long()? })
    }

    fn kind(&mut self, expected: u32) -> Option<&mut Self> {
        (self.word()? == expected).then_some(self)
    }

    fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setup() -> Setup {
        Setup {
            service: Location { object: ObjectId(7 << 100), offset: 12 },
            name: "a näme".to_owned(),
            working_directory: Some(OsString::from_vec(vec![b'/', 0xff])),
            stack_size: 1 << 21,
            memory_limit: Some(1 << 30),
            has_input: true,
            bundled: Some(300),
            config: vec![1, 2, 3],
        }
    }

    #[test]
    fn what_is_written_is_read_and_nothing_else() {
        let plain = Setup { working_directory: None, memory_limit: None, has_input: false, bundled: None, ..setup() };
        for setup in [setup(), plain] {
            let bytes = setup.to_bytes();
            assert_eq!(Setup::read(&bytes), Some(setup));
            for length in 0..bytes.len() {
                assert_eq!(Setup::read(&bytes[..length]), None, "{length}");
            }
            assert_eq!(Setup::read(&[&bytes[..], &[0]].concat()), None);
        }
        let copy = setup().service;
        let said = [
            FromNewborn::Answer(Answer { version: VERSION, copy, pid: 99 }),
            FromNewborn::Ready,
            FromNewborn::Refused("no".to_owned()),
        ];
        for message in said {
            let bytes = message.to_bytes();
            assert_eq!(FromNewborn::read(&bytes), Some(message));
            for length in 0..bytes.len() {
                assert_eq!(FromNewborn::read(&bytes[..length]), None, "{length}");
            }
        }
        let words = LastWords { stack_overflow: true, out_of_memory: false };
        assert_eq!(LastWords::read(&words.to_bytes()), Some(words));
        assert_eq!(LastWords::read(&FromNewborn::Ready.to_bytes()), None);
        assert_eq!(FromNewborn::read(&words.to_bytes()), None);
    }

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        let bytes = FromNewborn::Refused("ä".repeat(5000)).to_bytes();
        assert_eq!(FromNewborn::read(&bytes), Some(FromNewborn::Refused("ä".repeat(2048))));
    }

    #[test]
    fn a_hello_is_no_text_and_different_every_time() {
        let (one, other) = (Nonce::new(), Nonce::new());
        assert_ne!(one, other);
        assert_ne!(one.hello(), other.hello());
        for byte in one.hello() {
            assert!(!byte.is_ascii());
        }
        assert!(std::str::from_utf8(&one.hello()).is_err());
    }
}
