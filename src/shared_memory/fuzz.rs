//! Handles of slices that somebody has made up, beside descriptors that are not what they say: for `fuzz/` and
//! `tests/fuzz.rs`, as in [`crate::wire::fuzz`].

use super::SharedSlice;
use super::element::Plain;
use crate::wire::fuzz::Script;
use crate::wire::{attachments, decode, encode};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, fstat, ftruncate, memfd_create};
use std::any::type_name;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;

/// A handle, whose bytes were changed, and who knows what in the place of its memory. `true`: a slice came of it.
pub fn handles(input: &[u8]) -> bool {
    let mut script = Script::new(input);
    match script.byte() % 3 {
        0 => handle::<u8, u8>(&mut script),
        1 => handle::<u32, u32>(&mut script),
        _ => handle::<u32, [u64; 3]>(&mut script),
    }
}

/// One that was sent as a slice of `S` and is wanted as one of `W`.
fn handle<S: Plain, W: Plain>(script: &mut Script<'_>) -> bool {
    let Ok(sent) = SharedSlice::copy_from(&vec![S::zeroed(); script.byte()]) else { return false };
    let mut proper = Vec::new();
    let (encoded, attached) = attachments::collect(|| encode(&sent, &mut proper));
    let own = attached.first().map(|descriptor| descriptor.try_clone()).transpose();
    let others: io::Result<Vec<OwnedFd>> = (0..script.byte() % 3).map(|_| other(script)).collect();
    let (Ok(()), Ok(own), Ok(mut beside)) = (encoded, own, others) else { return false };
    let place = script.byte() % (beside.len() + 1);
    own.into_iter().for_each(|own| beside.insert(place, own));
    let is_proper = place == 0 && script.is_over();
    let bytes = if script.byte() % 2 == 0 { script.edit(proper) } else { forged::<W>(&beside, script) };
    let largest = beside.iter().filter_map(|memory| fstat(memory).ok()).map(|facts| facts.st_size).max();
    let arrived = attachments::provide(beside, || decode::<SharedSlice<W>>(&bytes));
    assert!(!is_proper || type_name::<S>() != type_name::<W>() || arrived.is_ok());
    let Ok(arrived) = arrived else { return false };
    // Every byte is there: to touch one that is not would end the process.
    let bytes: &[u8] = bytemuck::cast_slice(&arrived);
    assert!(bytes.len() as i64 <= largest.unwrap_or(0) && bytes.iter().all(|byte| *byte == 0));
    true
}

/// A handle that speaks of the right type and of a file that has come, and lies about the rest.
fn forged<W: Plain>(beside: &[OwnedFd], script: &mut Script<'_>) -> Vec<u8> {
    let (descriptor, length) = (script.byte() % 4, script.number(2));
    let inode = beside.get(descriptor).and_then(|memory| fstat(memory).ok()).map_or(0, |facts| facts.st_ino);
    let mut bytes = Vec::new();
    // The fields of a ticket, which are written as those of a tuple are.
    let _ = encode(&(type_name::<W>(), size_of::<W>(), length, Some((descriptor, inode))), &mut bytes);
    bytes
}

/// A descriptor that is no proper memory, or another one.
fn other(script: &mut Script<'_>) -> io::Result<OwnedFd> {
    let kind = script.byte();
    if kind % 4 == 0 {
        return File::open("/dev/null").map(OwnedFd::from);
    }
    let memory = memfd_create("made-up", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    ftruncate(&memory, script.number(2))?;
    let seals = SealFlags::from_bits_truncate(script.number(1) as u32);
    fcntl_add_seals(&memory, seals)?;
    Ok(memory)
}
