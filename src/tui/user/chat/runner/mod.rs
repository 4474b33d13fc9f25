//! The asks performed: on the broker, on the library, on files.
//!
//! | file | holds |
//! |---|---|
//! | `turn` | a prompt sent: kept, asked, its answer kept as it comes, booked |
//! | `files` | what is attached and exported |

mod files;
mod turn;

use self::files::{attach, export};
use self::turn::send;
use super::ask::{Answer, Ask, Change};
use crate::broker::user::{Library, LibraryError};
use crate::domain::{ConversationId, MessageId, Timestamp};
use crate::tui::kit::markdown;
use crate::tui::texts;
use crate::tui::user::runner::{At, Reply};

/// Conversations in the list.
const LISTED: u32 = 1000;
/// Prompts of the search in what was written before.
const PROMPTS: usize = 1000;
/// Conversations that a search shows.
const FOUND: u32 = 100;
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
                if let Err(error) = library.index_what_was_left().await {
                    tracing::warn!(%error, "what the last run left of answers is not found by a search");
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
