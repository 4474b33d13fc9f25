//! The real program in a pseudo-terminal: what people see, and what is left of their terminal afterwards.

use std::io::{Read, Write};
use std::num::NonZero;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use super::world::{Plan, Reply, SAY_THIS, World, until};

const PROGRAM: &str = env!("CARGO_BIN_EXE_zgserve-tui");

/// A program in a terminal of its own, and everything that it wrote there.
pub struct Terminal {
    screen: Arc<Mutex<vt100::Parser>>,
    written: Arc<Mutex<Vec<u8>>>,
    keys: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
}

impl Terminal {
    /// Runs the console over a world's provider broker.
    fn console(world: &World, rows: u16, cols: u16, more: &[&str]) -> Terminal {
        let url = format!("http://{}", world.provider_side.listeners.unwrap().0);
        let args: Vec<&str> = ["console", "--url", &url].iter().chain(more).copied().collect();
        Terminal::open(rows, cols, &args, None)
    }

    /// Runs the program, for somebody with a home of their own if one is given.
    pub fn open(rows: u16, cols: u16, args: &[&str], home: Option<&Path>) -> Terminal {
        let mut command = CommandBuilder::new(PROGRAM);
        command.args(args);
        Terminal::run((rows, cols), command, home)
    }

    fn run((rows, cols): (u16, u16), mut command: CommandBuilder, home: Option<&Path>) -> Terminal {
        let size = PtySize { rows, cols, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        command.env("TERM", "xterm-256color");
        if let Some(home) = home {
            for variable in ["XDG_CONFIG_HOME", "XDG_DATA_HOME"] {
                command.env_remove(variable);
            }
            command.env("HOME", home);
            command.env("TMPDIR", home);
            command.cwd(home);
        }
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let screen = Arc::new(Mutex::new(vt100::Parser::new(cells(rows), cells(cols), 0)));
        let written = Arc::new(Mutex::new(Vec::new()));
        let mut reader = pair.master.try_clone_reader().unwrap();
        let (shown, kept) = (Arc::clone(&screen), Arc::clone(&written));
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut bytes) {
                shown.lock().process(&bytes[..count]);
                kept.lock().extend_from_slice(&bytes[..count]);
            }
        });
        let keys = pair.master.take_writer().unwrap();
        Terminal { screen, written, keys, child, master: pair.master }
    }

    pub fn text(&self) -> String {
        self.screen.lock().screen().contents()
    }

    /// Whether what is typed is shown, as the terminal is set now.
    pub fn echoes(&self) -> bool {
        let set = format!("{:?}", self.master.get_termios().unwrap().local_flags);
        set.split([' ', '(', ')']).any(|flag| flag == "ECHO")
    }

    /// Asks the program to end, as the system does.
    pub fn end(&self) {
        let pid = self.process().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    }

    /// Everything that the program wrote, byte for byte.
    pub fn written(&self) -> Vec<u8> {
        self.written.lock().clone()
    }

    fn resize(&self, rows: u16, cols: u16) {
        // What is drawn for the new size must not be read with the old one.
        self.screen.lock().screen_mut().set_size(cells(rows), cells(cols));
        self.master.resize(PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }).unwrap();
    }

    pub fn process(&self) -> u32 {
        self.child.process_id().unwrap()
    }

    pub fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    pub async fn shows(&self, text: &str) {
        for _ in 0..6_000 {
            if self.text().contains(text) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the screen never shows {text:?}:\n{}", self.text());
    }

    /// Closes what lies over a screen, and waits until the screen tells its own keys again. A key that is read in one
    /// breath with escape makes one with it; and what is seen before the last row, where the keys are told, may be half of
    /// what is being drawn.
    pub async fn close(&mut self) {
        self.shows(" esc close").await;
        self.press("\x1b");
        self.shows("? help").await;
    }

    /// Waits for the end; gives the exit code.
    pub async fn ended(&mut self) -> u32 {
        let mut code = None;
        for _ in 0..6_000 {
            code = self.child.try_wait().unwrap();
            if code.is_some() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        code.unwrap_or_else(|| panic!("the program does not end:\n{}", self.text())).exit_code()
    }

    /// The terminal as its owner left it: no alternate screen, a cursor, no mouse reports, no bracketed paste.
    pub async fn is_given_back(&self) {
        until("the terminal is given back", async || {
            let parser = self.screen.lock();
            let screen = parser.screen();
            let back = !screen.alternate_screen()
                && !screen.hide_cursor()
                && !screen.bracketed_paste()
                && screen.mouse_protocol_mode() == vt100::MouseProtocolMode::None;
            back.then_some(())
        })
        .await;
    }
}

fn cells(count: u16) -> NonZero<u16> {
    NonZero::new(count).unwrap()
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Only one that a failed test left behind is still there.
        let _ = self.child.kill();
    }
}

