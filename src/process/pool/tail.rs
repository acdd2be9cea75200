//! What a worker wrote to its standard error, as far as it is kept: the last of it, and the beginning of a panic that a
//! long backtrace has pushed out of that.

use super::echo::Echo;
use crate::process::launch::says_out_of_memory;
use rustix::io::read;
use std::os::fd::AsFd;

/// How many bytes are kept, and how many of these are a panic's beginning if there is one to be kept.
const KEPT: usize = 4096;
const BEGINNING: usize = 1024;
/// What the line has with which a panic begins.
const PANICKED: &[u8] = b" panicked at ";
/// How often it is read in one turn: more than what a pipe holds.
const MOST_PIECES: usize = 32;

#[derive(Default)]
pub(in crate::process) struct Tail {
    /// Empty as long as what is left of the last panic is among the last bytes.
    beginning: Vec<u8>,
    /// How many bytes came between that and `bytes`.
    left_out: usize,
    bytes: Vec<u8>,
    /// It said that it had no memory; a long backtrace may have come since.
    out_of_memory: bool,
}

impl Tail {
    /// Takes what there is now, keeps the end of it, and passes it on. `false`: there will be no more.
    pub(in crate::process) fn follow(&mut self, stderr: impl AsFd, echo: &Echo) -> bool {
        let mut buffer = [0; 4096];
        // Who writes without an end must not hold up everybody.
        for _ in 0..MOST_PIECES {
            match read(&stderr, &mut buffer) {
                Ok(0) => return false,
                Ok(length) => {
                    let text = &buffer[..length];
                    echo.write(text);
                    self.take(text);
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => return true,
                Err(_) => return false,
            }
        }
        true
    }

    fn take(&mut self, text: &[u8]) {
        self.bytes.extend_from_slice(text);
        self.out_of_memory |= says_out_of_memory(&self.bytes);
        let surplus = self.bytes.len().saturating_sub(KEPT);
        if surplus == 0 {
            return;
        }
        self.left_out = self.left_out.saturating_add(surplus);
        // All of a mark that begins in the surplus is here, and so is what comes after it.
        let mark = self.bytes.windows(PANICKED.len()).take(surplus).rposition(|here| here == PANICKED);
        if let Some(mark) = mark {
            let line = self.bytes[..mark].iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            let end = self.bytes.len().min(line + BEGINNING);
            self.beginning = self.bytes[line..end].to_vec();
            self.left_out = surplus.saturating_sub(end);
            // What would be there twice.
            self.bytes.drain(..surplus.max(end));
            return;
        }
        self.bytes.drain(..surplus);
    }

    pub(in crate::process) fn text(&self) -> String {
        if self.beginning.is_empty() {
            return String::from_utf8_lossy(&self.bytes).into_owned();
        }
        let skipped = self.bytes.len().saturating_sub(KEPT - BEGINNING);
        let beginning = String::from_utf8_lossy(&self.beginning);
        let end = String::from_utf8_lossy(&self.bytes[skipped..]);
        match self.left_out.saturating_add(skipped) {
            0 => format!("{beginning}{end}"),
            left_out => format!("{beginning}\n[.. {left_out} bytes ..]\n{end}"),
        }
    }

    pub(in crate::process) fn says_out_of_memory(&self) -> bool {
        self.out_of_memory
    }
}
