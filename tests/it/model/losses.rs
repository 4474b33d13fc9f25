//! What each side can lose: one test for each row of the table in the threat model, with real brokers and a real chain.
//!
//! | situation | the provider's loss | the user's loss |
//! |---|---|---|
//! | the user never pays for the last answers | its credit limit | – |
//! | the provider claims more than it delivered | – | what is signed ahead: nothing on credit, one highest fee without |
//! | the provider inflates token counts | – | nothing, the difference stays unsigned |
//! | the provider takes the input fee and returns nothing | – | one input fee a request |
//! | a request is kept back on the way and brought later | – | its highest fee, once |
//! | the provider hides the newest voucher | – | nothing, sums include each other |
//! | the user empties the account during the refund lock | nothing | – |
//! | the provider loses its database | what it had not settled | – |
//! | the user loses its database | – | nothing |
//! | a delegate key is stolen | – | deposits named for it until the lock ends, never the wallet |

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use zgserve_tui::broker::outbox;
use zgserve_tui::chain::{Call, Sender, SettleRow};
use zgserve_tui::domain::{AccountId, Address, SignedVoucher, Voucher};
use zgserve_tui::keys::Wallet;

use super::super::world::{Forgetful, LOCK, Reply, World, chat_stream, fast, finish, neuron, until};
use super::number;
use super::system_line::{Claim, Fate, Lie};
use super::system_plan::{Cheat, Plan};
use super::system_rules::Due;
use super::system_town::{BYTE, DEAR, DEPOSIT, Town, send};

/// The user's wallet behind its broker's back.
pub fn behind(world: &World) -> Sender {
    of_key(world, &world.user_side.wallet)
}

fn of_key(world: &World, key: &Arc<Wallet>) -> Sender {
    let signer = outbox::signer(Arc::clone(key));
    Sender::start(world.chain.clone(), signer, Arc::new(Forgetful), &world.tasks, fast())
}

/// Sends a call that must succeed.
pub async fn sends(sender: &Sender, call: Call) {
    assert!(send(sender, call.clone()).await, "{call:?} is refused");
}

pub fn cheater(town: &Town) -> Address {
    town.cheater.key.address()
}

