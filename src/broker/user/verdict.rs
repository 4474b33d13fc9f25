//! Judging a receipt: what we pay for an answer, and where the provider's statement differs from our own count.
//!
//! The rule is short. We pay the smaller of our own fee and the receipt's. Everything that does not fit is named,
//! recorded and shown; nothing that the provider merely claims is ever signed.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::domain::{AccountId, B256, Fee, Neuron, Prices, Receipt, RequestId, Units};

/// What we know of a request and its answer ourselves.
#[derive(Clone, Debug)]
pub(super) struct OwnCount {
    pub request: RequestId,
    pub account: AccountId,
    pub body_hash: B256,
    pub prices: Prices,
    pub max_fee: Neuron,
    /// By how much figures of a model server (`usage`) may pass ours, where the settings allow that.
    pub bounded: Option<Tolerance>,
    /// Absent when the answer was not seen to its end, as after a crash of ours.
    pub seen: Option<Seen>,
    /// Output that may have been lost on the way when we hung up.
    pub cut_allowance: Units,
}

/// The part of an answer that reached us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub input: Units,
    pub output: Units,
    pub response_hash: B256,
    pub cut: Cut,
    /// Whether the status of the answer makes it one to pay for (2xx).
    pub success: bool,
}

/// Whether an answer was seen to its end, and if not, whose doing that was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    No,
    /// We hung up, so something may have been on its way.
    ByUs,
    /// The provider's side broke off. What did not reach us is not paid: else it would pay to break off.
    ByProvider,
}

impl Seen {
    /// Of this answer not one byte arrived, maybe not even its head.
    pub fn nothing(input: Units, cut: Cut) -> Seen {
        Seen { input, output: Units(0), response_hash: nothing_hash(), cut, success: true }
    }

    pub fn is_nothing(&self) -> bool {
        self.response_hash == nothing_hash()
    }
}

fn nothing_hash() -> B256 {
    B256::new(Sha256::digest([]).into())
}

/// More units than the books can hold are a joke; they are cut, so that the request can be written down at all.
const MOST_UNITS: Units = Units(i64::MAX as u64);

/// By how much the model server's own figures may pass our count: nothing, unless the user's settings say so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tolerance {
    pub percent: u64,
}

impl Tolerance {
    fn most(self, own: Units) -> Units {
        let share = u128::from(own.0) * u128::from(self.percent) / 100;
        Units(own.0.saturating_add(u64::try_from(share).unwrap_or(u64::MAX)))
    }
}

/// One way in which a receipt does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
    /// Not signed by the provider.
    Signature,
    /// About another request, account or body.
    Identity,
    /// About other bytes than those that reached us.
    ResponseHash,
    Input {
        own: Units,
        receipt: Units,
    },
    Output {
        own: Units,
        receipt: Units,
    },
    /// The fee is not price × units.
    Arithmetic,
    /// The fee is above the highest fee that was agreed.
    AboveMax,
    /// A fee although the service failed.
    Failed,
    /// None came at all.
    Missing,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Difference::Signature => f.write_str("the receipt is not signed by the provider"),
            Difference::Identity => f.write_str("the receipt is about another request"),
            Difference::ResponseHash => {
                f.write_str("the receipt is about another answer than the one that came")
            }
            Difference::Input { own, receipt } => {
                write!(f, "the receipt counts {} units of input, we count {}", receipt.0, own.0)
            }
            Difference::Output { own, receipt } => {
                write!(f, "the receipt counts {} units of output, we count {}", receipt.0, own.0)
            }
            Difference::Arithmetic => f.write_str("the fee of the receipt is not price times units"),
            Difference::AboveMax => {
                f.write_str("the fee of the receipt is above the highest fee of the request")
            }
            Difference::Failed => f.write_str("the receipt asks for a fee although the service failed"),
            Difference::Missing => f.write_str("the provider gave no receipt"),
        }
    }
}

