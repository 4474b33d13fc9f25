//! Are the promises of `docs/trust.md` and `SECURITY.md` backed? Every invariant, every rule of security, every weakness of
//! 0G's first broker and every row of what each side can lose has to name a test that is really there and really runs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> Option<String> {
    std::fs::read_to_string(root().join(path)).ok()
}

/// The rows of all tables of a page whose first cell is a name like `I7`: name → the tests of the last cell.
fn rows(page: &str) -> BTreeMap<String, Vec<String>> {
    let mut rows = BTreeMap::new();
    for line in page.lines() {
        let Some(inner) = line.strip_prefix('|').and_then(|line| line.strip_suffix('|')) else { continue };
        let cells: Vec<&str> = inner.split('|').map(str::trim).collect();
        let [name, .., evidence] = cells.as_slice() else { continue };
        if !name.bytes().any(|byte| byte.is_ascii_digit()) || name.contains(' ') {
            continue;
        }
        let evidence = evidence.split(';').map(|item| item.trim().trim_matches('`').to_owned());
        let before = rows.insert((*name).to_owned(), evidence.filter(|item| !item.is_empty()).collect());
        assert!(before.is_none(), "{name} has two rows");
    }
    rows
}

/// The files that may hold the module `a::b` below `base`: its own, or the one in which it stands inline.
fn homes(base: &str, modules: &[&str]) -> Vec<PathBuf> {
    let mut homes = Vec::new();
    for kept in (0..=modules.len()).rev() {
        let path = modules[..kept].iter().fold(PathBuf::from(base), |path, module| path.join(module));
        homes.extend([
            path.with_extension("rs"),
            path.join("mod.rs"),
            path.join("lib.rs"),
            path.join("main.rs"),
        ]);
    }
    homes
}

/// Whether a list of names in the file makes a test of that name: on both kinds of node, or over the seeds of a target.
fn made_by_a_macro(text: &str, name: &str) -> bool {
    ["on_both!(", "seeds!("].iter().flat_map(|start| text.split(start).skip(1)).any(|list| {
        let list = list.split_once(')').map_or("", |(list, _)| list);
        list.split(',').any(|item| item.trim() == name)
    })
}

/// Why a named test does not count, if it does not.
fn missing(evidence: &str) -> Option<String> {
    if let Some(script) = evidence.strip_prefix("script: ") {
        let path = script.split_whitespace().next().unwrap_or_default().trim_matches('`');
        return (!root().join(path).is_file()).then(|| format!("there is no file {path}"));
    }
    let (base, path) = match evidence.split_once(": ") {
        None => ("src", evidence),
        Some(("it", path)) => ("tests/it", path),
        Some(("example", path)) => ("examples", path),
        Some((kind, _)) => return Some(format!("unknown kind {kind}")),
    };
    // Tests of the chain run on two kinds of node; a macro makes them.
    let modules: Vec<&str> =
        path.split("::").filter(|module| !matches!(*module, "on_devnet" | "on_anvil")).collect();
    let Some((name, modules)) = modules.split_last() else { return Some("an empty name".to_owned()) };
    let needle = format!("fn {name}(");
    for home in homes(base, modules) {
        let Some(text) = read(&home) else { continue };
        if made_by_a_macro(&text, name) {
            return None;
        }
        let Some(at) = text.find(&needle) else { continue };
        let above: Vec<&str> =
            text[..at].rsplit_once('\n').map_or("", |(above, _)| above).lines().rev().take(8).collect();
        let attributes: Vec<&str> =
            above.into_iter().map(str::trim).take_while(|line| line.starts_with(['#', '/'])).collect();
        if !attributes.iter().any(|line| line.starts_with("#[") && line.contains("test")) {
            return Some(format!("{} is not a test in {}", name, home.display()));
        }
        if attributes.iter().any(|line| line.starts_with("#[ignore")) {
            return Some(format!("{name} is switched off"));
        }
        return None;
    }
    Some("there is no such function in the file of that module".to_owned())
}

fn check(page: &str, wanted: impl IntoIterator<Item = String>) {
    let text = read(page).unwrap_or_else(|| panic!("{page} is there"));
    let rows = rows(&text);
    let wanted: BTreeSet<String> = wanted.into_iter().collect();
    let mut wrong = Vec::new();
    for name in &wanted {
        if rows.get(name).is_none_or(Vec::is_empty) {
            wrong.push(format!("{name}: no test is named"));
        }
    }
    for (name, evidence) in rows.iter().filter(|(name, _)| wanted.contains(*name)) {
        for item in evidence {
            if let Some(why) = missing(item) {
                wrong.push(format!("{name}: {item}: {why}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{page}:\n{}", wrong.join("\n"));
}

#[test]
fn every_promise_names_a_test_that_runs() {
    let invariants = (1..=24).map(|number| format!("I{number}"));
    let rules = (1..=23).map(|number| format!("S{number}"));
    let weaknesses = (1..=65).map(|number| format!("F-{number:02}"));
    check("docs/trust.md", invariants.chain(rules).chain(weaknesses));
}

#[test]
fn what_each_side_can_lose_is_backed_by_tests() {
    check("SECURITY.md", (1..=11).map(|number| format!("L{number}")));
}

#[test]
fn a_test_that_is_not_there_is_noticed() {
    assert_eq!(missing("it: trust::a_test_that_is_not_there_is_noticed"), None);
    assert_eq!(
        missing("domain::amount::tests::no_such_test").as_deref().map(|why| why.contains("no such")),
        Some(true)
    );
    assert!(missing("it: trust::missing").is_some(), "a function that is no test");
    assert!(missing("script: tests/by_hand/nothing.py").is_some());
    assert_eq!(missing("script: tests/by_hand/procedure.py"), None);
}

/// S23, as far as it can be read off the repository.
#[test]
fn the_rules_of_supply_hold() {
    let manifest = read("Cargo.toml").unwrap();
    assert!(manifest.contains("unsafe_code = \"forbid\""));
    let locked = read("Cargo.lock").unwrap();
    for refused in ["openssl-sys", "native-tls", "openssl"] {
        assert!(!locked.contains(&format!("name = \"{refused}\"")), "{refused} is not to be in it");
    }
    assert!(!locked.contains("source = \"git+"), "every dependency comes from the registry");
    let rules = read("deny.toml").unwrap();
    assert!(rules.contains("unknown-registry = \"deny\"") && rules.contains("unknown-git = \"deny\""));
    let ci = read(".ci/run").unwrap();
    for line in ci.lines().filter(|line| {
        ["build", "clippy", "test", "run"].iter().any(|verb| line.contains(&format!("cargo {verb}")))
    }) {
        assert!(line.contains("--locked"), "not locked: {line}");
    }
    assert!(ci.contains("cargo deny --locked check licenses bans sources"));
}
