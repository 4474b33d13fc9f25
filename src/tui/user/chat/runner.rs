//! The asks performed: on the broker, on the library, on files.

use std::path::{Path, PathBuf};

use tokio::time::Instant;

use super::ask::{Answer, Ask, Attachment, Begun, Change, Form, Piece, Place, Remedy, Sending};
use super::relay::{Hearer, relay, stopped, ticks};
use crate::broker::user::library::{self, Conversation, MessageCost, NewMessage, ServiceOf};
use crate::broker::user::{CallRefusal, Cost, Library, LibraryError, Talk, Turn, UserBroker};
use crate::domain::clean::{clean, clean_reason};
use crate::domain::{ConversationId, MessageId, RequestId, Timestamp, UserRequestState};
use crate::tui::kit::markdown;
use crate::tui::texts;
use crate::tui::user::places;
use crate::tui::user::runner::{At, Reply};

/// Conversations in the list.
const LISTED: u32 = 1000;
/// Prompts of the search in what was written before.
const PROMPTS: usize = 1000;
/// Conversations that a search shows.
const FOUND: u32 = 100;
/// Bytes of a file that goes along with a prompt.
const ATTACHED: u64 = 1 << 20;
/// Names that are tried for a file until one is free.
const NAMES: usize = 100;
/// Between two estimates, so that fast typing does not count each letter.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(80);

/// Does what was asked for, in tasks of its own.
pub fn perform(ask: Ask, at: &At, reply: Reply<Answer>) {
    let (own, library) = (at.clone(), at.library.clone());
    if matches!(ask, Ask::List) {
        // The first block of code shall not wait for the grammars; reading them takes longer than a frame.
        at.tasks.spawn_until_stopped("chat: grammars", async {
            let _ = tokio::task::spawn_blocking(markdown::warm).await;
        });
    }
    match ask {
        // The words of an answer and what it cost are kept whatever closes meanwhile.
        Ask::Send(sending) => {
            at.tasks.spawn("chat: an answer", async move { Box::pin(send(*sending, own, reply)).await });
        }
        Ask::Keep { id, change } => {
            at.tasks.spawn("chat: a change", async move {
                if let Err(error) = keep(&library, id, change).await {
                    reply.send(Answer::Failed(error.to_string())).await;
                }
            });
        }
        Ask::Draft { id, text, wanted } => {
            at.tasks.spawn("chat: a draft", async move {
                if let Err(error) = library.set_draft_while(id, text, wanted).await {
                    reply.send(Answer::Failed(texts::chat::draft_not_kept(&error))).await;
                }
            });
        }
        Ask::Delete(id) => {
            at.tasks.spawn("chat: deleting", async move {
                reply
                    .send(match library.delete(id).await {
                        Ok(()) => Answer::Deleted(id),
                        Err(error) => Answer::Failed(error.to_string()),
                    })
                    .await;
            });
        }
        Ask::Export { id, form, name } => {
            let directory = at.directory.clone();
            at.tasks.spawn("chat: an export", async move {
                let exported = export(&library, id, form, &name, directory).await;
                reply.send(Answer::Exported(exported)).await;
            });
        }
        // What answers cost is written to the conversations; a branch that was asked for is made.
        Ask::CatchUp => {
            at.tasks.spawn("chat: what answers cost", async move {
                if let Err(error) = library.take_costs_from_books().await {
                    tracing::warn!(%error, "what answers cost could not be taken from the books");
                }
                sums(&library, &reply).await;
            });
        }
        Ask::Fork { id, through } => {
            at.tasks.spawn("chat: a branch", async move { fork(&library, id, through, &reply).await });
        }
        ask => {
            at.tasks
                .spawn_until_stopped("chat: reading", async move { Box::pin(read(ask, own, reply)).await });
        }
    }
}

async fn keep(library: &Library, id: ConversationId, change: Change) -> Result<(), LibraryError> {
    match change {
        Change::Service(service) => library.set_service(id, service).await,
        Change::System(system) => library.set_system(id, system).await,
        Change::Parameters(parameters) => library.set_parameters(id, parameters).await,
        Change::Title(title) => library.rename(id, &title).await,
    }
}

