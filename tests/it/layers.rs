//! The house rules of ARCHITECTURE.md: who may import whom, which library lives where, how long a file may be.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A unit (folder or file under `src/`), the units it may import, and the libraries that live there and nowhere else.
struct Unit {
    path: &'static str,
    imports: &'static [&'static str],
    homes: &'static [&'static str],
}

/// From the ground up. The longest matching path counts, so `chain::devnet` is its own unit inside `chain`.
const UNITS: &[Unit] = &[
    Unit { path: "domain", imports: &[], homes: &[] },
    Unit { path: "tasks", imports: &[], homes: &[] },
    Unit { path: "crash_point", imports: &[], homes: &[] },
    Unit { path: "private_files", imports: &["crash_point"], homes: &[] },
    Unit { path: "memory", imports: &[], homes: &[] },
    Unit { path: "archive", imports: &["domain", "private_files"], homes: &[] },
    Unit { path: "log_lines", imports: &["domain"], homes: &[] },
    Unit { path: "wire", imports: &["domain"], homes: &["flate2", "brotli", "zstd"] },
    Unit { path: "meter", imports: &["domain", "wire"], homes: &[] },
    Unit { path: "verify", imports: &["domain", "wire", "meter"], homes: &[] },
    Unit { path: "body", imports: &["domain"], homes: &[] },
    Unit {
        path: "keys",
        imports: &["domain", "private_files"],
        homes: &["secret_service", "security_framework"],
    },
    Unit { path: "client", imports: &["domain", "wire", "keys"], homes: &[] },
    Unit {
        path: "store",
        imports: &["crash_point", "domain", "tasks", "private_files"],
        homes: &["rusqlite"],
    },
    Unit { path: "chain", imports: &["crash_point", "domain", "tasks"], homes: &[] },
    Unit { path: "chain::devnet", imports: &["crash_point", "domain", "tasks"], homes: &["revm"] },
    Unit { path: "broker::retention", imports: &["domain", "store"], homes: &[] },
    Unit { path: "broker::export", imports: &["domain", "store"], homes: &[] },
    Unit { path: "broker::outbox", imports: &["domain", "keys", "store", "chain"], homes: &[] },
    Unit {
        path: "broker::user",
        imports: &[
            "broker::outbox",
            "broker::export",
            "broker::retention",
            "crash_point",
            "domain",
            "tasks",
            "wire",
            "meter",
            "body",
            "keys",
            "store",
            "chain",
        ],
        homes: &[],
    },
    Unit {
        path: "broker::provider",
        imports: &[
            "broker::outbox",
            "broker::export",
            "broker::retention",
            "crash_point",
            "domain",
            "tasks",
            "wire",
            "meter",
            "body",
            "keys",
            "store",
            "chain",
        ],
        homes: &[],
    },
    Unit {
        path: "http",
        imports: &[
            "domain",
            "tasks",
            "wire",
            "meter",
            "body",
            "broker::export",
            "broker::user",
            "broker::provider",
        ],
        homes: &["axum", "hyper", "hyper_util", "socket2"],
    },
    Unit {
        path: "tui",
        imports: &["domain", "tasks", "log_lines", "wire", "keys", "client", "broker::user", "tui::texts"],
        homes: &[
            "ratatui",
            "ratatui_textarea",
            "crossterm",
            "terminal_colorsaurus",
            "pulldown_cmark",
            "syntect",
            "two_face",
            "nucleo_matcher",
            "qrcode",
        ],
    },
    Unit { path: "tui::texts", imports: &["domain"], homes: &[] },
    Unit { path: "http::devnet", imports: &["chain::devnet", "http"], homes: &[] },
    Unit {
        path: "telemetry",
        imports: &["domain", "log_lines", "private_files", "tasks"],
        homes: &[
            "tracing_subscriber",
            "opentelemetry",
            "opentelemetry_sdk",
            "opentelemetry_otlp",
            "tracing_opentelemetry",
        ],
    },
    Unit {
        path: "config",
        imports: &["domain", "keys", "chain", "broker::user", "broker::provider", "http", "tui"],
        homes: &["serde_saphyr", "directories"],
    },
    Unit {
        path: "cli",
        imports: &["domain", "config", "keys", "private_files", "wire"],
        homes: &["clap", "clap_complete", "clap_mangen"],
    },
    Unit {
        path: "app",
        imports: &[
            "private_files",
            "archive",
            "verify",
            "log_lines",
            "domain",
            "tasks",
            "wire",
            "meter",
            "body",
            "keys",
            "store",
            "chain",
            "chain::devnet",
            "client",
            "broker::outbox",
            "broker::user",
            "broker::provider",
            "http",
            "http::devnet",
            "tui",
            "telemetry",
            "config",
            "cli",
        ],
        homes: &[],
    },
];

