//! One file: read in pieces of a fixed size, so that it may be larger than memory.

use concurrent_futures::PortableError;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::ffi::OsString;
use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;

const PIECE: usize = 64 * 1024;

/// What became of one file.
pub(crate) type Outcome = Result<Hashed, PortableError>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hashed {
    pub(crate) digest: [u8; 32],
    pub(crate) bytes: u64,
}

/// The job: a function without captures, whose argument and result can travel, so that any executor can have it. The
/// path is an `OsString` because serde carries that one whole; a `PathBuf` has to be UTF-8 for it.
pub(crate) fn hash_file(path: OsString) -> Outcome {
    let mut hasher = Sha256::new();
    let bytes = read_pieces(Path::new(&path), |piece| hasher.update(piece))?;
    Ok(Hashed { digest: hasher.finalize().into(), bytes })
}

/// Reads the whole file, one piece after the other, and says how long it was.
pub(crate) fn read_pieces(path: &Path, mut piece: impl FnMut(&[u8])) -> io::Result<u64> {
    // The walk has seen a regular file here; to open what has taken its place (a fifo) could last for ever.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("no longer a regular file"));
    }
    let mut file = fs::File::open(path)?;
    let mut buffer = [0; PIECE];
    let mut bytes = 0;
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(bytes),
            Ok(length) => {
                piece(&buffer[..length]);
                bytes += length as u64;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The line that GNU `sha256sum` writes: the path as it is, byte for byte; only if it has a newline, a carriage return
/// or a backslash, these are escaped, and the line says so by beginning with a backslash.
pub(crate) fn write_sum(out: &mut impl Write, path: &Path, hashed: &Hashed) -> io::Result<()> {
    let name = path.as_os_str().as_encoded_bytes();
    if name.iter().any(|byte| escaped(*byte).is_some()) {
        out.write_all(b"\\")?;
    }
    write!(out, "{}  ", hex(&hashed.digest))?;
    for byte in name {
        match escaped(*byte) {
            Some(two) => out.write_all(two)?,
            None => out.write_all(&[*byte])?,
        }
    }
    out.write_all(b"\n")
}

fn escaped(byte: u8) -> Option<&'static [u8; 2]> {
    match byte {
        b'\n' => Some(b"\\n"),
        b'\r' => Some(b"\\r"),
        b'\\' => Some(b"\\\\"),
        _ => None,
    }
}

pub(crate) fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
