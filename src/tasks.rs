//! Every background task of the program is started here, and nowhere else.
//!
//! A [`Tasks`] value remembers what it started, so that stopping can wait for it: first the stop token is
//! cancelled, then tasks get a grace time to finish what they have in hand, then what is left is aborted and named.
//! Two kinds exist. [`Tasks::spawn`] is for work that must reach its own end (a request being booked, a transaction
//! being written down): it sees the token and decides. [`Tasks::spawn_until_stopped`] is for loops that hold nothing
//! (a poller, a ticker): they are dropped at their next await once the token is cancelled.
//! A task that panics or ends with an error is logged under its name; it never takes the process with it. One that the
//! process cannot do without ([`Tasks::spawn_vital`]) is also remembered, so that health can say so.

use std::{
    any::Any,
    borrow::Cow,
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    fmt::Display,
    future::Future,
    panic::{AssertUnwindSafe, Location},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::FutureExt;
use parking_lot::Mutex;
use tokio::task::{AbortHandle, JoinHandle};
use tokio_util::{
    sync::CancellationToken,
    task::{TaskTracker, task_tracker::TaskTrackerToken},
};

/// What a task's future may end with: nothing, or a result whose error is logged.
pub trait Ending: Send + 'static {
    /// The error to log, if the task ended with one.
    fn failure(&self) -> Option<String>;
}

impl Ending for () {
    fn failure(&self) -> Option<String> {
        None
    }
}

impl<E: Display + Send + 'static> Ending for Result<(), E> {
    fn failure(&self) -> Option<String> {
        self.as_ref().err().map(ToString::to_string)
    }
}

/// A group of running tasks. Clones are the same group.
#[derive(Debug, Clone)]
pub struct Tasks {
    token: CancellationToken,
    own: Arc<Group>,
    /// The groups this one belongs to, so that stopping a parent waits for its children's tasks.
    parents: Vec<Arc<Group>>,
}

#[derive(Debug, Default)]
struct Group {
    tracker: TaskTracker,
    running: Mutex<BTreeMap<u64, Line>>,
    /// Names of vital tasks that panicked.
    broken: Mutex<BTreeSet<String>>,
}

/// One running task.
#[derive(Debug, Clone)]
struct Line {
    name: Cow<'static, str>,
    /// Absent for the moment between the listing and the start.
    abort: Option<AbortHandle>,
}

/// Numbers tasks in the order of their start, over all groups of the process.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// What [`Tasks::stop`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopped {
    /// Names of tasks that were still running when the grace time was over, and were aborted.
    pub aborted: Vec<String>,
}

impl Default for Tasks {
    fn default() -> Self {
        Self::new()
    }
}

impl Tasks {
    pub fn new() -> Self {
        Self { token: CancellationToken::new(), own: Arc::default(), parents: Vec::new() }
    }

    /// A group inside this one: it can be stopped alone, and stopping this one stops it too.
    pub fn child(&self) -> Self {
        let mut parents = self.parents.clone();
        parents.push(Arc::clone(&self.own));
        Self { token: self.token.child_token(), own: Arc::default(), parents }
    }

    /// The token that is cancelled when this group stops.
    pub fn token(&self) -> CancellationToken {
        self.token.clone()
    }

    /// Whether the group has been told to stop.
    pub fn stopping(&self) -> bool {
        self.token.is_cancelled()
    }

    /// How many tasks of this group, children included, have not ended.
    pub fn len(&self) -> usize {
        self.own.tracker.len()
    }

    pub fn is_empty(&self) -> bool {
        self.own.tracker.is_empty()
    }

    /// Vital tasks of this group, children included, that panicked: what they did is not done any more.
    pub fn broken(&self) -> Vec<String> {
        self.own.broken.lock().iter().cloned().collect()
    }

