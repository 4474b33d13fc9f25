//! The book against a plain reference, and its rules one by one.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::broker::user::book::{Ask, Book, DeniedReason, Raise};
use crate::broker::user::caps::{Cap, Caps};
use crate::broker::user::positions::Position;
use crate::domain::{AccountId, Address, ChainAccount, Neuron, RequestId};

fn provider(number: u8) -> Address {
    Address::repeat_byte(number + 1)
}

fn chain(number: u8, balance: u128) -> ChainAccount {
    ChainAccount {
        id: AccountId { user: Address::ZERO, provider: provider(number) },
        balance: Neuron::new(balance),
        settled: Neuron::ZERO,
        epoch: 0,
        delegate: None,
        rotation: None,
        refund: None,
    }
}

fn ask(number: u8, request: RequestId, wanted: u128, least: u128) -> Ask {
    Ask {
        provider: provider(number),
        request,
        wanted: Neuron::new(wanted),
        least: Neuron::new(least),
        credit_limit: Neuron::ZERO,
        caps: Caps::default(),
        max_exposure: None,
        day: 10,
    }
}

fn id(number: u8) -> RequestId {
    RequestId::new([number; 32])
}

fn funded(balance: u128) -> Book {
    let mut book = Book::default();
    book.restore(provider(0), Neuron::ZERO, Neuron::ZERO);
    book.set_chain(provider(0), Some(chain(0, balance)), 0);
    book
}

#[test]
fn a_book_that_begins_with_all_accounts_is_as_if_they_had_come_one_by_one() {
    let (mut together, mut singly) = (Book::default(), Book::default());
    let remembered = (0..9).map(|number| {
        let account = (number % 3 != 0).then(|| chain(number, 100 * u128::from(number)));
        let (authorized, owed) =
            (Neuron::new(u128::from(number) * 7), Neuron::new(u128::from(number % 4) * 5));
        singly.restore(provider(number), authorized, owed);
        singly.set_chain(provider(number), account, 0);
        (provider(number), Position::remembered(authorized, owed, account))
    });
    together.begin(remembered.collect());
    assert!(together.holds_together());
    assert_eq!(together.totals(), singly.totals());
    assert_eq!(together.committed(), singly.committed());
    assert_eq!(format!("{together:?}"), format!("{singly:?}"));
}

#[test]
fn accounts_behind_a_provider_are_counted_without_those_the_chain_does_not_know() {
    let mut book = Book::default();
    for number in 0..4 {
        book.restore(provider(number), Neuron::ZERO, Neuron::ZERO);
        if number != 2 {
            book.set_chain(provider(number), Some(chain(number, 1)), 0);
        }
    }
    let behind = |after| book.positions_after(after).map(|(provider, _)| *provider).collect::<Vec<_>>();
    assert_eq!(behind(None).len(), 4);
    assert_eq!(behind(Some(provider(1))), [provider(2), provider(3)]);
    assert!(behind(Some(provider(3))).is_empty());
    assert_eq!(book.totals().accounts, 3);
}

#[test]
fn a_request_gets_what_is_left_and_waits_if_that_helps() {
    let mut book = funded(100);
    let first = book.reserve(&ask(0, id(1), 80, 10)).unwrap();
    assert_eq!((first.max_fee, first.voucher), (Neuron::new(80), Neuron::new(80)));
    let second = book.reserve(&ask(0, id(2), 80, 10)).unwrap();
    assert_eq!((second.max_fee, second.voucher), (Neuron::new(20), Neuron::new(100)));
    let third = book.reserve(&ask(0, id(3), 80, 10)).unwrap_err();
    assert!(third.later && third.reason == DeniedReason::Balance && third.available.is_zero());
    let never = book.reserve(&ask(0, id(3), 200, 101)).unwrap_err();
    assert!(!never.later);
    // An unconfirmed hold may last; nobody waits for it.
    book.unconfirmed(provider(0), id(1), Neuron::MAX);
    book.unconfirmed(provider(0), id(2), Neuron::MAX);
    assert!(!book.reserve(&ask(0, id(3), 80, 10)).unwrap_err().later);
    book.finish(provider(0), id(1), Neuron::new(30), 10);
    book.finish(provider(0), id(2), Neuron::ZERO, 10);
    let position = book.position(provider(0)).unwrap();
    let available = position.chain().unwrap().available(position.owed(), position.held());
    assert_eq!(available, Neuron::new(70));
    // What was promised and not used up covers what comes: no new promise is needed.
    let next = book.reserve(&ask(0, id(4), 60, 10)).unwrap();
    assert_eq!(next.voucher, Neuron::new(100));
}

