//! Random histories of the real contract, held after every step against the rules.

use super::contract_chain::Contract;
use super::contract_plan::{Papers, Step, Wait, history};
use super::{histories, kept};

const LOCK: u64 = 1_000;
const CASES: u32 = 10;
const LONGEST: usize = 90;

async fn play(history: Vec<Step>) -> (usize, Contract) {
    let mut contract = Contract::deploy(LOCK).await;
    let mut papers = Papers::default();
    let steps = history.len();
    for step in history {
        match step {
            Step::Alone(doing) => {
                let (who, act) = doing.plan(&contract, &mut papers);
                contract.act(who, act, &papers.signatures).await;
            }
            Step::Together(doings) => {
                let acts = doings.iter().map(|doing| doing.plan(&contract, &mut papers)).collect();
                contract.together(acts, &papers.signatures).await;
            }
            Step::Wait(wait) => {
                let seconds = wait.seconds(&contract);
                contract.wait(seconds, &papers.signatures).await;
            }
            Step::Reorg(depth, then) => contract.reorg(depth, then, &papers.signatures).await,
        }
        contract.check().await;
    }
    (steps, contract)
}

impl Wait {
    fn seconds(self, contract: &Contract) -> u64 {
        let accounts = contract.rules().accounts.values();
        let due = accounts.flat_map(|account| {
            [account.refund.map(|refund| refund.unlocks_at), account.change.map(|(_, from)| from)]
        });
        match self {
            Wait::Seconds(seconds) => seconds,
            Wait::Due(more) => {
                let next = due.flatten().filter(|due| *due > contract.now).min().unwrap_or(contract.now + 1);
                next.saturating_add_signed(more).saturating_sub(contract.now)
            }
        }
    }
}

#[test]
fn the_contract_does_what_the_rules_say() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let expected = ["opened", "deposited", "delegate", "settled", "refused"];
    histories(("contract", kept!("contract")), CASES, history(LONGEST), &expected, |history| {
        runtime.block_on(async {
            let (steps, contract) = play(history).await;
            (steps, contract.seen)
        })
    });
}
