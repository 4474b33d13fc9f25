//! The two rules of admission, holds and what is adopted of a node's word.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
use super::super::super::test_values::{page, voucher};
use super::*;
use crate::domain::Rotation;
use proptest::prelude::*;

const USER: Address = Address::repeat_byte(1);

fn now() -> Timestamp {
    Timestamp::from_seconds(1_000)
}

fn book(credit: u128, page: Page) -> Arc<Book> {
    let book = Book::new(Neuron::new(credit), 64);
    book.restore(page);
    book
}

fn reserve(book: &Arc<Book>, fee: u128) -> Result<Reservation, Denied> {
    book.reserve(USER, RequestId::random(), Neuron::new(fee), now(), || 60)
}

#[test]
fn a_book_that_begins_with_all_pages_is_as_if_they_had_come_one_by_one() {
    let pages: Vec<_> = (1..9).map(|number| page(number, 100, u128::from(number % 4) * 5)).collect();
    let (together, singly) = (Book::new(Neuron::new(5), 64), Book::new(Neuron::new(5), 64));
    together.begin(pages.clone());
    pages.iter().for_each(|page| singly.restore(*page));
    assert!(together.holds_together());
    assert_eq!(together.first(usize::MAX), singly.first(usize::MAX));
    assert_eq!(together.totals(now()), singly.totals(now()));
}

/// Rows: balance, settled, pending refund, owed, voucher, credit, maxFee → admitted, short of promise, of funds.
#[test]
fn the_admission_table() {
    #[allow(clippy::type_complexity, reason = "a table, read once, just below")]
    let table: &[(u128, u128, u128, u128, Option<u128>, u128, u128, &str)] = &[
        (100, 0, 0, 0, None, 10, 10, "yes"),
        (100, 0, 0, 0, None, 10, 11, "promise"),
        (100, 0, 0, 0, Some(50), 10, 60, "yes"),
        (100, 0, 0, 0, Some(50), 10, 61, "promise"),
        (100, 0, 0, 0, Some(500), 10, 100, "yes"),
        (100, 0, 0, 0, Some(500), 10, 101, "funds"),
        (100, 0, 30, 0, Some(500), 0, 70, "yes"),
        (100, 0, 30, 0, Some(500), 0, 71, "funds"),
        (20, 80, 0, 90, Some(500), 0, 10, "yes"),
        (20, 80, 0, 90, Some(500), 0, 11, "funds"),
        (100, 80, 0, 80, None, 5, 5, "yes"), // what was paid counts as promised
        (100, 80, 0, 80, Some(40), 5, 6, "promise"),
        (0, 0, 0, 0, Some(500), 500, 0, "yes"),
        (0, 0, 0, 0, Some(500), 500, 1, "funds"),
        (100, 0, 0, 0, Some(500), 10, u128::MAX, "funds"),
    ];
    for row in table {
        let &(balance, settled, refund, owed, promised, credit, fee, expected) = row;
        let mut page = page(1, balance, settled);
        page.owed = Neuron::new(owed);
        page.best = promised.map(|sum| voucher(1, 0, sum));
        if refund > 0 {
            page.account.refund = Some(PendingRefund {
                index: 1,
                amount: Neuron::new(refund),
                created_at: now(),
                unlock_at: now(),
            });
        }
        let book = book(credit, page);
        let found = match reserve(&book, fee) {
            Ok(_) => "yes",
            Err(Denied::Promise(_)) => "promise",
            Err(Denied::Funds(_)) => "funds",
            Err(_) => "other",
        };
        assert_eq!(found, expected, "{row:?}");
        assert_eq!(book.totals(now()).reserved, Neuron::ZERO, "{row:?}");
    }
}

#[test]
fn the_shortage_names_what_would_help() {
    let mut page = page(1, 1_000, 0);
    page.owed = Neuron::new(40);
    page.best = Some(voucher(1, 0, 30));
    let book = book(10, page);
    let Err(Denied::Promise(short)) = reserve(&book, 5) else { unreachable!("it must be short") };
    assert_eq!(short.required, Neuron::new(35));
    book.voucher(voucher(1, 0, 35));
    assert!(reserve(&book, 5).is_ok());
}

