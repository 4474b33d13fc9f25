//! A user who cheats: whatever it signs and sends, the two rules of admission say beforehand what is served.

use futures_util::future::join_all;
use http::Method;
use serde_json::json;
use zgserve_tui::chain::Call;
use zgserve_tui::domain::{AccountId, RequestId, Timestamp};
use zgserve_tui::wire::auth::encode_voucher;

use super::super::world::{Forged, Got, Reply, finish, neuron};
use super::system_plan::Cheat;
use super::system_rules::{Admission, Debt};
use super::system_town::{DEPOSIT, TOKENS, Town, send};

const ASKED: &str = "Let me have it.";
const ANSWER: &str = "Here it is.";

fn status_of(admission: Admission) -> u16 {
    match admission {
        Admission::Served => 200,
        Admission::Pay => 402,
        Admission::Later => 503,
    }
}

impl Town {
    /// A request that is right in everything, with this voucher.
    async fn forge(&self, voucher: u128, highest: u128) -> Forged {
        let body = json!({
            "messages": [{"role": "user", "content": ASKED}], "max_tokens": TOKENS,
        });
        let body = body.to_string().into_bytes();
        let account = self.cheater_id();
        let epoch = self.world.chain.account(account, None).await.unwrap().unwrap().epoch;
        let forged = self.world.forge(ASKED).await;
        Forged {
            account,
            epoch,
            cumulative: voucher,
            max_fee: highest,
            signed_body: body.clone(),
            body,
            ..forged
        }
    }

    async fn send_forged(&mut self, forged: &Forged) -> Got {
        self.cheater.signed = self.cheater.signed.max(forged.cumulative);
        self.world.send_signed(forged, &self.cheater.key).await
    }

    /// Whether a machine that stood still lost the last minute before a change of delegate: it counts although no block
    /// says so yet, and what is forged by the newest block is void.
    fn came_too_late(&self, got: &Got) -> bool {
        let passed = self.turn.is_some_and(|turn| Timestamp::now() >= turn);
        passed && got.status == 401 && got.code() == "wrong_epoch"
    }

    /// Sends a request of which the rules know whether it is served, and says whether it was.
    async fn tries(&mut self, voucher: u128, highest: u128) -> bool {
        let forged = self.forge(voucher, highest).await;
        let before = self.debt_now(self.cheater.key.address()).await;
        let admitted = before.admits(voucher, highest, self.credit);
        let got = self.send_forged(&forged).await;
        if self.came_too_late(&got) {
            return false;
        }
        assert_eq!(
            got.status,
            status_of(admitted),
            "{before:?}, voucher {voucher}, highest {highest}: {}",
            got.text()
        );
        if admitted == Admission::Served {
            self.cheater.served = Some(forged);
            self.rest().await;
            let after = self.debt(self.cheater.key.address());
            assert_eq!(after.owed - before.owed, self.chat_fee(ASKED, ANSWER), "I8");
            self.saw("cheater served");
        } else {
            self.saw(if admitted == Admission::Later { "delegate changes" } else { "cheater refused" });
        }
        admitted == Admission::Served
    }

