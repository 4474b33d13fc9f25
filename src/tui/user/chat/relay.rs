//! The words of an answer on their way to the screen: gathered for a moment, however fast they come.

use std::pin::Pin;
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};

use super::ask::Piece;
use crate::broker::user::library::{Answer, MessageState};
use crate::broker::user::{FinishReason, TalkEvent};
use crate::tui::texts;

/// The screen is told at most this often.
const PACE: Duration = Duration::from_millis(50);
/// It is saved after so many tellings: what a crash may cost of an answer is a second of it.
const SAVED: u32 = 20;

/// What becomes of the words.
pub trait Hearer {
    fn grew(&mut self, piece: Piece) -> impl Future<Output = ()> + Send;
    fn save(&mut self, answer: &Answer) -> impl Future<Output = ()> + Send;
}

/// Relays events until the answer ends or is stopped. Gives the whole answer, with its end.
///
/// `ticks` are the moments at which the screen may be told; see [`ticks`].
pub async fn relay<S: Stream<Item = TalkEvent>, T: Stream<Item = ()>>(
    mut events: Pin<&mut S>,
    mut ticks: Pin<&mut T>,
    mut stop: watch::Receiver<bool>,
    mut answer: Answer,
    sent: Instant,
    hearer: &mut impl Hearer,
) -> Answer {
    let mut piece = Piece::default();
    let mut unsaved = 0;
    answer.state = loop {
        tokio::select! {
            biased;
            () = stopped(&mut stop) => break MessageState::Stopped,
            Some(()) = ticks.next(), if !piece.is_empty() => {
                hearer.grew(std::mem::take(&mut piece)).await;
                unsaved += 1;
                if unsaved >= SAVED {
                    hearer.save(&answer).await;
                    unsaved = 0;
                }
            }
            event = events.next() => match event {
                Some(TalkEvent::Content(text)) => {
                    first_word(&mut answer, &mut piece, sent);
                    answer.text.push_str(&text);
                    piece.content.push_str(&text);
                }
                Some(TalkEvent::Reasoning(text)) => {
                    first_word(&mut answer, &mut piece, sent);
                    answer.reasoning.push_str(&text);
                    piece.reasoning.push_str(&text);
                }
                Some(TalkEvent::Metered { output, fee }) => piece.metered = Some((output, fee)),
                Some(TalkEvent::Finished { reason }) => break match reason {
                    FinishReason::Stop | FinishReason::Unstated => MessageState::Complete,
                    FinishReason::Length => MessageState::Cut,
                    FinishReason::Filtered => {
                        MessageState::Failed(texts::chat::WITHHELD.to_owned())
                    }
                    FinishReason::Other(reason) => MessageState::Failed(reason),
                },
                Some(TalkEvent::Broken(reason)) => break MessageState::Failed(reason),
                None => break MessageState::Failed(texts::chat::ENDED_WITHOUT_A_WORD.to_owned()),
            }
        }
    };
    if !piece.is_empty() {
        hearer.grew(piece).await;
    }
    answer.duration_ms = Some(milliseconds(sent));
    answer
}

/// Moments at the pace of the screen; after a rest the first one is at once.
pub fn ticks() -> impl Stream<Item = ()> {
    let mut interval = tokio::time::interval(PACE);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    futures_util::stream::unfold(interval, |mut interval| async move {
        interval.tick().await;
        Some(((), interval))
    })
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

    /// So many tokens, with a moment for the screen after each 25th: 500 a second at 20 moments a second.
    fn tokens(count: u32) -> (impl Stream<Item = TalkEvent>, impl Stream<Item = ()>) {
        let (moment, moments) = tokio::sync::mpsc::channel(64);
        let events = futures_util::stream::iter(0..count).then(move |n| {
            let moment = moment.clone();
            async move {
                if n % 25 == 24 {
                    moment.send(()).await.unwrap();
                }
                if n + 1 == count {
                    return TalkEvent::Finished { reason: FinishReason::Stop };
                }
                TalkEvent::Content(format!("w{n} "))
            }
        });
        let ticks = futures_util::stream::unfold(moments, |mut moments| async move {
            moments.recv().await.map(|()| ((), moments))
        });
        (events, ticks)
    }

    #[tokio::test]
    async fn five_hundred_tokens_a_second_are_twenty_pieces() {
        let mut heard = Heard::default();
        let (events, ticks) = tokens(5_001);
        let (_keep, stop) = watch::channel(false);
        let (events, ticks) = (std::pin::pin!(events), std::pin::pin!(ticks));
        let answer = relay(events, ticks, stop, Answer::default(), Instant::now(), &mut heard).await;
        assert_eq!(answer.state, MessageState::Complete);
        assert!(heard.pieces.len() <= 10 * 20 + 1, "{} pieces in ten seconds", heard.pieces.len());
        assert!(heard.saves <= 10, "{} saves in ten seconds", heard.saves);
        let told: String = heard.pieces.iter().map(|piece| piece.content.as_str()).collect();
        assert_eq!(told, answer.text, "nothing is lost on the way");
        assert_eq!(answer.first_word_ms, heard.pieces.first().and_then(|piece| piece.first_word_ms));
    }

    #[tokio::test]
    async fn a_stopped_answer_keeps_what_had_come() {
        let mut heard = Heard::default();
        let (keep, stop) = watch::channel(false);
        let (events, ticks) = tokens(5_001);
        let events = events.enumerate().map(move |(n, event)| {
            if n == 60 {
                keep.send_replace(true);
            }
            event
        });
        let (events, ticks) = (std::pin::pin!(events), std::pin::pin!(ticks));
        let answer = relay(events, ticks, stop, Answer::default(), Instant::now(), &mut heard).await;
        assert_eq!(answer.state, MessageState::Stopped);
        assert!(answer.text.starts_with("w0 w1 ") && answer.text.ends_with("w60 "));
        let told: String = heard.pieces.iter().map(|piece| piece.content.as_str()).collect();
        assert_eq!(told, answer.text);
    }

    #[tokio::test]
    async fn an_end_without_a_word_is_told() {
        let mut heard = Heard::default();
        let event = TalkEvent::Metered { output: Units(3), fee: Neuron::new(9) };
        let events = std::pin::pin!(futures_util::stream::iter([event]));
        let ticks = std::pin::pin!(futures_util::stream::pending());
        let (_keep, stop) = watch::channel(false);
        let answer = relay(events, ticks, stop, Answer::default(), Instant::now(), &mut heard).await;
        assert!(matches!(answer.state, MessageState::Failed(_)));
        assert_eq!(heard.pieces[0].metered, Some((Units(3), Neuron::new(9))));
    }
}
