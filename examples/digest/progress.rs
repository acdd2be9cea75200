//! A bar for each pass, on standard error, if somebody is there to look at it.

use crate::walk::Found;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, style::TemplateError};
use std::io::{IsTerminal, stderr};

pub(crate) struct Progress {
    style: ProgressStyle,
    bytes: u64,
    hidden: bool,
}

/// Vanishes when dropped.
pub(crate) struct Bar(ProgressBar);

impl Progress {
    pub(crate) fn new(found: &Found, quiet: bool) -> Result<Self, TemplateError> {
        let style = ProgressStyle::with_template("{msg:28} {wide_bar} {binary_bytes}/{binary_total_bytes} {eta}")?;
        Ok(Progress { style, bytes: found.bytes(), hidden: quiet || !stderr().is_terminal() })
    }

    pub(crate) fn pass(&self, what: &str) -> Bar {
        let target = if self.hidden { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(Some(self.bytes), target).with_style(self.style.clone());
        Bar(bar.with_message(what.to_owned()))
    }
}

impl Bar {
    pub(crate) fn done(&mut self, bytes: u64) {
        self.0.inc(bytes);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
