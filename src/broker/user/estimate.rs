//! What a turn would cost and whether it would go, while it is being typed: nothing is asked, held or written.
//!
//! The figures are those of the paid call: the same units, quote and book ([`super::book::Book::look`] is the gate
//! itself, without the holding). Between an estimate and its call the books can move; the call decides again.

use super::book::{DeniedReason, Look};
use super::call::check_prices;
use super::caps::Cap;
use super::error::CallRefusal;
use super::handle::UserBroker;
use super::pay::Wish;
use super::quote::Quote;
use super::shortfall::Shortfall;
use super::turn::{Turn, check_kind, units};
use super::{UserError, view::AccountView};
use crate::domain::{Fee, Neuron, Prices, RequestId, Units};

/// What ends the room of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// There is no account with the provider yet.
    NoAccount,
    /// The deposit.
    Balance,
    /// How far vouchers may run ahead of what is owed.
    Exposure,
    /// A cap, and its amount.
    Cap(Cap, Neuron),
    /// No key here may sign for the account.
    NoKey,
}

/// What would become of the turn if it were sent now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// It goes, and its whole answer is paid for.
    Goes,
    /// It goes, but the answer ends after `output` units at most.
    Clamped { by: Limit, output: Units },
    /// It waits until requests in flight have ended, and is refused if they do not in time.
    Waits { by: Limit },
    /// It is refused: it needs `needed`, and `available` is what there is.
    Refused { by: Limit, needed: Neuron, available: Neuron },
}

/// What a turn would cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Estimate {
    pub prices: Prices,
    /// Units of everything that is sent, the history included.
    pub input: Units,
    pub input_fee: Neuron,
    /// The longest answer: as the turn says, or as the settings assume.
    pub output_limit: Units,
    /// Whether the turn names no limit itself.
    pub assumed: bool,
    /// Fee of the longest answer.
    pub highest: Neuron,
    /// Fee of the input and one unit of output; with less it is not sent.
    pub least: Neuron,
    /// The highest fee that it would be sent with: `highest`, or what there is.
    pub granted: Neuron,
    /// What the account with the provider has for new requests; `None` without an account.
    pub available: Option<Neuron>,
    pub outlook: Outlook,
    /// The deposit that makes a refused turn go. `None` where it goes or money does not help.
    pub missing: Option<Shortfall>,
    /// The deposit with which the whole answer is paid for, as far as caps allow. `None` where it is or money does not
    /// help.
    pub missing_for_all: Option<Shortfall>,
}

impl UserBroker {
    /// What a turn would cost and whether it would go now. Cheap enough for every pause in typing.
    ///
    /// # Errors
    /// What [`UserBroker::converse`] would refuse whatever the books say: an unknown service, prices that rose, texts
    /// that are too long.
    pub async fn estimate(&self, turn: &Turn) -> Result<Estimate, CallRefusal> {
        let inner = &self.inner;
        let provider = turn.provider;
        let known = inner.catalogue.read().get(provider, &turn.service).cloned();
        let service = known.ok_or(UserError::UnknownService { provider, service: turn.service.clone() })?;
        check_kind(&service)?;
        check_prices(&service, turn.prices_seen)?;
        let input = units(inner, turn).await?;
        let limit = turn.parameters.max_tokens.map(Units);
        let assumed = limit.is_none();
        let output_limit = limit.unwrap_or(Units(inner.settings.default_max_output.tokens));
        let quote = Quote::new(service.prices, input, output_limit)?;
        let input_fee = service.prices.fee(input, Units(0)).unwrap_or(Fee::NONE).total();
        let wish = Wish {
            provider,
            quote,
            // Without the provider's terms nothing is taken to be lent.
            credit_limit: inner.terms.credit_limit(provider).unwrap_or(Neuron::ZERO),
            caps: inner.caps().tightest(turn.caps),
        };
        let ask = inner.ask_for(&wish, RequestId::random());
        let account = inner.account(provider);
        let can_sign = account.as_ref().is_none_or(|account| account.can_sign);
        let (look, full) = {
            let book = inner.book.lock();
            // With any deposit it could have no more than the other limits leave.
            let full = quote.highest.min(book.room_beyond_balance(&ask));
            (book.look(&ask), (full, book.missing(provider, full)))
        };
        let shortfall = |amount| Shortfall::of(provider, account.is_none(), amount);
        let (granted, outlook, missing) = match look {
            Ok(Look { .. }) if !can_sign => {
                let outlook =
                    Outlook::Refused { by: Limit::NoKey, needed: quote.least, available: Neuron::ZERO };
                (Neuron::ZERO, outlook, None)
            }
            Ok(Look { max_fee, .. }) if max_fee >= quote.highest => (max_fee, Outlook::Goes, None),
            Ok(Look { max_fee, limit }) => {
                let units = service.prices.output_units_for(max_fee.above(input_fee));
                let output = units.map_or(output_limit, |units| units.min(output_limit));
                (max_fee, Outlook::Clamped { by: limit.0.into(), output }, None)
            }
            Err(denied) => {
                let by = denied.reason.into();
                let refused = Outlook::Refused { by, needed: denied.needed, available: denied.available };
                let outlook = if denied.later { Outlook::Waits { by } } else { refused };
                (Neuron::ZERO, outlook, shortfall(denied.missing))
            }
        };
        let helps = full.0 >= quote.least && full.0 > granted && outlook != Outlook::Goes && can_sign;
        Ok(Estimate {
            prices: service.prices,
            input,
            input_fee,
            output_limit,
            assumed,
            highest: quote.highest,
            least: quote.least,
            granted,
            available: account.as_ref().map(available),
            outlook,
            missing,
            missing_for_all: helps.then_some(full.1).and_then(shortfall),
        })
    }
}

fn available(account: &AccountView) -> Neuron {
    account.available
}

impl From<DeniedReason> for Limit {
    fn from(reason: DeniedReason) -> Limit {
        match reason {
            DeniedReason::NoAccount => Limit::NoAccount,
            DeniedReason::Balance => Limit::Balance,
            DeniedReason::Exposure => Limit::Exposure,
            DeniedReason::Cap(cap, amount) => Limit::Cap(cap, amount),
        }
    }
}
