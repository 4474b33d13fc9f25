//! What a provider types.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::value::{address, amount, limit};
use super::{ExportFile, Json, Listing, RequestOrder};
use crate::domain::{
    Address, Neuron, OperationState, ProviderRequestState, ServiceKind, ServiceName, Timestamp,
};

#[derive(Debug, Subcommand)]
pub enum ProviderCommand {
    /// Services that this provider offers.
    #[command(subcommand)]
    Service(OwnServiceCommand),
    /// Users and what they owe, those who owe most first.
    Users(Listing),
    /// Settlements so far and the next one.
    Settlements {
        #[command(flatten)]
        listing: Listing,
        /// Only those in this state: prepared, sent, mined, reverted, unknown or refused.
        #[arg(long)]
        status: Option<OperationState>,
    },
    /// Requests that were served, newest first.
    Requests(Served),
    /// Write all requests that were served, or all settlements, with everything that is known of them.
    Export(Exported),
}

#[derive(Debug, Args)]
pub struct Served {
    #[command(flatten)]
    pub listing: Listing,
    #[command(flatten)]
    pub which: Which,
    /// In which order: the newest first unless given.
    #[arg(long, value_enum)]
    pub sort: Option<RequestOrder>,
}

#[derive(Debug, Args)]
pub struct Exported {
    /// Settlements instead of requests: what each brought and what it cost.
    #[arg(long, conflicts_with_all = ["user", "service", "status", "from", "to"])]
    pub settlements: bool,
    #[command(flatten)]
    pub which: Which,
    #[command(flatten)]
    pub file: ExportFile,
}

/// Which requests; everything that is given must fit.
#[derive(Debug, Args)]
pub struct Which {
    /// Only of this user.
    #[arg(long, value_parser = address)]
    pub user: Option<Address>,
    /// Only of this service.
    #[arg(long)]
    pub service: Option<ServiceName>,
    /// Only those in this state: admitted, charged, failed or lost.
    #[arg(long)]
    pub status: Option<ProviderRequestState>,
    /// Made at this time or later, as in 2026-11-01T00:00:00Z.
    #[arg(long, value_name = "TIME")]
    pub from: Option<Timestamp>,
    /// Made before this time.
    #[arg(long, value_name = "TIME")]
    pub to: Option<Timestamp>,
}

impl Which {
    /// As the API takes them.
    pub fn query(&self) -> [(&'static str, Option<String>); 5] {
        [
            ("user", self.user.map(|user| user.to_string())),
            ("service", self.service.as_ref().map(ToString::to_string)),
            ("status", self.status.map(|status| status.to_string())),
            ("from", self.from.map(|time| time.to_string())),
            ("to", self.to.map(|time| time.to_string())),
        ]
    }
}

#[derive(Debug, Subcommand)]
pub enum OwnServiceCommand {
    /// Register a service on the chain.
    Add(ServiceDetails),
    /// List services: whether they are on offer, how they do, where the chain differs.
    List(Listing),
    /// Show all about a service, with the address that is proxied.
    Show {
        name: ServiceName,
        #[command(flatten)]
        json: Json,
    },
    /// Change a service; what is not given stays.
    Update(ServiceChange),
    /// Take no new requests for a service; it stays on the chain.
    Pause { name: ServiceName },
    /// Take requests for a service again.
    Resume { name: ServiceName },
    /// Compare all services with the chain and repair what differs.
    Sync(Json),
    /// Take a service off the chain.
    Remove { name: ServiceName },
}

#[derive(Debug, Args)]
pub struct ServiceDetails {
    /// Its name, unique for this provider.
    pub name: ServiceName,
    /// Where the service really is; users never see it.
    #[arg(long, value_name = "URL")]
    pub target: String,
    /// chatbot (units are tokens) or zgStorage (units are bytes).
    #[arg(long = "type", value_name = "TYPE", default_value = "chatbot")]
    pub kind: ServiceKind,
    /// What it calls its model.
    #[arg(long)]
    pub model: Option<String>,
    /// Neuron a token or byte in (or "… A0GI").
    #[arg(long, value_parser = amount)]
    pub input_price: Neuron,
    /// Neuron a token or byte out.
    #[arg(long, value_parser = amount)]
    pub output_price: Neuron,
    /// How units are counted: o200k or usage for chatbots, bytes for storage.
    #[arg(long)]
    pub meter: Option<String>,
    #[command(flatten)]
    pub behind: Behind,
}

/// What stays between the broker and the service.
#[derive(Clone, Debug, Default, Args)]
pub struct Behind {
    /// A file whose first line is the service's API key; sent along as Authorization: Bearer … and shown to nobody.
    #[arg(long, value_name = "FILE")]
    pub api_key_file: Option<PathBuf>,
    /// A file of further headers to send along, one `Name: value` a line. These files replace all headers of before.
    #[arg(long, value_name = "FILE")]
    pub header_file: Option<PathBuf>,
    /// Requests of all users that it serves at the same time, or none for any number.
    #[arg(long, value_name = "N", value_parser = limit)]
    pub max_in_flight: Option<u32>,
    /// Requests of all users that it takes in a minute, or none for any number.
    #[arg(long, value_name = "N", value_parser = limit)]
    pub requests_per_minute: Option<u32>,
}

#[derive(Debug, Args)]
pub struct ServiceChange {
    /// Its name.
    pub name: ServiceName,
    /// Where the service really is; users never see it.
    #[arg(long, value_name = "URL")]
    pub target: Option<String>,
    /// What it calls its model; "" takes it away.
    #[arg(long)]
    pub model: Option<String>,
    /// Neuron a token or byte in (or "… A0GI"); the old price is served for priceGrace seconds more.
    #[arg(long, value_parser = amount)]
    pub input_price: Option<Neuron>,
    /// Neuron a token or byte out.
    #[arg(long, value_parser = amount)]
    pub output_price: Option<Neuron>,
    /// How units are counted: o200k or usage for chatbots, bytes for storage.
    #[arg(long)]
    pub meter: Option<String>,
    #[command(flatten)]
    pub behind: Behind,
    /// Send no headers of our own along any more.
    #[arg(long, conflicts_with_all = ["api_key_file", "header_file"])]
    pub no_headers: bool,
}

#[derive(Clone, Debug, Args)]
pub struct ConsoleArgs {
    /// A file whose first line is the token of the broker's API. Without it, the variable ZGSERVE_TOKEN; without --url, the
    /// settings too.
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Only look: every key that changes something is off.
    #[arg(long)]
    pub read_only: bool,
}

#[derive(Clone, Copy, Debug, Args)]
pub struct SettleArgs {
    /// Only say what would be done: who pays how much, for how much gas, and who is left out why.
    #[arg(long)]
    pub dry_run: bool,
    /// JSON, for programs.
    #[arg(long)]
    pub json: bool,
}
