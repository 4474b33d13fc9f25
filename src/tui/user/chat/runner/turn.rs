//! A prompt sent: on disk before it leaves, paid for, its answer kept as it comes, its cost in the books.

use tokio::time::Instant;

use super::super::ask::{Answer, Begun, Piece, Place, Remedy, Sending};
use super::super::relay::{Hearer, relay, stopped, ticks};
use super::sums;
use crate::broker::user::library::{self, Conversation, MessageCost, NewMessage, ServiceOf};
use crate::broker::user::{CallRefusal, Cost, Library, LibraryError, Talk, Turn, UserBroker};
use crate::domain::{ConversationId, MessageId, RequestId, UserRequestState};
use crate::tui::texts;
use crate::tui::user::runner::{At, Reply};

/// Where an answer's words go as they come.
struct Keeper<'a> {
    library: &'a Library,
    reply: &'a Reply<Answer>,
    token: u64,
    message: MessageId,
    /// Whether the last saving failed.
    failed: bool,
}

impl Hearer for Keeper<'_> {
    async fn grew(&mut self, piece: Piece) {
        self.reply.send(Answer::Grew { token: self.token, piece }).await;
    }

    async fn save(&mut self, answer: &library::Answer) {
        let saved = self.library.update(self.message, answer.clone()).await;
        let why = saved.err().map(|error| error.to_string());
        if let Some(error) = &why {
            tracing::warn!(error, "an answer could not be kept as it came");
        }
        // Told when it begins and when it ends, not each second.
        if why.is_some() != self.failed {
            self.failed = why.is_some();
            self.reply.send(Answer::Unkept { token: self.token, why }).await;
        }
    }
}

/// A whole turn: asked, kept as it comes, booked.
pub(super) async fn send(sending: Sending, at: At, reply: Reply<Answer>) {
    let token = sending.token;
    let Some(broker) = at.broker() else {
        let why = texts::shared::BROKER_NOT_READY.to_owned();
        return reply.send(Answer::Refused { token, why, remedy: Remedy::Again }).await;
    };
    let sent = Instant::now();
    let Sending { mut turn, place, prompt, answer, shown, mut stop, .. } = sending;
    // Nothing leaves before the prompt is on disk.
    let placed = match self::place(&at.library, place, &prompt, answer.answer.service.clone()).await {
        Ok(placed) => Box::new(placed),
        Err(error) => {
            let why = texts::chat::could_not_be_kept_first(&error);
            return reply.send(Answer::Refused { token, why, remedy: Remedy::Again }).await;
        }
    };
    let id = placed.id;
    reply.send(Answer::Placed { token, conversation: placed }).await;
    hold_to_shown(&broker, &mut turn, shown).await;
    let closing = at.tasks.token();
    let asked = turn.clone();
    let talk = tokio::select! {
        biased;
        () = stopped(&mut stop) => Err((texts::chat::STOPPED_BEFORE_ANYTHING.to_owned(), Remedy::Again)),
        () = closing.cancelled() => return,
        talk = Box::pin(broker.converse(turn)) => match talk {
            Ok(talk) => Ok(talk),
            Err(refusal) => Err((refusal.for_screen(), remedy(&broker, &asked, &refusal).await)),
        },
    };
    let talk = match talk {
        Ok(talk) => talk,
        Err((why, remedy)) => {
            // It is an ordinary draft again; if that cannot be written, more is said of it than is so.
            if let Err(error) = at.library.set_draft(id, prompt.answer.text.clone()).await {
                tracing::warn!(%error, "what became of a prompt could not be kept");
            }
            return reply.send(Answer::Refused { token, why, remedy }).await;
        }
    };
    // From here on it is paid for: it is kept before its words are shown.
    let request = talk.request;
    let conversation = match begin(&at.library, id, prompt, answer.clone(), request).await {
        Ok(conversation) => conversation,
        Err(error) => {
            // It is stopped before more of it is paid for.
            drop(talk);
            let why = error.to_string();
            return reply.send(Answer::Refused { token, why, remedy: Remedy::Owed(request) }).await;
        }
    };
    let begun =
        Begun { conversation, request, prices: talk.prices, input: talk.input, max_fee: talk.max_fee };
    reply.send(Answer::Begun { token, begun: Box::new(begun) }).await;
    let growing = library::Answer { request, ..answer.answer };
    let mut keeper = Keeper { library: &at.library, reply: &reply, token, message: answer.id, failed: false };
    let relayed = {
        // Closing the screens stops the answer as a person does.
        let (close, either) = tokio::sync::watch::channel(false);
        let watching = async {
            tokio::select! {
                () = stopped(&mut stop) => {}
                () = closing.cancelled() => {}
            }
            close.send_replace(true);
            std::future::pending::<()>().await;
        };
        let (events, ticks) = (std::pin::pin!(events(talk)), std::pin::pin!(ticks()));
        tokio::select! {
            relayed = relay(events, ticks, either, growing, sent, &mut keeper) => relayed,
            () = watching => return,
        }
    };
    let (state, duration_ms) = (relayed.state.clone(), relayed.duration_ms.unwrap_or(0));
    keeper.save(&relayed).await;
    reply.send(Answer::Ended { token, state, duration_ms }).await;
    let cost = book(&broker, &at.library, request).await;
    sums(&at.library, &reply).await;
    reply.send(Answer::Booked { token, cost }).await;
}

