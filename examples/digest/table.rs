//! What each way took, as a table.

use crate::hash::Hashed;
use crate::ways::Run;
use comfy_table::{CellAlignment, Table, presets};
use indicatif::{BinaryBytes, HumanCount};

pub(crate) fn of(runs: &[Run<'_>]) -> String {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED);
    table.set_header(["", "files", "bytes", "time", "MB/s", "speed-up", "efficiency"]);
    table.add_rows(runs.iter().map(|run| row(run, &runs[0])));
    table.column_iter_mut().skip(1).for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    table.to_string()
}

/// `baseline` is what the speed-up is over.
fn row(run: &Run<'_>, baseline: &Run<'_>) -> [String; 7] {
    let hashed: Vec<&Hashed> = run.outcomes.iter().flatten().collect();
    let bytes: u64 = hashed.iter().map(|hashed| hashed.bytes).sum();
    // Nothing takes no time; this is for an empty directory on a coarse clock.
    let seconds = run.elapsed.as_secs_f64().max(1e-9);
    let speed_up = baseline.elapsed.as_secs_f64() / seconds;
    [
        run.way.label.clone(),
        HumanCount(hashed.len() as u64).to_string(),
        BinaryBytes(bytes).to_string(),
        format!("{seconds:.3} s"),
        format!("{:.0}", bytes as f64 / 1e6 / seconds),
        format!("{speed_up:.2}"),
        format!("{:.0} %", 100.0 * speed_up / run.way.workers as f64),
    ]
}
