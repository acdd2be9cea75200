//! Whether all ways came to the same.

use crate::hash::{Hashed, hex, write_sum};
use crate::walk::{File, Problem};
use crate::ways::Run;
use indicatif::HumanCount;
use std::io::{self, Write};

pub(crate) struct Verdict {
    /// What all ways agree on, in the order of the files.
    agreed: Vec<Option<Hashed>>,
    pub(crate) unreadable: usize,
    disagreements: usize,
    /// Every file that has no agreed hash.
    pub(crate) problems: Vec<Problem>,
}

impl Verdict {
    pub(crate) fn of(files: &[File], runs: &[Run<'_>]) -> Self {
        let mut verdict = Verdict { agreed: Vec::new(), unreadable: 0, disagreements: 0, problems: Vec::new() };
        for (index, file) in files.iter().enumerate() {
            let hashes: Result<Vec<&Hashed>, _> = runs.iter().map(|run| run.outcomes[index].as_ref()).collect();
            let (agreed, reason) = match hashes {
                Err(error) => {
                    verdict.unreadable += 1;
                    (None, Some(error.to_string()))
                }
                Ok(hashes) if hashes.windows(2).all(|two| two[0] == two[1]) => {
                    (hashes.first().map(|hash| **hash), None)
                }
                Ok(hashes) => {
                    verdict.disagreements += 1;
                    (None, Some(disagreement(runs, &hashes)))
                }
            };
            verdict.agreed.push(agreed);
            verdict.problems.extend(reason.map(|reason| Problem { path: file.path.clone(), reason }));
        }
        verdict
    }

    /// A line for every file that all ways agree on.
    pub(crate) fn write_sums(&self, files: &[File], out: &mut impl Write) -> io::Result<()> {
        for (file, agreed) in files.iter().zip(&self.agreed) {
            if let Some(hashed) = agreed {
                write_sum(out, &file.path, hashed)?;
            }
        }
        Ok(())
    }

    pub(crate) fn in_words(&self, ways: usize) -> String {
        let files = HumanCount(self.agreed.len() as u64);
        let agreed = HumanCount(self.agreed.iter().flatten().count() as u64);
        match self.disagreements {
            0 => format!("The {ways} ways came to the same hash for {agreed} of {files} files."),
            some => format!("THE WAYS DISAGREE on {some} of {files} files: see standard error."),
        }
    }
}

fn disagreement(runs: &[Run<'_>], hashes: &[&Hashed]) -> String {
    let each = runs.iter().zip(hashes).map(|(run, hash)| format!("{}: {}", run.way.label, hex(&hash.digest)));
    let each = each.collect::<Vec<_>>().join(", ");
    format!("THE WAYS DISAGREE, unless somebody wrote to it meanwhile ({each})")
}
