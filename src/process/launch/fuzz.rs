//! The messages of a worker's start, made up by somebody else: for `fuzz/` and `tests/fuzz.rs`.

use super::handshake::Handshake;
use super::identity::{Location, ObjectId};
use super::message::{Answer, FromNewborn, LastWords, Setup, VERSION};
use crate::process::sys::socket;
use crate::wire::fuzz::Script;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

const HERE: Location = Location { object: ObjectId(1 << 77 | 5), offset: 0x1234 };
const PID: u32 = 4711;

/// One message, read as each of the kinds, and messages as the start of one worker.
pub(in crate::process) fn start(script: &mut Script<'_>) -> bool {
    let which = script.byte();
    if which % 2 == 0 {
        return handshake(script);
    }
    let proper = match which / 2 % 5 {
        0 => Vec::new(),
        1 => setup(script).to_bytes(),
        2 => FromNewborn::Answer(answer()).to_bytes(),
        3 => FromNewborn::Refused(String::from_utf8_lossy(script.take(which)).into_owned()).to_bytes(),
        _ => LastWords { stack_overflow: true, out_of_memory: false }.to_bytes().to_vec(),
    };
    let message = if proper.is_empty() { script.take(usize::MAX).to_vec() } else { script.edit(proper) };
    let setup = Setup::read(&message);
    if let Some(setup) = &setup {
        assert!(setup.config.len() <= message.len());
        assert_eq!(Setup::read(&setup.to_bytes()).as_ref(), Some(setup));
    }
    let said = FromNewborn::read(&message);
    if let Some(said @ (FromNewborn::Answer(_) | FromNewborn::Ready)) = &said {
        assert_eq!(FromNewborn::read(&said.to_bytes()).as_ref(), Some(said));
    }
    let last = LastWords::read(&message);
    if let Some(last) = last {
        assert_eq!(LastWords::read(&last.to_bytes()), Some(last));
    }
    let kinds = [setup.is_some(), said.is_some(), last.is_some()];
    assert!(kinds.iter().filter(|known| **known).count() <= 1, "one message of several kinds: {message:?}");
    kinds.contains(&true)
}

/// `true`: the worker serves.
fn handshake(script: &mut Script<'_>) -> bool {
    let Ok((here, _there)) = socket::pair() else { return false };
    let sent = setup(script).to_bytes();
    let mut handshake =
        Handshake { copy: HERE, pid: PID, program: "made-up".into(), setup: Some((sent, Vec::new())), answered: false };
    let mut answered = false;
    while !script.is_over() {
        let message = match script.byte() % 4 {
            0 => FromNewborn::Ready.to_bytes(),
            1 => answer().to_bytes(),
            _ => {
                let length = script.byte();
                script.take(length).to_vec()
            }
        };
        answered |= matches!(FromNewborn::read(&message), Some(FromNewborn::Answer(said)) if said == answer());
        match handshake.on_message(&here, &message) {
            Ok(super::Progress::Waiting) => {}
            Ok(super::Progress::Ready) => {
                assert!(answered, "a worker that never said which build it is");
                return true;
            }
            Err(error) => {
                assert!(!error.into_text().is_empty());
                return false;
            }
        }
    }
    false
}

fn answer() -> Answer {
    Answer { version: VERSION, copy: HERE, pid: PID }
}

fn setup(script: &mut Script<'_>) -> Setup {
    let flags = script.byte();
    let length = script.byte();
    let bytes = script.take(length).to_vec();
    Setup {
        service: HERE,
        name: String::from_utf8_lossy(&bytes).into_owned(),
        working_directory: (flags & 1 != 0).then(|| OsString::from_vec(bytes.clone())),
        stack_size: 1 << 21,
        memory_limit: (flags & 2 != 0).then_some(1 << 30),
        has_input: flags & 4 != 0,
        bundled: (flags & 8 != 0).then_some(300),
        config: bytes,
    }
}
