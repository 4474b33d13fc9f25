//! A broker's no as a command tells it: where the API's sentence names a route or a member of a body, this one names a
//! command or a setting, and amounts are written for reading.
//!
//! What stands in a sentence is taken from the refusal's details. A broker of another version may leave one out; then its
//! own sentence is told as it is.

use serde_json::{Map, Value};

use crate::cli::Global;
use crate::client::ClientError;
use crate::domain::{Neuron, Timestamp};

/// The sentence, with the code for programs. Commands in it lead to the broker that `global` names.
pub fn told(error: &ClientError, global: &Global) -> String {
    match error {
        ClientError::Refused { code, message, details, .. } => {
            let of = Details(details);
            let sentence = sentence(code, &of).map(|sentence| led(&sentence, global));
            let sentence = sentence.or_else(|| named(message, &of));
            format!("{} ({code})", sentence.as_ref().unwrap_or(message))
        }
        other => other.to_string(),
    }
}

/// A sentence of ours whose commands are typed as this one was: to the broker that was named.
fn led(sentence: &str, global: &Global) -> String {
    let mut parts = sentence.split("`zgserve-tui ");
    let mut led = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once('`') {
            Some((command, rest)) => led.extend([&global.advice(command), rest]),
            None => led.extend(["`zgserve-tui ", part]),
        }
    }
    led
}

struct Details<'a>(&'a Map<String, Value>);

impl Details<'_> {
    fn text(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.as_str()
    }

    fn amount(&self, key: &str) -> Option<Neuron> {
        self.text(key)?.parse().ok()
    }

    fn full(&self, key: &str) -> Option<String> {
        self.amount(key).map(Neuron::in_full)
    }

    fn time(&self, key: &str) -> Option<Timestamp> {
        self.text(key)?.parse::<Timestamp>().ok().map(Timestamp::second)
    }
}

/// `None` where the API's own sentence will do.
fn sentence(code: &str, of: &Details<'_>) -> Option<String> {
    Some(match code {
        "unknown_provider" => format!(
            "provider {} offers no service on this chain; `zgserve-tui service list` shows those that do",
            of.text("provider")?
        ),
        "unknown_service" => {
            let provider = of.text("provider")?;
            format!(
                "provider {provider} has no service named {}; `zgserve-tui service list --provider {provider}` shows what \
                 there is",
                of.text("service")?
            )
        }
        "unknown_model" => unknown_model(of)?,
        "no_account" => match (of.text("provider")?, of.amount("needed")) {
            (provider, Some(needed)) => format!(
                "there is no account with provider {provider}; open one with at least {}: `zgserve-tui account create \
                 {provider} {needed}`",
                needed.in_full()
            ),
            (provider, None) => format!(
                "there is no account with provider {provider}; `zgserve-tui account create {provider} AMOUNT` opens one"
            ),
        },
        "account_exists" => {
            let provider = of.text("provider")?;
            format!(
                "an account with provider {provider} exists already; `zgserve-tui account charge {provider} AMOUNT` adds to \
                 it"
            )
        }
        "insufficient_balance" => {
            let (provider, missing) = (of.text("provider")?, of.amount("missing")?);
            format!(
                "the account with provider {provider} has {} spendable, but this request needs at least {}; deposit {} \
                 more: `zgserve-tui account charge {provider} {missing}`",
                of.full("available")?,
                of.full("needed")?,
                missing.in_full()
            )
        }
        "insufficient_funds" => format!(
            "the wallet has {}, but {} are needed, gas included",
            of.full("available")?,
            of.full("needed")?
        ),
        "delegates_only" => "the running broker holds delegate keys only: it may pay for requests, but \
                             cannot move money on the chain. Stop it and give the same command again, which then asks for the \
                             wallet's passphrase; or start it without --delegates-only"
            .to_owned(),
        "not_free" => format!(
            "{} cannot be taken back: of the deposit, {} are free of what is owed or held",
            of.full("asked")?,
            of.full("free")?
        ),
        "refund_pending" => format!(
            "a refund of {} is pending already until {}; `refund request` with --replace changes its amount, which begins \
             the wait anew if it grows, and `refund cancel` leaves the deposit where it is",
            of.full("amount")?,
            of.time("unlockAt")?
        ),
        "refund_locked" => format!("the refund is locked until {}", of.time("unlockAt")?),
        "other_amount" => format!(
            "the receipt asks for {} beyond our own count, not for {}; look at it again with `zgserve-tui request show {}` \
             before you accept it",
            of.full("disputed")?,
            of.full("amount")?,
            of.text("requestID")?
        ),
        "cap_reached" => {
            let (cap, setting) = match of.text("cap")? {
                "per_request" => ("one request", "caps.perRequest"),
                "per_day" => ("one day", "caps.perDay"),
                "per_provider" => ("one provider", "caps.perProvider"),
                "total" => ("everything", "caps.total"),
                _ => return None,
            };
            format!(
                "the cap on {cap}, {}, leaves {}, but this request needs at least {}; raise {setting} in the settings to go \
                 on",
                of.full("limit")?,
                of.full("available")?,
                of.full("needed")?
            )
        }
        "exposure_reached" => format!(
            "the request needs {}, but maxExposure and the provider's credit leave {}; raise maxExposure in the settings, or \
             wait for requests in flight",
            of.full("needed")?,
            of.full("available")?
        ),
        "price_changed" => {
            let price = |key| of.amount(key).map(Neuron::grouped);
            format!(
                "the prices of {} rose from {} in and {} out to {} in and {} out, in neuron a unit; ask again to accept them",
                of.text("service")?,
                price("seenInputPrice")?,
                price("seenOutputPrice")?,
                price("inputPrice")?,
                price("outputPrice")?
            )
        }
        "max_fee_too_low" if of.amount("maxFee")? == of.amount("inputFee")? => format!(
            "nothing is left for an answer: the input alone costs {}; allow a longer answer",
            of.amount("inputFee")?.in_neuron()
        ),
        "max_fee_too_low" => format!(
            "the highest fee allowed is {}, but the input alone costs {}; allow a longer answer, or ask less",
            of.amount("maxFee")?.in_neuron(),
            of.amount("inputFee")?.grouped()
        ),
        "provider_disagrees" => format!(
            "provider {} asks for a voucher of {}, but by our own count only {} are covered; the difference is not paid. \
             `zgserve-tui request list --status disputed` shows what it is about; choose another provider, or set maxExposure \
             so high that you pay the difference",
            of.text("provider")?,
            of.full("required")?,
            of.full("signed")?
        ),
        "service_exists" => {
            let name = of.text("service")?;
            format!("there is a service {name} already; `zgserve-tui provider service update {name}` changes it")
        }
        "token_required" => "the broker asks for its token: put it into the variable ZGSERVE_TOKEN; without --url this \
                             command takes it from the settings too"
            .to_owned(),
        "no_such_route" | "method_not_allowed" => {
            "the broker there does not know what this command asks for: it is one of the other role, or of another version \
             than this program"
                .to_owned()
        }
        _ => return None,
    })
}

