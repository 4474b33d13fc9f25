//! Moving house with the real program: a backup is taken while requests are paid, becomes a data directory somewhere else,
//! and what runs there ends with books that are right to the neuron.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use super::canary::place::{Api, Place, address_of};
use super::world::{Reply, Upstream, until};

const USER_KEY: &str = "9f6c1d3b7e2a48505c1e7d90ab34cd56ef7812a390b4c5d6e7f8091a2b3c4d5e";
const PROVIDER_KEY: &str = "71d5b8a4c3f2e1d0928374655647382910fedcba0123456789abcdef13572468";
pub const USER_TOKEN: &str = "token-of-the-user-who-moves";
const PROVIDER_TOKEN: &str = "token-of-the-provider-who-stays";

/// A chain, a provider that lends nothing, a user with an account.
pub struct House {
    pub place: Place,
    pub upstream: Upstream,
}

impl House {
    pub async fn build() -> House {
        let mut place = Place::new();
        let upstream = Upstream::start().await;
        upstream.decide(|_| Reply::chat("It costs what it costs."));
        let chain = place.devnet();
        let port = place.port;
        place.settings(
            "provider.yaml",
            &chain,
            PROVIDER_TOKEN,
            &format!(
                "servingUrl: http://127.0.0.1:{port}\nlisten: 127.0.0.1:{port}\nprivateKeys: \"{PROVIDER_KEY}\"\n\
                 creditLimit: \"0\"\nsettlement:\n  automatic: false\n"
            ),
        );
        place.settings(
            "user.yaml",
            &chain,
            USER_TOKEN,
            &format!("listen: 127.0.0.1:0\nallowPrivateProviders: true\nprivateKeys: \"{USER_KEY}\"\n"),
        );
        for key in [USER_KEY, PROVIDER_KEY] {
            place.rich(&chain, &address_of(key)).await;
        }
        House { place, upstream }
    }
}

/// The provider's address.
pub fn provider() -> String {
    address_of(PROVIDER_KEY)
}

pub fn chat() -> String {
    json!({"model": "llama7b", "messages": [{"role": "user", "content": "What does it cost?"}], "max_tokens": 20})
        .to_string()
}

async fn ask(api: &Api) {
    let got = api.post("/v1/chat/completions", chat()).await;
    assert_eq!(got.status, 200, "{got:?}");
}

/// The one account as one side sees it.
async fn account(api: &Api, path: &str) -> Value {
    api.get(path).await.is(200).json()["Items"][0].clone()
}

