//! Conversations on disk. A stand-in: only its name and how it is opened.

use crate::store::Db;

/// Conversations, prompts and their costs, in the user's database.
#[derive(Clone, Debug)]
pub struct Library {
    _db: Db,
}

impl Library {
    pub fn open(db: Db) -> Library {
        Library { _db: db }
    }
}
