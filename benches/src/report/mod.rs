//! How it went: for people as tables, for programs as a file, and as a chart.

mod chart;
mod table;
mod verdict;

pub(crate) use chart::draw;
pub(crate) use table::{of_all, of_line};
pub(crate) use verdict::Verdict;

use crate::Failure;
use std::fs;
use std::path::{Path, PathBuf};

/// Writes the file, in the workspace's own `target`, wherever this was started and built.
pub(crate) fn write(verdicts: &[Verdict]) -> Result<PathBuf, Failure> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("the package is in no workspace")?;
    let folder = workspace.join("target");
    let path = folder.join("peers.json");
    fs::create_dir_all(&folder)
        .and_then(|()| fs::write(&path, serde_json::to_string_pretty(verdicts)? + "\n"))
        .map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(path)
}
