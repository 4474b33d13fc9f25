//! The same refusals for people at a screen: where the API's sentences name a route, these name what to do.

use super::UserError;
use super::catalogue::ModelError;
use super::error::CallRefusal;

impl UserError {
    /// One sentence for a screen: no routes, no names of request members.
    pub fn for_screen(&self) -> String {
        match self {
            UserError::UnknownProvider(provider) => {
                format!(
                    "provider {provider} offers no service on this chain; choose one of the list of services"
                )
            }
            UserError::NoAccount(provider) => {
                format!("there is no account with provider {provider}; open one first")
            }
            UserError::AccountExists(provider) => {
                format!("an account with provider {provider} exists already; deposit more into it instead")
            }
            UserError::RefundPending { amount, unlock_at } => format!(
                "a refund of {} is pending already until {unlock_at}; cancel it first, or change its amount, which begins the wait anew if it grows",
                amount.in_neuron()
            ),
            UserError::InsufficientFunds { needed, available } => format!(
                "the wallet has {}, but {} are needed, gas included",
                available.in_neuron(),
                needed.grouped()
            ),
            UserError::NotFree { asked, free } => format!(
                "{} cannot be taken back: of the deposit, {} are free of what is owed or held",
                asked.in_neuron(),
                free.grouped()
            ),
            UserError::OtherAmount { request, amount, disputed } => format!(
                "the receipt of request {request} asks for {} beyond our own count, not for {}; look at it again before you accept it",
                disputed.in_neuron(),
                amount.grouped()
            ),
            UserError::UnknownService { provider, service } => {
                format!(
                    "provider {provider} has no service named {service} any more; choose one of the list of services"
                )
            }
            UserError::Model(ModelError::Unknown { model, near }) if near.is_empty() => {
                format!("no chatbot service is called {model:?}; choose one of the list of services")
            }
            UserError::Model(ModelError::Unknown { model, near }) => {
                format!("no chatbot service is called {model:?}; the nearest are {}", near.join(", "))
            }
            UserError::KeyReused => {
                "the same action was confirmed before for something else; begin it again".to_owned()
            }
            UserError::BadCursor => "the list has changed; look at it again from its start".to_owned(),
            UserError::ReadOnly
            | UserError::DelegatesOnly
            | UserError::OwnAddress(_)
            | UserError::ZeroAmount
            | UserError::TooLarge { .. }
            | UserError::NoRefund(_)
            | UserError::RefundLocked { .. }
            | UserError::UnknownRequest(_)
            | UserError::NoReceipt(_)
            | UserError::NotDisputed { .. }
            | UserError::AcceptedBefore(_)
            | UserError::NotItsReceipt(_)
            | UserError::UnknownOperation(_)
            | UserError::Model(ModelError::Ambiguous { .. })
            | UserError::Send(_)
            | UserError::Chain(_)
            | UserError::Store(_)
            | UserError::Key(_)
            | UserError::Client(_) => self.to_string(),
        }
    }
}

impl CallRefusal {
    /// One sentence for a screen: no routes, no names of request members.
    pub fn for_screen(&self) -> String {
        match self {
            CallRefusal::User(error) => error.for_screen(),
            CallRefusal::NoAccount { provider, needed } => {
                format!(
                    "there is no account with provider {provider}; open one with at least {}",
                    needed.in_full()
                )
            }
            CallRefusal::InsufficientBalance { provider, needed, available, missing } => format!(
                "the account with provider {provider} has {} spendable, but this needs at least {}; deposit {} more",
                available.in_neuron(),
                needed.grouped(),
                missing.in_full()
            ),
            CallRefusal::CapReached { cap, limit, needed, available } => format!(
                "{} of {} leaves {}, but this needs at least {}; raise the cap in the settings to go on",
                cap.for_screen(),
                limit.in_neuron(),
                available.grouped(),
                needed.grouped()
            ),
            CallRefusal::ExposureReached { needed, available } => format!(
                "the request needs {}, but maxExposure and the provider's credit leave {}; raise maxExposure or wait for requests in flight",
                needed.in_neuron(),
                available.grouped()
            ),
            CallRefusal::PriceChanged { service, seen, now } => format!(
                "the prices of {service} rose from {} in and {} out to {} in and {} out, in neuron a unit; send again to accept them",
                seen.input.grouped(),
                seen.output.grouped(),
                now.input.grouped(),
                now.output.grouped()
            ),
            CallRefusal::ProviderShort { provider, required, signed, .. } => format!(
                "provider {provider} asks for a voucher of {}, but by our own count only {} are covered; the difference is not paid. Look at the disputed requests, or choose another provider",
                required.in_neuron(),
                signed.grouped()
            ),
            CallRefusal::Repeated { request, state } => {
                format!("this was sent before as request {request}, which is {state}")
            }
            CallRefusal::Answered { status, message, .. } if message.is_empty() => {
                format!("the provider answered with status {status}; nothing was charged")
            }
            CallRefusal::Answered { message, .. } => {
                format!("the provider answered: {message}; nothing was charged")
            }
            CallRefusal::Stopping => "this program is stopping".to_owned(),
            CallRefusal::Path(_)
            | CallRefusal::Body(_)
            | CallRefusal::BadBody(_)
            | CallRefusal::Quote(_)
            | CallRefusal::NoKey(_)
            | CallRefusal::Terms(_)
            | CallRefusal::Upstream(_) => self.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples;

    #[test]
    fn no_sentence_on_a_screen_names_a_route() {
        for refusal in samples::refusals() {
            let text = refusal.for_screen();
            for word in [
                "/v1",
                "POST",
                "GET ",
                "status=",
                "per_day",
                "idempotency",
                "cursor",
                "with replace",
                " 1234567",
            ] {
                assert!(!text.contains(word), "{text}");
            }
        }
    }
}
