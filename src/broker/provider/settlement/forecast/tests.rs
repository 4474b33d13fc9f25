//! The rules as tables: who goes along, what asks for a settlement, what it may cost.

use proptest::prelude::*;

use super::super::super::settings::SettlementSettings;
use super::super::super::test_values::{page, voucher};
use super::super::rules::Risk;
use super::*;
use crate::domain::{PendingRefund, Rotation};

const GAS: u128 = 1_000;
/// One user alone, and each further one, costs this at that price, in neuron.
const ALONE: u128 = 45_000 * GAS;
const ROW: u128 = 15_500 * GAS;
const RICH: u128 = 1 << 70;
const LOCK: u64 = 86_400;

fn debt(user: u8, balance: u128, owed: u128) -> Page {
    let mut page = page(user, balance, 0);
    page.owed = Neuron::new(owed);
    page.best = Some(voucher(user, 0, owed));
    page.debt_since = Some(at(100_000));
    page
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

/// Round shares: a hundredth of a fresh debt, a tenth of one that is a day old.
fn settings() -> SettlementSettings {
    SettlementSettings {
        gas_share_basis_points: 100,
        old_gas_share_basis_points: 1_000,
        max_age: 86_400,
        balance_share_percent: 80,
        risk_limit: Neuron::new(1 << 60),
        ..SettlementSettings::default()
    }
}

fn with<T>(
    pages: &[Page],
    now: u64,
    change: impl FnOnce(&mut SettlementSettings),
    ask: impl FnOnce(&Books<'_>) -> T,
) -> T {
    let mut settings = settings();
    change(&mut settings);
    let (tried, under_way) = (HashMap::new(), HashSet::new());
    let rules = Rules { now: at(now), lock_time: LOCK, inclusion: 12, settings: &settings };
    ask(&Books { pages, rules, gas_price: GAS, cheap_gas: None, tried: &tried, under_way: &under_way })
}

fn decide(pages: &[Page], now: u64) -> Forecast {
    with(pages, now, |_| {}, |books| forecast(books, false))
}

fn reasons(pages: &[Page], now: u64) -> Vec<&'static str> {
    decide(pages, now).reasons.iter().map(Reason::code).collect()
}

fn left_out(pages: &[Page], now: u64) -> Vec<LeftOut> {
    decide(pages, now).left_out.iter().map(|left| left.why).collect()
}

fn refund(amount: u128, unlock_at: u64) -> PendingRefund {
    PendingRefund {
        index: 1,
        amount: Neuron::new(amount),
        created_at: at(unlock_at - LOCK),
        unlock_at: at(unlock_at),
    }
}

#[test]
fn it_waits_until_the_gas_is_a_small_share() {
    assert!(reasons(&[debt(1, RICH, 2 * ALONE)], 100_000).is_empty());
    assert_eq!(left_out(&[debt(1, RICH, 2 * ALONE)], 100_000), [LeftOut::NotYet]);
    // Its row is worth its place, but the transaction is not worth it for this row alone.
    let ripe = debt(1, RICH, 100 * ROW);
    assert_eq!((decide(&[ripe], 100_000).rows.len(), reasons(&[ripe], 100_000)), (1, vec![]));
    assert!(reasons(&[debt(1, RICH, 100 * ALONE - 1)], 100_000).is_empty());
    assert_eq!(reasons(&[debt(1, RICH, 100 * ALONE)], 100_000), ["worth_its_gas"]);
    // Shared, it is.
    let many: Vec<Page> = (1..=200).map(|user| debt(user, RICH, 101 * ROW)).collect();
    let shared = decide(&many, 100_000);
    assert_eq!((shared.rows.len(), shared.reasons), (200, vec![Reason::Worth]));
    let few = decide(&many[..100], 100_000);
    assert!(few.reasons.is_empty() && few.brings < few.worth_from, "{few:?}");
}

#[test]
fn an_old_debt_may_cost_a_larger_share_of_itself_but_not_all() {
    let young = debt(1, RICH, 10 * ALONE);
    assert!(reasons(&[young], 186_399).is_empty());
    assert_eq!(reasons(&[young], 186_400), ["oldest_debt"]);
    assert_eq!(left_out(&[debt(1, RICH, 2 * ALONE)], 186_400), [LeftOut::NotYet], "gas would be half of it");
    assert_eq!(left_out(&[debt(1, RICH, ROW)], 186_400), [LeftOut::NotWorthItsGas]);
    let next = decide(&[young], 100_000).next;
    assert_eq!(next, Some((at(186_400), Reason::Age { since: at(100_000) })));
}

#[test]
fn a_refund_that_would_take_the_debt_out_is_settled_while_half_the_lock_is_left() {
    let mut page = debt(1, 10 * ALONE, 2 * ALONE);
    // Asked for at 113,600; unlocks at 200,000; half the lock and the margin before that it is time.
    let begin = 200_000 - LOCK / 2 - 600;
    page.account.refund = Some(refund(9 * ALONE, 200_000));
    assert!(reasons(&[page], begin - 1).is_empty());
    let danger = Reason::Refund { user: Address::repeat_byte(1), at: at(200_000) };
    assert_eq!(decide(&[page], begin - 1).next, Some((at(begin), danger)));
    assert_eq!(reasons(&[page], begin), ["refund_deadline"]);
    assert_eq!(reasons(&[page], 199_999), ["refund_deadline"]);
    page.account.refund = Some(refund(8 * ALONE, 200_000));
    assert!(reasons(&[page], begin).is_empty(), "what stays is enough");
    // A debt below its gas is lost for less than saving it would cost.
    let mut dust = debt(2, ALONE, ROW);
    dust.account.refund = Some(refund(ALONE, 200_000));
    assert_eq!(left_out(&[dust], begin), [LeftOut::NotWorthItsGas]);
    // Worth its row, but not a transaction; others that are due pay for that.
    let mut small = debt(3, 2 * ROW, 2 * ROW);
    small.account.refund = Some(refund(2 * ROW, 200_000));
    assert!(reasons(&[small], begin).is_empty());
    assert_eq!(decide(&[small, debt(4, RICH, 200 * ALONE)], begin).rows.len(), 2);
}

#[test]
fn dangerous_users_go_along_early_where_others_pay_for_the_transaction() {
    let mut page = debt(1, 20 * ROW, 10 * ROW);
    page.account.refund = Some(refund(20 * ROW, 200_000));
    page.debt_since = Some(at(120_000));
    assert_eq!(decide(&[page], 120_000).rows.len(), 1);
    assert!(reasons(&[page], 120_000).is_empty());
    let both = decide(&[page, debt(2, RICH, 200 * ALONE)], 120_000);
    assert_eq!((both.rows.len(), both.reasons), (2, vec![Reason::Worth]));
}

#[test]
fn slow_chains_get_a_wider_margin_and_short_locks_a_narrower_one() {
    let settings = settings();
    let margin =
        |lock_time, inclusion| Rules { now: at(0), lock_time, inclusion, settings: &settings }.margin();
    assert_eq!([margin(LOCK, 12), margin(LOCK, 400), margin(LOCK, 1 << 40)], [600, 2_000, LOCK / 8]);
    assert_eq!(margin(120, 12), 15);
}

#[test]
fn a_change_of_delegate_is_settled_before_it_voids_the_voucher() {
    let mut page = debt(1, RICH, 2 * ALONE);
    page.account.rotation = Some(Rotation { delegate: None, active_at: at(200_000) });
    let begin = 200_000 - LOCK / 2 - 600;
    assert!(reasons(&[page], begin - 1).is_empty());
    assert_eq!(reasons(&[page], begin), ["delegate_change"]);
    assert!(reasons(&[page], 200_000).is_empty(), "too late: the voucher is void");
}

#[test]
fn a_user_who_could_run_out_is_charged_before() {
    assert!(reasons(&[debt(1, 20 * ALONE, 15 * ALONE)], 100_000).is_empty());
    assert_eq!(reasons(&[debt(1, 20 * ALONE, 16 * ALONE)], 100_000), ["balance_low"]);
    assert!(reasons(&[debt(1, 9 * ALONE, 9 * ALONE)], 100_000).is_empty(), "gas would eat more than a tenth");
    assert_eq!(reasons(&[debt(1, RICH, (1 << 60) + 1)], 100_000), ["risk_limit", "worth_its_gas"]);
    // A refund takes nothing from what backs the debt before it unlocks.
    let mut page = debt(1, 20 * ALONE, 15 * ALONE);
    page.account.refund = Some(refund(19 * ALONE, 200_000));
    assert!(reasons(&[page], 120_000).is_empty());
}

#[test]
fn a_small_debt_is_settled_by_a_person_even_at_a_loss() {
    let pages = [debt(1, 1_000, 10), debt(2, RICH, 200 * ALONE)];
    let found = decide(&pages, 100_000);
    assert_eq!(found.left_out[0].why, LeftOut::NotWorthItsGas);
    assert_eq!(
        (found.left_out[0].user, found.left_out[0].unsettled),
        (Address::repeat_byte(1), Neuron::new(10))
    );
    let asked = with(&pages, 100_000, |_| {}, |books| forecast(books, true));
    assert_eq!((asked.rows.len(), asked.reasons), (2, vec![Reason::Asked]));
    assert_eq!(with(&[], 1, |_| {}, |books| forecast(books, true)).reasons, []);
}

#[test]
fn a_rule_that_is_turned_off_asks_for_nothing() {
    let off = |settings: &mut SettlementSettings| {
        settings.gas_share_basis_points = 0;
        settings.old_gas_share_basis_points = 0;
        settings.risk_limit = Neuron::ZERO;
    };
    let mut page = debt(1, RICH, RICH);
    assert_eq!(with(&[page], 1 << 30, off, |books| forecast(books, false)).reasons, []);
    // Danger is no matter of taste.
    page.account.refund = Some(refund(RICH, 200_000));
    assert_eq!(with(&[page], 199_000, off, |books| forecast(books, false)).reasons.len(), 1);
}

#[test]
fn who_is_in_a_settlement_is_in_no_second_one() {
    let pages = [debt(1, RICH, 200 * ALONE)];
    let settings = settings();
    let (tried, under_way) = (HashMap::new(), HashSet::from([Address::repeat_byte(1)]));
    let rules = Rules { now: at(100_000), lock_time: LOCK, inclusion: 12, settings: &settings };
    let books =
        Books { pages: &pages, rules, gas_price: GAS, cheap_gas: None, tried: &tried, under_way: &under_way };
    for asked in [false, true] {
        let forecast = forecast(&books, asked);
        assert_eq!((forecast.rows.len(), forecast.left_out[0].why), (0, LeftOut::UnderWay));
    }
}

#[test]
fn a_row_that_was_not_paid_is_not_sent_again_at_once() {
    let page = debt(1, RICH, 200 * ALONE);
    let last = Tried {
        epoch: 0,
        cumulative: page.owed,
        claim: page.owed,
        balance: page.account.balance,
        at: at(100_000),
    };
    let due = |page: Page, now| {
        let settings = settings();
        let tried = HashMap::from([(page.account.id.user, last)]);
        let under_way = HashSet::new();
        let rules = Rules { now: at(now), lock_time: LOCK, inclusion: 12, settings: &settings };
        let books = Books {
            pages: &[page],
            rules,
            gas_price: GAS,
            cheap_gas: None,
            tried: &tried,
            under_way: &under_way,
        };
        !forecast(&books, false).reasons.is_empty()
    };
    assert!(!due(page, 103_599) && due(page, 103_600));
    assert!(due(debt(1, RICH, 201 * ALONE), 100_001), "a new claim is a new try");
    let mut renewed = page;
    renewed.account.epoch = 1;
    renewed.best = Some(voucher(1, 1, 200 * ALONE));
    assert!(due(renewed, 100_001), "so is a new voucher for the same sum");
}

#[test]
fn a_bid_is_calm_until_a_deadline_and_never_above_what_it_saves() {
    let mut leaving = debt(1, 20 * ALONE, 20 * ALONE);
    leaving.account.refund = Some(refund(20 * ALONE, 200_000));
    let rows = [
        (Address::repeat_byte(1), Neuron::new(20 * ALONE)),
        (Address::repeat_byte(2), Neuron::new(80 * ALONE)),
    ];
    let pages = [leaving, debt(2, RICH, 80 * ALONE)];
    let bid = with(&pages, 160_000, |_| {}, |books| bid(books, &rows, false));
    assert_eq!(bid.calm.get(), 10 * ALONE, "a tenth of what it brings");
    let hurry = bid.hurry.expect("the first user is leaving");
    assert_eq!((hurry.stake.get(), hurry.last), (20 * ALONE, at(200_000)), "only what is in danger");
    assert_eq!((hurry.by, hurry.begin), (at(199_400), at(200_000 - LOCK / 2 - 600)));
    assert_eq!(bid.most(at(200_000)).get(), 20 * ALONE);
    let small = [(Address::repeat_byte(2), Neuron::new(ALONE + 1))];
    let dear = with(&pages, 160_000, |_| {}, |books| super::bid(books, &small, false));
    assert_eq!((dear.calm.get(), dear.hurry), (ALONE + 1, None), "never more than it brings");
    let ordered = with(&pages, 160_000, |_| {}, |books| super::bid(books, &small, true));
    assert_eq!(ordered.calm.get(), 3 * ALONE, "but a person may order it at a loss");
}

#[test]
fn a_stake_is_not_spent_for_somebody_elses_earlier_deadline() {
    let mut soon = debt(1, 2 * ROW, 2 * ROW);
    soon.account.refund = Some(refund(2 * ROW, 200_000));
    let mut later = debt(2, 1_000 * ALONE, 1_000 * ALONE);
    later.account.refund = Some(refund(1_000 * ALONE, 280_000));
    let rows = [
        (Address::repeat_byte(1), Neuron::new(2 * ROW)),
        (Address::repeat_byte(2), Neuron::new(1_000 * ALONE)),
    ];
    let pages = [soon, later];
    let bid_at = |now| with(&pages, now, |_| {}, |books| bid(books, &rows, false)).most(at(now)).get();
    let calm = (1_000 * ALONE + 2 * ROW) / 10;
    assert_eq!(bid_at(199_999), calm, "a day before the large debt is in danger");
    assert!(bid_at(279_999) > 999 * ALONE, "whose own time comes");
}

#[test]
fn what_a_row_brings_no_longer_is_not_at_stake() {
    // Another process with the same key settled most of it, or a refund took it, since the row was sent.
    let mut leaving = debt(1, 5 * ALONE, 50 * ALONE);
    leaving.account.refund = Some(refund(5 * ALONE, 200_000));
    let rows = [(Address::repeat_byte(1), Neuron::new(50 * ALONE))];
    let least =
        |page: Page| with(&[page], 199_999, |_| {}, |books| bid(books, &rows, false)).most(at(300_000)).get();
    assert_eq!(least(leaving), 5 * ALONE, "the account holds no more");
    leaving.account.balance = Neuron::new(50 * ALONE);
    leaving.account.settled = Neuron::new(48 * ALONE);
    assert_eq!(least(leaving), 2 * ALONE, "the rest is paid");
}

#[test]
fn those_in_danger_go_first_when_not_all_fit() {
    let mut small = debt(1, 3 * ROW, 3 * ROW);
    small.account.refund = Some(refund(3 * ROW, 200_000));
    let pages = [debt(2, RICH, 300 * ALONE), debt(3, RICH, 200 * ALONE), small];
    let found = decide(&pages, 199_000);
    let users: Vec<_> = found.rows.iter().map(ClaimRow::user).collect();
    assert_eq!(users, [1, 2, 3].map(Address::repeat_byte));
}

#[test]
fn risks_have_words() {
    let settings = settings();
    let rules = Rules { now: at(120_000), lock_time: LOCK, inclusion: 12, settings: &settings };
    let mut one = debt(1, 100, 50);
    assert_eq!(rules.risk(&one), Risk::None);
    assert_eq!(rules.risk(&page(1, 100, 0)), Risk::None);
    one.best = Some(voucher(1, 0, 40));
    assert_eq!(rules.risk(&one), Risk::Unpaid);
    assert_eq!(rules.risk(&debt(1, 100, 80)), Risk::Balance);
    one.account.refund = Some(refund(60, 200_000));
    assert_eq!(rules.risk(&one), Risk::Deadline);
    assert_eq!(rules.risk(&debt(1, 10, 11)), Risk::Lost);
    let mut void = debt(1, 100, 50);
    void.account.epoch = 1;
    assert_eq!(rules.risk(&void), Risk::Lost);
}

proptest! {
    /// Whatever the books say: no rule spends more than it brings, no row costs more than it brings, and nobody with
    /// a debt is forgotten.
    #[test]
    fn no_rule_spends_more_than_it_brings(
        debts in prop::collection::vec((0u128..400 * ALONE, 0u128..400 * ALONE, 0u64..200_000, prop::option::of(110_000u64..300_000)), 0..60),
        now in 100_000u64..300_000, gas in 1u128..10_000,
    ) {
        let pages: Vec<Page> = debts.iter().enumerate().map(|(n, (balance, owed, since, unlock))| {
            let mut one = debt(n as u8 + 1, *balance, *owed);
            one.debt_since = Some(at(*since));
            one.account.refund = unlock.map(|unlock| refund(*balance, unlock));
            one
        }).collect();
        let settings = settings();
        let (tried, under_way) = (HashMap::new(), HashSet::new());
        let rules = Rules { now: at(now), lock_time: LOCK, inclusion: 12, settings: &settings };
        let books = Books { pages: &pages, rules, gas_price: gas, cheap_gas: None, tried: &tried, under_way: &under_way };
        let found = forecast(&books, false);
        let owing = pages.iter().filter(|page| !page.unsettled().is_zero()).count();
        prop_assert_eq!(found.rows.len() + found.left_out.len(), owing);
        prop_assert!(found.rows.iter().all(|row| row.pays > claim::row_cost(gas)));
        if !found.reasons.is_empty() {
            prop_assert!(found.brings > found.costs);
            let rows: Vec<_> = found.rows.iter().map(|row| (row.user(), row.pays)).collect();
            let bid = bid(&books, &rows, false);
            for moment in [now, now + 50_000, now + 500_000] {
                prop_assert!(bid.most(at(moment)) <= found.brings);
            }
        }
        // Whoever is in danger, worth it, and not in the transaction, will ask for one in time.
        for page in &pages {
            let (Some(danger), Some(Ok(row))) = (rules.danger(page), claim::row(page, rules.now)) else { continue };
            if row.pays > claim::row_cost(gas) && rules.now < danger.begin {
                let (next, _) = found.next.expect("a deadline");
                prop_assert!(next <= danger.begin);
            }
        }
    }
}

#[test]
fn an_old_debt_waits_for_a_cheap_hour_but_not_for_ever() {
    let page = debt(1, RICH, 20 * ALONE);
    let due = |now, cheap| {
        let settings = settings();
        let (tried, under_way) = (HashMap::new(), HashSet::new());
        let rules = Rules { now: at(now), lock_time: LOCK, inclusion: 12, settings: &settings };
        let books = Books {
            pages: &[page],
            rules,
            gas_price: GAS,
            cheap_gas: cheap,
            tried: &tried,
            under_way: &under_way,
        };
        let found = forecast(&books, false);
        (!found.reasons.is_empty(), found.next.map(|(at, _)| at.as_seconds()))
    };
    let (old, late) = (186_400, 100_000 + 86_400 * 3 / 2);
    assert_eq!(due(old - 1, Some(GAS)), (false, Some(old)));
    assert_eq!(due(old, Some(GAS)), (true, None));
    assert_eq!(due(old, None), (true, None), "nobody can tell what is cheap");
    assert_eq!(due(old, Some(GAS - 1)), (false, Some(late)), "it was cheaper today");
    assert_eq!(due(late, Some(GAS - 1)), (true, None));
}

#[test]
fn the_longer_a_debt_waits_the_more_its_gas_may_be() {
    let settings = SettlementSettings { old_gas_share_basis_points: 30, max_age: 100, ..settings() };
    let shares = [0, 49, 50, 75, 100, 200, 1_000, 1 << 40].map(|age| share_at(age, &settings));
    assert_eq!(shares, [15, 15, 15, 22, 30, 60, 300, 1_000]);
    let at_once = SettlementSettings { max_age: 0, ..settings };
    assert_eq!(share_at(0, &at_once), 30);
}

#[test]
fn who_is_half_as_old_comes_along() {
    let half = debt(1, RICH, 25 * ROW);
    assert_eq!(left_out(&[half], 100_000 + 43_199), [LeftOut::NotYet]);
    let mut oldest = debt(2, RICH, 20 * ALONE);
    oldest.debt_since = Some(at(50_000));
    let both = decide(&[half, oldest], 100_000 + 43_200);
    assert_eq!((both.rows.len(), both.reasons[0].code()), (2, "oldest_debt"));
}
