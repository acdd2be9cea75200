//! The files that were not parsed, as a table, and how many were.

use crate::fates::{Fate, Kind};
use comfy_table::{ContentArrangement, Table, presets};
use std::path::{Path, PathBuf};

const WIDTH: u16 = 120;

pub(crate) fn of(root: &Path, files: &[PathBuf], fates: &[Fate]) -> String {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(WIDTH).set_header(["file", "what came of it", "why"]);
    let failed = files.iter().zip(fates).filter(|(_, fate)| fate.kind != Kind::Parsed);
    table.add_rows(failed.map(|(file, fate)| {
        let name = file.strip_prefix(root).unwrap_or(file).display().to_string();
        [name, fate.name().to_owned(), fate.words.clone()]
    }));
    let count = |kinds: &[Kind]| fates.iter().filter(|fate| kinds.contains(&fate.kind)).count();
    let lost = count(&[Kind::Late, Kind::OutOfMemory, Kind::Died]);
    let mut text = String::new();
    if !table.is_empty() {
        text += &format!("{table}\n");
    }
    text += &format!(
        "{} of {} files were parsed, and {} refused by the parser itself. {lost} cost the worker that had them, and \
         nothing else.\n",
        count(&[Kind::Parsed]),
        files.len(),
        count(&[Kind::Refused, Kind::Panicked]),
    );
    text
}
