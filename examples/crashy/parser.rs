//! A parser as there are many: written in another language and another time, fast, and fatal on the wrong input.
//!
//! It counts words and nested brackets, and follows directives that stand at the beginning of a line:
//!
//! ```text
//! @peek N      takes the byte N bytes further on as a word's length   (it does not look whether that is in the file)
//! @again N     goes back to the byte N of the file                    (it does not look whether it was there before)
//! @table N     makes a table of N entries                             (it does not look how much memory there is)
//! @size N      says how long the file is                              (if that is wrong, it aborts, as `assert` does)
//! @end N       ends                                                   (the whole process, with that exit code)
//! ```
//!
//! Brackets are followed by recursion, however deep. All of this is meant to be wrong: see what `main` makes of it.
#![expect(unsafe_code, reason = "a parser that reads what it should not is what this example is about")]

use concurrent_futures::PortableError;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::{fs, hint, process};

/// What a file has in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts {
    pub(crate) words: u64,
    pub(crate) depth: u64,
}

/// The job: a function without captures, which can be sent by its name.
pub(crate) fn parse_file(path: OsString) -> Result<Counts, PortableError> {
    let text = fs::read(path)?;
    let mut parser = Parser { text: &text, at: 0, counts: Counts::default() };
    parser.list(0)?;
    Ok(parser.counts)
}

struct Parser<'t> {
    text: &'t [u8],
    at: usize,
    counts: Counts,
}

impl Parser<'_> {
    /// What stands between two brackets, or the whole file.
    fn list(&mut self, depth: u64) -> Result<(), PortableError> {
        self.counts.depth = self.counts.depth.max(depth);
        while let Some(&byte) = self.text.get(self.at) {
            self.at += 1;
            match byte {
                b'(' => self.list(hint::black_box(depth + 1))?,
                b')' if depth > 0 => return Ok(()),
                b'@' if self.at == 1 || self.text[self.at - 2] == b'\n' => self.directive()?,
                byte if byte.is_ascii_alphanumeric() => {
                    self.token();
                    self.counts.words += 1;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The rest of a word or of a number.
    fn token(&mut self) -> &str {
        let start = self.at;
        while self.text.get(self.at).is_some_and(u8::is_ascii_alphanumeric) {
            self.at += 1;
        }
        // No byte of it is beyond ASCII.
        std::str::from_utf8(&self.text[start..self.at]).unwrap_or_default()
    }

    fn directive(&mut self) -> Result<(), PortableError> {
        let name = self.token().to_owned();
        self.at += 1;
        if !matches!(&*name, "peek" | "again" | "table" | "size" | "end") {
            return Ok(());
        }
        let number: usize = self.token().parse()?;
        match &*name {
            "peek" => self.counts.words += u64::from(self.peek(number)),
            "again" => self.at = number,
            "table" => self.counts.words += table(number),
            "size" if number != self.text.len() => process::abort(),
            "end" => process::exit(number as i32),
            _ => {}
        }
        Ok(())
    }

    fn peek(&self, distance: usize) -> u8 {
        let place = self.text.as_ptr().wrapping_add(distance);
        // SAFETY: there is none. Whether that is a byte of the file, nobody has looked; if it is not even memory of this
        // process, the process ends here.
        unsafe { place.read_volatile() }
    }
}

/// Made, filled, and never given back.
fn table(entries: usize) -> u64 {
    for _ in 0..entries {
        Vec::leak(hint::black_box(vec![1u8; 1 << 20]));
    }
    entries as u64
}
