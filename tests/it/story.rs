//! The whole story of the user's screens, by the real program in a pseudo-terminal, as somebody does it who has never used it:
//! find a service, fund it, chat, see what the answer cost, look back, take the rest of the money back.

use std::time::Duration;

use super::terminal::Terminal;

/// A person's pace: questions take no answer in their first moment.
async fn a_moment() {
    tokio::time::sleep(Duration::from_millis(450)).await;
}

fn home() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn demo(home: &tempfile::TempDir, rows: u16, cols: u16) -> Terminal {
    let args = ["demo", "--user-port", "0", "--provider-port", "0", "--chain-port", "0", "--lock-time", "5"];
    Terminal::open(rows, cols, &args, Some(home.path()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fund_chat_cost_refund() {
    let home = home();
    let mut terminal = demo(&home, 30, 110);
    terminal.shows("eliza").await;

    // An account with a deposit; enter, enter changes nothing.
    terminal.press("O");
    terminal.shows("Amount").await;
    terminal.press("0.01 A0GI");
    terminal.shows("Fee").await;
    terminal.press("\r");
    terminal.shows("Cancel").await;
    a_moment().await;
    terminal.press("y");
    terminal.shows("✓ on the chain, in block").await;
    a_moment().await;
    terminal.close().await;

    // A chat from the service, and what its answer cost, from the books.
    terminal.press("c");
    terminal.shows("Ask eliza").await;
    a_moment().await;
    terminal.press("Say this is a test!");
    terminal.shows("Say this is a test!").await;
    a_moment().await;
    terminal.press("\r");
    terminal.shows("This is a test!").await;
    terminal.shows("7 in 5 out").await;
    terminal.shows("1,700,000 neuron").await;
    terminal.shows("✓ verified").await;

    // Looking back.
    terminal.press("\u{1b}5");
    terminal.shows("1 request").await;
    terminal.shows("done").await;

    // The rest comes back.
    terminal.press("4");
    terminal.shows("spendable").await;
    a_moment().await;
    terminal.press("W");
    terminal.shows("Amount").await;
    terminal.press("0.005 A0GI");
    terminal.shows("Fee").await;
    terminal.press("\r");
    terminal.shows("Cancel").await;
    a_moment().await;
    terminal.press("y");
    terminal.shows("✓ on the chain, in block").await;
    a_moment().await;
    terminal.close().await;
    terminal.press("6");
    terminal.shows("taken").await;

    terminal.press("q");
    assert_eq!(terminal.ended().await, 0);
    terminal.is_given_back().await;
    let left: Vec<_> = std::fs::read_dir(home.path()).unwrap().collect();
    assert!(left.is_empty(), "the demo leaves nothing behind: {left:?}");
}
