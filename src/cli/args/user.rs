//! What a user types.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::value::{address, amount, count};
use super::{Json, Listing};
use crate::domain::{
    Address, Neuron, OperationKind, OperationState, RequestId, ServiceKind, ServiceName, Timestamp,
    UserRequestState,
};

#[derive(Debug, Subcommand)]
pub enum ServiceCommand {
    /// List services, with what a unit costs.
    List {
        #[command(flatten)]
        listing: Listing,
        /// Only of this provider.
        #[arg(long, value_parser = address)]
        provider: Option<Address>,
        /// Only of this type: chatbot or zgStorage.
        #[arg(long = "type", value_name = "TYPE")]
        kind: Option<ServiceKind>,
        /// Only of this name.
        #[arg(long)]
        name: Option<ServiceName>,
        /// Only of this model.
        #[arg(long)]
        model: Option<String>,
        /// In which order: by provider unless given.
        #[arg(long, value_enum)]
        sort: Option<ServiceOrder>,
    },
    /// Show one service.
    Show {
        /// Its address, as `service list` shows it.
        #[arg(value_parser = address)]
        provider: Address,
        name: ServiceName,
        #[command(flatten)]
        json: Json,
    },
}

/// An order of services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ServiceOrder {
    Provider,
    Name,
    /// The cheapest first.
    Price,
    Newest,
}

/// An order of accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AccountOrder {
    Provider,
    Balance,
    Available,
    Owed,
}

/// An order of refunds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RefundOrder {
    Newest,
    Oldest,
    Largest,
}

/// An order of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RequestOrder {
    Newest,
    Oldest,
    Dearest,
    Cheapest,
}

#[derive(Debug, Subcommand)]
pub enum AccountCommand {
    /// List accounts.
    List {
        #[command(flatten)]
        listing: Listing,
        /// In which order: by provider unless given; by an amount, the highest first.
        #[arg(long, value_enum)]
        sort: Option<AccountOrder>,
    },
    /// Show one account.
    Show {
        /// Its address, as `service list` shows it.
        #[arg(value_parser = address)]
        provider: Address,
        #[command(flatten)]
        json: Json,
    },
    /// Open an account with a first deposit, in neuron or "… A0GI".
    Create {
        /// Its address, as `service list` shows it.
        #[arg(value_parser = address)]
        provider: Address,
        /// The deposit: neuron, or "0.01 A0GI".
        #[arg(value_parser = amount)]
        balance: Neuron,
    },
    /// Add to an account.
    Charge {
        /// Its address, as `service list` shows it.
        #[arg(value_parser = address)]
        provider: Address,
        /// How much: neuron, or "0.01 A0GI".
        #[arg(value_parser = amount)]
        amount: Neuron,
    },
    /// Read accounts again from the chain: one, or all.
    Sync {
        /// Only the account with this provider.
        #[arg(value_parser = address)]
        provider: Option<Address>,
    },
}

#[derive(Debug, Subcommand)]
pub enum RefundCommand {
    /// Ask for part of a deposit back; it is locked for a while.
    Request {
        /// Its address, as `service list` shows it.
        #[arg(value_parser = address)]
        provider: Address,
        /// How much: neuron, or "0.01 A0GI".
        #[arg(value_parser = amount)]
        amount: Neuron,
        /// Change the amount of a refund that is pending already.
        #[arg(long)]
        replace: bool,
    },
    /// List refunds, newest first.
    List {
        #[command(flatten)]
        listing: Listing,
        /// Only those that are taken (true), or that are not (false).
        #[arg(long)]
        processed: Option<bool>,
        /// Only with this provider.
        #[arg(long, value_parser = address)]
        provider: Option<Address>,
        /// In which order: the newest first unless given.
        #[arg(long, value_enum)]
        sort: Option<RefundOrder>,
    },
    /// Take a refund that is due.
    Process {
        /// Its address, as `service list` shows it.
        #[arg(value_parser = address)]
        provider: Address,
    },
    /// Leave the deposit where it is.
    Cancel {
        /// Its address, as `service list` shows it.
        #[arg(value_parser = address)]
        provider: Address,
    },
}

