//! The regular files below a directory, in the order of their names, and what could not be looked at.

use std::path::{Path, PathBuf};
use walkdir::WalkDir;

pub(crate) struct File {
    pub(crate) path: PathBuf,
    /// When it was found; it may have grown since.
    pub(crate) bytes: u64,
}

/// Something that was left out, and why.
pub(crate) struct Problem {
    pub(crate) path: PathBuf,
    pub(crate) reason: String,
}

#[derive(Default)]
pub(crate) struct Found {
    pub(crate) files: Vec<File>,
    pub(crate) problems: Vec<Problem>,
    /// Symbolic links, whatever they lead to.
    pub(crate) links: u64,
    /// Fifos, sockets, devices.
    pub(crate) special: u64,
}

impl Found {
    pub(crate) fn one(path: PathBuf, bytes: u64) -> Self {
        Found { files: vec![File { path, bytes }], ..Found::default() }
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

pub(crate) fn below(root: &Path) -> Found {
    let mut found = Found::default();
    // Links are not followed, but for the root itself: that is what keeps a loop of them from being endless.
    for entry in WalkDir::new(root).sort_by_file_name() {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                found.problems.push(problem(root, &error));
                continue;
            }
        };
        let kind = entry.file_type();
        if kind.is_symlink() {
            // The root is one if DIR was; its directory is what is walked.
            found.links += u64::from(entry.depth() > 0);
        } else if kind.is_file() {
            match entry.metadata() {
                Ok(metadata) => found.files.push(File { bytes: metadata.len(), path: entry.into_path() }),
                Err(error) => found.problems.push(problem(root, &error)),
            }
        } else if !kind.is_dir() {
            found.special += 1;
        }
    }
    found
}

fn problem(root: &Path, error: &walkdir::Error) -> Problem {
    let path = error.path().unwrap_or(root).to_path_buf();
    // The error's own text would name the path again.
    let reason = error.io_error().map_or_else(|| error.to_string(), ToString::to_string);
    Problem { path, reason }
}

/// A path on one line, also where it has a newline in it or is no text.
pub(crate) fn shown(path: &Path) -> String {
    match path.to_str() {
        Some(text) if !text.chars().any(char::is_control) => text.to_owned(),
        _ => format!("{path:?}"),
    }
}
