//! Requests as files that others can use: exports that hold any number of rows, and bundles that `verify` takes with no
//! network.

use std::process::{Command, Output};

use serde_json::Value;

use super::world::{Plan, Reply, SAY_THIS, World, chat_stream, until};

/// The real program with nothing of ours around it.
fn verify(args: &[&str]) -> (i32, String) {
    let home = tempfile::tempdir().unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_zgserve-tui"));
    program.arg("verify").args(args).env_clear().env("HOME", home.path()).current_dir(home.path());
    let Output { status, stdout, stderr } = program.output().unwrap();
    let said = [stdout, stderr].map(|said| String::from_utf8(said).unwrap()).concat();
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 0, "it writes nothing");
    (status.code().unwrap(), said)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bundle_shows_somebody_else_what_was_paid() {
    let world = World::new().await;
    let answer = world.ask(SAY_THIS).await.is(200);
    world.upstream.say(Reply::events(&["This ", "streams."]));
    let stream = world.ask(chat_stream("go on")).await.is(200);
    world.voucher_arrives().await;
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = directory.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let rows = world.check_books().await.user_requests;
    let told = [(SAY_THIS.to_owned(), &answer.body), (chat_stream("go on"), &stream.body)];
    for (row, (asked, said)) in rows.iter().zip(told) {
        let bundle = world.api().get(&format!("/v1/request/{}/bundle", row.id)).await.is(200);
        let file = write("bundle.json", &bundle.body);
        let (body, answer) = (write("body", asked.as_bytes()), write("answer", said));
        let (code, text) = verify(&[&file, "--body", &body, "--answer", &answer]);
        assert_eq!(code, 0, "{text}");
        for line in
            ["ok      signature", "ok      units in", "ok      units out", "ok      fee", "nothing is wrong"]
        {
            assert!(text.contains(line), "{line}: {text}");
        }
        // The voucher promises what is owed and no more, however much was promised ahead.
        let json = bundle.json();
        let voucher = json["Requests"][0]["Voucher"].as_str().unwrap();
        let promised = zgserve_tui::wire::auth::decode_voucher(voucher).unwrap().voucher.cumulative;
        assert_eq!(promised, world.check_books().await.owed);
        // Another answer, and a bundle that somebody has changed.
        let (code, text) = verify(&[&file, "--answer", &body]);
        assert!(code == 1 && text.contains("FAIL    answer"), "{text}");
        let fee = json["Requests"][0]["InputPrice"].as_str().unwrap();
        let forged = bundle.text().replace(&format!("\"InputPrice\":\"{fee}\""), "\"InputPrice\":\"1\"");
        assert_ne!(forged, bundle.text());
        let (code, text) = verify(&[&write("forged.json", forged.as_bytes())]);
        assert!(code == 1 && text.contains("FAIL    fee"), "{text}");
    }
    for (bytes, what) in [
        (&b"{}"[..], "no bundle of receipts"),
        (b"nonsense", "is not JSON"),
        (br#"{"Kind": "receipt bundle", "Version": 9}"#, "is of layout 9"),
        (br#"{"Kind": "receipt bundle", "Version": 1}"#, "cannot be understood"),
    ] {
        let (code, text) = verify(&[&write("bad.json", bytes)]);
        assert!(code == 3 && text.contains(what), "{text}");
    }
    let none = format!("/v1/request/{}/bundle", "ab".repeat(32));
    world.api().get(&none).await.refused(404, "unknown_request", "ab");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_has_every_row_that_the_filter_covers() {
    let world = World::with(Plan::default()).await;
    for _ in 0..7 {
        world.ask(SAY_THIS).await.is(200);
    }
    let owed = world.check_books().await.owed;
    let got = world.api().get("/v1/request/export?format=jsonl&service=llama7b&status=done").await.is(200);
    assert_eq!(got.header("content-type"), Some("application/x-ndjson"));
    let rows: Vec<Value> = got.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let fees = rows.iter().map(|row| row["Fee"].as_str().unwrap().parse::<u128>().unwrap());
    assert_eq!((rows.len(), fees.sum::<u128>()), (7, owed.get()));
    assert!(rows.is_sorted_by_key(|row| row["CreatedAt"].as_str().unwrap().to_owned()));
    let csv = world.api().get("/v1/request/export").await.is(200).text();
    assert_eq!((csv.matches("\r\n").count(), csv.starts_with("\"request\",\"provider\"")), (8, true));
    let json = world.api().get("/v1/request/export?format=json").await.is(200).json();
    assert_eq!(json.as_array().unwrap().len(), 7);
    assert_eq!(world.api().get("/v1/request/export?format=jsonl&status=failed").await.is(200).text(), "");
    world.api().get("/v1/request/export?format=xml").await.refused(400, "bad_input", "csv, jsonl, json");
    world.api().get("/v1/request/export?status=paid").await.refused(400, "bad_input", "status");
    world.api().get("/v1/request/export?limit=3").await.refused(400, "bad_input", "limit");
}

/// The provider's bookkeeping: what was sold comes to what is owed, and what came in to what the chain says.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_exports_what_it_sold_and_what_came_in() {
    let world = World::with(Plan::default()).await;
    for _ in 0..5 {
        world.ask(SAY_THIS).await.is(200);
    }
    let owed = world.check_books().await.owed.get();
    let sum = |rows: &str, of: &str| -> (usize, u128) {
        let rows: Vec<Value> = rows.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        (rows.len(), rows.iter().map(|row| row[of].as_str().unwrap().parse::<u128>().unwrap()).sum())
    };
    let user = world.user_address();
    let sold = format!("/v1/request/export?format=jsonl&user={user}&status=charged");
    assert_eq!(sum(&world.owner().get(&sold).await.is(200).text(), "Fee"), (5, owed));
    let csv = world.owner().get("/v1/request/export").await.is(200);
    assert_eq!(csv.header("content-disposition"), Some("attachment; filename=\"requests.csv\""));
    assert_eq!(
        (csv.text().matches("\r\n").count(), csv.text().starts_with("\"request\",\"user\"")),
        (6, true)
    );

    let none = world.owner().get("/v1/settlement/export?format=jsonl").await.is(200).text();
    assert_eq!(none, "", "nothing came in yet");
    until("the vouchers are there", async || {
        let seen = world.provider().user(user).unwrap();
        (seen.voucher.get() >= owed).then_some(())
    })
    .await;
    world.owner().post_empty("/v1/settle").await.is(202);
    let came_in = world.owner().get("/v1/settlement/export?format=jsonl").await.is(200).text();
    assert_eq!(sum(&came_in, "Paid"), (1, owed));
    let row: Value = serde_json::from_str(&came_in).unwrap();
    let gas = row["GasUsed"].as_u64().unwrap();
    let price: u128 = row["GasPrice"].as_str().unwrap().parse().unwrap();
    assert_eq!(row["GasCost"].as_str().unwrap(), (u128::from(gas) * price).to_string());
    assert_eq!((row["State"].as_str(), row["Users"].as_u64()), (Some("mined"), Some(1)));

    for (path, names) in [
        ("/v1/request/export?format=xml", "csv, jsonl, json"),
        ("/v1/request/export?status=paid", "status"),
        ("/v1/settlement/export?user=0x1", "user"),
    ] {
        world.owner().get(path).await.refused(400, "bad_input", names);
    }
}