    pub async fn cheat(&mut self, cheat: Cheat) {
        self.world.upstream.say(Reply::chat(ANSWER));
        let provider = self.world.provider_address();
        let user = self.cheater.key.address();
        let highest = self.highest(ASKED);
        let debt = self.debt_now(user).await;
        match cheat {
            Cheat::Fair => {
                self.tries(debt.owed + highest, highest).await;
            }
            Cheat::Unpaid => {
                self.tries(debt.voucher, highest).await;
            }
            Cheat::Below(percent) => {
                self.tries(debt.owed / 100 * u128::from(percent), highest).await;
            }
            Cheat::TooMuch => {
                let there = debt.settled + debt.balance - debt.asked_back;
                let beyond = (there + 1).saturating_sub(debt.owed).max(highest);
                assert!(!self.tries(debt.owed + beyond, beyond).await);
            }
            Cheat::TooLittle => {
                let forged = self.forge(debt.owed + 1, 1).await;
                let got = self.send_forged(&forged).await;
                let admitted = debt.admits(debt.owed + 1, 1, self.credit);
                let expected = if admitted == Admission::Served { 400 } else { status_of(admitted) };
                assert!(got.status == expected || self.came_too_late(&got), "{}", got.text());
            }
            Cheat::Replay => {
                self.replay_of_others().await;
                let Some(forged) = self.cheater.served.clone() else { return };
                let asked = self.world.upstream.count();
                let got = self.send_forged(&forged).await;
                // Its price or its epoch may be over meanwhile, or there is nothing left to pay with; served it is not.
                assert!([409, 401, 402, 503].contains(&got.status), "{}", got.text());
                assert_eq!(self.world.upstream.count(), asked, "I7: nobody worked for it again");
                self.saw("replayed");
            }
            Cheat::AtOnce(requests) => self.at_once(requests, debt.voucher).await,
            Cheat::InTheNameOfOthers => {
                let account = AccountId { user: self.world.user_address(), provider };
                let epoch = self.world.chain.account(account, None).await.unwrap().unwrap().epoch;
                let forged = Forged { account, epoch, ..self.forge(DEPOSIT, highest).await };
                self.world.send_signed(&forged, &self.cheater.key).await.refused(401, "wrong_signer", "");
            }
            Cheat::Boast => {
                // It may promise what it likes; a claim is held to what is owed, and the deposit is what there is.
                let forged = self.forge(DEPOSIT * 50, highest).await;
                self.cheater.signed = self.cheater.signed.max(forged.cumulative);
                let body = json!({"voucher": encode_voucher(&forged.voucher(&self.cheater.key))}).to_string();
                self.world.proxy().post("/v1/voucher", body).await.is(200);
            }
            Cheat::Deposit(percent) => {
                let value = neuron(DEPOSIT / 100 * u128::from(percent));
                assert!(send(&self.cheater.sender, Call::Deposit { provider, value }).await);
            }
            Cheat::AskAllBack => {
                let amount = neuron(debt.balance);
                if send(&self.cheater.sender, Call::RequestRefund { provider, amount }).await {
                    self.rest().await;
                    assert!(
                        !self.tries(debt.owed + highest, highest).await,
                        "what is asked back backs nothing"
                    );
                }
            }
            Cheat::TakeBack => {
                if send(&self.cheater.sender, Call::ProcessRefund { provider }).await {
                    self.saw("cheater took back");
                }
            }
            Cheat::NewKey => {
                let delegate = Some(self.world.devnet.accounts()[3].address);
                send(&self.cheater.sender, Call::SetDelegate { provider, delegate }).await;
            }
        }
    }

    /// Sends the honest user's last request again, as it was seen on the way.
    async fn replay_of_others(&self) {
        let Some(seen) = self.line.passed().pop() else { return };
        let asked = self.world.upstream.count();
        let request = self.world.proxy().request(Method::POST, &seen.target).headers(seen.headers);
        let got = finish(request.body(seen.body)).await;
        assert!([401, 402, 409, 503].contains(&got.status), "{}", got.text());
        assert_eq!(self.world.upstream.count(), asked, "what was captured is worthless");
    }

    /// Many at the same time, none of which promises anything new.
    async fn at_once(&mut self, requests: usize, voucher: u128) {
        let highest = self.highest(ASKED);
        let before = self.debt_now(self.cheater.key.address()).await;
        let mut forged = Vec::new();
        for _ in 0..requests {
            forged.push(Forged { request: RequestId::random(), ..self.forge(voucher, highest).await });
        }
        self.world.upstream.say(Reply::chat(ANSWER).after(std::time::Duration::from_millis(20)));
        let key = self.cheater.key.clone();
        let sent = join_all(forged.iter().map(|forged| self.world.send_signed(forged, &key))).await;
        let served = sent.iter().filter(|got| got.status == 200).count();
        let known = |got: &Got| [200, 402, 503].contains(&got.status) || self.came_too_late(got);
        assert!(sent.iter().all(known), "{sent:?}");
        self.rest().await;
        let after = self.debt(key.address());
        let fee = self.chat_fee(ASKED, ANSWER);
        assert_eq!(after.owed - before.owed, fee * served as u128, "each is booked once");
        // However they overlap, the last one that was admitted was admitted by the rules.
        if served > 0 {
            let last = Debt { owed: before.owed + fee * (served as u128 - 1), ..before };
            let admitted = last.admits(voucher, highest, self.credit);
            assert_eq!(admitted, Admission::Served, "{served} of {requests}: {before:?}");
        }
        self.saw("at once");
    }
}