#[test]
fn credit_of_the_provider_is_used_before_anything_is_promised() {
    let mut book = funded(1_000);
    let lent = |request| Ask { credit_limit: Neuron::new(100), ..ask(0, request, 80, 1) };
    assert_eq!(book.reserve(&lent(id(1))).unwrap().voucher, Neuron::ZERO);
    assert_eq!(book.reserve(&lent(id(2))).unwrap().voucher, Neuron::new(60));
    book.finish(provider(0), id(1), Neuron::new(80), 10);
    assert!(book.position(provider(0)).unwrap().unpaid());
    book.carried(provider(0), Neuron::new(80));
    assert!(!book.position(provider(0)).unwrap().unpaid());
}

#[test]
fn an_unconfirmed_request_holds_what_it_can_come_to_and_earns_no_voucher() {
    let mut book = funded(1_000);
    assert_eq!(book.reserve(&ask(0, id(1), 80, 1)).unwrap().voucher, Neuron::new(80));
    book.unconfirmed(provider(0), id(1), Neuron::new(30));
    assert_eq!(book.position(provider(0)).unwrap().held(), Neuron::new(30));
    assert_eq!(book.reserve(&ask(0, id(2), 80, 1)).unwrap().voucher, Neuron::new(80));
    book.finish(provider(0), id(1), Neuron::ZERO, 10);
    book.finish(provider(0), id(2), Neuron::ZERO, 10);
    assert_eq!(book.held(), Neuron::ZERO);
}

#[test]
fn exposure_bounds_how_far_promises_run_ahead() {
    let mut book = funded(1_000);
    let exposed = |request| Ask { max_exposure: Some(Neuron::new(50)), ..ask(0, request, 80, 40) };
    assert_eq!(book.reserve(&exposed(id(1))).unwrap().max_fee, Neuron::new(50));
    let denied = book.reserve(&exposed(id(2))).unwrap_err();
    assert!(denied.reason == DeniedReason::Exposure && denied.later);
    book.finish(provider(0), id(1), Neuron::new(50), 10);
    assert_eq!(book.reserve(&exposed(id(2))).unwrap().voucher, Neuron::new(100));
    // After a 402 we go as far as that, too, and not an inch further.
    book.finish(provider(0), id(2), Neuron::ZERO, 10);
    assert_eq!(book.raise(&exposed(id(3)), Neuron::new(51)), Raise::Beyond(Neuron::new(100)));
    assert_eq!(book.raise(&exposed(id(3)), Neuron::new(50)), Raise::To(Neuron::new(100)));
}