/// A service that was never paid is held to the prices that stood on the screen; for the others the broker knows
/// what was paid last, and refuses more.
async fn hold_to_shown(broker: &UserBroker, turn: &mut Turn, shown: Option<crate::domain::Prices>) {
    if turn.prices_seen.is_none() {
        let change = broker.price_change(turn.provider, &turn.service).await;
        if change.is_ok_and(|change| change.seen.is_none()) {
            turn.prices_seen = shown;
        }
    }
}

/// What would let the turn go. Money is named for the whole answer: with less it would be cut short.
async fn remedy(broker: &UserBroker, turn: &Turn, refusal: &CallRefusal) -> Remedy {
    match (refusal.missing(), refusal) {
        (Some(missing), _) => {
            let estimate = broker.estimate(turn).await.ok();
            Remedy::Fund(estimate.and_then(|estimate| estimate.missing_for_all).unwrap_or(missing))
        }
        (None, CallRefusal::PriceChanged { seen, now, .. }) => Remedy::Accept { seen: *seen, now: *now },
        (None, _) => Remedy::Again,
    }
}

fn events(talk: Talk) -> impl futures_util::Stream<Item = crate::broker::user::TalkEvent> {
    futures_util::stream::unfold(talk, |mut talk| async move { talk.next().await.map(|event| (event, talk)) })
}

/// Keeps the prompt as the draft of its conversation, which begins with it where it is new: one write.
async fn place(
    library: &Library,
    place: Place,
    prompt: &NewMessage,
    service: Option<ServiceOf>,
) -> Result<Conversation, LibraryError> {
    let draft = prompt.answer.text.clone();
    match place {
        Place::New(id, new) => library.create_with_draft(id, new, draft).await,
        Place::In(id) => {
            library.set_asked(id, draft).await?;
            library.conversation(id).await
        }
        Place::Branch { of, through } => library.fork_with_draft(of, through, service, draft).await,
    }
}

/// Keeps the prompt, which is no draft any more, and the beginning of its answer: one write.
async fn begin(
    library: &Library,
    id: ConversationId,
    prompt: NewMessage,
    mut answer: NewMessage,
    request: Option<RequestId>,
) -> Result<Conversation, LibraryError> {
    answer.answer.request = request;
    library.append_turn(id, prompt, answer).await?;
    library.conversation(id).await
}

