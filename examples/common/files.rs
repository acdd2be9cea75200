//! The files that the examples of queues work on.

use std::error::Error;
use std::path::{Path, PathBuf};
use walkdir::{DirEntry, WalkDir};

/// The regular files below a directory, in the order of their names, without what is hidden or built.
pub fn below(root: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    if !root.is_dir() {
        return Err(format!("{}: there is no such directory", root.display()).into());
    }
    let kept = |entry: &DirEntry| {
        let name = entry.file_name().to_string_lossy();
        entry.depth() == 0 || !(name.starts_with('.') || name == "target")
    };
    let entries = WalkDir::new(root).sort_by_file_name().into_iter().filter_entry(kept);
    // What cannot be looked at is left out, by all ways alike.
    let files = entries.filter_map(Result::ok).filter(|entry| entry.file_type().is_file());
    Ok(files.map(DirEntry::into_path).collect())
}
