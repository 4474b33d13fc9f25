//! Known secrets through the whole of the real program (both brokers, commands, screens, errors, an abort), with
//! everything logged that can be; then every output and every file is searched for each of them in every spelling.
//!
//! The table of what may be where is in `canaries`. What people wrote and what was answered belongs to conversations and
//! to those who asked; all else belongs nowhere but into the file in which its owner put it.

mod needles;
pub mod place;

use http::Method;
use serde_json::{Value, json};

use self::needles::Canary;
use self::place::Place;
use super::terminal::Terminal;
use super::world::{Reply, Upstream, until};

const USER_KEY: &str = "9f6c1d3b7e2a48505c1e7d90ab34cd56ef7812a390b4c5d6e7f8091a2b3c4d5e";
const PROVIDER_KEY: &str = "71d5b8a4c3f2e1d0928374655647382910fedcba0123456789abcdef13572468";
const PASSPHRASE: &str = "Pinguin-Mango-Zylinder-4471-passphrase";
const USER_TOKEN: &str = "Token-of-the-user-Quokka-8812";
const PROVIDER_TOKEN: &str = "Provider-token-Axolotl-9023-long";
const API_KEY: &str = "sk-Upstream-Narwhal-5567-api-key";
const CALLER_KEY: &str = "sk-Application-Lemur-3390-own-key";
const PROMPT: &str = "Wombatfrage: what does the prompt canary cost?";
const ANSWER: &str = "Kiwiantwort: the answer canary costs this much.";