/// What it cost, into the books of the conversation too.
async fn book(
    broker: &UserBroker,
    library: &Library,
    request: Option<RequestId>,
) -> Result<Box<Cost>, String> {
    let request = request.ok_or_else(|| texts::chat::NAMES_NO_REQUEST.to_owned())?;
    let cost = broker.cost(request).await.map_err(|error| error.for_screen())?;
    let kept = MessageCost {
        input: cost.input,
        output: cost.output,
        fee: cost.fee.total(),
        disputed: cost.disputed,
    };
    if !matches!(cost.state, UserRequestState::Sent | UserRequestState::Reserved)
        && let Err(error) = library.set_cost(request, kept).await
    {
        tracing::warn!(%error, "what an answer cost could not be kept");
    }
    Ok(Box::new(cost))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;
    use crate::broker::user::library::{MessageState, NewConversation};
    use crate::domain::Timestamp;
    use crate::store::{Db, Role};

    /// What a crash between any two steps leaves: the prompt once, as draft or as message.
    #[tokio::test]
    async fn a_prompt_is_on_disk_before_it_leaves_and_never_twice() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("user.db");
        let service: ServiceOf = (crate::domain::Address::ZERO, "llama7b".parse().unwrap());
        let now = Timestamp::now();
        // Each step on a database of its own opening: nothing is left in memory.
        let library = || Library::open(Db::open(&path, Role::User).unwrap());
        let left = async |id| {
            let library = library();
            let conversation = library.conversation(id).await.unwrap();
            let messages = library.messages(id).await.unwrap();
            let own = messages.into_iter().filter(|message| !message.inherited);
            let states: Vec<_> = own.map(|message| (message.text, message.state, message.request)).collect();
            (conversation.draft, states)
        };
        let prompt = |text: &str| NewMessage::prompt(text.to_owned(), now);
        let answer = || NewMessage::answer(service.clone(), "m".to_owned(), now);
        let request = |n| Some(RequestId::new([n; 32]));
        let unfinished = MessageState::Unfinished;
        let asked = |text: &str| (text.to_owned(), MessageState::Complete, None);

        let id = ConversationId::random();
        let new = NewConversation { service: Some(service.clone()), ..NewConversation::default() };
        let first = prompt("hello");
        let placed = place(&library(), Place::New(id, new), &first, Some(service.clone())).await.unwrap();
        assert_eq!((placed.id, left(id).await), (id, ("hello".to_owned(), vec![])));
        let begun = begin(&library(), id, first.clone(), answer(), request(1)).await.unwrap();
        assert_eq!(begun.title, "hello");
        let both = vec![asked("hello"), (String::new(), unfinished.clone(), request(1))];
        assert_eq!(left(id).await, (String::new(), both.clone()));

        // In the same conversation, and refused: it stays the draft.
        place(&library(), Place::In(id), &prompt("more"), Some(service.clone())).await.unwrap();
        assert_eq!(left(id).await, ("more".to_owned(), both.clone()));

        // An edit waits in its branch, and leaves what it was made from alone.
        let through = library().messages(id).await.unwrap().first().map(|message| message.id);
        let place_of = Place::Branch { of: id, through };
        let edit = prompt("anew");
        let branch = place(&library(), place_of, &edit, Some(service.clone())).await.unwrap();
        assert_eq!(left(branch.id).await, ("anew".to_owned(), vec![]));
        begin(&library(), branch.id, edit, answer(), request(2)).await.unwrap();
        assert_eq!(left(branch.id).await.0, "");
        assert_eq!(left(id).await, ("more".to_owned(), both));

        // An answer that cannot be kept takes its prompt along: the draft is there still.
        place(&library(), Place::In(id), &first, None).await.unwrap();
        assert!(begin(&library(), id, prompt("x"), answer(), request(1)).await.is_err(), "a request twice");
        assert_eq!(left(id).await.0, "hello");
        // What was typed before and comes late is left.
        let wanted = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        library().set_draft_while(id, "hel".to_owned(), wanted).await.unwrap();
        assert_eq!(left(id).await.0, "hello");
    }
}
