//! What was found, one line a part, and how to mend what is wrong.

use crate::app::failure::failure_of;
use crate::cli::{Exit, Output};

/// Findings, told as they come.
#[derive(Debug, Default)]
pub(super) struct Findings {
    worst: Option<Exit>,
}

impl Findings {
    pub(super) fn good(&self, what: &str) {
        Output.line(&format!("ok    {what}"));
    }

    /// What works now and may not for long.
    pub(super) fn doubtful(&self, what: &str, cure: &str) {
        Output.line(&format!("look  {what}"));
        Output.line(&format!("      {cure}"));
    }

    pub(super) fn bad(&mut self, exit: Exit, what: &str, cure: &str) {
        Output.line(&format!("FAIL  {what}"));
        if !cure.is_empty() {
            Output.line(&format!("      mend it: {cure}"));
        }
        self.worst.get_or_insert(exit);
    }

    pub(super) fn wrong(&mut self, part: &str, error: &anyhow::Error, cure: &str) {
        let failure = failure_of(error);
        self.bad(failure.exit, &format!("{part}: {}", failure.message), cure);
    }

    /// The exit code: that of the first thing that was wrong.
    pub(super) fn exit(&self) -> Exit {
        self.worst.unwrap_or(Exit::Ok)
    }
}