/// Every secret, and where it may be.
fn canaries(delegate: &str) -> Vec<Canary> {
    vec![
        Canary::key("user key", USER_KEY, &[]),
        Canary::key("provider key", PROVIDER_KEY, &["file provider.yaml"]),
        Canary::key("delegate key", delegate, &["file user/delegates/"]),
        Canary::text("passphrase", PASSPHRASE, &["file passphrase"]),
        Canary::text("user token", USER_TOKEN, &["file user.yaml", "file user-asked.yaml"]),
        Canary::text("provider token", PROVIDER_TOKEN, &["file provider.yaml"]),
        // The broker has to send it: it is in the clear in the database, which only its owner can read.
        Canary::text("upstream key", API_KEY, &["file api-key", "file provider/provider.db"]),
        Canary::text("key of an application", CALLER_KEY, &[]),
        Canary::text("prompt", PROMPT, &["file user/user.db", "screen of the user"]),
        Canary::text(
            "answer",
            ANSWER,
            &["file user/user.db", "screen of the user", "stdout of chat", "body of a chat"],
        ),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_leaves_its_place() {
    let mut place = Place::new();
    let upstream = Upstream::start().await;
    upstream.decide(|arrived| {
        if arrived.method == Method::GET {
            return Reply::whole(200, "application/json", r#"{"object": "list", "data": []}"#);
        }
        let body: Value = serde_json::from_slice(&arrived.body).unwrap_or_default();
        if body["stream"] == true {
            Reply::events(&ANSWER.split_inclusive(' ').collect::<Vec<_>>())
        } else {
            Reply::chat(ANSWER)
        }
    });
    place.write("passphrase", &format!("{PASSPHRASE}\n"));
    place.write("api-key", &format!("{API_KEY}\n"));
    let chain = place.devnet();
    place.settings(
        "provider.yaml",
        &chain,
        PROVIDER_TOKEN,
        &format!(
            "servingUrl: http://127.0.0.1:{}\nlisten: 127.0.0.1:{}\nprivateKeys: \"{PROVIDER_KEY}\"\n",
            place.port, place.port
        ),
    );
    let user = |more: &str| format!("listen: 127.0.0.1:0\nallowPrivateProviders: true\n{more}");
    let passphrase = place.path("passphrase");
    place.settings(
        "user.yaml",
        &chain,
        USER_TOKEN,
        &user(&format!("passphraseFile: {}\n", passphrase.display())),
    );
    place.settings("user-asked.yaml", &chain, USER_TOKEN, &user(""));

    // Everything is said, by libraries too.
    let address = place.import(USER_KEY);
    place.rich(&chain, &address).await;
    place.rich(&chain, &place::address_of(PROVIDER_KEY)).await;
    let provider = place.daemon("provider", &["provider"], "provider.yaml").await;
    let target = upstream.url.clone();
    let (prices, file) = (["--input-price", "100000", "--output-price", "200000"], place.path("api-key"));
    let add = ["provider", "service", "add", "llama7b", "--target", &target];
    let add = [&add[..], &prices[..], &["--api-key-file", file.to_str().unwrap()]].concat();
    place.runs("service add", &add, "provider.yaml");
    let broker = place.daemon("user", &["--headless"], "user.yaml").await;
    place.runs("sync", &["account", "sync"], "user.yaml");
    place.runs(
        "account create",
        &["account", "create", &place::address_of(PROVIDER_KEY), "0.001A0GI"],
        "user.yaml",
    );
    commands(&mut place);
    calls(&mut place, &broker.api(USER_TOKEN), &provider.api(PROVIDER_TOKEN)).await;
    assert!(
        upstream
            .arrived()
            .iter()
            .any(|arrived| arrived.headers["authorization"] == format!("Bearer {API_KEY}"))
    );
    for process in [&broker, &provider] {
        place.look_at(process);
    }
    // A stop with an answer under way, the screens, and a provider that is killed so that it would leave its memory.
    place.stop(broker).await;
    // Nobody could be asked for the passphrase here, and nobody has to be.
    let delegates =
        place.daemon("user delegates", &["--headless", "--delegates-only"], "user-asked.yaml").await;
    let paid = delegates.api(USER_TOKEN).post("/v1/chat/completions", chat(false)).await;
    assert_eq!(paid.status, 200, "{}", paid.text());
    place.stop(delegates).await;
    screens(&mut place).await;
    place.abort(provider).await;
    let away = place.daemon("user again", &["--headless"], "user.yaml").await;
    let body = chat(false);
    let failed = away.api(USER_TOKEN).post("/v1/chat/completions", body).await;
    assert!(failed.status >= 400, "its provider is dead");
    place.keep("body of a failed call", &failed.body);
    place.stop(away).await;
    let told = std::fs::read_to_string(place.path("user again log")).unwrap();
    assert!(
        told.lines().any(|line| line.contains("WARN") && line.contains("a request failed")),
        "it is logged, too"
    );

    place.search(&canaries(&place.delegate()));
}

fn chat(stream: bool) -> String {
    json!({"model": "llama7b", "stream": stream, "messages": [{"role": "user", "content": PROMPT}]})
        .to_string()
}

/// One-shot commands, those that fail among them.
fn commands(place: &mut Place) {
    let asked = place.runs("chat", &["chat", "-m", PROMPT, "--model", "llama7b"], "user.yaml");
    assert!(asked.contains(ANSWER), "{asked}");
    for (settings, role) in [("user.yaml", "user"), ("provider.yaml", "provider")] {
        place.runs("config show", &["config", "show", role], settings);
        place.runs("config show --json", &["config", "show", role, "--json"], settings);
        place.runs("config check", &["config", "check", role], settings);
        place.runs("doctor", &["doctor", role], settings);
    }
    place.runs("account list", &["account", "list", "--json"], "user.yaml");
    place.runs("request list", &["request", "list", "--json"], "user.yaml");
    place.runs("wallet list", &["wallet", "list", "--json"], "user.yaml");
    place.runs("services", &["provider", "service", "show", "llama7b", "--json"], "provider.yaml");
    place.runs("requests", &["provider", "requests", "--json"], "provider.yaml");
    place.fails("a wrong setting", &["config", "show", "--set", "listen=nowhere"], "user.yaml");
    place.fails("a secret typed", &["config", "show", "--set", "nothing.of=this"], "user.yaml");
    place.fails("a wrong model", &["chat", "-m", PROMPT, "--model", "nothing"], "user.yaml");
}

/// The APIs: every route that is read, chats, and what is refused.
async fn calls(place: &mut Place, user: &place::Api, provider: &place::Api) {
    for stream in [false, true] {
        let got = user.post("/v1/chat/completions", chat(stream)).await;
        assert_eq!(got.status, 200, "{}", got.text());
        place.keep("body of a chat", &got.body);
        place.keep("head of a chat", format!("{:?}", got.headers).as_bytes());
    }
    for (name, api, routes) in [
        ("user", user, zgserve_tui::http::user::routes()),
        ("provider", provider, zgserve_tui::http::provider::routes()),
    ] {
        let mut read = 0;
        for route in routes.iter().filter(|route| matches!(route.method, "GET" | "ANY")) {
            for path in place.paths(route.path, user).await {
                let got = api.get(&path).await;
                place.keep(&format!("body of {name} GET {path}"), &got.body);
                read += u32::from(got.status == 200);
            }
        }
        assert!(read >= 8, "{name}: only {read} routes were read");
        for bad in [format!("{{\"model\": \"{PROMPT}"), json!({"model": PROMPT}).to_string()] {
            let got = api.post("/v1/chat/completions", bad).await;
            assert!(got.status >= 400);
            place.keep("head of a refusal", format!("{:?}", got.headers).as_bytes());
        }
        for token in ["", "wrong"] {
            let got = api.with_token(token).get("/v1/service").await;
            assert_eq!(got.status, 401, "{}", got.text());
            place.keep("body of 401", &got.body);
        }
        // The key of an application in the place of the token, as OpenAI clients send it.
        let got = api.with_token(CALLER_KEY).post("/v1/chat/completions", chat(false)).await;
        place.keep("body of 401", &got.body);
    }
}

/// The screens of the user, unlocked with the passphrase; a question is asked there.
async fn screens(place: &mut Place) {
    let (settings, data) = (place.path("user-asked.yaml"), place.path("user"));
    let args =
        ["--config", settings.to_str().unwrap(), "--data-dir", data.to_str().unwrap(), "--log", place::ALL];
    let mut terminal = Terminal::open(40, 120, &args, Some(&place.path("")));
    terminal.shows("is locked").await;
    terminal.press("wrong-Pinguin\r");
    terminal.shows("it does not fit").await;
    place.keep("screen of the lock", terminal.text().as_bytes());
    terminal.press(&format!("{PASSPHRASE}\r"));
    terminal.shows("llama7b").await;
    place.keep("screen after the lock", terminal.text().as_bytes());
    // A conversation about the service that is chosen, then every screen.
    place.talk(&mut terminal, PROMPT, ANSWER).await;
    for screen in "124567930".chars() {
        let before = terminal.text();
        terminal.press(&format!("\u{1b}{screen}"));
        until("another screen is shown", async || (terminal.text() != before).then_some(())).await;
        place.keep("screen of the user", terminal.text().as_bytes());
    }
    terminal.press("\u{3}");
    terminal.ended().await;
    place.keep("screen of the user, all that was written", &terminal.written());
}