/// Waits until both sides say that the same is owed and everything owed is promised; gives it.
async fn agreed(user: &Api, provider: &Api) -> String {
    let mut last = (Value::Null, Value::Null);
    let found = super::world::settles(async || {
        last = (account(user, "/v1/provider").await, account(provider, "/v1/user").await);
        let (ours, theirs) = (&last.0, &last.1);
        let number = |value: &Value| value.as_str().and_then(|text| text.parse::<u128>().ok());
        let covered = number(&ours["Promised"]) >= number(&ours["Owed"]);
        let still = ours["Reserved"] == "0" && theirs["Reserved"] == "0";
        (covered && still && ours["Owed"] == theirs["Owed"])
            .then(|| ours["Owed"].as_str().unwrap().to_owned())
    })
    .await;
    found.unwrap_or_else(|| panic!("never agreed: {last:?}"))
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_under_load_is_restored_elsewhere_and_the_books_come_out_right() {
    let House { mut place, upstream } = House::build().await;
    let provider = place.daemon("provider", &["provider"], "provider.yaml").await;
    let theirs = provider.api(PROVIDER_TOKEN);
    let add = ["provider", "service", "add", "llama7b", "--target", &upstream.url.clone()];
    let add = [&add[..], &["--input-price", "100000", "--output-price", "200000"]].concat();
    place.runs("service add", &add, "provider.yaml");
    let user = place.daemon("user", &["--headless"], "user.yaml").await;
    let ours = user.api(USER_TOKEN);
    place.runs("sync", &["account", "sync"], "user.yaml");
    let create = ["account", "create", &address_of(PROVIDER_KEY), "0.001A0GI"];
    place.runs("account create", &create, "user.yaml");

    // Paid requests all the while, and more after the backup.
    let (backup, moved) = (place.path("user.tar"), place.path("moved"));
    let asking = async {
        for _ in 0..10 {
            futures_util::future::join_all((0..4).map(|_| ask(&ours))).await;
        }
    };
    let program = place.command(&["backup", text(&backup), "--config", text(&place.path("user.yaml"))]);
    let backing_up = async {
        until("some are paid", async || {
            let listed = ours.get("/v1/request").await.json();
            (listed["Metadata"]["total"].as_u64()? >= 8).then_some(())
        })
        .await;
        let mut program = program;
        program.arg("--data-dir").arg(place.path("user")).stdin(Stdio::null());
        tokio::task::spawn_blocking(move || program.output().unwrap()).await.unwrap()
    };
    let ((), made) = tokio::join!(asking, backing_up);
    let said = String::from_utf8(made.stderr).unwrap();
    assert!(made.status.success() && said.contains("1 delegate key"), "{said}");
    assert!(said.contains("only you can read it"), "{said}");
    for _ in 0..5 {
        ask(&ours).await;
    }
    let before = agreed(&ours, &theirs).await;

    // While it runs there is no room for it there, nor beside other things, nor under settings of another contract.
    let place_of_user = place.path("user");
    let held = place.fails("in use", &["restore", text(&backup), text(&place_of_user)], "user.yaml");
    assert!(held.contains("is in use by another broker"), "{held}");
    let full = place.path("");
    let full = place.fails("not empty", &["restore", text(&backup), text(&full)], "user.yaml");
    assert!(full.contains("is not empty"), "{full}");
    // Nor can it take the place of the directory that the shell is in.
    let here = place.path("here");
    std::fs::create_dir(&here).unwrap();
    let config = place.path("user.yaml");
    let mut command = place.command(&["restore", text(&backup), ".", "--config", text(&config)]);
    let told = command.current_dir(&here).output().unwrap();
    let said = String::from_utf8_lossy(&told.stderr);
    assert!(
        told.status.code() == Some(3) && said.contains("name a new directory inside it: ./data"),
        "{said}"
    );
    assert_eq!(std::fs::read_dir(&here).unwrap().count(), 0);
    let other = ["restore", text(&backup), text(&moved), "--contract", &address_of(USER_KEY)];
    let other = place.fails("another contract", &other, "user.yaml");
    assert!(other.contains("belongs to contract"), "{other}");
    let again = place.fails("again", &["backup", text(&backup)], "user.yaml");
    assert!(again.contains("already exists"), "{again}");
    assert!(!moved.exists());

    place.stop(user).await;
    let said = place.runs("restore", &["restore", text(&backup), text(&moved)], "user.yaml");
    assert!(said.contains("never run the place that it came from"), "{said}");
    let mode = |path: &Path| std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(path).unwrap()) & 0o777;
    let key = std::fs::read_dir(moved.join("delegates")).unwrap().next().unwrap().unwrap().path();
    let modes = [moved.clone(), moved.join("delegates"), moved.join("user.db"), key, backup.clone()];
    assert_eq!(modes.map(|path| mode(&path)), [0o700, 0o700, 0o600, 0o600, 0o600]);
    let user = place.daemon("moved", &["--headless", "--data-dir", text(&moved)], "user.yaml").await;
    let ours = user.api(USER_TOKEN);
    let older = account(&ours, "/v1/provider").await["Owed"].as_str().unwrap().parse::<u128>().unwrap();
    assert!(older < before.parse().unwrap(), "what was paid since is not known yet: {older} of {before}");
    futures_util::future::join_all((0..4).map(|_| ask(&ours))).await;
    let owed = agreed(&ours, &theirs).await;
    let fee = ours.get("/v1/request?limit=1").await.json()["Items"][0]["Fee"].as_str().unwrap().to_owned();
    assert_eq!(
        owed.parse::<u128>().unwrap(),
        49 * fee.parse::<u128>().unwrap(),
        "45 there, 4 here, each once"
    );

    // The provider moves too, in order; then everything is settled.
    let backup = place.path("provider.tar");
    let said = place.runs("backup", &["backup", text(&backup), "provider"], "provider.yaml");
    assert!(said.contains("headers that your services are called with"), "{said}");
    place.stop(provider).await;
    let there = place.path("provider moved");
    place.runs("restore", &["restore", text(&backup), text(&there)], "provider.yaml");
    let provider =
        place.daemon("provider moved", &["provider", "--data-dir", text(&there)], "provider.yaml").await;
    let theirs = provider.api(PROVIDER_TOKEN);
    let mut provider = Some(provider);
    ask(&ours).await;
    let owed = agreed(&ours, &theirs).await;
    assert_eq!(owed.parse::<u128>().unwrap(), 50 * fee.parse::<u128>().unwrap());
    let settled = theirs.post("/v1/settle", String::new()).await;
    assert_eq!(settled.status, 202, "{settled:?}");
    until("it is settled to the neuron", async || {
        let (a, b) = (account(&ours, "/v1/provider").await, account(&theirs, "/v1/user").await);
        (a["Settled"] == owed.as_str() && b["Settled"] == owed.as_str()).then_some(())
    })
    .await;
    place.stop(user).await;
    for (role, directory, settings) in [("user", &moved, "user.yaml"), ("provider", &there, "provider.yaml")]
    {
        let mut parts =
            vec!["settings", "data directory", "permissions", "disk", "key", "chain", "clock", "money"];
        if role == "user" {
            parts.push("provider 0x");
        } else {
            let said = place.runs("doctor", &["doctor", role, "--data-dir", text(directory)], settings);
            assert!(
                said.contains("ok    reachable: http") && said.contains("ok    broker: it is ready"),
                "{said}"
            );
            place.stop(provider.take().unwrap()).await;
        }
        let said = place.runs("doctor", &["doctor", role, "--data-dir", text(directory)], settings);
        assert!(said.contains("every sum is that of its rows"), "{said}");
        for part in parts {
            assert!(said.contains(&format!("ok    {part}")), "{part}: {said}");
        }
    }
    // With the provider away, and a key that others can read, it says which and how to mend it.
    let keys = std::fs::read_dir(moved.join("delegates")).unwrap().next().unwrap().unwrap().path();
    std::fs::set_permissions(&keys, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let said = place.fails("doctor", &["doctor", "--data-dir", text(&moved)], "user.yaml");
    assert!(said.contains("FAIL  provider 0x") && said.contains("cannot be reached"), "{said}");
    assert!(said.contains("FAIL  permissions") && said.contains("mend it: chmod 600"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_that_is_killed_leaves_nothing_that_looks_like_one() {
    let House { mut place, upstream: _upstream } = House::build().await;
    let user = place.daemon("user", &["--headless"], "user.yaml").await;
    let mut whole = 0;
    for number in 0..24_u64 {
        let target = place.path(&format!("backup-{number}.tar"));
        let mut program: Command = place.command(&["backup", text(&target), "--data-dir"]);
        program.arg(place.path("user")).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut program = program.spawn().unwrap();
        tokio::time::sleep(Duration::from_millis(number * 3)).await;
        program.kill().unwrap();
        program.wait().unwrap();
        if target.exists() {
            let there = place.path(&format!("restored-{number}"));
            place.runs("restore", &["restore", text(&target), text(&there)], "user.yaml");
            whole += 1;
        }
    }
    let last = place.path("last.tar");
    place.runs("backup", &["backup", text(&last)], "user.yaml");
    place.runs("restore", &["restore", text(&last), text(&place.path("last"))], "user.yaml");
    assert!(whole < 24, "some were killed before they were done");
    // Cut anywhere, it is told what is wrong, and nothing stands at the target.
    let good = std::fs::read(&last).unwrap();
    for cut in [good.len() / 2, good.len() - 600, good.len() - 1] {
        let bad = place.path("bad.tar");
        std::fs::write(&bad, &good[..cut]).unwrap();
        let said = place.fails("damaged", &["restore", text(&bad), text(&place.path("bad"))], "user.yaml");
        assert!(said.contains("the backup is damaged"), "{said}");
        assert!(!place.path("bad").exists());
    }
    place.stop(user).await;
}