#[test]
fn what_was_not_written_is_not_promised() {
    let mut book = funded(1_000);
    let promised = |book: &Book| book.position(provider(0)).unwrap().authorized();
    for (number, voucher) in [(1, 80), (2, 160), (3, 240)] {
        assert_eq!(book.reserve(&ask(0, id(number), 80, 1)).unwrap().voucher, Neuron::new(voucher));
    }
    book.written(provider(0), id(1), Neuron::new(80));
    // The second may still be signed, whatever becomes of the third.
    book.not_written(provider(0), id(3));
    assert_eq!(promised(&book), Neuron::new(160));
    book.not_written(provider(0), id(2));
    assert_eq!(promised(&book), Neuron::new(80));
    assert_eq!(book.raise(&ask(0, id(4), 80, 1), Neuron::new(80)), Raise::To(Neuron::new(160)));
    book.not_written(provider(0), id(4));
    assert_eq!((promised(&book), book.held()), (Neuron::new(80), Neuron::new(80)));
    assert_eq!(book.raise(&ask(0, id(5), 80, 1), Neuron::new(70)), Raise::To(Neuron::new(150)));
    book.raised(provider(0), id(5), Neuron::new(150));
    book.finish(provider(0), id(1), Neuron::ZERO, 10);
    assert_eq!((promised(&book), book.held()), (Neuron::new(150), Neuron::ZERO));
}

#[test]
fn a_day_does_not_come_back() {
    let mut book = funded(1_000);
    book.restore_day(10, Neuron::new(90));
    let caps = Caps { per_day: Some(Neuron::new(100)), ..Caps::default() };
    let on = |day, request| Ask { caps, day, ..ask(0, request, 50, 20) };
    let denied = book.reserve(&on(10, id(1))).unwrap_err();
    assert_eq!(denied.reason, DeniedReason::Cap(Cap::Day, Neuron::new(100)));
    assert!(book.reserve(&on(9, id(1))).is_err(), "the clock was set back");
    assert!(book.reserve(&on(11, id(1))).is_ok());
    book.finish(provider(0), id(1), Neuron::new(50), 11);
    assert_eq!(book.today(11), (11, Neuron::new(50)));
    assert_eq!(book.today(10), (11, Neuron::new(50)));
    // What was asked for before midnight counts for the day before, as in the store.
    assert!(book.reserve(&on(11, id(2))).is_ok());
    book.finish(provider(0), id(2), Neuron::new(20), 10);
    assert_eq!(book.today(11), (11, Neuron::new(50)));
    assert_eq!(book.position(provider(0)).unwrap().owed(), Neuron::new(70));
}

#[test]
fn an_end_counts_once_whoever_tells_of_it() {
    let mut book = funded(1_000);
    book.reserve(&ask(0, id(1), 80, 1)).unwrap();
    for _ in 0..3 {
        book.finish(provider(0), id(1), Neuron::new(30), 10);
        book.finish(provider(0), id(9), Neuron::new(30), 10);
        assert_eq!(book.position(provider(0)).unwrap().owed(), Neuron::new(30));
        assert_eq!((book.held(), book.today(10).1), (Neuron::ZERO, Neuron::new(30)));
    }
}

#[derive(Clone, Debug)]
enum Step {
    Reserve {
        provider: u8,
        wanted: u128,
        least: u128,
        credit: u128,
    },
    Raise {
        provider: u8,
        wanted: u128,
        credit: u128,
        taken: u128,
    },
    Finish {
        which: usize,
        share: u128,
    },
    Fail {
        which: usize,
    },
    /// The disk took it, or did not.
    Written {
        which: usize,
        whether: bool,
    },
    Unconfirm {
        which: usize,
    },
    NextDay,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (0..3u8, 1..400u128, 0..100u128, 0..200u128).prop_map(|(provider, wanted, least, credit)| {
            Step::Reserve { provider, wanted, least: least.min(wanted), credit }
        }),
        2 => (0..3u8, 1..400u128, 0..200u128, 0..2_000u128).prop_map(|(provider, wanted, credit, taken)| {
            Step::Raise { provider, wanted, credit, taken }
        }),
        3 => (any::<usize>(), 0..=100u128).prop_map(|(which, share)| Step::Finish { which, share }),
        2 => any::<usize>().prop_map(|which| Step::Fail { which }),
        4 => (any::<usize>(), prop::bool::weighted(0.7)).prop_map(|(which, whether)| Step::Written { which, whether }),
        1 => any::<usize>().prop_map(|which| Step::Unconfirm { which }),
        1 => Just(Step::NextDay),
    ];
    prop::collection::vec(step, 1..120)
}

