//! The client: its own process, one thread for all connections, requests built once, answers read whole and checked.
//!
//! An [`Order`] comes as the one argument, [`Counted`] goes out as the last line. Four ways to ask:
//!
//! - *saturate*: so many connections, each asks again as soon as it has its answer;
//! - *rate*: so many requests a second at planned moments, over so many connections. A request that finds all connections busy
//!   waits for one, and its time counts from the planned moment, so that nothing is left out (coordinated omission). The
//!   moments come from a second thread that only sleeps, since the runtime's own timer knows whole milliseconds;
//! - *streams*: so many event streams at a time; each chunk says when the upstream sent it;
//! - *idle*: so many streams, open together after their first chunk until a line comes on the input.
//!
//! Requests under way at the end are waited for, so that `answered` is exactly what the other side has to have in its books.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

use super::histogram::{Histogram, Summary};
use super::mock::{STAMP, now};
use super::wire::Reader;

/// A request that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(60);
/// What may be planned and not begun. A system that is too slow for its rate fills it.
const PLANNED: usize = 65_536;
/// How long planned requests are still begun after the end.
const LATE: Duration = Duration::from_secs(10);
/// What is said of a planned request that was not begun.
pub const TOO_LATE: &str = "not begun: the system is too slow for this rate";
/// Idle streams that are being opened at a time.
const OPENING: usize = 16;
/// An answer with less is none of the upstream's.
const SHORTEST: usize = 900;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Order {
    pub address: SocketAddr,
    pub path: String,
    pub headers: Vec<(String, String)>,
    /// JSON that is posted; nothing for a `GET`.
    pub body: String,
    pub way: Way,
    /// Seconds at the beginning that do not count.
    pub warm: f64,
    /// Seconds that count.
    pub seconds: f64,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum Way {
    Saturate { connections: usize },
    Rate { connections: usize, per_second: u64 },
    Streams { streams: usize, chunks: u64 },
    Idle { streams: usize },
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Counted {
    /// Whole, right answers in all; those of the warm-up too.
    pub answered: u64,
    pub failed: u64,
    pub first_failure: Option<String>,
    /// Of them, what counts here, and over how long.
    pub ok: u64,
    pub seconds: f64,
    pub per_second: f64,
    /// Whole answers; for streams, the time to their first chunk.
    pub latency: Summary,
    /// From the upstream's write of a chunk to our read of it.
    pub chunk_delay: Option<Summary>,
    /// What this process itself took of the processor.
    pub own_cpu_seconds: f64,
}

#[derive(Default)]
struct Book {
    answered: u64,
    failed: u64,
    first_failure: Option<String>,
    ok: u64,
    latency: Histogram,
    delay: Histogram,
}

struct Client {
    order: Order,
    /// The request as it goes over the wire.
    request: Vec<u8>,
    from: Instant,
    until: Instant,
    book: RefCell<Book>,
}

struct Line {
    reader: Reader<OwnedReadHalf>,
    write: OwnedWriteHalf,
}

type Told<T> = Result<T, String>;

impl Client {
    async fn connect(&self) -> Told<Line> {
        let stream =
            TcpStream::connect(self.order.address).await.map_err(|error| format!("connect: {error}"))?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        let (read, write) = stream.into_split();
        Ok(Line { reader: Reader::new(read), write })
    }

    /// Sends the request over `line`, which is opened if there is none, and reads the head of its answer. What the head
    /// says of the connection is the second value.
    async fn begin(&self, line: Option<Line>) -> Told<(Line, bool)> {
        let mut line = match line {
            Some(line) => line,
            None => self.connect().await?,
        };
        line.write.write_all(&self.request).await.map_err(|error| format!("write: {error}"))?;
        let head = line.reader.head().await.map_err(|error| format!("head: {error}"))?;
        let head = head.ok_or("closed without an answer")?;
        if head.status() / 100 != 2 {
            let mut body = Vec::new();
            while line.reader.piece(&mut body).await.unwrap_or(false) {}
            body.truncate(200);
            return Err(format!("{} {}", head.first, String::from_utf8_lossy(&body)));
        }
        Ok((line, head.close))
    }

    /// One whole answer.
    async fn whole(&self, line: Option<Line>) -> Told<Option<Line>> {
        let (mut line, close) = self.begin(line).await?;
        let mut body = Vec::with_capacity(2048);
        while line.reader.piece(&mut body).await.map_err(|error| format!("body: {error}"))? {}
        if body.len() < SHORTEST || body.last() != Some(&b'}') {
            return Err(format!("an answer of {} bytes", body.len()));
        }
        Ok((!close).then_some(line))
    }

    async fn in_time<T>(&self, work: impl Future<Output = Told<T>>) -> Told<T> {
        tokio::time::timeout(PATIENCE, work)
            .await
            .unwrap_or_else(|_| Err("no whole answer in time".to_owned()))
    }

    fn answered(&self, counts: bool, nanoseconds: u64) {
        let mut book = self.book.borrow_mut();
        book.answered += 1;
        if counts {
            book.ok += 1;
            book.latency.add(nanoseconds);
        }
    }

    fn failed(&self, why: String) {
        let mut book = self.book.borrow_mut();
        book.failed += 1;
        book.first_failure.get_or_insert(why);
    }

    /// Asks and asks again until the time is over.
    async fn saturate(&self) {
        let mut line = None;
        while Instant::now() < self.until {
            let begun = Instant::now();
            match self.in_time(self.whole(line.take())).await {
                Ok(kept) => {
                    line = kept;
                    // By its end, so that as many are lost at one edge as are won at the other.
                    let ended = Instant::now();
                    self.answered(ended >= self.from && ended <= self.until, nanoseconds(begun));
                }
                Err(why) => self.fail_slowly(why).await,
            }
        }
    }

    /// A system that fails at once is not asked in a tight loop.
    async fn fail_slowly(&self, why: String) {
        self.failed(why);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    /// Takes planned moments as they come.
    async fn planned(&self, moments: &Mutex<mpsc::Receiver<Instant>>) {
        let mut line = None;
        loop {
            let moment = moments.lock().await.recv().await;
            let Some(moment) = moment else { return };
            if Instant::now() > self.until + LATE {
                self.failed(TOO_LATE.to_owned());
                continue;
            }
            match self.in_time(self.whole(line.take())).await {
                Ok(kept) => {
                    line = kept;
                    self.answered(moment >= self.from, nanoseconds(moment));
                }
                Err(why) => self.failed(why),
            }
        }
    }

    /// Reads an event stream to its end; `false` if it is not what was sent. `first` hears of the first chunk.
    async fn events(&self, line: &mut Line, chunks: u64, counts: bool, mut first: impl FnMut()) -> Told<()> {
        let (mut text, mut seen, mut done) = (Vec::new(), 0, false);
        while line.reader.piece(&mut text).await.map_err(|error| format!("stream: {error}"))? {
            let read = now();
            while let Some(end) = text.windows(2).position(|two| two == b"\n\n") {
                let event = &text[..end];
                if let Some(at) = event.windows(STAMP.len()).position(|part| part == STAMP) {
                    let digits = event[at + STAMP.len()..].iter().take_while(|byte| byte.is_ascii_digit());
                    let sent =
                        digits.fold(0_u64, |sum, digit| sum.wrapping_mul(10) + u64::from(digit - b'0'));
                    if counts {
                        self.book.borrow_mut().delay.add(read.saturating_sub(sent));
                    }
                    if seen == 0 {
                        first();
                    }
                    seen += 1;
                } else if event == b"data: [DONE]" {
                    done = true;
                }
                text.drain(..end + 2);
            }
        }
        if seen == chunks && done {
            Ok(())
        } else {
            Err(format!("a stream with {seen} of {chunks} chunks, ended: {done}"))
        }
    }

    /// One stream after the other; the first begins `shift` after the others.
    async fn streams(&self, chunks: u64, shift: Duration) {
        tokio::time::sleep(shift).await;
        let mut line = None;
        while Instant::now() < self.until {
            let begun = Instant::now();
            let counts = begun >= self.from;
            let work = async {
                let (mut line, close) = self.begin(line.take()).await?;
                let mut first = 0;
                self.events(&mut line, chunks, counts, || first = nanoseconds(begun)).await?;
                Ok((first, (!close).then_some(line)))
            };
            match self.in_time(work).await {
                Ok((first, kept)) => {
                    line = kept;
                    self.answered(counts, first);
                }
                Err(why) => self.fail_slowly(why).await,
            }
        }
    }

    /// A stream that is open; its first chunk was read.
    async fn open(&self) -> Told<Line> {
        let (mut line, _) = self.begin(None).await?;
        let mut text = Vec::new();
        while !text.ends_with(b"\n\n") {
            if !line.reader.piece(&mut text).await.map_err(|error| error.to_string())? {
                return Err("a stream that ended at once".to_owned());
            }
        }
        Ok(line)
    }

    /// Opens streams a few at a time, says so, and lets them end when a line comes.
    async fn idle(self: &Rc<Self>, streams: usize) {
        let (mut lines, mut opening, mut begun) = (Vec::new(), JoinSet::new(), 0);
        // Once one cannot be opened the others are not tried: each would take its whole patience.
        while begun < streams && self.book.borrow().failed == 0 || !opening.is_empty() {
            while begun < streams && opening.len() < OPENING && self.book.borrow().failed == 0 {
                begun += 1;
                let client = Rc::clone(self);
                opening.spawn_local(async move { client.in_time(client.open()).await });
            }
            match opening.join_next().await {
                Some(Ok(Ok(line))) => lines.push(line),
                Some(Ok(Err(why))) => self.failed(format!("after {} streams: {why}", lines.len())),
                Some(Err(_)) | None => {}
            }
        }
        println!("open {}", lines.len());
        let _ = tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new())).await;
        for mut line in lines {
            match self.in_time(self.events(&mut line, 0, false, || ())).await {
                Ok(()) => self.answered(true, 0),
                Err(why) => self.failed(why),
            }
        }
    }
}

fn nanoseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// Tells the planned moments as they come, from a thread that sleeps exactly.
fn plan(begin: Instant, until: Instant, per_second: u64) -> mpsc::Receiver<Instant> {
    let (tell, told) = mpsc::channel(PLANNED);
    std::thread::spawn(move || {
        #[cfg(target_os = "linux")]
        let _ = nix::sys::prctl::set_timerslack(1);
        for number in 0.. {
            let moment = begin + Duration::from_nanos(1_000_000_000 * number / per_second);
            if moment >= until {
                break;
            }
            std::thread::sleep(moment.saturating_duration_since(Instant::now()));
            if tell.blocking_send(moment).is_err() {
                break;
            }
        }
    });
    told
}

/// The request as it goes over the wire.
fn written(order: &Order) -> Vec<u8> {
    let method = if order.body.is_empty() { "GET" } else { "POST" };
    let mut text = format!("{method} {} HTTP/1.1\r\nhost: {}\r\n", order.path, order.address);
    for (name, value) in &order.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    if !order.body.is_empty() {
        let length = order.body.len();
        text.push_str(&format!("content-type: application/json\r\ncontent-length: {length}\r\n"));
    }
    text.push_str("\r\n");
    text.push_str(&order.body);
    text.into_bytes()
}

/// Does what is ordered.
pub async fn run(order: Order) -> Counted {
    let request = written(&order);
    let begin = Instant::now();
    let from = begin + Duration::from_secs_f64(order.warm);
    let until = from + Duration::from_secs_f64(order.seconds);
    let (way, seconds) = (order.way, order.seconds);
    let client = Rc::new(Client { order, request, from, until, book: RefCell::default() });
    let mut tasks = JoinSet::new();
    match way {
        Way::Saturate { connections } => {
            for _ in 0..connections {
                let client = Rc::clone(&client);
                tasks.spawn_local(async move { client.saturate().await });
            }
        }
        Way::Rate { connections, per_second } => {
            let moments = Rc::new(Mutex::new(plan(begin, until, per_second)));
            for _ in 0..connections {
                let (client, moments) = (Rc::clone(&client), Rc::clone(&moments));
                tasks.spawn_local(async move { client.planned(&moments).await });
            }
        }
        Way::Streams { streams, chunks } => {
            for number in 0..streams {
                let client = Rc::clone(&client);
                // Spread over half a second, so that they do not beat as one.
                let shift = Duration::from_millis(500 * number as u64 / streams.max(1) as u64);
                tasks.spawn_local(async move { client.streams(chunks, shift).await });
            }
        }
        Way::Idle { streams } => client.idle(streams).await,
    }
    while tasks.join_next().await.is_some() {}
    let book = client.book.take();
    // A system that cannot keep a rate answers the last of it later.
    let took = match way {
        Way::Rate { .. } => seconds.max(Instant::now().saturating_duration_since(from).as_secs_f64()),
        _ => seconds,
    };
    Counted {
        answered: book.answered,
        failed: book.failed,
        first_failure: book.first_failure,
        ok: book.ok,
        seconds,
        per_second: book.ok as f64 / took.max(0.001),
        latency: book.latency.summary(),
        chunk_delay: matches!(way, Way::Streams { .. }).then(|| book.delay.summary()),
        own_cpu_seconds: super::watch::cpu_seconds(std::process::id()),
    }
}
