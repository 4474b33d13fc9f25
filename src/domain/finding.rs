//! What was found where evidence was looked at: point by point, so that a person sees what holds and what does not.

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Finding {
    Passed,
    Failed,
    /// What it takes to say is not at hand.
    Unknown,
}

/// One point that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    pub name: &'static str,
    pub finding: Finding,
    /// What was found: one sentence.
    pub says: String,
}

impl Check {
    pub fn new(name: &'static str, finding: Finding, says: impl Into<String>) -> Check {
        Check { name, finding, says: says.into() }
    }

    /// One that holds or does not.
    pub fn is(name: &'static str, holds: bool, good: impl Into<String>, bad: impl Into<String>) -> Check {
        if holds { Check::new(name, Finding::Passed, good) } else { Check::new(name, Finding::Failed, bad) }
    }
}

/// Failed if one failed, else unknown if one is unknown.
pub fn overall(checks: &[Check]) -> Finding {
    let any = |finding| checks.iter().any(|check| check.finding == finding);
    if any(Finding::Failed) {
        Finding::Failed
    } else if any(Finding::Unknown) {
        Finding::Unknown
    } else {
        Finding::Passed
    }
}
