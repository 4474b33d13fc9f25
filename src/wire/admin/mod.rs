//! The objects of the provider broker's own API, as its server writes and its clients read them.
//!
//! PascalCase keys, amounts as decimal text, times in RFC 3339, addresses with their checksum. `http` makes them from
//! what the broker says; the console and the commands read them. A key that a client does not know is no error, and
//! states are words, so that a newer broker can be looked at with an older console.
//!
//! | file | holds |
//! |---|---|
//! | `service` | a service on offer, and what the chain lists of it |
//! | `user`, `request` | who owes, and for what |
//! | `settlement` | what was paid, what comes next, why |
//! | `overview` | the broker on one page |

mod overview;
mod request;
mod service;
mod settlement;
mod user;

pub use self::{
    overview::{HealthItem, Overview, TodayItem},
    request::{OperationItem, RequestItem},
    service::{HealthOfService, LimitsItem, ListedItem, ServiceItem, Services},
    settlement::{
        DecisionItem, ForecastItem, LeftOutItem, ReasonItem, ReportItem, RowItem, SettlementItem,
        Settlements, TransactionItem,
    },
    user::UserItem,
};
