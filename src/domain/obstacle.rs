//! What keeps a broker from doing its job at the moment.

/// A reason why a broker is not ready: a stable code for programs, a sentence that says what to do for people.
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