#[derive(Debug, Subcommand)]
pub enum RequestCommand {
    /// List requests with what each cost, newest first.
    List {
        #[command(flatten)]
        listing: Listing,
        #[command(flatten)]
        filters: RequestFilters,
        /// In which order: the newest first unless given.
        #[arg(long, value_enum)]
        sort: Option<RequestOrder>,
    },
    /// Write all requests with everything that is known of them, oldest first, to stdout or into a file.
    Export {
        #[command(flatten)]
        filters: RequestFilters,
        #[command(flatten)]
        file: ExportFile,
    },
    /// Everything about requests that others need to check them, to stdout or into a file: for `verify`.
    Bundle {
        /// Of which requests, as `request list` shows them.
        #[arg(required = true)]
        ids: Vec<RequestId>,
        /// A new file, which only you can read.
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Show one request.
    Show {
        /// As `request list` shows it.
        id: RequestId,
        #[command(flatten)]
        json: Json,
    },
    /// Accept the provider's receipt of a disputed request, and pay what it asks for beyond our own count.
    Accept {
        /// As `request list` shows it.
        id: RequestId,
        /// What `request show` says is disputed; another sum is refused.
        #[arg(value_parser = amount)]
        amount: Neuron,
    },
}

/// Which requests; everything that is given must fit.
#[derive(Clone, Debug, Default, Args)]
pub struct RequestFilters {
    /// Only of this provider.
    #[arg(long, value_parser = address)]
    pub provider: Option<Address>,
    /// Only of services of this name.
    #[arg(long)]
    pub service: Option<ServiceName>,
    /// reserved, sent, done, disputed, unconfirmed or failed.
    #[arg(long)]
    pub status: Option<UserRequestState>,
    /// Made at this time or later, as in 2026-11-01T00:00:00Z.
    #[arg(long, value_name = "TIME")]
    pub from: Option<Timestamp>,
    /// Made before this time.
    #[arg(long, value_name = "TIME")]
    pub to: Option<Timestamp>,
}

impl RequestFilters {
    /// As the API takes them.
    pub fn query(&self) -> [(&'static str, Option<String>); 5] {
        [
            ("provider", self.provider.map(|provider| provider.to_string())),
            ("service", self.service.as_ref().map(ToString::to_string)),
            ("status", self.status.map(|status| status.to_string())),
            ("from", self.from.map(|time| time.to_string())),
            ("to", self.to.map(|time| time.to_string())),
        ]
    }
}

/// Which on-chain actions; everything that is given must fit.
#[derive(Clone, Debug, Default, Args)]
pub struct OperationFilters {
    /// Only of this kind, such as deposit, request_refund or settle.
    #[arg(long, conflicts_with = "id")]
    pub kind: Option<OperationKind>,
    /// prepared, sent, mined, reverted, unknown or refused.
    #[arg(long, conflicts_with = "id")]
    pub state: Option<OperationState>,
    /// Only on the account with this provider.
    #[arg(long, value_parser = address, conflicts_with = "id")]
    pub provider: Option<Address>,
}

impl OperationFilters {
    /// As the API takes them.
    pub fn query(&self) -> [(&'static str, Option<String>); 3] {
        [
            ("kind", self.kind.map(|kind| kind.to_string())),
            ("state", self.state.map(|state| state.to_string())),
            ("provider", self.provider.map(|provider| provider.to_string())),
        ]
    }
}

/// How an export is written, and where.
#[derive(Clone, Debug, Args)]
pub struct ExportFile {
    #[arg(long, value_enum, default_value = "csv")]
    pub format: ExportAs,
    /// A new file, which only you can read.
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// The format of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExportAs {
    /// For spreadsheets, with a line of names.
    Csv,
    /// An object a line.
    Jsonl,
    /// One array.
    Json,
}

impl ExportAs {
    pub const fn as_str(self) -> &'static str {
        match self {
            ExportAs::Csv => "csv",
            ExportAs::Jsonl => "jsonl",
            ExportAs::Json => "json",
        }
    }
}

#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// What `request bundle` wrote.
    pub file: PathBuf,
    /// Only this request of it.
    #[arg(long, value_name = "ID")]
    pub request: Option<RequestId>,
    /// The body that was sent: its hash and its units are recounted.
    #[arg(long, value_name = "FILE")]
    pub body: Option<PathBuf>,
    /// The answer that came, byte for byte.
    #[arg(long, value_name = "FILE")]
    pub answer: Option<PathBuf>,
    /// The answer's Content-Type, where it is neither JSON nor an event stream.
    #[arg(long, value_name = "TYPE", requires = "answer")]
    pub content_type: Option<String>,
}

#[derive(Debug, Args)]
pub struct ChatArgs {
    /// Which service: provider/service, or a service's name or model. May be left out when there is one.
    #[arg(long)]
    pub model: Option<String>,
    /// Ask this and stop; without it, a conversation line by line.
    #[arg(short, long, value_name = "TEXT")]
    pub message: Option<String>,
    /// A system message before everything else.
    #[arg(long, value_name = "TEXT")]
    pub system: Option<String>,
    /// The most tokens of an answer.
    #[arg(long, value_parser = count)]
    pub max_tokens: Option<u64>,
}
