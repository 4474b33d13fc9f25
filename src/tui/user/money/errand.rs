//! What was ordered, and how far it is.

use super::Trial;
use crate::broker::user::{Action, OperationView};
use crate::domain::{OperationId, OperationState, Timestamp};
use crate::tui::texts;
use crate::tui::user::screen::Screen;

/// Something that was confirmed. It is over once the chain, or whoever sends there, gave a final answer.
#[derive(Debug)]
pub struct Errand {
    pub number: u64,
    /// The dialog that ordered it.
    pub dialog: u64,
    pub action: Action,
    /// Who waits for it, until told.
    pub then: Option<(Screen, u64)>,
    pub was_waited_for: bool,
    pub ordered_at: Timestamp,
    pub progress: Progress,
    told: bool,
}

#[derive(Debug)]
pub enum Progress {
    /// Nothing was heard of it yet.
    Sending,
    Known(Box<OperationView>),
    /// It was refused before it could reach the chain.
    Failed(String),
}

impl Errand {
    pub fn new(
        number: u64,
        dialog: u64,
        trial: &Trial,
        then: Option<(Screen, u64)>,
        ordered_at: Timestamp,
    ) -> Errand {
        Errand {
            number,
            dialog,
            action: trial.action,
            then,
            was_waited_for: then.is_some(),
            ordered_at,
            progress: Progress::Sending,
            told: false,
        }
    }

    pub fn is(&self, id: OperationId) -> bool {
        matches!(&self.progress, Progress::Known(view) if view.id == id)
    }

    pub fn is_sending(&self) -> bool {
        matches!(self.progress, Progress::Sending)
    }

    pub fn began(&mut self, operation: Result<OperationView, String>) {
        self.progress = match operation {
            Ok(view) => Progress::Known(Box::new(view)),
            Err(reason) => Progress::Failed(reason),
        };
    }

    /// Takes what is known of the operation. Older news than what is known is no news.
    pub fn know(&mut self, view: OperationView) {
        if let Progress::Known(known) = &self.progress
            && known.state.is_settled()
            && !view.state.is_settled()
        {
            return;
        }
        self.progress = Progress::Known(Box::new(view));
    }

    /// The operation whose end is not known.
    pub fn waits_for(&self) -> Option<OperationId> {
        match &self.progress {
            Progress::Known(view) if !view.state.is_settled() => Some(view.id),
            _ => None,
        }
    }

    pub fn is_over(&self) -> bool {
        match &self.progress {
            Progress::Sending => false,
            Progress::Known(view) => view.state.is_settled(),
            Progress::Failed(_) => true,
        }
    }

    /// Whether it did what it should.
    pub fn is_done(&self) -> bool {
        matches!(&self.progress, Progress::Known(view) if view.state == OperationState::Mined)
    }

    /// Why it was not done, once it is over.
    pub fn refused(&self) -> Option<String> {
        match &self.progress {
            Progress::Failed(reason) => Some(reason.clone()),
            Progress::Known(view)
                if matches!(view.state, OperationState::Reverted | OperationState::Refused) =>
            {
                let reason = view.reason.clone().unwrap_or_else(|| texts::money::WITHOUT_REASON.to_owned());
                Some(format!("{}: {reason}", view.state.as_str()))
            }
            _ => None,
        }
    }

    /// How it ended, the first time it is asked after the end: `Some(None)` is well.
    pub fn end(&mut self) -> Option<Option<String>> {
        if self.told || !self.is_over() {
            return None;
        }
        self.told = true;
        Some(self.refused())
    }
}
