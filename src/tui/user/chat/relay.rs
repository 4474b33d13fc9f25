//! The words of an answer on their way to the screen: gathered for a moment, however fast they come.

use std::pin::Pin;
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};

use super::ask::Piece;
use crate::broker::user::library::{Answer, MessageState};
use crate::broker::user::{FinishReason, TalkEvent};

/// The screen is told at most this often.
const PACE: Duration = Duration::from_millis(50);
/// What a crash may cost of an answer.
const SAVED: Duration = Duration::from_secs(1);

/// What becomes of the words.
pub trait Hearer {
    fn grew(&mut self, piece: Piece) -> impl Future<Output = ()> + Send;
    fn save(&mut self, answer: &Answer) -> impl Future<Output = ()> + Send;
}

/// Relays events until the answer ends or is stopped. Gives the whole answer, with its end.
pub async fn relay<S: Stream<Item = TalkEvent>>(
    mut events: Pin<&mut S>,
    mut stop: watch::Receiver<bool>,
    mut answer: Answer,
    sent: Instant,
    hearer: &mut impl Hearer,
) -> Answer {
    let mut piece = Piece::default();
    let mut ticks = tokio::time::interval(PACE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut saved, mut unsaved) = (Instant::now(), false);
    answer.state = loop {
        tokio::select! {
            biased;
            () = stopped(&mut stop) => break MessageState::Stopped,
            _ = ticks.tick(), if !piece.is_empty() => {
                hearer.grew(std::mem::take(&mut piece)).await;
                if unsaved && saved.elapsed() >= SAVED {
                    hearer.save(&answer).await;
                    (saved, unsaved) = (Instant::now(), false);
                }
            }
            event = events.next() => match event {
                Some(TalkEvent::Content(text)) => {
                    first_word(&mut answer, &mut piece, sent);
                    answer.text.push_str(&text);
                    piece.content.push_str(&text);
                    unsaved = true;
                }
                Some(TalkEvent::Reasoning(text)) => {
                    first_word(&mut answer, &mut piece, sent);
                    answer.reasoning.push_str(&text);
                    piece.reasoning.push_str(&text);
                    unsaved = true;
                }
                Some(TalkEvent::Metered { output, fee }) => piece.metered = Some((output, fee)),
                Some(TalkEvent::Finished { reason }) => break match reason {
                    FinishReason::Stop | FinishReason::Unstated => MessageState::Complete,
                    FinishReason::Length => MessageState::Cut,
                    FinishReason::Filtered => {
                        MessageState::Failed("the service withheld the rest".to_owned())
                    }
                    FinishReason::Other(reason) => MessageState::Failed(reason),
                },
                Some(TalkEvent::Broken(reason)) => break MessageState::Failed(reason),
                None => break MessageState::Failed("it ended without a word about why".to_owned()),
            }
        }
    };
    if !piece.is_empty() {
        hearer.grew(piece).await;
    }
    answer.duration_ms = Some(milliseconds(sent));
    answer
}

fn first_word(answer: &mut Answer, piece: &mut Piece, sent: Instant) {
    if answer.first_word_ms.is_none() {
        answer.first_word_ms = Some(milliseconds(sent));
        piece.first_word_ms = answer.first_word_ms;
    }
}

fn milliseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// Until somebody stops it, or nobody is there any more who could.
pub async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;
    use crate::domain::{Neuron, Units};

    #[derive(Default)]
    struct Heard {
        pieces: Vec<Piece>,
        saves: usize,
    }

    impl Hearer for Heard {
        async fn grew(&mut self, piece: Piece) {
            self.pieces.push(piece);
        }

        async fn save(&mut self, _: &Answer) {
            self.saves += 1;
        }
    }

    /// Tokens at an even pace.
    fn tokens(count: u32, apart: Duration) -> impl Stream<Item = TalkEvent> {
        futures_util::stream::iter(0..count).then(move |n| async move {
            tokio::time::sleep(apart).await;
            if n + 1 == count {
                return TalkEvent::Finished { reason: FinishReason::Stop };
            }
            TalkEvent::Content(format!("w{n} "))
        })
    }

    #[tokio::test(start_paused = true)]
    async fn five_hundred_tokens_a_second_are_twenty_pieces() {
        let mut heard = Heard::default();
        let events = std::pin::pin!(tokens(5_001, Duration::from_millis(2)));
        let (_keep, stop) = watch::channel(false);
        let answer = relay(events, stop, Answer::default(), Instant::now(), &mut heard).await;
        assert_eq!(answer.state, MessageState::Complete);
        assert!(heard.pieces.len() <= 10 * 20 + 2, "{} pieces in ten seconds", heard.pieces.len());
        assert!(heard.saves <= 11, "{} saves in ten seconds", heard.saves);
        let told: String = heard.pieces.iter().map(|piece| piece.content.as_str()).collect();
        assert_eq!(told, answer.text, "nothing is lost on the way");
        assert_eq!(answer.first_word_ms, heard.pieces.first().and_then(|piece| piece.first_word_ms));
    }

    #[tokio::test(start_paused = true)]
    async fn a_stopped_answer_keeps_what_had_come() {
        let mut heard = Heard::default();
        let events = std::pin::pin!(tokens(5_001, Duration::from_millis(2)));
        let (keep, stop) = watch::channel(false);
        let stopping = async {
            tokio::time::sleep(Duration::from_millis(101)).await;
            keep.send_replace(true);
        };
        let relayed = relay(events, stop, Answer::default(), Instant::now(), &mut heard);
        let (answer, ()) = tokio::join!(relayed, stopping);
        assert_eq!(answer.state, MessageState::Stopped);
        assert!(answer.text.starts_with("w0 w1 ") && answer.text.len() < 400);
        let told: String = heard.pieces.iter().map(|piece| piece.content.as_str()).collect();
        assert_eq!(told, answer.text);
    }

    #[tokio::test(start_paused = true)]
    async fn an_end_without_a_word_is_told() {
        let mut heard = Heard::default();
        let events =
            futures_util::stream::iter([TalkEvent::Metered { output: Units(3), fee: Neuron::new(9) }]);
        let (_keep, stop) = watch::channel(false);
        let answer = relay(std::pin::pin!(events), stop, Answer::default(), Instant::now(), &mut heard).await;
        assert!(matches!(answer.state, MessageState::Failed(_)));
        assert_eq!(heard.pieces[0].metered, Some((Units(3), Neuron::new(9))));
    }
}