/// What changes nothing.
async fn read(ask: Ask, at: At, reply: Reply<Answer>) {
    let library = &at.library;
    let failed = |error: LibraryError| Answer::Failed(error.to_string());
    let answer = match ask {
        Ask::List => library.list(LISTED).await.map_or_else(failed, Answer::Listed),
        Ask::Open { id, at } => opened(library, id, at).await.unwrap_or_else(failed),
        Ask::Revive { new, open } => {
            let mut found = opened(library, new, None).await;
            if let (Err(_), Some(open)) = (&found, open) {
                found = opened(library, open, None).await;
            }
            match found {
                Ok(Answer::Opened { conversation, messages, .. }) => {
                    Answer::Revived { conversation, messages }
                }
                // It never began, and no other was open or is there.
                _ => return,
            }
        }
        Ask::Estimate { number, turn } => {
            tokio::time::sleep(PAUSE).await;
            let Some(broker) = at.broker() else { return };
            let estimate = broker.estimate(&turn).await.map(Box::new);
            Answer::Estimated { number, estimate: estimate.map_err(|refusal| refusal.for_screen()) }
        }
        Ask::Fates(requests) => {
            let Some(broker) = at.broker() else { return };
            let mut costs = Vec::new();
            for request in requests {
                // One that is still under way is waited for; the others are there at once.
                if let Ok(cost) = broker.cost(request).await {
                    costs.push(cost);
                }
            }
            Answer::Fates(costs)
        }
        Ask::Measure(services) => {
            let Some(broker) = at.broker() else { return };
            let mut waits = Vec::new();
            for (provider, name) in services {
                let typical =
                    broker.measured(provider, &name).await.ok().and_then(|measured| measured.typical);
                let wait = typical.and_then(|wait| u64::try_from(wait.as_millis()).ok());
                waits.extend(wait.map(|wait| ((provider, name), wait)));
            }
            Answer::Measured(waits)
        }
        Ask::Prompts => library.history(PROMPTS).await.map_or_else(failed, Answer::Prompts),
        Ask::Search { number, text } => match library.search(&text, FOUND).await {
            Ok(found) => Answer::Found { number, found },
            Err(error) => failed(error),
        },
        Ask::Attach(typed) => {
            let directory = at.directory.clone();
            let read = tokio::task::spawn_blocking(move || attach(&directory, &typed)).await;
            Answer::Attached(read.unwrap_or_else(|_| Err(texts::chat::STOPPING.to_owned())))
        }
        Ask::Spent(day) => {
            library.spent_on(day).await.map_or_else(failed, |amount| Answer::Spent { day, amount })
        }
        Ask::Choices { number, from } => {
            let table = tokio::task::spawn_blocking(move || Box::new(from.table())).await;
            let Ok(table) = table else { return };
            Answer::Choices { number, table }
        }
        Ask::Send(_)
        | Ask::Keep { .. }
        | Ask::Draft { .. }
        | Ask::Delete(_)
        | Ask::Export { .. }
        | Ask::CatchUp
        | Ask::Fork { .. } => return,
    };
    reply.send(answer).await;
}

/// A branch, shown once it is in the list.
async fn fork(library: &Library, id: ConversationId, through: Option<MessageId>, reply: &Reply<Answer>) {
    let failed = |error: LibraryError| Answer::Failed(error.to_string());
    let branch = match library.fork(id, through).await {
        Ok(branch) => branch.id,
        Err(error) => return reply.send(failed(error)).await,
    };
    reply.send(library.list(LISTED).await.map_or_else(failed, Answer::Listed)).await;
    reply.send(Answer::Forked(branch)).await;
    reply.send(opened(library, branch, None).await.unwrap_or_else(failed)).await;
}

/// What conversations and the day cost, together, so that no sum on the screen is older than another.
async fn sums(library: &Library, reply: &Reply<Answer>) {
    let day = Timestamp::now().day();
    match (library.list(LISTED).await, library.spent_on(day).await) {
        (Ok(listed), Ok(amount)) => {
            reply.send(Answer::Listed(listed)).await;
            reply.send(Answer::Spent { day, amount }).await;
        }
        (Err(error), _) | (_, Err(error)) => reply.send(Answer::Failed(error.to_string())).await,
    }
}

