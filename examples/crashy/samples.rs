//! Files for the parser: many that are fine, and some of each kind that is not.

use crate::fates::{Fate, Kind};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// How many files there are that nothing is wrong with.
const FINE: usize = 40;

/// A directory with samples, which is removed in the end.
pub(crate) struct Samples {
    directory: PathBuf,
}

struct Fatal {
    name: &'static str,
    contents: String,
    /// What comes of it, and what has to be said about it.
    kind: Kind,
    words: &'static str,
}

fn fatal() -> Vec<Fatal> {
    let fatal = |name, contents: &str, kind, words| Fatal { name, contents: contents.to_owned(), kind, words };
    vec![
        fatal("abort", "half a sentence\n@size 7\n", Kind::Died, "signal 6"),
        // From anywhere in a process, that far on (2^64 - 2^47) is where only the kernel has memory.
        fatal("crash", "some words\n@peek 18446603336221196288\n", Kind::Died, "signal 11"),
        fatal("deep", &"(".repeat(1 << 20), Kind::Died, "stack overflow"),
        fatal("exit", "the end\n@end 3\n", Kind::Died, "exit code 3"),
        fatal("exit_zero", "the end\n@end 0\n", Kind::Died, "exit code 0"),
        fatal("hang", "again and\n@again 0\n", Kind::Late, "time limit"),
        fatal("leak", "a large\n@table 100000\n", Kind::OutOfMemory, "out of memory"),
        fatal("no_number", "this is said properly\n@again and again\n", Kind::Refused, "invalid digit"),
    ]
}

pub(crate) fn write() -> io::Result<Samples> {
    let directory = std::env::temp_dir().join(format!("concurrent-futures-crashy-{}", std::process::id()));
    fs::create_dir(&directory)?;
    let samples = Samples { directory };
    for number in 0..FINE {
        let words = "a few words, (some of them (in brackets)) and a line\n".repeat(1 + number * 50);
        fs::write(samples.directory.join(format!("fine_{number:02}")), words)?;
    }
    for Fatal { name, contents, .. } in fatal() {
        fs::write(samples.directory.join(name), contents)?;
    }
    Ok(samples)
}

impl Samples {
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Whether that is what is to become of a file.
    pub(crate) fn expect(&self, path: &Path, fate: &Fate) -> bool {
        let name = path.file_name().unwrap_or_default();
        match fatal().into_iter().find(|fatal| name == fatal.name) {
            Some(Fatal { kind, words, .. }) => fate.kind == kind && fate.words.contains(words),
            None => fate.kind == Kind::Parsed,
        }
    }
}

impl Drop for Samples {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}