/// Seconds to the change, settled, owed → admitted with a fee of 10 on a credit of 10 and a voucher for everything.
#[test]
fn just_before_a_change_of_delegate_only_what_is_settled_counts() {
    for (seconds, settled, owed, expected) in [
        (61, 0, 50, Ok(())),
        (60, 0, 50, Err(60)),
        (1, 0, 50, Err(1)),
        (60, 50, 50, Ok(())),
        (60, 49, 50, Err(60)),
        // Once it has come, the voucher of the old epoch is no promise at all.
        (0, 50, 50, Ok(())),
    ] {
        let mut page = page(1, 1_000, settled);
        page.owed = Neuron::new(owed);
        page.best = Some(voucher(1, 0, 500));
        let active_at = now().plus_seconds(seconds);
        page.account.rotation = Some(Rotation { delegate: None, active_at });
        let found = match reserve(&book(10, page), 10) {
            Ok(_) => Ok(()),
            Err(Denied::VoidSoon { seconds }) => Err(seconds),
            Err(other) => unreachable!("{other:?}"),
        };
        assert_eq!(found, expected, "{seconds} s before, {settled} settled");
    }
}

#[test]
fn holds_add_up_and_come_back() {
    let mut page = page(1, 100, 0);
    page.best = Some(voucher(1, 0, 1_000));
    let book = book(0, page);
    let first = reserve(&book, 60).unwrap();
    assert!(matches!(reserve(&book, 41), Err(Denied::Funds(_))));
    let second = reserve(&book, 40).unwrap();
    first.booked(Neuron::new(10), now());
    let totals = book.totals(now());
    assert_eq!((totals.owed, totals.reserved, totals.in_flight), (Neuron::new(10), Neuron::new(40), 1));
    drop(second);
    assert!(reserve(&book, 90).is_ok());
    assert!(matches!(reserve(&book, 91), Err(Denied::Funds(_))));
    assert_eq!(book.running(), 0);
}

#[test]
fn one_id_is_served_once_at_a_time_and_a_dead_task_leaves_its_row_to_be_struck_off() {
    let book = book(100, page(1, 100, 0));
    let id = RequestId::random();
    let mut held = book.reserve(USER, id, Neuron::new(1), now(), || 60).unwrap();
    assert_eq!(book.reserve(USER, id, Neuron::new(1), now(), || 60).unwrap_err(), Denied::Duplicate);
    held.row_written();
    drop(held);
    assert_eq!(book.take_abandoned(), [id]);
    assert!(book.take_abandoned().is_empty());
}

#[test]
fn vouchers_are_a_maximum_and_a_new_epoch_starts_over() {
    let book = book(0, page(1, 1_000, 0));
    for (sum, news) in [(10, true), (5, false), (10, false), (30, true), (20, false)] {
        assert_eq!(book.voucher(voucher(1, 0, sum)), news);
    }
    let mut account = book.page(USER).unwrap().account;
    account.rotation = Some(Rotation { delegate: None, active_at: Timestamp::from_seconds(999) });
    book.refresh(account, 2, false);
    let page = book.page(USER).unwrap();
    assert_eq!(page.voucher(now()), None);
    assert!(book.voucher(voucher(1, 1, 7)));
    assert_eq!(book.page(USER).unwrap().promised(now()), Neuron::new(7));
}

#[test]
fn old_readings_do_not_undo_newer_ones_and_settled_money_was_owed() {
    let book = book(0, page(1, 100, 0));
    let read = |balance, settled| page(1, balance, settled).account;
    assert_eq!(book.refresh(read(60, 40), 7, false).0.owed, Neuron::new(40));
    assert_eq!(book.refresh(read(100, 0), 6, false).0.account.balance, Neuron::new(60));
    assert_eq!(book.refresh(read(100, 0), 6, true).0.account.balance, Neuron::new(100));
    assert_eq!(book.page(USER).unwrap().owed, Neuron::ZERO, "a reorg took the payment back");
    // Nor does a listing that began before the account was opened.
    book.vanished(USER, 5, false);
    assert_eq!(book.page(USER).unwrap().account.balance, Neuron::new(100));
    book.vanished(USER, 6, false);
    assert_eq!(book.page(USER).unwrap().account.balance, Neuron::ZERO);
    book.refresh(read(100, 0), 9, false);
    book.vanished(USER, 5, true);
    let page = book.page(USER).unwrap();
    assert_eq!((page.account.balance, page.block), (Neuron::ZERO, 5));
}

