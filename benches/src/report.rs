//! What came of a line: a verdict, a table for people, and a file for programs.

use crate::Failure;
use crate::measure::{Line, Measured, Role};
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Whether a line's goal was met. As it is in the file.
#[derive(Serialize)]
pub(crate) struct Verdict {
    id: &'static str,
    ours_ns: f64,
    /// The medians of those that count.
    peers: BTreeMap<&'static str, f64>,
    best_peer: &'static str,
    ratio: f64,
    goal: f64,
    pub(crate) pass: bool,
}

impl Verdict {
    pub(crate) fn of(line: &Line, measured: &[Measured]) -> Result<Self, Failure> {
        let with = |role| measured.iter().filter(move |one| one.role == role);
        let ours = with(Role::Ours).next().ok_or_else(|| format!("{}: we do not take part", line.id))?;
        let best = with(Role::Peer).min_by(|one, other| one.median().total_cmp(&other.median()));
        let best = best.ok_or_else(|| format!("{}: no peer takes part", line.id))?;
        let ratio = ours.median() / best.median();
        Ok(Verdict {
            id: line.id,
            ours_ns: ours.median(),
            peers: with(Role::Peer).map(|peer| (peer.name, peer.median())).collect(),
            best_peer: best.name,
            ratio,
            goal: line.goal,
            pass: ratio <= line.goal,
        })
    }

    /// What stands beside a contender: ours has the comparison, of the peers the best is marked.
    fn beside(&self, one: &Measured) -> [String; 3] {
        let note = match one.role {
            Role::Ours => {
                let word = if self.pass { "met" } else { "MISSED" };
                return [format!("{:.2}", self.ratio), format!("{:.2}", self.goal), word.to_owned()];
            }
            Role::Peer if one.name == self.best_peer => "best peer",
            Role::Peer => "",
            Role::Information => "information",
        };
        [String::new(), String::new(), note.to_owned()]
    }
}

pub(crate) fn table(verdict: &Verdict, measured: &[Measured]) -> String {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED);
    table.set_header(["", "median", "min", "to best peer", "goal", "verdict"]);
    for one in measured {
        let [ratio, goal, note] = verdict.beside(one);
        let (median, minimum) = (format!("{:.1}", one.median()), format!("{:.1}", one.minimum()));
        table.add_row([one.name.to_owned(), median, minimum, ratio, goal, note]);
    }
    table.column_iter_mut().skip(1).take(4).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    table.to_string()
}

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
