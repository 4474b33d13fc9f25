//! What this API's answers hold, as its documents tell it: [`crate::wire::admin`] and [`crate::wire::terms`] in words.
//!
//! A test reads what is told here as the types there, and holds what they write against it.

mod money;
mod things;

pub(super) use self::money::{DECISIONS, OVERVIEW, REPORT, SETTLEMENTS};
pub(super) use self::things::{
    ACCEPTED, HEALTH, ONE_RECEIPT, OPERATION, OPERATIONS, PENDING, REQUEST, REQUESTS, SENT, SERVICE,
    SERVICES, STATES, SYNC, TERMS, USER, USERS,
};
use crate::domain::ServiceKind;
use crate::http::field::Kind;

const KINDS: Kind = Kind::Words(&ServiceKind::NAMES);
const METERS: Kind = Kind::Words(&["o200k", "usage", "bytes"]);
/// What a provider broker does on the chain.
pub(super) const OPERATION_KINDS: Kind = Kind::Words(&["put_service", "remove_service", "settle", "deploy"]);
pub(super) const OPERATION_STATES: Kind =
    Kind::Words(&["prepared", "sent", "mined", "reverted", "unknown", "refused"]);