/// A page with 90 owed of 100 promised, and readings of it.
fn in_debt() -> (Arc<Book>, impl Fn(u128) -> ChainAccount) {
    let mut debt = page(1, 1_000, 0);
    debt.owed = Neuron::new(90);
    debt.best = Some(voucher(1, 0, 100));
    (book(5, debt), |settled| page(1, 1_000, settled).account)
}

#[test]
fn a_settled_sum_that_falls_again_voids_no_claim() {
    for lie in [90, 91, 100, 500, u128::MAX] {
        let (book, read) = in_debt();
        for block in 2..6 {
            let (page, _) = book.refresh(read(lie), block, false);
            assert_eq!((page.owed.get(), page.unsettled().get(), page.claim(now()).get()), (90, 0, 90));
        }
        let (page, adopted) = book.refresh(read(0), 6, false);
        assert_eq!((page.owed.get(), page.unsettled().get(), page.claim(now()).get()), (90, 90, 90));
        assert_eq!((adopted, page.doubt), (Adopted::Nothing, None), "{lie}");
    }
}

#[test]
fn old_copies_of_the_books_are_raised_to_what_was_paid_as_far_as_the_user_signed() {
    let (book, read) = in_debt();
    assert_eq!(book.refresh(read(300), 10, false).1, Adopted::Doubted);
    assert_eq!(book.refresh(read(300), 21, false), (book.page(USER).unwrap(), Adopted::Nothing));
    let (page, adopted) = book.refresh(read(300), 22, false);
    assert_eq!((page.owed.get(), page.account.settled.get(), adopted), (100, 100, Adopted::Raised));
    book.voucher(voucher(1, 0, 310));
    let (page, adopted) = book.refresh(read(300), 23, false);
    assert_eq!((page.owed.get(), page.unsettled().get(), adopted), (300, 0, Adopted::Raised));
}

#[test]
fn a_node_that_talks_of_payments_lends_nobody_our_services() {
    let (book, read) = in_debt();
    book.refresh(read(u128::MAX), 2, false);
    assert!(reserve(&book, 15).is_ok(), "100 promised and 5 lent, less 90 owed");
    assert!(matches!(reserve(&book, 16), Err(Denied::Promise(_))));
    // Not even one without any voucher.
    let debt = Page { owed: Neuron::new(4), ..page(1, 1_000, 0) };
    let book = super::tests::book(5, debt);
    book.refresh(read(u128::MAX), 2, false);
    assert!(reserve(&book, 1).is_ok());
    assert!(matches!(reserve(&book, 2), Err(Denied::Promise(_))));
}

/// A list that is read page by page goes on behind the place where it was, not behind where that user stands now.
#[test]
fn a_settlement_between_two_pages_hides_nobody() {
    let book = Book::new(Neuron::ZERO, 64);
    for (number, owed) in [(1, 300), (2, 200), (3, 100)] {
        let mut one = page(number, 1_000, 0);
        one.owed = Neuron::new(owed);
        book.restore(one);
    }
    let first = book.first(1)[0];
    let settled = ChainAccount { settled: first.owed, ..first.account };
    book.refresh(settled, 9, true);
    let (behind, more) = book.behind(first.rank(), 2);
    let owed: Vec<_> = behind.iter().map(|page| page.owed.get()).collect();
    assert_eq!((owed, more), (vec![200, 100], true));
}

#[test]
fn many_at_once_never_pass_the_limit() {
    let mut page = page(1, 1_000, 0);
    page.best = Some(voucher(1, 0, 1_000));
    let book = book(0, page);
    let held: Vec<_> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..64).map(|_| scope.spawn(|| reserve(&book, 30))).collect();
        running.into_iter().filter_map(|thread| thread.join().unwrap().ok()).collect()
    });
    assert_eq!(held.len(), 33);
    assert_eq!(book.totals(now()).reserved, Neuron::new(990));
    drop(held);
    assert_eq!(book.totals(now()), Totals { users: 1, ..Totals::default() });
}

