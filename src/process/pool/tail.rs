//! The last that a worker wrote to its standard error.

use super::echo::Echo;
use crate::process::launch::says_out_of_memory;
use rustix::io::read;
use std::os::fd::AsFd;

/// How many bytes of it are kept.
const KEPT: usize = 4096;
/// How often it is read in one turn: more than what a pipe holds.
const MOST_PIECES: usize = 32;

#[derive(Default)]
pub(in crate::process) struct Tail {
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
                    self.bytes.extend_from_slice(text);
                    self.out_of_memory |= says_out_of_memory(&self.bytes);
                    let surplus = self.bytes.len().saturating_sub(KEPT);
                    self.bytes.drain(..surplus);
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => return true,
                Err(_) => return false,
            }
        }
        true
    }

    pub(in crate::process) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    pub(in crate::process) fn says_out_of_memory(&self) -> bool {
        self.out_of_memory
    }
}
