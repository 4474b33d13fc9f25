//! What keeps a broker from doing its job at the moment, or from doing all of it.

/// A reason: a stable code for programs, a sentence that says what to do for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    pub code: &'static str,
    pub says: String,
}

impl Obstacle {
    pub fn new(code: &'static str, says: impl Into<String>) -> Obstacle {
        Obstacle { code, says: says.into() }
    }
}

/// Whether a broker can do its job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Readiness {
    /// Why no paid request can be made or served now; it is ready if there is nothing.
    pub obstacles: Vec<Obstacle>,
    /// What does not work while paid requests go on.
    pub degraded: Vec<Obstacle>,
}
