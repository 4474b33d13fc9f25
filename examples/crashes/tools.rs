//! Things that work on files without being a broker: key files made by a command, conversations and preferences written by
//! the screens. The screens' library runs in a child of this very program.

use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;
use zgserve_tui::broker::user::Library;
use zgserve_tui::crash_point::{Point, VARIABLE};
use zgserve_tui::domain::Timestamp;
use zgserve_tui::store::user::conversations::{NewConversation, NewMessage};
use zgserve_tui::store::{Db, Role, UserStore};

use super::tally::Tally;
use super::world::Plan;

const PREFERENCE: &str = "crashes.last";
/// Turns that the child writes if nothing stops it.
const TURNS: u64 = 40;

pub async fn trial(plan: &Plan, point: Point, times: u64, tally: &Tally) {
    tally.scene(format!("a tool at {}:{times}", point.name()));
    match point {
        Point::FileWritten | Point::FileNamed => key_file(plan, point, tally).await,
        _ => library(point, times, tally).await,
    }
}

/// `wallet new` dies before or after the file has its name: there is no key or a whole one, and the next one can be made.
async fn key_file(plan: &Plan, point: Point, tally: &Tally) {
    let home = tempfile::tempdir().expect("a directory");
    std::fs::write(home.path().join("words"), "correct horse\n").expect("a passphrase");
    let run = async |words: &[&str], armed: Option<Point>| {
        let mut command = Command::new(&plan.program);
        command.args(["--data-dir", "data", "--passphrase-file", "words"]).args(words);
        command.current_dir(home.path()).env_clear().env("HOME", home.path()).stdin(Stdio::null());
        if let Some(point) = armed {
            command.env(VARIABLE, format!("{}:1", point.name()));
        }
        command.output().await.expect("the program runs")
    };
    let died = run(&["wallet", "new"], Some(point)).await;
    use std::os::unix::process::ExitStatusExt;
    tally.check(
        "a process ends at its point and for no other reason",
        died.status.signal() == Some(6),
        || format!("{died:?}"),
    );
    let keys = async || {
        let listed = run(&["wallet", "list", "--json"], None).await;
        let text = String::from_utf8_lossy(&listed.stdout).into_owned();
        (listed.status.success(), text.matches("\"Address\"").count())
    };
    let (listed, found) = keys().await;
    let wanted = usize::from(point == Point::FileNamed);
    tally.check("a key file is whole or not there", listed && found == wanted, || {
        format!("{found} instead of {wanted}")
    });
    let made = run(&["wallet", "new"], None).await;
    let (listed, found) = keys().await;
    let right = made.status.success() && listed && found == wanted + 1;
    tally.check("a key can be made after a kill", right, || format!("{made:?} {found}"));
}

/// The library's child dies in the middle of a conversation: what it was told is written is there, and no half turn.
async fn library(point: Point, times: u64, tally: &Tally) {
    let home = tempfile::tempdir().expect("a directory");
    let file = home.path().join("user.db");
    let child = Command::new(std::env::current_exe().expect("this program"))
        .args(["library".as_ref(), file.as_os_str()])
        .env(VARIABLE, format!("{}:{times}", point.name()))
        .stdin(Stdio::null())
        .output()
        .await
        .expect("this program runs");
    use std::os::unix::process::ExitStatusExt;
    tally.check(
        "a process ends at its point and for no other reason",
        child.status.signal() == Some(6),
        || format!("{child:?}"),
    );
    let text = String::from_utf8_lossy(&child.stdout).into_owned();
    let told = |what: &str| text.lines().filter(|line| line.starts_with(what)).count() as u64;
    let db = Db::open(&file, Role::User);
    tally
        .check("I23 the database opens as a kill left it", db.is_ok(), || format!("{:?}", db.as_ref().err()));
    let Ok(db) = db else { return };
    let network = zgserve_tui::store::Network { chain_id: 1, contract: zgserve_tui::domain::Address::ZERO };
    let audit = UserStore::new(db.clone(), network).await.expect("a store").audit().await;
    tally.check(
        "I17 user's sums are those of its rows, as a kill left them",
        audit.as_ref().is_ok_and(Vec::is_empty),
        || format!("{audit:?}"),
    );
    let library = Library::open(db);
    let list = library.list(10).await.expect("conversations are listed");
    let mut messages = 0;
    for conversation in &list.items {
        messages += library.messages(conversation.id).await.expect("messages are read").len() as u64;
    }
    let turns = told("turn");
    let whole = messages % 2 == 0 && (turns..=turns + 1).contains(&(messages / 2));
    tally.check("a conversation keeps every message that it acknowledged, and no half turn", whole, || {
        format!("{messages} messages, {turns} turns told")
    });
    let kept: Option<u64> = library.preferences().get(PREFERENCE).await.ok().flatten();
    let told = told("preference");
    let right = kept.map_or(told == 0, |kept| (told..=told + 1).contains(&kept));
    tally.check("a preference is kept once it was acknowledged", right, || {
        format!("{kept:?} kept, {told} told")
    });
}

/// The child: writes turns and a preference, and says of each when it is written.
pub async fn write_library(file: &Path) {
    use std::io::Write as _;
    let library = Library::open(Db::open(file, Role::User).expect("a database"));
    let say = |text: &str| {
        println!("{text}");
        let _ = std::io::stdout().flush();
    };
    let conversation = library.create(NewConversation::default()).await.expect("a conversation");
    for turn in 1..=TURNS {
        let service = (zgserve_tui::domain::Address::ZERO, "chat".parse().expect("a name"));
        let (prompt, answer) = (
            NewMessage::prompt(format!("turn {turn}"), Timestamp::now()),
            NewMessage::answer(service, "m", Timestamp::now()),
        );
        library.append_turn(conversation.id, prompt, answer).await.expect("a turn");
        say("turn");
        library.preferences().set(PREFERENCE, &turn).await.expect("a preference");
        say("preference");
    }
}
