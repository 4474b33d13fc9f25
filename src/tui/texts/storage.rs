//! What the screen of storage says: files on their way, and what they cost.

use std::fmt::Display;

use super::numbers::bytes;

// The files

pub const NO_SERVICE: &str = "there is no storage service here; 2 lists all services";
pub fn no_file_yet(upload: &str, download: &str) -> String {
    format!(
        "No file was moved yet. {upload} uploads one: its cost is shown before anything is paid. {download} downloads \
         one by the id that an upload gave."
    )
}

pub const NO_SERVICE_ON_CHAIN: &str =
    "There is no storage service on this chain, as far as it was read. 2 lists all services.";

pub fn other_services(others: impl Display) -> String {
    format!("tab: {others} other")
}

pub fn prices(up: impl Display, down: impl Display) -> String {
    format!("a megabyte: up {up}, down {down}")
}

pub fn names(many: impl Display) -> String {
    format!("… {many} names")
}

pub fn stored(result: impl Display, size: impl Display, id: impl Display) -> String {
    format!("{result}  {size}  of {id}")
}

pub fn stopped_after(size: impl Display) -> String {
    format!("stopped after {size}; nothing is kept")
}

pub fn so_far_of(used: impl Display, most: impl Display) -> String {
    format!("{used} of at most {most}")
}

pub fn a_second(size: impl Display) -> String {
    format!(", {size} a second")
}

pub fn reading(done: impl Display, whole: impl Display) -> String {
    format!("reading {done} of {whole}")
}

pub fn done_of(done: impl Display, whole: impl Display, rate: impl Display) -> String {
    format!("{done} of {whole}{rate}")
}

pub fn on_the_way(size: impl Display, seconds: impl Display) -> String {
    format!("{size} on the way to the service, {seconds} s")
}

pub fn waiting(seconds: impl Display) -> String {
    format!("waiting for the service, {seconds} s")
}

pub const ITS_REQUEST: &str = "its request";
pub const OTHER_SERVICE: &str = "other service";
pub const SEE_COST: &str = "see the cost";
pub const NEXT_THEN_COST: &str = "next, then the cost";

// What a key answers

pub const THE_ID: &str = "the id";
pub const NO_ID_YET: &str = "there is no id to copy yet";
pub const THE_TRANSFER: &str = "the transfer";

pub fn copied_file(file: impl Display) -> String {
    format!("file: {file}")
}

pub fn copied_service(service: impl Display) -> String {
    format!("service: {service}")
}

pub fn copied_bytes(bytes: impl Display) -> String {
    format!("bytes: {bytes}")
}

pub fn copied_id(id: impl Display) -> String {
    format!("id: {id}")
}

pub fn copied_request(request: impl Display) -> String {
    format!("request: {request}")
}

pub fn copied_fee(fee: impl Display) -> String {
    format!("fee: {fee}")
}

pub const STOPPED: &str = "stopped; what was under way is booked by what had come";
pub const LEAVING_ONE: &str = "a file that is being moved";

pub fn leaving_many(many: impl Display) -> String {
    format!("{many} files that are being moved")
}

// What became of a transfer

pub fn not_moved(file: impl Display, reason: impl Display) -> String {
    format!("{file} was not moved: {reason}")
}

pub const COST_NOT_KNOWN: &str = "its cost is not known yet";

pub fn it_cost(amount: impl Display) -> String {
    format!("it cost {amount}")
}

pub fn is_stored_as(file: impl Display, result: impl Display, cost: impl Display) -> String {
    format!("{file} is stored as {result}; {cost}")
}

pub fn was_written(result: impl Display, size: impl Display, cost: impl Display) -> String {
    format!("{result} was written, {size}; {cost}")
}

pub fn was_stopped(file: impl Display, cost: impl Display) -> String {
    format!("{file} was stopped; {cost}")
}

pub const MONEY_IS_MISSING: &str = "money is missing; ask for it again to add it";
pub const SIZE_CHANGED: &str = "the file has another size than a moment ago; begin it again";

pub fn named_none(said: impl Display) -> String {
    format!("(the service named none; it said: {said})")
}

pub fn broke_off(got: u64, reason: impl Display) -> String {
    format!("it broke off after {}, which are paid and not kept: {reason}", bytes(got))
}

pub fn no_room(reason: impl Display) -> String {
    format!("{reason}: make room, or choose another place; what had come is paid, not kept")
}

pub fn ended_early(got: u64) -> String {
    format!("it ended after {}, before its end; nothing is kept", bytes(got))
}

pub fn service_refused(status: impl Display, message: impl Display) -> String {
    format!("the service answered {status}, which costs nothing: {message}")
}

// The questions

pub const UPLOAD_HINT: &str = "A path; tab completes it, ~/ is your home.";
pub const UPLOAD_TITLE: &str = "Upload a file";
pub const DOWNLOAD_TITLE: &str = "Download a file";
pub const CONTENT_HINT: &str = "The root, hash or id that the service gave; or a path that it knows.";
pub const SAVE_AS: &str = "Save as";
pub const SAVE_AS_HINT: &str = "A new file; no other one is ever overwritten.";
pub const MOST_MB: &str = "At most MB";
pub const MOST_MB_HINT: &str = "More than so many megabytes are neither taken nor paid.";
pub const WHOLE_NUMBER: &str = "write a whole number, as 64";
pub const AT_LEAST_ONE_MB: &str = "at least 1 megabyte";
pub const WHICH_CONTENT: &str = "which content? Uploads of this session show theirs";

// What it will cost

pub fn bytes_times(many: u64, price: impl Display) -> String {
    format!("{} × {price}", bytes(many))
}

pub fn answer_included(amount: impl Display) -> String {
    format!("{amount}, its answer included")
}

pub const NO_ACCOUNT_WITH_PROVIDER: &str = "no account with this provider yet";
pub const THEN_LEFT: &str = "Then left";

pub fn at_least(amount: impl Display) -> String {
    format!("at least {amount}")
}

pub const SHORT_TO_UPLOAD: &str = "Short of money: add it, then upload?";
pub const ADD_IT: &str = "Add it";
pub const SHORT_TO_DOWNLOAD: &str = "Short of money: add it, then download?";
