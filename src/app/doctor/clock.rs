//! Whether this machine's clock is right, as far as others tell: the chain by its blocks, its node by its answers.
//!
//! Authorisations run out by the clock, and a provider takes a minute of difference, not more.

use std::time::Duration;

use reqwest::header::DATE;

use super::findings::Findings;
use crate::chain::BlockRef;
use crate::cli::Exit;
use crate::domain::Timestamp;

/// Seconds that clocks may differ: half of what a provider takes.
const DIFFERENCE: u64 = 30;
/// Seconds after which a chain whose newest block is older than that stands still, or our clock is ahead.
const STILL: u64 = 600;
const PATIENCE: Duration = Duration::from_secs(5);
const CURE: &str = "let the system keep its clock by the network: timedatectl set-ntp true";

/// Looks at the clock. `public`: blocks come whether anybody sends something or not.
pub(super) async fn examine(findings: &mut Findings, head: BlockRef, rpc_url: &str, public: bool) {
    let now = Timestamp::now();
    let (ahead, age) = (head.time.seconds_since(now), now.seconds_since(head.time));
    if ahead > DIFFERENCE {
        let says =
            format!("clock: the newest block is {ahead} s in our future; this machine's clock is behind");
        return findings.bad(Exit::Failed, &says, CURE);
    }
    match node_time(rpc_url).await {
        Some(theirs) => judge(findings, Timestamp::now(), theirs),
        None => findings
            .good(&format!("clock: the newest block is {age} s old; the node tells no time of its own")),
    }
    if public && age > STILL {
        findings.doubtful(
            &format!("clock: the newest block is {age} s old"),
            "the chain stands still, its node has fallen behind, or this machine's clock is ahead; compare another node",
        );
    }
}

fn judge(findings: &mut Findings, ours: Timestamp, theirs: Timestamp) {
    let difference = ours.seconds_since(theirs).max(theirs.seconds_since(ours));
    let text = format!("clock: {difference} s from that of the chain's node");
    if difference > DIFFERENCE {
        findings.bad(Exit::Failed, &format!("{text}; providers take no more than a minute"), CURE);
    } else {
        findings.good(&text);
    }
}

/// What a node says that the time is, in the head of any answer. Its URL may hold a key, and is told to nobody.
async fn node_time(rpc_url: &str) -> Option<Timestamp> {
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(PATIENCE)
        .build()
        .ok()?;
    let answer = client.get(rpc_url).send().await.ok()?;
    read_date(answer.headers().get(DATE)?.to_str().ok()?)
}

/// An HTTP date, `Sun, 06 Nov 1994 08:49:37 GMT`.
fn read_date(text: &str) -> Option<Timestamp> {
    let parsed =
        jiff::fmt::rfc2822::DateTimeParser::new().relaxed_weekday(true).parse_timestamp(text).ok()?;
    Some(Timestamp::from_seconds(u64::try_from(parsed.as_second()).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_of_http_is_read_and_a_minute_is_too_much() {
        let theirs = Timestamp::from_seconds(784_111_777);
        assert_eq!(read_date("Sun, 06 Nov 1994 08:49:37 GMT"), Some(theirs));
        assert_eq!(read_date("today"), None);
        for (seconds, exit) in [(0, Exit::Ok), (30, Exit::Ok), (31, Exit::Failed)] {
            for (ours, theirs) in
                [(theirs.plus_seconds(seconds), theirs), (theirs, theirs.plus_seconds(seconds))]
            {
                let mut findings = Findings::default();
                judge(&mut findings, ours, theirs);
                assert_eq!(findings.exit(), exit, "{seconds}");
            }
        }
    }
}