async fn opened(
    library: &Library,
    id: ConversationId,
    at: Option<MessageId>,
) -> Result<Answer, LibraryError> {
    let conversation = Box::new(library.conversation(id).await?);
    let messages = library.messages(id).await?;
    Ok(Answer::Opened { conversation, messages, at })
}

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
async fn send(sending: Sending, at: At, reply: Reply<Answer>) {
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

/// Reads a text file.
fn attach(directory: &Path, typed: &str) -> Result<Attachment, String> {
    use std::io::Read;
    let path = places::resolve(directory, typed);
    let told = |error: std::io::Error| clean_reason(&error.to_string(), 200);
    let meta = std::fs::metadata(&path).map_err(told)?;
    if !meta.is_file() {
        return Err(texts::shared::NO_FILE.to_owned());
    }
    if meta.len() > ATTACHED {
        return Err(texts::chat::file_too_long(meta.len(), ATTACHED));
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(&path).map_err(told)?;
    file.take(ATTACHED + 1).read_to_end(&mut bytes).map_err(told)?;
    let text = String::from_utf8(bytes).map_err(|_| texts::chat::NOT_UTF8.to_owned())?;
    if text.contains('\0') {
        return Err(texts::chat::ZERO_BYTES.to_owned());
    }
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    // The word that stands for it is one line, and ends with the bracket that it begins with.
    let name: String = clean(&name, 80).chars().filter(|c| !matches!(c, '[' | ']')).collect();
    Ok(Attachment { name, text })
}

/// Writes a conversation into a new file. Gives where it is.
async fn export(
    library: &Library,
    id: ConversationId,
    form: Form,
    name: &str,
    directory: PathBuf,
) -> Result<PathBuf, String> {
    let (text, ending) = match form {
        Form::Markdown => (library.export_markdown(id).await, "md"),
        Form::Json => (library.export_json(id).await, "json"),
    };
    let text = text.map_err(|error| error.to_string())?;
    let stem = stem(name);
    let written = tokio::task::spawn_blocking(move || write_new(&directory, &stem, ending, text.as_bytes()));
    written.await.map_err(|_| texts::chat::STOPPING.to_owned())?
}

/// Writes a file that only its owner can read, under the first of its names that is free.
fn write_new(directory: &Path, stem: &str, ending: &str, content: &[u8]) -> Result<PathBuf, String> {
    use std::io::Write;
    let told = |error: std::io::Error| clean_reason(&error.to_string(), 200);
    for number in 1..=NAMES {
        let name = if number == 1 { format!("{stem}.{ending}") } else { format!("{stem}-{number}.{ending}") };
        let target = directory.join(name);
        let (mut file, unfinished) = match places::unfinished(&target, 0o600) {
            Ok(made) => made,
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => continue,
            Err(error) => return Err(told(error)),
        };
        file.write_all(content).map_err(told)?;
        match places::keep(unfinished, &target) {
            Ok(()) => return Ok(target),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(told(error)),
        }
    }
    Err(texts::chat::names_taken(NAMES, directory.display()))
}

/// A file's name out of a title.
fn stem(title: &str) -> String {
    let mut stem = "chat".to_owned();
    for word in title.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()) {
        if stem.len() + word.len() > 60 {
            break;
        }
        stem.push('-');
        stem.push_str(&word.to_ascii_lowercase());
    }
    stem
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::broker::user::library::{MessageState, NewConversation};
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

    #[test]
    fn exports_are_private_and_never_replace() {
        let directory = tempfile::tempdir().unwrap();
        let first = write_new(directory.path(), &stem("What is 0G? ../x"), "md", b"one").unwrap();
        let second = write_new(directory.path(), "chat-what-is-0g-x", "md", b"two").unwrap();
        assert!(first.ends_with("chat-what-is-0g-x.md") && second.ends_with("chat-what-is-0g-x-2.md"));
        assert_eq!(std::fs::read(&first).unwrap(), b"one");
        assert_eq!(std::fs::metadata(&second).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn only_texts_are_attached() {
        let directory = tempfile::tempdir().unwrap();
        let write =
            |name: &str, content: &[u8]| std::fs::write(directory.path().join(name), content).unwrap();
        write("a [x].txt", b"hello");
        write("b", &[0xff, 0xfe]);
        write("c", b"a\0b");
        write("d", &vec![b'x'; 1 << 21]);
        let read = |name: &str| attach(directory.path(), name);
        assert_eq!(
            read("a [x].txt").unwrap(),
            Attachment { name: "a x.txt".to_owned(), text: "hello".to_owned() }
        );
        for bad in ["b", "c", "d", ".", "nowhere"] {
            let reason = read(bad).unwrap_err();
            assert!(!reason.contains("os error"), "{reason}");
        }
    }
}
