//! How numbers are written, and the nouns that they count: `1 request`, `1,234 requests`.

pub use crate::domain::amount::grouped;

/// So many of something: its word for one, and its word for any other number.
pub fn counted(many: impl TryInto<u128>, one: &str, more: &str) -> String {
    match many.try_into().unwrap_or(u128::MAX) {
        1 => format!("1 {one}"),
        many => format!("{} {more}", grouped(many)),
    }
}

pub fn accounts(many: impl TryInto<u128>) -> String {
    counted(many, "account", "accounts")
}

pub fn answers(many: impl TryInto<u128>) -> String {
    counted(many, "answer", "answers")
}

pub fn bytes(many: impl TryInto<u128>) -> String {
    counted(many, "byte", "bytes")
}

pub fn characters(many: impl TryInto<u128>) -> String {
    counted(many, "character", "characters")
}

pub fn conversations(many: impl TryInto<u128>) -> String {
    counted(many, "conversation", "conversations")
}

pub fn days(many: impl TryInto<u128>) -> String {
    counted(many, "day", "days")
}

pub fn lines(many: impl TryInto<u128>) -> String {
    counted(many, "line", "lines")
}

pub fn milliseconds(many: impl TryInto<u128>) -> String {
    counted(many, "ms", "ms")
}

pub fn operations(many: impl TryInto<u128>) -> String {
    counted(many, "operation", "operations")
}

pub fn requests(many: impl TryInto<u128>) -> String {
    counted(many, "request", "requests")
}

pub fn services(many: impl TryInto<u128>) -> String {
    counted(many, "service", "services")
}

pub fn settlements(many: impl TryInto<u128>) -> String {
    counted(many, "settlement", "settlements")
}

pub fn times(many: impl TryInto<u128>) -> String {
    match many.try_into().unwrap_or(u128::MAX) {
        1 => "once".to_owned(),
        many => format!("{} times", grouped(many)),
    }
}

pub fn transactions(many: impl TryInto<u128>) -> String {
    counted(many, "transaction", "transactions")
}

pub fn units(many: impl TryInto<u128>) -> String {
    counted(many, "unit", "units")
}

pub fn users(many: impl TryInto<u128>) -> String {
    counted(many, "user", "users")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_something_is_one() {
        assert_eq!(requests(0_u64), "0 requests");
        assert_eq!(requests(1_usize), "1 request");
        assert_eq!(requests(1_234_567_u64), "1,234,567 requests");
        assert_eq!(times(1_u32), "once");
        assert_eq!(times(2_u32), "2 times");
        assert_eq!(days(u128::MAX), "340,282,366,920,938,463,463,374,607,431,768,211,455 days");
    }
}