/// A provider to whom a user owes something.
async fn owing() -> World {
    let world = World::with(Plan::default()).await;
    world.upstream.say(Reply::chat("This is a test."));
    world.ask(SAY_THIS).await.is(200);
    world.check_books().await;
    world
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_looks_around_settles_and_leaves() {
    let world = owing().await;
    let owed = world.check_books().await.owed;
    let mut terminal = Terminal::console(&world, 30, 120, &[]);
    terminal.shows("Next settlement").await;
    terminal.press("2");
    let user = world.user_address().to_string();
    terminal.shows(&user[..6]).await;
    terminal.press("4");
    terminal.shows("llama7b").await;
    terminal.press("?");
    terminal.shows("settle now").await;
    terminal.shows("scroll  esc close").await;
    terminal.close().await;
    terminal.press("T");
    terminal.shows("Settle now").await;
    terminal.shows(&user).await;
    let before = world.chain.account(world.id(), None).await.unwrap().unwrap();
    assert!(before.settled.is_zero(), "looking pays nothing");
    // A question takes no answer in its first moment.
    tokio::time::sleep(Duration::from_millis(400)).await;
    terminal.press("y");
    terminal.shows("Paid").await;
    let after = world.chain.account(world.id(), None).await.unwrap().unwrap();
    assert_eq!(after.settled, owed);
    terminal.close().await;
    terminal.press("q");
    assert_eq!(terminal.ended().await, 0);
    terminal.is_given_back().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_only_looks_cannot_settle() {
    let world = owing().await;
    let mut terminal = Terminal::console(&world, 24, 80, &["--read-only"]);
    terminal.shows("Next settlement").await;
    terminal.press("T");
    terminal.press("y");
    terminal.shows("read").await;
    terminal.press("\x03");
    terminal.ended().await;
    terminal.is_given_back().await;
    assert!(world.chain.account(world.id(), None).await.unwrap().unwrap().settled.is_zero());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_gives_the_terminal_back() {
    let world = owing().await;
    let mut terminal = Terminal::console(&world, 16, 60, &[]);
    terminal.shows("Money").await;
    let pid = terminal.child.process_id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    assert_ne!(terminal.ended().await, 0);
    terminal.is_given_back().await;
}

/// The console's words, in a shell with job control that waits for a line before it goes on with what was paused.
fn in_a_shell(world: &World) -> CommandBuilder {
    let script = r#""$0" "$@"; echo "paused with $?"; read go; fg > /dev/null; echo "ended with $?""#;
    let url = format!("http://{}", world.provider_side.listeners.unwrap().0);
    let mut command = CommandBuilder::new("sh");
    command.args(["-m", "-c", script, PROGRAM, "console", "--url", &url]);
    command
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_from_outside_gives_the_terminal_back_until_it_goes_on() {
    let world = owing().await;
    let mut terminal = Terminal::run((24, 80), in_a_shell(&world), None);
    terminal.shows("Money").await;
    let shell = terminal.process();
    let children = std::fs::read_to_string(format!("/proc/{shell}/task/{shell}/children")).unwrap();
    let program = children.split_whitespace().next().unwrap();
    assert!(Command::new("kill").args(["-TSTP", program]).status().unwrap().success());
    terminal.shows("paused with").await;
    terminal.is_given_back().await;
    terminal.press("\n");
    terminal.shows("Money").await;
    // By its own key it is the same.
    terminal.press("\x1a");
    terminal.shows("ended with").await;
    terminal.is_given_back().await;
    assert!(Command::new("kill").args(["-KILL", program]).status().unwrap().success());
    terminal.ended().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_where_nobody_could_go_on_is_none() {
    let world = owing().await;
    let mut terminal = Terminal::console(&world, 24, 80, &[]);
    terminal.shows("Money").await;
    let program = terminal.process().to_string();
    assert!(Command::new("kill").args(["-TSTP", &program]).status().unwrap().success());
    terminal.press("2");
    terminal.shows(&world.user_address().to_string()[..6]).await;
    terminal.press("q");
    assert_eq!(terminal.ended().await, 0);
    terminal.is_given_back().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fault_gives_the_terminal_back_and_tells_no_secret() {
    let world = owing().await;
    let url = format!("http://{}", world.provider_side.listeners.unwrap().0);
    let mut command = CommandBuilder::new(PROGRAM);
    command.args(["console", "--url", &url]);
    command.env("ZGSERVE_TEST_FAULT", "canary of a prompt");
    let mut terminal = Terminal::run((24, 80), command, None);
    assert_eq!(terminal.ended().await, 1);
    terminal.is_given_back().await;
    terminal.shows("a fault in the program itself").await;
    let written = String::from_utf8_lossy(&terminal.written.lock()).into_owned();
    let said = written.rsplit("\x1b[?1049l").next().unwrap();
    assert!(!written.contains("canary"), "{said}");
    assert!(said.contains("src/tui/shell.rs:") && !said.contains("RUST_BACKTRACE"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_terminal_may_shrink_and_grow_and_a_broker_may_go() {
    let mut world = owing().await;
    let mut terminal = Terminal::console(&world, 30, 120, &[]);
    terminal.shows("Next settlement").await;
    terminal.resize(8, 30);
    terminal.shows("60").await;
    terminal.resize(24, 80);
    terminal.shows("Money").await;
    world.stop_provider().await;
    terminal.shows("silent since").await;
    assert!(terminal.text().contains("Money"), "the last data stays");
    world.start_provider().await;
    terminal.shows("live").await;
    terminal.press("q");
    assert_eq!(terminal.ended().await, 0);
    terminal.is_given_back().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_of_a_strangers_text_reaches_the_terminal_as_a_command() {
    let world = owing().await;
    // The owner's own database is the way in: a model's name with a title sequence, a bell and a right-to-left mark.
    let hostile = "evil\u{1b}]0;owned\u{7}\u{202e}[2J";
    let store = world.provider_store();
    let mut service = store.services().await.unwrap().remove(0);
    service.model = hostile.to_owned();
    store.put_service(service).await.unwrap();
    let mut world = world;
    world.stop_provider().await;
    world.start_provider().await;
    let mut terminal = Terminal::console(&world, 30, 120, &[]);
    terminal.shows("Next settlement").await;
    terminal.press("4");
    terminal.shows("evil").await;
    terminal.press("q");
    terminal.ended().await;
    let written = terminal.written.lock().clone();
    let holds = |needle: &[u8]| written.windows(needle.len()).any(|window| window == needle);
    // The program itself asks the terminal for its colours, so not every escape is a stranger's.
    assert!(!holds(b"\x1b]0;"), "a title");
    assert!(!holds(b"owned\x07"), "a bell");
    assert!(!holds("\u{202e}".as_bytes()), "a change of direction");
}