/// What we pay and what we object to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub paid: Fee,
    pub input: Units,
    pub output: Units,
    pub differences: Vec<Difference>,
}

impl OwnCount {
    /// The fee by our own count alone.
    pub fn own_fee(&self) -> Fee {
        match self.seen {
            Some(seen) if seen.success => self.fee(seen.input, seen.output),
            _ => Fee::NONE,
        }
    }

    fn fee(&self, input: Units, output: Units) -> Fee {
        let beyond = Fee { input: self.max_fee, output: Neuron::ZERO };
        self.prices.fee(input, output).unwrap_or(beyond).capped(self.max_fee)
    }

    /// Pays our own count because no receipt can be had. Where nothing came and nobody claims anything, nothing is
    /// owed.
    pub fn without_receipt(&self) -> Verdict {
        let (input, output) = self.seen.map_or((Units(0), Units(0)), |seen| (seen.input, seen.output));
        let paid = if self.brought_something() { self.own_fee() } else { Fee::NONE };
        Verdict { paid, input, output, differences: vec![Difference::Missing] }
    }

    /// Whether any byte of an answer reached us, as far as we know.
    pub fn brought_something(&self) -> bool {
        self.seen.is_some_and(|seen| !seen.is_nothing())
    }

    /// The most that any receipt can make us pay, by what we saw.
    pub fn most(&self) -> Neuron {
        self.seen.map_or(self.max_fee, |seen| {
            let (input, output) = self.bounds(seen);
            self.fee(input, output).total()
        })
    }

    /// The units that a receipt may name at most.
    fn bounds(&self, seen: Seen) -> (Units, Units) {
        let lost = if seen.cut == Cut::ByUs { self.cut_allowance } else { Units(0) };
        let most = |own: Units| self.bounded.map_or(own, |tolerance| tolerance.most(own));
        (most(seen.input), Units(most(seen.output).0.saturating_add(lost.0)))
    }