proptest! {
    /// However requests come and go, what is owed and held stays within both rules.
    #[test]
    fn both_rules_hold_after_every_step(
        balance in 0u128..500, promised in 0u128..500, credit in 0u128..100,
        steps in proptest::collection::vec((0u128..80, 0usize..4, 0u128..80), 1..60),
    ) {
        let mut first = page(1, balance, 0);
        first.best = Some(voucher(1, 0, promised));
        let book = book(credit, first);
        let mut held = Vec::new();
        for (fee, what, paid) in steps {
            if what < 2 {
                held.extend(reserve(&book, fee));
            } else if let Some(one) = held.pop() {
                let owed = book.page(USER).unwrap().owed;
                let fee = one.max_fee().min(Neuron::new(paid));
                if what == 2 { one.booked(owed.saturating_add(fee), now()) } else { drop(one) }
            }
            let page = book.page(USER).unwrap();
            let claimed = page.owed.get() + page.reserved.get();
            prop_assert!(claimed <= balance && claimed <= promised + credit);
            prop_assert_eq!(page.in_flight, held.len());
            prop_assert!(book.holds_together());
        }
        drop(held);
        prop_assert_eq!(book.page(USER).unwrap().reserved, Neuron::ZERO);
    }

    /// Whatever the chain and users do, lists are in order and sums are what adding up gives.
    #[test]
    fn order_and_sums_follow_every_change(
        steps in proptest::collection::vec((0u8..8, 1u8..4, 0u128..200, 0u128..200, 900u64..1_100), 1..60),
    ) {
        let book = Book::new(Neuron::new(50), 4);
        let mut held = Vec::new();
        for (what, number, one, other, at) in steps {
            let (user, at) = (Address::repeat_byte(number), Timestamp::from_seconds(at));
            let mut read = page(number, one, other);
            match what {
                0 => book.restore(Page { owed: Neuron::new(one.max(other)), ..read }),
                1 | 2 => {
                    if one % 3 == 0 {
                        read.account.rotation = Some(Rotation { delegate: None, active_at: at });
                    }
                    book.refresh(read.account, 1, true);
                }
                3 => {
                    let amount = Neuron::new(one);
                    let refund = PendingRefund { index: 1, amount, created_at: now(), unlock_at: at };
                    book.refund_requested(user, refund, u64::MAX);
                }
                4 => book.vanished(user, 1, other > 100),
                5 => drop(book.voucher(voucher(number, u32::from(other > 100), one))),
                6 => held.extend(book.reserve(user, RequestId::random(), Neuron::new(one), now(), || 60)),
                _ => if let Some(hold) = held.pop() {
                    let owed = book.page(hold.user).map_or(Neuron::ZERO, |page| page.owed);
                    hold.booked(owed.saturating_add(Neuron::new(other)), at);
                },
            }
            prop_assert!(book.holds_together());
            let pages = book.first(usize::MAX);
            prop_assert!(pages.is_sorted_by_key(Page::rank));
            prop_assert_eq!(book.debtors(), pages.iter().filter(|page| !page.unsettled().is_zero()).copied().collect::<Vec<_>>());
            for (place, page) in pages.iter().enumerate() {
                let behind = (pages.get(place + 1).copied().into_iter().collect(), pages.len() > place + 2);
                prop_assert_eq!(book.behind(page.rank(), 1), behind);
            }
            let totals = book.totals(now());
            prop_assert_eq!(totals.users, pages.len());
            prop_assert_eq!(totals.in_flight, pages.iter().map(|page| page.in_flight).sum::<usize>());
            prop_assert_eq!(totals.debtors, book.debtors().len());
            let sum = |part: fn(&Page) -> Neuron| pages.iter().map(part).fold(Neuron::ZERO, Neuron::saturating_add);
            prop_assert_eq!(totals.claimable, sum(|page| page.claimable(now())));
            prop_assert_eq!(totals.unsettled, sum(Page::unsettled));
            prop_assert_eq!(totals.owed, sum(|page| page.owed));
            prop_assert_eq!(totals.settled, sum(|page| page.account.settled));
            prop_assert_eq!(totals.reserved, sum(|page| page.reserved));
            let danger = |page: &&Page| page.is_lost(now()) || page.threat(now()).is_some();
            prop_assert_eq!(totals.in_danger, pages.iter().filter(danger).count());
        }
    }
}