    /// [`Tasks::spawn`], for a task without which the process does not do its work: [`Tasks::broken`] names it if it dies.
    pub fn spawn_vital<F>(&self, name: &'static str, future: F) -> JoinHandle<()>
    where
        F: Future + Send + 'static,
        F::Output: Ending,
    {
        let groups: Vec<_> = self.parents.iter().chain([&self.own]).map(Arc::clone).collect();
        let future = Box::pin(future);
        self.spawn(name, async move {
            match AssertUnwindSafe(future).catch_unwind().await {
                Ok(ending) => ending.failure().map_or(Ok(()), Err),
                Err(panic) => {
                    for group in groups {
                        group.broken.lock().insert(name.to_owned());
                    }
                    std::panic::resume_unwind(panic)
                }
            }
        })
    }

    /// Starts a task that ends by itself. When the group stops it is waited for, up to the grace time.
    ///
    /// The handle may be dropped; the task runs on.
    pub fn spawn<F>(&self, name: impl Into<Cow<'static, str>>, future: F) -> JoinHandle<()>
    where
        F: Future + Send + 'static,
        F::Output: Ending,
    {
        let name = name.into();
        let groups: Vec<_> = self.parents.iter().chain([&self.own]).map(Arc::clone).collect();
        let entry = Entry::new(groups.clone(), name.clone());
        let id = entry.id;
        // Each block and adapter around a future holds it twice, once as what it was given and once as what it waits for: a task was
        // five times as large as its work, and was moved as often.
        let future = Box::pin(future);
        #[allow(clippy::disallowed_methods, reason = "this is the place that the others are sent to")]
        let handle = tokio::spawn(async move {
            // Moved in, so that the entry leaves the list however the task ends, an abort included.
            let _entry = entry;
            match AssertUnwindSafe(future).catch_unwind().await {
                Ok(ending) => {
                    if let Some(error) = ending.failure() {
                        tracing::error!(task = %name, %error, "a background task failed");
                    }
                }
                Err(panic) => {
                    let (text, at) = (panic_text(panic.as_ref()), panic_place());
                    tracing::error!(task = %name, panic = %text, %at, "a background task panicked");
                }
            }
        });
        for group in groups {
            // The task may already be over, and its line with it.
            if let Some(line) = group.running.lock().get_mut(&id) {
                line.abort = Some(handle.abort_handle());
            }
        }
        handle
    }

    /// Starts a loop that has nothing to finish: it is dropped at its next await once the group stops.
    pub fn spawn_until_stopped<F>(&self, name: impl Into<Cow<'static, str>>, future: F) -> JoinHandle<()>
    where
        F: Future + Send + 'static,
        F::Output: Ending,
    {
        let token = self.token();
        let future = Box::pin(future);
        self.spawn(name, async move {
            let failure = token.run_until_cancelled_owned(future).await.and_then(|ending| ending.failure());
            failure.map_or(Ok(()), Err)
        })
    }

    /// Cancels the token, waits up to `grace` for every task of the group and its children, then aborts the rest.
    pub async fn stop(&self, grace: Duration) -> Stopped {
        self.token.cancel();
        self.own.tracker.close();
        if tokio::time::timeout(grace, self.own.tracker.wait()).await.is_ok() {
            return Stopped { aborted: Vec::new() };
        }
        let left: Vec<_> = self.own.running.lock().values().cloned().collect();
        let aborted = left.iter().map(|line| line.name.to_string()).collect();
        for abort in left.iter().filter_map(|line| line.abort.as_ref()) {
            abort.abort();
        }
        // Aborted tasks are dropped at their next await; one that never awaits must not hold the stop for ever.
        if tokio::time::timeout(Duration::from_secs(1), self.own.tracker.wait()).await.is_err() {
            tracing::warn!("some background tasks did not react to being aborted");
        }
        Stopped { aborted }
    }
}

/// A task's line in its groups' lists of running tasks, removed when dropped.
struct Entry {
    id: u64,
    groups: Vec<Arc<Group>>,
    _held: Vec<TaskTrackerToken>,
}

impl Entry {
    fn new(groups: Vec<Arc<Group>>, name: Cow<'static, str>) -> Self {
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let held = groups.iter().map(|group| group.tracker.token()).collect();
        for group in &groups {
            group.running.lock().insert(id, Line { name: name.clone(), abort: None });
        }
        Self { id, groups, _held: held }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        for group in &self.groups {
            group.running.lock().remove(&self.id);
        }
    }
}

thread_local! {
    /// Where this thread panicked last, told by the hook.
    static PLACE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Where in the source a panic was; of a library only what is below its own folder.
pub fn remember_panic(location: Option<&Location<'_>>) -> String {
    let place = location.map_or("an unknown place".to_owned(), |at| {
        let file = at.file();
        let own = file.rsplit_once("/registry/src/").map_or(file, |(_, own)| own);
        format!("{own}:{}", at.line())
    });
    PLACE.with_borrow_mut(|kept| kept.clone_from(&place));
    place
}

fn panic_place() -> String {
    PLACE.with_borrow(Clone::clone)
}

/// The words of a panic, where it had any, up to the first that they quote: what is quoted may be a prompt or a key
/// (slicing a text in the middle of a letter quotes the text).
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = if let Some(text) = panic.downcast_ref::<&'static str>() {
        text
    } else if let Some(text) = panic.downcast_ref::<String>() {
        text.as_str()
    } else {
        "without a message"
    };
    text.split(['`', '"', '\'']).next().unwrap_or_default().trim_end()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

    use super::*;

    #[test]
    fn a_panic_tells_no_text_that_it_quotes() {
        let cut = std::panic::catch_unwind(|| {
            let text = "canary-ü".to_owned();
            text[..8].len()
        });
        let said = panic_text(cut.unwrap_err().as_ref()).to_owned();
        assert!(!said.contains("canary") && said.contains("char boundary"), "{said}");
        let debug = std::panic::catch_unwind(|| {
            let read: Result<u8, _> = "canary".parse::<u8>().map_err(|_| "canary");
            read.expect("it is there")
        });
        assert_eq!(panic_text(debug.unwrap_err().as_ref()), "it is there:");
        assert_eq!(panic_text(&"plain words"), "plain words");
    }

    async fn dies() {
        panic!("as tests do");
    }

    #[tokio::test]
    async fn a_vital_task_that_dies_is_remembered_by_its_groups() {
        let tasks = Tasks::new();
        let child = tasks.child();
        child.spawn("harmless", dies()).await.unwrap();
        child.spawn_vital("ends well", async {}).await.unwrap();
        assert_eq!(tasks.broken(), Vec::<String>::new());
        child.spawn_vital("engine", dies()).await.unwrap();
        assert_eq!((tasks.broken(), child.broken()), (vec!["engine".to_owned()], vec!["engine".to_owned()]));
    }

    #[tokio::test]
    async fn stop_waits_for_work_in_hand_and_drops_loops() {
        let tasks = Tasks::new();
        let (done, finished) = tokio::sync::oneshot::channel();
        let token = tasks.token();
        tasks.spawn("booking", async move {
            token.cancelled().await;
            tokio::time::sleep(Duration::from_millis(20)).await;
            done.send(()).unwrap();
        });
        tasks.spawn_until_stopped("ticker", std::future::pending::<()>());
        assert_eq!(tasks.len(), 2);
        let stopped = tasks.stop(Duration::from_secs(5)).await;
        assert_eq!(stopped, Stopped { aborted: vec![] });
        finished.await.unwrap();
        assert!(tasks.is_empty());
    }

    #[tokio::test]
    async fn what_outlives_the_grace_time_is_aborted_and_named() {
        let tasks = Tasks::new();
        tasks.spawn("stuck", std::future::pending::<()>());
        tasks.child().spawn("stuck child", std::future::pending::<()>());
        let stopped = tasks.stop(Duration::from_millis(10)).await;
        assert_eq!(stopped.aborted, ["stuck", "stuck child"]);
        assert!(tasks.is_empty());
    }

    #[tokio::test]
    async fn a_child_stops_alone_and_leaves_its_siblings_running() {
        let tasks = Tasks::new();
        let child = tasks.child();
        child.spawn_until_stopped("in the child", std::future::pending::<()>());
        tasks.spawn_until_stopped("in the parent", std::future::pending::<()>());
        assert_eq!((tasks.len(), child.len()), (2, 1));
        child.stop(Duration::from_secs(1)).await;
        assert!(!tasks.stopping());
        assert_eq!((tasks.len(), child.len()), (1, 0));
        tasks.stop(Duration::from_secs(1)).await;
        assert!(tasks.is_empty());
    }

    fn tasks_fail() -> bool {
        false
    }

    /// What is logged on this thread from now on, until the guard is dropped.
    fn listen() -> (Arc<Mutex<Vec<u8>>>, tracing::subscriber::DefaultGuard) {
        #[derive(Clone)]
        struct Lines(Arc<Mutex<Vec<u8>>>);
        impl std::io::Write for Lines {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                self.0.lock().extend_from_slice(bytes);
                Ok(bytes.len())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let lines = Arc::new(Mutex::new(Vec::new()));
        let writer = Lines(Arc::clone(&lines));
        let log = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
        (lines, tracing::subscriber::set_default(log))
    }

    #[tokio::test]
    async fn a_panic_or_an_error_ends_only_its_own_task() {
        let (lines, _guard) = listen();
        let tasks = Tasks::new();
        let panicking = tasks.spawn("panics", async {
            assert!(tasks_fail(), "on purpose");
        });
        let failing = tasks.spawn("fails", async { Err::<(), _>("no luck") });
        panicking.await.unwrap();
        failing.await.unwrap();
        let told = String::from_utf8(lines.lock().clone()).unwrap();
        let line =
            |words: &str| told.lines().filter(|line| line.contains("ERROR") && line.contains(words)).count();
        assert_eq!(line("a background task panicked task=panics panic=on purpose"), 1, "{told}");
        assert_eq!(line("a background task failed task=fails error=no luck"), 1, "{told}");
        assert!(tasks.is_empty());
        let (sender, answer) = tokio::sync::oneshot::channel();
        tasks.spawn("still works", async move {
            sender.send(7).unwrap();
        });
        assert_eq!(answer.await.unwrap(), 7);
    }
}
