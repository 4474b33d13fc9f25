//! The words of the network and their arithmetic. No I/O, no clock, no async.
//!
//! Every other floor speaks in these types: an amount is a [`Neuron`], never a bare integer; an
//! account is the pair [`AccountId`]; a life (of a request, of a transaction) is an enum whose legal
//! moves are functions. Foreign text becomes ours only through [`clean`].
//!
//! | word | meaning |
//! |---|---|
//! | neuron, A0GI | amounts are whole neuron; 1 A0GI = 10^18 neuron |
//! | account | what one user has deposited with one provider |
//! | delegate | a key that may sign vouchers for one account, and nothing else |
//! | voucher | the user's signed promise: "this provider may have taken `cumulative` neuron in all" |
//! | receipt | the provider's signed statement of what one request cost and why |
//! | seal | what shows who wrote an authorisation or a receipt: a signature, or a tag under the shared key |
//! | owed, reserved, settled | sum of fees ever; held for requests in flight; paid on chain |

pub mod account;
pub mod address;
pub mod amount;
pub mod clean;
pub mod finding;
pub mod id;
mod network;
mod obstacle;
pub mod operation;
pub mod price;
pub mod receipt;
pub mod request;
mod running_sum;
pub mod seal;
pub mod service;
pub mod time;
pub mod voucher;

pub use account::{AccountId, ChainAccount, PendingRefund, Rotation};
pub use alloy::primitives::{Address, B256};
pub use amount::Neuron;
pub use finding::{Check, Finding};
pub use id::{ConversationId, MessageId, OperationId, RequestId};
pub use network::network;
pub use obstacle::{Obstacle, Readiness};
pub use operation::{OperationKind, OperationState};
pub use price::{Fee, Prices, Units};
pub use receipt::{Receipt, ReceiptStatus, SignedReceipt};
pub use request::{ProviderRequestState, UserRequestState};
pub use running_sum::RunningSum;
pub use seal::{PublicKey, Seal, SealedReceipt, SealedRequestAuth, Tag};
pub use service::{Service, ServiceKind, ServiceLimits, ServiceName};
pub use time::Timestamp;
pub use voucher::{RequestAuth, Signature, SignedRequestAuth, SignedVoucher, Voucher, VoucherDomain};