/// A town whose provider lends so many hundredths of the deposit.
async fn town(credit: u8) -> Town {
    Town::found(&Plan { credit, cap: None, steps: vec![] }).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_user_never_pays_for_the_last_answers() {
    let mut town = town(10).await;
    let user = cheater(&town);
    for _ in 0..12 {
        town.cheat(Cheat::Unpaid).await;
    }
    town.cheat(Cheat::AtOnce(6)).await;
    let debt = town.debt(user);
    assert!(debt.owed > town.credit / 2, "it took something: {debt:?}");
    assert!(debt.unsecured() <= town.credit, "{debt:?}");
    assert!(town.seen["cheater refused"] > 0);
    town.check().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_provider_claims_more_than_it_delivered() {
    for credit in [0, 20] {
        let town = town(credit).await;
        let provider = of_key(&town.world, &town.world.provider_side.wallet);
        for _ in 0..3 {
            let text = chat_stream("How much is it?");
            let _ = town.world.ask(text).await;
            until("the answer is paid", async || {
                let seen = town.world.user().account(town.world.provider_address()).unwrap();
                seen.reserved.is_zero().then_some(())
            })
            .await;
            // All that was ever signed, whatever was served for it.
            let Some(voucher) = town.best_voucher().await else { continue };
            let claim = voucher.voucher.cumulative;
            sends(&provider, Call::Settle { rows: vec![SettleRow { voucher, claim }] }).await;
            let settled = town.world.chain.account(town.world.id(), None).await.unwrap().unwrap().settled;
            until("the user sees it", async || {
                let seen = town.world.user().account(town.world.provider_address()).unwrap();
                (seen.settled == settled).then_some(())
            })
            .await;
            let rows = town.requests().await;
            let used: u128 = rows.iter().map(|row| row.fee.total().get()).sum();
            let highest = rows.iter().map(|row| row.max_fee.get()).max().unwrap();
            let ours = town.world.user_store().account(town.world.id()).await.unwrap().unwrap();
            assert_eq!(ours.owed.get(), used, "what was taken early makes nothing owed");
            let ahead = highest.saturating_sub(town.credit);
            assert!(settled.get() <= used + ahead, "{settled} was taken for {used}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_provider_inflates_token_counts() {
    let mut town = town(10).await;
    let lies = [
        Lie::Output(1),
        Lie::Output(u64::from(u32::MAX)),
        Lie::Input(3),
        Lie::Price(2),
        Lie::Owed,
        Lie::Absurd,
        Lie::Stranger,
    ];
    for lie in lies {
        for stream in [false, true] {
            // What it comes to is our own count, and nothing beyond it is signed: the check says so.
            town.ask(6, stream, Fate::Lies(lie)).await;
            town.check().await;
        }
    }
    let ours = town.world.user_store().account(town.world.id()).await.unwrap().unwrap();
    assert!(!ours.disputed.is_zero());
    assert!(ours.authorized <= ours.owed, "on credit nothing runs ahead: {ours:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_provider_takes_the_input_fee_and_returns_nothing() {
    let mut town = town(30).await;
    for times in 1..4 {
        town.ask(8, times % 2 == 0, Fate::LosesAnswer).await;
        town.check().await;
        assert_eq!(town.page.spent, times * Town::input_fee("What do you say to that?"));
    }
    // Without a receipt that claims it, not even that.
    let before = town.page.spent;
    town.line.withhold(true);
    town.patient = true;
    town.ask(8, false, Fate::LosesAnswer).await;
    town.check().await;
    assert_eq!(town.page.spent, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_provider_hides_the_newest_voucher_to_make_the_user_sign_again() {
    let mut town = town(0).await;
    for _ in 0..3 {
        town.ask(5, false, Fate::None).await;
        town.check().await;
    }
    let mut signed = None;
    for _ in 0..4 {
        town.ask(5, false, Fate::Claims(Claim::OldVoucher)).await;
        town.check().await;
        let now = town.line.promises().0;
        assert!(signed.is_none_or(|before| now == before), "asking again brings no more: {signed:?}, {now}");
        signed = Some(now);
    }
    let highest = town.highest("What do you say to that?");
    assert!(signed.unwrap() <= town.page.spent + highest);
}

/// Somebody on the way answers in the provider's place, and brings the request later: whoever holds it may have it served
/// once, and that is within what was signed for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_is_kept_back_and_brought_later() {
    let mut town = town(0).await;
    for _ in 0..2 {
        town.ask(5, false, Fate::None).await;
        town.check().await;
    }
    town.ask(5, false, Fate::Claims(Claim::MadeUp)).await;
    town.check().await;
    town.page.at_odds = true;
    let highest = town.highest("What do you say to that?");
    let (spent, signed) = (town.page.spent, town.line.promises().0);
    let kept = town.line.kept_back().pop().unwrap();
    town.world.upstream.say(Reply::chat("Stolen."));
    for times in 0..3 {
        let asked = town.world.upstream.count();
        let request = town.world.proxy().request(http::Method::POST, &kept.target);
        let got = finish(request.headers(kept.headers.clone()).body(kept.body.clone())).await;
        // The second time its id is known, and its voucher used up.
        let expected: &[u16] = if times == 0 { &[200] } else { &[402, 409] };
        assert!(expected.contains(&got.status), "time {times}: {}", got.text());
        let worked = usize::from(times == 0);
        assert_eq!(town.world.upstream.count(), asked + worked, "I7: time {times}");
        town.check().await;
    }
    let debt = town.debt(town.world.user_address());
    assert!(debt.owed > spent && debt.owed <= spent + highest, "{debt:?}, {spent} spent");
    town.ask(5, false, Fate::None).await;
    assert_eq!(town.seen["refused"], 2, "what the provider wants more is not paid: {:?}", town.seen);
    town.check().await;
    let now = town.line.promises().0;
    assert!(now <= signed.max(town.page.spent + highest), "nothing more is signed for it: {now}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_user_empties_the_account_during_the_refund_lock() {
    let mut town = town(0).await;
    let user = cheater(&town);
    for _ in 0..4 {
        town.cheat(Cheat::Fair).await;
    }
    town.cheat(Cheat::AskAllBack).await;
    town.cheat(Cheat::TakeBack).await;
    town.half_a_lock().await;
    town.cheat(Cheat::TakeBack).await;
    town.half_a_lock().await;
    town.cheat(Cheat::TakeBack).await;
    town.check().await;
    let debt = town.debt(user);
    assert!(debt.owed > 0 && debt.balance == 0, "it has taken everything that it could: {debt:?}");
    assert_eq!(debt.settled, debt.owed, "and the provider has all that it served for");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_provider_loses_its_database() {
    let mut town = town(10).await;
    let fee = async |town: &mut Town| {
        town.ask(6, false, Fate::None).await;
        town.check().await;
        town.page.spent
    };
    fee(&mut town).await;
    until("the voucher is there", async || {
        let debt = town.debt(town.world.user_address());
        (debt.voucher >= debt.owed).then_some(())
    })
    .await;
    town.world.owner().post_empty("/v1/settle").await.is(202);
    town.check().await;
    let settled = town.debt(town.world.user_address()).settled;
    let unsettled = fee(&mut town).await - settled;
    assert!(settled > 0 && unsettled > 0);

    town.world.stop_provider().await;
    forget(&town.world.provider_side.directory);
    town.world.start_provider().await;
    let (url, price) = (town.world.upstream.url.clone(), DEAR.to_string());
    let body =
        json!({"URL": url, "inputPrice": price, "outputPrice": price, "Type": "chatbot", "Name": "llama7b"});
    town.world.owner().post("/v1/service", body.to_string()).await;
    let spent = town.page.spent;
    until("it serves again", async || {
        let got = finish(town.chat_request("Are you back?", false)).await;
        (got.status == 200).then_some(())
    })
    .await;
    let ours = town.world.user_store().account(town.world.id()).await.unwrap().unwrap();
    until("the voucher is there", async || {
        let debt = town.debt(town.world.user_address());
        (debt.voucher >= ours.authorized.get()).then_some(())
    })
    .await;
    town.world.owner().post_empty("/v1/settle").await;
    until("it is settled", async || {
        let debt = town.debt(town.world.user_address());
        (debt.settled == debt.owed.min(debt.voucher)).then_some(())
    })
    .await;
    let debt = town.debt(town.world.user_address());
    let served = ours.owed.get();
    assert!(served > spent);
    assert_eq!(served - debt.settled, unsettled, "what had been settled, and what came after, is not lost");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_user_loses_its_database() {
    let mut town = town(0).await;
    for _ in 0..3 {
        town.ask(6, false, Fate::None).await;
        town.check().await;
    }
    let before = town.page.spent;
    let signed = town.line.promises().0;
    town.world.stop_user().await;
    forget(&town.world.user_side.directory);
    town.world.start_user().await;
    town.world.upstream.say(Reply::chat("Welcome back."));
    let got = finish(town.chat_request("Do you know me?", false)).await.is(200);
    assert!(got.whole);
    let fee = town.chat_fee("Do you know me?", "Welcome back.");
    let debt = town.debt(town.world.user_address());
    assert_eq!(debt.owed, before + fee, "nothing is paid twice");
    let highest = town.highest("Do you know me?");
    assert!(town.line.promises().0 <= signed.max(before + highest), "nothing is signed that was not due");
    assert_eq!(town.world.user_store().audit().await.unwrap(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delegate_key_is_stolen() {
    let town = town(10).await;
    let world = &town.world;
    let thief = Arc::new(Wallet::random().unwrap());
    let (user, provider) = (behind(world), of_key(world, &world.provider_side.wallet));
    let (id, other) = (world.id(), AccountId { provider: world.devnet.accounts()[6].address, ..world.id() });
    sends(&user, Call::AddAccount { provider: other.provider, delegate: None, value: neuron(DEPOSIT) }).await;
    // The key becomes the delegate of one account, and is stolen.
    let name = |key: Option<Address>| Call::SetDelegate { provider: id.provider, delegate: key };
    sends(&user, name(Some(thief.address()))).await;
    world.devnet.advance_time(LOCK).unwrap();
    let account = async |id| world.chain.account(id, None).await.unwrap().unwrap();
    let steals = async |of: AccountId, epoch: u32, cumulative: u128| {
        let voucher = Voucher { account: of, epoch, cumulative: neuron(cumulative) };
        let signature = thief.sign(voucher.signing_hash(&world.chain.domain())).unwrap();
        let voucher = SignedVoucher { voucher, signature };
        sends(&provider, Call::Settle { rows: vec![SettleRow { voucher, claim: neuron(cumulative) }] }).await;
        account(of).await.settled.get()
    };
    // With a provider in league the deposit of that account is at stake, and no other.
    let epoch = account(id).await.epoch;
    assert_eq!(steals(id, epoch, DEPOSIT / 4).await, DEPOSIT / 4);
    assert_eq!(steals(other, 0, DEPOSIT).await, 0);
    let wallet = world.wallet_of(id.user).await;
    // The user takes the key away. It still counts until the lock ends, and not a second longer.
    sends(&user, name(None)).await;
    assert_eq!(steals(id, epoch, DEPOSIT / 2).await, DEPOSIT / 2);
    world.devnet.advance_time(LOCK).unwrap();
    assert_eq!(steals(id, epoch, DEPOSIT).await, DEPOSIT / 2);
    assert_eq!(steals(id, epoch + 1, DEPOSIT).await, DEPOSIT / 2);
    let gas = wallet - world.wallet_of(id.user).await;
    assert!(gas < DEPOSIT / 100, "the wallet paid its own gas and nothing else: {gas}");
    assert_eq!((account(id).await.balance.get(), account(other).await.balance.get()), (DEPOSIT / 2, DEPOSIT));
}

/// Vouchers that are brought get lost, and callers leave at random: what is unpaid stays within the credit, and an honest
/// user is never refused for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unpaid_value_after_random_disconnects_and_lost_vouchers() {
    let mut town = town(5).await;
    let rounds = number("ZGSERVE_MODEL_DISCONNECTS").unwrap_or(25);
    let (mut worst, mut dice) = (0, number("ZGSERVE_MODEL_SEED").unwrap_or_else(rand::random::<u64>));
    println!("ZGSERVE_MODEL_SEED={dice} draws it again");
    for round in 0..rounds {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let draw = dice >> 33;
        if town.available().await < DEPOSIT / 10 {
            let body = json!({"balance": DEPOSIT.to_string()}).to_string();
            let path = format!("/v1/provider/{}/charge", town.world.provider_address());
            town.world.api().post(&path, body).await.is(202);
        }
        town.line.fate(Fate::LosesVouchers);
        match draw % 4 {
            0 => town.leave(1 + (draw >> 8) as usize % 11).await,
            1 => town.ask(1 + (draw >> 8) as usize % 20, true, Fate::LosesVouchers).await,
            2 => town.ask(1 + (draw >> 8) as usize % 20, false, Fate::LosesVouchers).await,
            _ => town.many(4, true).await,
        }
        if draw % 16 == 7 {
            town.world.crash_provider().await;
            town.world.start_provider().await;
        }
        town.check().await;
        let unsecured = town.debt(town.world.user_address()).unsecured();
        assert!(unsecured <= town.credit, "round {round}");
        worst = worst.max(unsecured);
    }
    assert!(!town.seen.contains_key("refused"), "{:?}", town.seen);
    println!("unpaid at worst after {rounds} rounds: {} % of the credit limit", worst * 100 / town.credit);
}

/// Bytes are counted as tokens are: what a storage service delivered when it broke off is what is paid.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_that_did_not_come_are_not_paid() {
    let mut town = town(10).await;
    let mut reply = Reply::whole(200, "application/octet-stream", "");
    reply.pieces = vec![vec![7; 400].into(); 5];
    town.world.upstream.say(reply.every(Duration::from_millis(1)).ends(super::super::world::Ends::Breaks));
    let before = town.known().await;
    let path = town.world.paid("files", "/things");
    let request = town.world.api().request(http::Method::POST, &path).body(vec![1; 100]);
    let got = finish(request.header("zg-max-fee", (5_000 * BYTE).to_string())).await;
    assert!(!got.whole);
    // The last piece may have reached the broker and not its caller any more.
    let due = Due::between((100 + got.body.len() as u128) * BYTE, 2_100 * BYTE);
    town.expect(&before, due).await;
    town.check().await;
    assert!(town.page.spent > 100 * BYTE);
}

fn forget(directory: &std::path::Path) {
    for name in ["broker.db", "broker.db-wal", "broker.db-shm"] {
        let _ = std::fs::remove_file(directory.join(name));
    }
}
