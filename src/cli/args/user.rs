//! What a user types.

use clap::{Args, Subcommand};

use super::value::{address, amount};
use super::{Json, Listing};
use crate::domain::{Address, Neuron, RequestId, ServiceKind, ServiceName};

#[derive(Debug, Subcommand)]
pub enum ServiceCommand {
    List {
        #[command(flatten)]
        listing: Listing,
        #[arg(long, value_parser = address)]
        provider: Option<Address>,
        #[arg(long = "type")]
        kind: Option<ServiceKind>,
    },
    Show {
        #[arg(value_parser = address)]
        provider: Address,
        name: ServiceName,
        #[command(flatten)]
        json: Json,
    },
}

#[derive(Debug, Subcommand)]
pub enum AccountCommand {
    List(Listing),
    Show {
        #[arg(value_parser = address)]
        provider: Address,
        #[command(flatten)]
        json: Json,
    },
    /// Open an account with a first deposit, in neuron or "… A0GI".
    Create {
        #[arg(value_parser = address)]
        provider: Address,
        #[arg(value_parser = amount)]
        balance: Neuron,
    },
    /// Add to an account.
    Charge {
        #[arg(value_parser = address)]
        provider: Address,
        #[arg(value_parser = amount)]
        amount: Neuron,
    },
    /// Read accounts again from the chain: one, or all.
    Sync {
        #[arg(value_parser = address)]
        provider: Option<Address>,
    },
}

#[derive(Debug, Subcommand)]
pub enum RefundCommand {
    /// Ask for part of a deposit back; it is locked for a while.
    Request {
        #[arg(value_parser = address)]
        provider: Address,
        #[arg(value_parser = amount)]
        amount: Neuron,
        /// Change the amount of a refund that is pending already.
        #[arg(long)]
        replace: bool,
    },
    List {
        #[command(flatten)]
        listing: Listing,
        #[arg(long)]
        processed: Option<bool>,
    },
    /// Take a refund that is due.
    Process {
        #[arg(value_parser = address)]
        provider: Address,
    },
    /// Leave the deposit where it is.
    Cancel {
        #[arg(value_parser = address)]
        provider: Address,
    },
}

#[derive(Debug, Subcommand)]
pub enum RequestCommand {
    List {
        #[command(flatten)]
        listing: Listing,
        #[arg(long, value_parser = address)]
        provider: Option<Address>,
    },
    Show {
        id: RequestId,
        #[command(flatten)]
        json: Json,
    },
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
    #[arg(long)]
    pub max_tokens: Option<u64>,
}