fn unknown_model(of: &Details<'_>) -> Option<String> {
    let near: Vec<&str> = of.0.get("near")?.as_array()?.iter().filter_map(Value::as_str).collect();
    let near = match near.as_slice() {
        [] => String::new(),
        near => format!("; the nearest are {}", near.join(", ")),
    };
    Some(format!(
        "no chatbot service is called {:?}; `zgserve-tui service list --type chatbot` shows them{near}",
        of.text("model")?
    ))
}

/// A sentence about a field, under the name that was typed.
fn named(message: &str, of: &Details<'_>) -> Option<String> {
    let field = of.text("field")?;
    let what = message.strip_prefix(field)?.strip_prefix(": ")?;
    let typed = match field.to_ascii_lowercase().as_str() {
        "balance" | "amount" => "the amount",
        "provider" => "the provider",
        "name" => "the name",
        "type" => "--type",
        "url" => "--target",
        "model" => "--model",
        "inputprice" => "--input-price",
        "outputprice" => "--output-price",
        "meter" => "--meter",
        "maxinflight" => "--max-in-flight",
        "requestsperminute" => "--requests-per-minute",
        "upstreamheaders" => "--header-file",
        "max_tokens" => "--max-tokens",
        "cursor" => "--cursor",
        "limit" => "--limit",
        "from" => "--from",
        "to" => "--to",
        _ => return None,
    };
    Some(format!("{typed}: {what}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use axum::response::IntoResponse;
    use http::StatusCode;

    use super::*;
    use crate::broker::provider::ProviderError;
    use crate::broker::user::{CallRefusal, Cap, UserError, samples};
    use crate::domain::{Address, OperationId, RequestId, ServiceKind};
    use crate::http::Problem;

    /// What a command prints of a problem that came over the network.
    async fn printed(problem: Problem) -> String {
        let response = problem.into_response();
        let status = response.status();
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        told(&ClientError::refusal(status, &body), &Global::default())
    }

    #[test]
    fn advice_leads_to_the_broker_that_was_named() {
        let body = r#"{"error": {"code": "no_account", "message": "x", "details": {"provider": "0x1", "needed": "5"}}}"#;
        let error = ClientError::refusal(StatusCode::PAYMENT_REQUIRED, body.as_bytes());
        let at = |url: Option<&str>| {
            let url = url.map(|url| url.parse().unwrap());
            told(&error, &Global { url, ..Global::default() })
        };
        assert!(at(None).contains("`zgserve-tui account create 0x1 5` (no_account)"), "{}", at(None));
        let there = at(Some("http://me:canary@10.0.0.1:1034/"));
        assert!(there.contains("`zgserve-tui account create 0x1 5 --url http://10.0.0.1:1034`"), "{there}");
        assert!(!there.contains("canary"), "{there}");
    }

    fn of_provider() -> Vec<ProviderError> {
        let address = Address::repeat_byte(1);
        let input = |field| ProviderError::BadInput { field, reason: "it is missing".to_owned() };
        vec![
            input("inputPrice"),
            input("URL"),
            ProviderError::UnknownService("llama7b".parse().unwrap()),
            ProviderError::UnknownUser(address),
            ProviderError::UnknownRequest(RequestId::random()),
            ProviderError::UnknownOperation(OperationId::random()),
            ProviderError::ServiceBusy("llama7b".parse().unwrap()),
            ProviderError::ServiceExists("llama7b".parse().unwrap()),
            ProviderError::OtherType { name: "llama7b".parse().unwrap(), kind: ServiceKind::Chatbot },
            ProviderError::SettlementRunning { operation: Some(OperationId::random()) },
            ProviderError::Reverted { operation: OperationId::random(), reason: "NoService".to_owned() },
            ProviderError::Stopping,
        ]
    }

    #[tokio::test]
    async fn no_sentence_that_a_command_prints_names_a_route() {
        let mut problems: Vec<Problem> = samples::refusals().into_iter().map(Problem::from).collect();
        problems.extend(of_provider().into_iter().map(Problem::from));
        for (status, code) in [(404, "no_such_route"), (405, "method_not_allowed"), (401, "token_required")] {
            let status = StatusCode::from_u16(status).unwrap();
            problems.push(Problem::new(status, code, "GET /v1/x, with Authorization: Bearer <token>"));
        }
        for problem in problems {
            let text = printed(problem).await;
            // The code at the end is for programs.
            let (sentence, _) = text.rsplit_once(" (").unwrap();
            for word in [
                "/v1",
                "POST",
                "GET ",
                "PUT ",
                "status=",
                "per_day",
                "inputPrice",
                "URL: ",
                "with replace",
                "Bearer",
                "header",
                " body",
                "1234567 neuron",
                "1234567, but",
            ] {
                // What an endpoint of somebody's own choice takes is said in its words.
                assert!(!sentence.contains(word) || text.ends_with("(bad_body)"), "{word}: {text}");
            }
        }
    }

    #[tokio::test]
    async fn what_to_do_next_is_a_command_with_its_values() {
        let (provider, n) = (Address::repeat_byte(1), Neuron::new(1_234_567));
        let short =
            CallRefusal::InsufficientBalance { provider, needed: n, available: Neuron::ZERO, missing: n };
        let text = printed(short.into()).await;
        assert!(
            text.contains("needs at least 1,234,567 neuron = 0.000000000001234567 A0GI; deposit"),
            "{text}"
        );
        let command = format!("`zgserve-tui account charge {provider} 1234567` (insufficient_balance)");
        assert!(text.ends_with(&command), "{text}");
        let text = printed(CallRefusal::NoAccount { provider, needed: n }.into()).await;
        assert!(text.contains(&format!("account create {provider} 1234567`")), "{text}");
        let cap = CallRefusal::CapReached { cap: Cap::Day, limit: n, needed: n, available: n };
        assert!(printed(cap.into()).await.contains("raise caps.perDay"));
        let text = printed(UserError::DelegatesOnly.into()).await;
        assert!(text.contains("may pay for requests") && !text.contains("only read"), "{text}");
        let text = printed(Problem::field("inputPrice", "it is negative")).await;
        assert_eq!(text, "--input-price: it is negative (bad_input)");
    }

    #[test]
    fn a_broker_that_tells_less_is_quoted() {
        let body = br#"{"error":{"code":"no_account","message":"there is none"}}"#;
        let error = ClientError::refusal(StatusCode::NOT_FOUND, body);
        assert_eq!(told(&error, &Global::default()), "there is none (no_account)");
    }
}
