//! The table of crash points against the code: each one is passed at exactly one place, and nothing else is.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use zgserve_tui::crash_point::Point;

/// How often each point is named in a call, over all sources but the table itself.
fn calls(folder: &Path, found: &mut BTreeMap<String, usize>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            calls(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && !path.ends_with("src/crash_point.rs")
        {
            let text = fs::read_to_string(&path).unwrap();
            for (at, call) in text.match_indices("crash_point::pass(Point::") {
                let rest = &text[at + call.len()..];
                let end = rest.find(')').expect("a call ends");
                *found.entry(rest[..end].to_owned()).or_default() += 1;
            }
        }
    }
}

#[test]
fn every_point_is_passed_at_exactly_one_place() {
    let mut found = BTreeMap::new();
    calls(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    let listed: BTreeMap<_, _> = Point::ALL.iter().map(|point| (format!("{point:?}"), 1)).collect();
    assert_eq!(found, listed);
}

/// An ordinary build, which this is, ends for no variable.
#[cfg(not(feature = "crash-points"))]
#[test]
fn without_the_feature_the_points_are_nothing() {
    for point in Point::ALL {
        const { zgserve_tui::crash_point::pass(Point::StoreInGroup) };
        zgserve_tui::crash_point::pass(*point);
    }
}