/// The same rules with plain integers and no cleverness.
#[derive(Default)]
struct Reference {
    owed: BTreeMap<u8, u128>,
    promised: BTreeMap<u8, u128>,
    /// What of that is on disk, and what is on its way there.
    durable: BTreeMap<u8, u128>,
    unwritten: Vec<(RequestId, u8, u128)>,
    open: Vec<(RequestId, u8, u128)>,
    /// Of the open ones, those whose end is not known.
    unknown: Vec<RequestId>,
    today: u128,
}

impl Reference {
    /// The disk took what was granted with this request, if that was not known yet.
    fn written(&mut self, book: &mut Book, request: RequestId) {
        let Some(place) = self.unwritten.iter().position(|granted| granted.0 == request) else { return };
        let (_, number, voucher) = self.unwritten.remove(place);
        let durable = self.durable.entry(number).or_default();
        *durable = voucher.max(*durable);
        book.written(provider(number), request, Neuron::new(voucher));
    }

    fn held(&self, provider: u8) -> u128 {
        self.open.iter().filter(|open| open.1 == provider).map(|open| open.2).sum()
    }

    fn live(&self, provider: u8) -> u128 {
        let live = self.open.iter().filter(|open| open.1 == provider && !self.unknown.contains(&open.0));
        live.map(|open| open.2).sum()
    }

    fn committed(&self, provider: u8) -> u128 {
        let owed = self.owed.get(&provider).copied().unwrap_or(0) + self.held(provider);
        owed.max(self.promised.get(&provider).copied().unwrap_or(0))
    }
}

