//! Tables for people: one for each line, and one of all.

use super::verdict::{Judged, Verdict};
use crate::measure::{Line, Measured, Role};
use comfy_table::{CellAlignment, Table, presets};
use std::fmt::Write;

fn table(header: &[&str], figures: &[usize]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED);
    table.set_header(header);
    for column in figures {
        if let Some(column) = table.column_mut(*column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// With as many digits as say something.
fn figure(value: f64) -> String {
    if value < 10_000.0 { format!("{value:.1}") } else { format!("{value:.0}") }
}

fn ratio(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"))
}

/// What a line was, each contender's figures, and its goals.
pub(crate) fn of_line(line: &Line, verdict: &Verdict, measured: &[Measured]) -> String {
    let mut table = table(&["", "median", "min", "ours to it", ""], &[1, 2, 3]);
    for one in measured {
        let note = match one.role {
            Role::Ours => "",
            Role::Peer if Some(one.name) == verdict.best_peer => "best peer",
            Role::Peer => "peer",
            Role::Limit => "limit",
            Role::Information => "information",
        };
        let times = (one.role != Role::Ours && one.median() > 0.0).then(|| verdict.ours_ns / one.median());
        let times = times.map_or_else(String::new, |times| ratio(Some(times)));
        table.add_row([one.name, &figure(one.median()), &figure(one.minimum()), &times, note]);
    }
    let mut text = format!("{}: {}, {} per item\n{table}\n", line.id, line.title, line.unit.name());
    for Judged { than, ratio: times, goal, pass, .. } in &verdict.goals {
        let word = if *pass { "met" } else { "MISSED" };
        let _ = writeln!(text, "  {} of {than}, goal {goal:.2}: {word}", ratio(*times));
    }
    for absent in &verdict.not_judged {
        let _ = writeln!(text, "  the goal over {absent} is not judged: it is not here");
    }
    text
}

/// A row for each line.
pub(crate) fn of_all(verdicts: &[Verdict]) -> String {
    let mut table = table(&["", "ours", "unit", "compared with", "ratio", "goal", "verdict"], &[1, 4, 5]);
    for verdict in verdicts {
        let ours = figure(verdict.ours_ns);
        let mut add = |than: &str, times, goal: Option<f64>, word: &str| {
            table.add_row([verdict.id, &ours, verdict.unit, than, &ratio(times), &ratio(goal), word]);
        };
        if verdict.goals.is_empty() {
            add(verdict.best_peer.unwrap_or("-"), verdict.ratio, None, verdict.word());
        }
        for judged in &verdict.goals {
            add(&judged.than, judged.ratio, Some(judged.goal), if judged.pass { "met" } else { "MISSED" });
        }
    }
    table.to_string()
}