/// Aim at 300 lines, ask at 500; nothing passes 800, tests included.
const MOST_LINES: usize = 800;

#[test]
fn imports_point_down_only() {
    let mut wrong = Vec::new();
    for (module, file, text) in sources().into_iter().filter(|(module, ..)| !is_test(module)) {
        let Some(unit) = unit_of(&module) else {
            wrong.push(format!("{}: no unit in the table of tests/it/layers.rs", file.display()));
            continue;
        };
        for import in crate_paths(&code_only(&text)) {
            let Some(target) = unit_of(&import) else { continue };
            if target.path != unit.path && !unit.imports.contains(&target.path) {
                wrong.push(format!("{}: {} may not import {}", file.display(), unit.path, target.path));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_library_has_one_home() {
    let mut wrong = Vec::new();
    for (module, file, text) in sources().into_iter().filter(|(module, ..)| !is_test(module)) {
        let Some(unit) = unit_of(&module) else { continue };
        let code = code_only(&text);
        for other in
            UNITS.iter().filter(|other| other.path.split("::").next() != unit.path.split("::").next())
        {
            for library in other.homes {
                if mentions(&code, library) {
                    wrong.push(format!("{}: {library} lives in {}", file.display(), other.path));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn files_stay_readable() {
    let long: Vec<String> = sources()
        .into_iter()
        .filter(|(_, _, text)| text.lines().count() > MOST_LINES)
        .map(|(_, file, text)| format!("{}: {} lines", file.display(), text.lines().count()))
        .collect();
    assert!(long.is_empty(), "\n{}", long.join("\n"));
}

#[test]
fn every_module_says_what_it_owns() {
    let silent: Vec<String> = sources()
        .into_iter()
        .filter(|(_, _, text)| !text.trim_start().starts_with("//!"))
        .map(|(_, file, _)| file.display().to_string())
        .collect();
    assert!(silent.is_empty(), "no module head:\n{}", silent.join("\n"));
}

#[test]
fn the_table_has_no_circle() {
    fn reaches(from: &str, goal: &str, seen: &mut BTreeSet<String>) -> bool {
        let unit = UNITS.iter().find(|unit| unit.path == from).expect("a unit of the table");
        unit.imports
            .iter()
            .any(|next| *next == goal || (seen.insert((*next).to_owned()) && reaches(next, goal, seen)))
    }
    for unit in UNITS {
        assert!(!reaches(unit.path, unit.path, &mut BTreeSet::new()), "{} reaches itself", unit.path);
    }
}

#[test]
fn the_page_names_every_home() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("ARCHITECTURE.md")).unwrap();
    let mut missing: Vec<&str> = Vec::new();
    for unit in UNITS {
        // A row of the table of floors: folders, what they hold, what lives only there.
        let row = page.lines().filter(|line| line.starts_with("| `")).find_map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split(" | ").collect();
            let [folders, _, homes] = cells[..] else { return None };
            folders.contains(&format!("`{}`", unit.path)).then_some(homes)
        });
        let named: Vec<&str> =
            row.unwrap_or_default().split(|c: char| !(c.is_alphanumeric() || c == '_')).collect();
        missing.extend(unit.homes.iter().copied().filter(|home| !named.contains(home)));
    }
    assert!(missing.is_empty(), "not in the table of ARCHITECTURE.md: {missing:?}");
}

/// Every source below the root files of `src/`: module path, file, text.
pub fn sources() -> Vec<(String, PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let relative = path.strip_prefix(&root).unwrap().with_extension("");
                let module: Vec<_> =
                    relative.iter().filter_map(|part| part.to_str()).filter(|p| *p != "mod").collect();
                let module = module.join("::");
                if !matches!(module.as_str(), "lib" | "main" | "broker") {
                    found.push((module, path.clone(), fs::read_to_string(&path).unwrap()));
                }
            }
        }
    }
    assert!(found.len() > 10, "the sources were found");
    found
}

fn unit_of(module: &str) -> Option<&'static Unit> {
    UNITS
        .iter()
        .filter(|unit| {
            module == unit.path || module.strip_prefix(unit.path).is_some_and(|rest| rest.starts_with("::"))
        })
        .max_by_key(|unit| unit.path.len())
}

/// Whether a module holds nothing but tests, which may reach further.
pub fn is_test(module: &str) -> bool {
    module.split("::").any(|part| part == "tests" || part.ends_with("_tests"))
}

/// The text without its comments and without its tests, which may reach further.
fn code_only(text: &str) -> String {
    let code = program(text);
    code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// A source without whatever stands under `#[cfg(test)]`, wherever that is. As the formatter leaves it, such an item ends with the
/// first line that is not further in and closes something.
pub fn program(source: &str) -> String {
    let mut kept = String::new();
    let mut lines = source.lines();
    while let Some(line) = lines.next() {
        let inside = line.trim_start();
        if !inside.starts_with("#[cfg(test)]") {
            kept.push_str(line);
            kept.push('\n');
            continue;
        }
        let margin = &line[..line.len() - inside.len()];
        let ends = |line: &str| {
            line.strip_prefix(margin)
                .is_some_and(|rest| !rest.starts_with([' ', '/']) && rest.ends_with([';', ',', '}']))
        };
        if !ends(line) {
            lines.by_ref().find(|line| ends(line));
        }
    }
    kept
}

#[test]
fn tests_are_left_out_wherever_they_stand() {
    let source = "\
use crate::a;
#[cfg(test)]
mod x;
use crate::b;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod samples {
    use crate::no;

    fn none() {}
}
use crate::c::{d, e};
#[cfg(test)]
pub use crate::{
    no,
};
struct One {
    kept: crate::f,
    #[cfg(test)]
    counted: crate::no,
}
// crate::no
impl One {
    #[cfg(test)]
    fn none(
        &self,
    ) -> crate::no {
        // not this;
        no()
    }

    fn two() {
        crate::g::two()
    }
}
#[cfg(test)]
mod tests {
    use crate::no;
}
";
    assert_eq!(crate_paths(&code_only(source)), ["a", "b", "c", "f", "g::two"]);
}

/// The `crate::…` paths of a source, groups (`crate::{a, b::c}`) opened one level.
fn crate_paths(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut part = String::new();
            for c in group.chars() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => {
                        found.push(std::mem::take(&mut part));
                        continue;
                    }
                    _ => {}
                }
                part.push(c);
            }
            found.push(part);
        } else {
            found.push(rest.to_owned());
        }
    }
    let path = |text: String| {
        let end = text
            .trim_start()
            .find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'))
            .unwrap_or(text.len());
        text.trim_start()[..end.min(text.trim_start().len())].trim_end_matches(':').to_owned()
    };
    found.into_iter().map(path).filter(|path| !path.is_empty()).collect()
}

fn mentions(code: &str, library: &str) -> bool {
    code.match_indices(&format!("{library}::")).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':')
    })
}