const BALANCE: u128 = 1_500;

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    /// What a refusal says is missing is exactly what is missing, and looking holds nothing.
    #[test]
    fn a_deposit_of_what_is_missing_lets_the_request_pass(
        balance in 0u128..200, owed in 0u128..200, held in 0u128..100, wanted in 1u128..300, least in 1u128..150,
        per_request in proptest::option::of(1u128..300), account in any::<bool>(),
    ) {
        let at = |balance: u128| {
            let mut book = Book::default();
            book.restore(provider(0), Neuron::ZERO, Neuron::new(owed));
            book.restore_hold(provider(0), id(9), Neuron::new(held));
            book.set_chain(provider(0), Some(chain(0, balance)), 0);
            book
        };
        let mut book = if account { at(balance) } else { Book::default() };
        let mut ask = ask(0, id(1), wanted.max(least), least);
        ask.caps.per_request = per_request.map(Neuron::new);
        let look = book.look(&ask);
        prop_assert_eq!(look, book.look(&ask));
        match look {
            Ok(look) => prop_assert_eq!(book.reserve(&ask).map(|grant| grant.max_fee), Ok(look.max_fee)),
            Err(denied) => {
                prop_assert_eq!(book.reserve(&ask), Err(denied));
                let capped = per_request.is_some_and(|cap| cap < least);
                let missing = denied.missing.get();
                match denied.reason {
                    DeniedReason::Balance => {
                        prop_assert!(!capped && missing > 0);
                        prop_assert!(at(balance + missing).look(&ask).is_ok());
                        prop_assert!(at(balance + missing - 1).look(&ask).is_err());
                    }
                    DeniedReason::NoAccount => prop_assert_eq!(missing, least),
                    _ => prop_assert!(capped && missing == 0),
                }
            }
        }
    }

    #[test]
    fn no_interleaving_promises_more_than_deposits_and_caps_allow(
        steps in steps(),
        per_request in prop::option::of(50..300u128),
        per_day in prop::option::of(100..2_000u128),
        per_provider in prop::option::of(100..1_200u128),
        total in prop::option::of(100..3_000u128),
    ) {
        let caps = Caps {
            per_request: per_request.map(Neuron::new),
            per_day: per_day.map(Neuron::new),
            per_provider: per_provider.map(Neuron::new),
            total: total.map(Neuron::new),
        };
        let mut book = Book::default();
        for number in 0..3 {
            book.restore(provider(number), Neuron::ZERO, Neuron::ZERO);
            book.set_chain(provider(number), Some(chain(number, BALANCE)), 0);
        }
        let mut reference = Reference::default();
        let mut day = 10;
        for step in steps {
            match step {
                // A provider says that its books are at `taken`, whatever ours say.
                Step::Raise { provider: number, wanted, credit, taken } => {
                    let ask = Ask { caps, day, credit_limit: Neuron::new(credit), ..ask(number, RequestId::random(), wanted, 1) };
                    let granted = book.look(&ask).map(|look| look.max_fee.get());
                    let before = reference.promised.get(&number).copied().unwrap_or(0);
                    let owed = reference.owed.get(&number).copied().unwrap_or(0);
                    match (book.raise(&ask, Neuron::new(taken)), granted) {
                        (Raise::To(now), Ok(granted)) => {
                            let needed = (taken + granted).saturating_sub(credit);
                            prop_assert_eq!(now.get(), before.max(needed));
                            prop_assert!(now.get() <= before.max(owed + reference.live(number) + granted));
                            prop_assert!(per_request.is_none_or(|cap| granted <= cap));
                            reference.promised.insert(number, now.get());
                            reference.durable.insert(number, now.get());
                            book.raised(provider(number), ask.request, now);
                        }
                        (Raise::Beyond(most), Ok(granted)) => prop_assert!(most.get() < taken + granted),
                        (raise, granted) => prop_assert!(raise == Raise::Denied && granted.is_err()),
                    }
                }
                Step::Reserve { provider: number, wanted, least, credit } => {
                    let request = RequestId::random();
                    let ask = Ask { caps, day, credit_limit: Neuron::new(credit), ..ask(number, request, wanted, least) };
                    let owed = reference.owed.get(&number).copied().unwrap_or(0);
                    let (held, live) = (reference.held(number), reference.live(number));
                    let others: u128 = (0..3).filter(|other| *other != number).map(|other| reference.committed(other)).sum();
                    let promised = reference.promised.get(&number).copied().unwrap_or(0);
                    let all_held: u128 = reference.open.iter().map(|open| open.2).sum();
                    let under = |cap: u128| if promised > cap { 0 } else { cap.saturating_sub(owed + held) };
                    let room = (BALANCE - owed - held)
                        .min(per_request.unwrap_or(u128::MAX))
                        .min(per_day.map_or(u128::MAX, |cap| cap.saturating_sub(reference.today + all_held)))
                        .min(per_provider.map_or(u128::MAX, under))
                        .min(total.map_or(u128::MAX, |cap| under(cap.saturating_sub(others))));
                    match book.reserve(&ask) {
                        Ok(grant) => {
                            prop_assert_eq!(grant.max_fee.get(), wanted.min(room));
                            reference.open.push((request, number, grant.max_fee.get()));
                            let voucher = promised.max(owed).max((owed + live + grant.max_fee.get()).saturating_sub(credit));
                            prop_assert_eq!(grant.voucher.get(), voucher);
                            reference.promised.insert(number, voucher);
                            reference.unwritten.push((request, number, voucher));
                        }
                        Err(denied) => {
                            prop_assert!(room < least);
                            // Behind an empty account a cap may stand that no deposit gets past; then that is named.
                            let balance = BALANCE - owed - held;
                            let named = denied.available.get();
                            let behind = room == balance && denied.reason != DeniedReason::Balance;
                            prop_assert!(named == room || behind && (balance..least).contains(&named));
                        }
                    }
                }
                Step::Finish { which, share } if !reference.open.is_empty() => {
                    let (request, number, max) = reference.open.remove(which % reference.open.len());
                    reference.written(&mut book, request);
                    let fee = max * share / 100;
                    book.finish(provider(number), request, Neuron::new(fee), day);
                    *reference.owed.entry(number).or_default() += fee;
                    reference.today += fee;
                }
                Step::Fail { which } if !reference.open.is_empty() => {
                    let (request, number, _) = reference.open.remove(which % reference.open.len());
                    reference.written(&mut book, request);
                    book.finish(provider(number), request, Neuron::ZERO, day);
                }
                Step::Written { which, whether } if !reference.unwritten.is_empty() => {
                    let (request, number, _) = reference.unwritten[which % reference.unwritten.len()];
                    if whether {
                        reference.written(&mut book, request);
                    } else {
                        reference.unwritten.retain(|granted| granted.0 != request);
                        reference.open.retain(|open| open.0 != request);
                        let others = reference.unwritten.iter().filter(|granted| granted.1 == number);
                        let durable = reference.durable.get(&number).copied().unwrap_or(0);
                        let promised = others.map(|granted| granted.2).fold(durable, u128::max);
                        reference.promised.insert(number, promised);
                        book.not_written(provider(number), request);
                    }
                }
                Step::Unconfirm { which } if !reference.open.is_empty() => {
                    let (request, number, _) = reference.open[which % reference.open.len()];
                    reference.written(&mut book, request);
                    book.unconfirmed(provider(number), request, Neuron::MAX);
                    reference.unknown.push(request);
                }
                Step::NextDay => {
                    day += 1;
                    reference.today = 0;
                }
                _ => {}
            }
            prop_assert!(book.holds_together());
            let mut sum = 0;
            for number in 0..3 {
                let position = book.position(provider(number)).unwrap();
                prop_assert_eq!(position.held().get(), reference.held(number));
                prop_assert_eq!(position.owed().get(), reference.owed.get(&number).copied().unwrap_or(0));
                prop_assert_eq!(position.authorized().get(), reference.promised.get(&number).copied().unwrap_or(0));
                prop_assert!(position.authorized().get() <= BALANCE);
                prop_assert!(per_provider.is_none_or(|cap| position.authorized().get() <= cap));
                sum += position.authorized().get();
            }
            prop_assert!(total.is_none_or(|cap| sum <= cap));
            let totals = book.totals();
            prop_assert_eq!((totals.accounts, totals.promised.get(), totals.balance.get()), (3, sum, 3 * BALANCE));
            prop_assert_eq!(totals.owed.get(), (0..3).map(|number| reference.owed.get(&number).copied().unwrap_or(0)).sum::<u128>());
            let left = |number| BALANCE - reference.owed.get(&number).copied().unwrap_or(0) - reference.held(number);
            prop_assert_eq!(totals.available.get(), (0..3).map(left).sum::<u128>());
            prop_assert_eq!(totals.empty, (0..3).filter(|number| left(*number) == 0).count());
            prop_assert_eq!(book.committed().get(), (0..3).map(|number| reference.committed(number)).sum::<u128>());
            prop_assert_eq!(book.today(day).1.get(), reference.today);
            prop_assert!(per_day.is_none_or(|cap| reference.today <= cap));
        }
        for (request, number, _) in reference.open.drain(..) {
            book.finish(provider(number), request, Neuron::ZERO, day);
        }
        prop_assert_eq!(book.held(), Neuron::ZERO);
        // Accounts go and come back, as after a reorg.
        for number in [1, 0, 1] {
            let account = book.position(provider(number)).unwrap().chain().is_none().then(|| chain(number, 77));
            book.set_chain(provider(number), account, 1);
            prop_assert!(book.holds_together());
        }
        prop_assert_eq!(book.totals().accounts, 2);
        prop_assert_eq!(book.totals().balance.get(), BALANCE + 77);
    }
}