    /// Judges a receipt against what we saw.
    pub fn judge(&self, receipt: &Receipt, sealed: bool) -> Verdict {
        let mut differences = Vec::new();
        if !sealed {
            differences.push(Difference::Signature);
        }
        if receipt.request != self.request
            || receipt.account != self.account
            || receipt.body_hash != self.body_hash
        {
            differences.push(Difference::Identity);
        }
        let asked = receipt.fee.total();
        if asked > self.max_fee {
            differences.push(Difference::AboveMax);
        }
        let exact = self.prices.fee(receipt.input, receipt.output);
        if exact.map(|fee| fee.capped(self.max_fee)) != Some(receipt.fee) && !asked.is_zero() {
            differences.push(Difference::Arithmetic);
        }
        let Some(seen) = self.seen else {
            // We never saw the answer. A receipt that holds together is then the best account there is of what we
            // ordered, and it stays within the highest fee that we agreed to; a broken one is not paid.
            let paid = if differences.is_empty() { receipt.fee } else { Fee::NONE };
            let (input, output) = (receipt.input.min(MOST_UNITS), receipt.output.min(MOST_UNITS));
            return Verdict { paid, input, output, differences };
        };

        // An answer that costs nothing needs no further proof.
        if asked.is_zero() {
            return Verdict { paid: Fee::NONE, input: seen.input, output: seen.output, differences };
        }
        if !seen.success {
            differences.push(Difference::Failed);
        }
        // A service that broke off is paid for what it delivered before, like one that was cut.
        if receipt.response_hash != seen.response_hash && seen.cut == Cut::No {
            differences.push(Difference::ResponseHash);
        }
        let (input_most, output_most) = self.bounds(seen);
        if receipt.input > input_most {
            differences.push(Difference::Input { own: seen.input, receipt: receipt.input });
        }
        if receipt.output > output_most {
            differences.push(Difference::Output { own: seen.output, receipt: receipt.output });
        }
        if !differences.is_empty() {
            let own = self.own_fee();
            let paid = if own.total() <= asked { own } else { own.capped(asked) };
            return Verdict { paid, input: seen.input, output: seen.output, differences };
        }
        let paid = receipt.fee.capped(self.max_fee);
        Verdict { paid, input: receipt.input, output: receipt.output, differences }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;
    use crate::domain::{Address, ReceiptStatus, Signature, SignedReceipt, VoucherDomain};
    use alloy::signers::{SignerSync, local::PrivateKeySigner};

    struct Case {
        own: OwnCount,
        receipt: Receipt,
        key: PrivateKeySigner,
        domain: VoucherDomain,
    }

    /// Six units in and ten out at 100 and 200, counted alike on both sides.
    fn agreed() -> Case {
        let key = PrivateKeySigner::random();
        let account = AccountId { user: Address::repeat_byte(1), provider: key.address() };
        let prices = Prices { input: Neuron::new(100), output: Neuron::new(200) };
        let request = RequestId::random();
        let body_hash = B256::repeat_byte(2);
        let response_hash = B256::repeat_byte(3);
        let seen = Seen { input: Units(6), output: Units(10), response_hash, cut: Cut::No, success: true };
        let own = OwnCount {
            request,
            account,
            body_hash,
            prices,
            max_fee: Neuron::new(10_000),
            bounded: None,
            seen: Some(seen),
            cut_allowance: Units(4),
        };
        let receipt = Receipt {
            request,
            account,
            body_hash,
            response_hash,
            input: Units(6),
            output: Units(10),
            fee: prices.fee(Units(6), Units(10)).unwrap(),
            owed: Neuron::new(2_600),
            status: ReceiptStatus::Complete,
        };
        Case { own, receipt, key, domain: VoucherDomain::new(1, Address::repeat_byte(9)) }
    }

    impl Case {
        fn verdict(&self) -> (u128, Vec<Difference>) {
            let hash = self.receipt.signing_hash(&self.domain);
            let signature = Signature::new(self.key.sign_hash_sync(&hash).unwrap().as_bytes()).unwrap();
            let signed = SignedReceipt { receipt: self.receipt, signature };
            let verdict =
                self.own.judge(&self.receipt, signed.signer(&self.domain) == Ok(self.own.account.provider));
            (verdict.paid.total().get(), verdict.differences)
        }

        fn charge(&mut self, input: u64, output: u64) {
            self.receipt.input = Units(input);
            self.receipt.output = Units(output);
            self.receipt.fee = self.own.prices.fee(Units(input), Units(output)).unwrap();
        }

        fn see(&mut self, change: impl FnOnce(&mut Seen)) {
            change(self.own.seen.as_mut().unwrap());
        }
    }

    #[test]
    fn an_honest_receipt_is_paid_as_it_stands() {
        assert_eq!(agreed().verdict(), (2_600, vec![]));
    }

    #[test]
    fn only_our_own_count_is_paid_when_the_receipt_asks_for_more() {
        let mut case = agreed();
        case.charge(6, 11);
        let output = Difference::Output { own: Units(10), receipt: Units(11) };
        assert_eq!(case.verdict(), (2_600, vec![output]));

        let mut case = agreed();
        case.receipt.fee.output = Neuron::new(9_000);
        assert_eq!(case.verdict(), (2_600, vec![Difference::Arithmetic]));

        let mut case = agreed();
        case.receipt.fee.output = Neuron::new(1 << 100);
        assert_eq!(case.verdict(), (2_600, vec![Difference::AboveMax, Difference::Arithmetic]));
    }

    #[test]
    fn less_than_our_count_is_paid_as_asked() {
        let mut case = agreed();
        case.charge(6, 4);
        assert_eq!(case.verdict(), (1_400, vec![]));
    }

    #[test]
    fn a_receipt_for_something_else_is_told_and_our_count_is_paid() {
        let mut case = agreed();
        case.receipt.response_hash = B256::ZERO;
        assert_eq!(case.verdict(), (2_600, vec![Difference::ResponseHash]));
        let mut case = agreed();
        case.receipt.request = RequestId::random();
        assert_eq!(case.verdict(), (2_600, vec![Difference::Identity]));
        let mut case = agreed();
        case.key = PrivateKeySigner::random();
        assert_eq!(case.verdict(), (2_600, vec![Difference::Signature]));
    }

    #[test]
    fn what_failed_costs_nothing() {
        let mut case = agreed();
        case.see(|seen| seen.success = false);
        assert_eq!(case.verdict(), (0, vec![Difference::Failed]));
        case.receipt.fee = Fee::NONE;
        assert_eq!(case.verdict(), (0, vec![]));
        // What a service delivered before it broke off is another matter.
        let mut case = agreed();
        case.receipt.status = ReceiptStatus::UpstreamFailed;
        assert_eq!(case.verdict(), (2_600, vec![]));
    }

    #[test]
    fn after_hanging_up_a_little_more_than_arrived_is_paid_but_not_much() {
        let mut case = agreed();
        case.see(|seen| seen.cut = Cut::ByUs);
        case.receipt.status = ReceiptStatus::CutByCaller;
        case.receipt.response_hash = B256::ZERO;
        case.charge(6, 14);
        assert_eq!(case.verdict(), (3_400, vec![]));
        assert_eq!(case.own.most(), Neuron::new(3_400));
        case.charge(6, 15);
        assert_eq!(case.verdict(), (2_600, vec![Difference::Output { own: Units(10), receipt: Units(15) }]));
    }

    #[test]
    fn a_provider_that_breaks_off_is_paid_for_what_arrived_only() {
        let mut case = agreed();
        case.see(|seen| seen.cut = Cut::ByProvider);
        case.receipt.response_hash = B256::ZERO;
        assert_eq!(case.verdict(), (2_600, vec![]));
        case.charge(6, 11);
        assert_eq!(case.verdict(), (2_600, vec![Difference::Output { own: Units(10), receipt: Units(11) }]));
        // Of an answer that never came, the input at most, and that only if the provider claims it.
        let mut case = agreed();
        case.own.seen = Some(Seen::nothing(Units(6), Cut::ByProvider));
        assert_eq!(case.verdict().0, 600);
        assert_eq!(case.own.without_receipt().paid, Fee::NONE);
    }

    #[test]
    fn a_model_servers_figures_cost_no_more_than_our_count_unless_the_user_allows_it() {
        let mut case = agreed();
        case.own.max_fee = Neuron::new(1_000_000);
        case.see(|seen| (seen.input, seen.output) = (Units(50), Units(100)));
        let most = |percent| {
            let mut case = Case {
                receipt: case.receipt,
                own: case.own.clone(),
                key: case.key.clone(),
                domain: case.domain.clone(),
            };
            case.own.bounded = Some(Tolerance { percent });
            case
        };
        let mut usual = most(crate::broker::user::Settings::default().usage_tolerance_percent);
        usual.charge(50, 100);
        assert_eq!(usual.verdict(), (25_000, vec![]));
        usual.charge(50, 101);
        let output = Difference::Output { own: Units(100), receipt: Units(101) };
        assert_eq!(usual.verdict(), (25_000, vec![output]));
        usual.charge(51, 100);
        assert_eq!(usual.verdict(), (25_000, vec![Difference::Input { own: Units(50), receipt: Units(51) }]));

        let mut allowed = most(20);
        allowed.charge(60, 120);
        assert_eq!(allowed.verdict(), (30_000, vec![]));
        allowed.charge(60, 121);
        assert_eq!(
            allowed.verdict(),
            (25_000, vec![Difference::Output { own: Units(100), receipt: Units(121) }])
        );
    }

    #[test]
    fn an_answer_we_never_saw_is_paid_by_a_sound_receipt_only() {
        let mut case = agreed();
        case.own.seen = None;
        assert_eq!(case.verdict(), (2_600, vec![]));
        case.receipt.fee.output = Neuron::new(9_999);
        assert_eq!(case.verdict().0, 0);
    }
}
