//! Settings as a tree of JSON values: which paths it has, and how one tree is laid over another.

use serde_json::{Map, Value};

/// A tree of settings.
pub(super) type Tree = Map<String, Value>;

/// A value together with its path, `chain.rpcUrl`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Leaf {
    pub path: String,
    pub value: Value,
}

/// The leaves of a tree, in order. Whether a key is a branch is decided by `known`, so that a list or a
/// wrong value in the place of a branch is a leaf too.
pub(super) fn leaves(tree: &Tree, known: &Tree) -> Vec<Leaf> {
    let mut found = Vec::new();
    collect(tree, known, "", &mut found);
    found
}

fn collect(tree: &Tree, known: &Tree, prefix: &str, found: &mut Vec<Leaf>) {
    for (key, value) in tree {
        let path = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        match (value, known.get(key)) {
            (Value::Object(inner), Some(Value::Object(known))) => collect(inner, known, &path, found),
            // An empty branch (`chain:` with nothing below it) sets nothing.
            (Value::Null, Some(Value::Object(_))) => {}
            _ => found.push(Leaf { path, value: value.clone() }),
        }
    }
}

/// The value at a path.
pub(super) fn get<'a>(tree: &'a Tree, path: &str) -> Option<&'a Value> {
    let mut keys = path.split('.');
    let mut value = tree.get(keys.next()?)?;
    for key in keys {
        value = value.get(key)?;
    }
    Some(value)
}

/// Puts a value at a path, making branches as needed.
pub(super) fn put(tree: &mut Tree, path: &str, value: Value) {
    match path.split_once('.') {
        None => {
            tree.insert(path.to_owned(), value);
        }
        Some((key, rest)) => {
            let branch = tree.entry(key).or_insert_with(|| Value::Object(Map::new()));
            if !branch.is_object() {
                *branch = Value::Object(Map::new());
            }
            if let Value::Object(branch) = branch {
                put(branch, rest, value);
            }
        }
    }
}

/// The known path nearest to a wrong one.
pub(super) fn nearest(wrong: &str, known: &Tree) -> Option<String> {
    let wrong = wrong.to_lowercase();
    let last = |path: &str| path.rsplit('.').next().unwrap_or_default().to_lowercase();
    leaves(known, known)
        .into_iter()
        .map(|leaf| {
            // A key in the wrong branch is as near as one with a letter wrong.
            let whole = strsim::damerau_levenshtein(&leaf.path.to_lowercase(), &wrong);
            let end = strsim::damerau_levenshtein(&last(&leaf.path), &last(&wrong)) + 1;
            (whole.min(end), leaf.path)
        })
        .filter(|(distance, path)| *distance <= 2 + path.len() / 6)
        .min()
        .map(|(_, path)| path)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;
    use serde_json::json;

    fn tree(value: Value) -> Tree {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn paths_and_branches() {
        let known = tree(json!({"a": 1, "b": {"c": null, "d": []}}));
        let paths: Vec<String> = leaves(&known, &known).into_iter().map(|leaf| leaf.path).collect();
        assert_eq!(paths, ["a", "b.c", "b.d"]);
        let given = tree(json!({"b": 5, "x": {"y": 1}}));
        let paths: Vec<String> = leaves(&given, &known).into_iter().map(|leaf| leaf.path).collect();
        assert_eq!(paths, ["b", "x"]);
        let mut given = Tree::new();
        put(&mut given, "b.c", json!(7));
        assert_eq!(get(&given, "b.c"), Some(&json!(7)));
    }

    #[test]
    fn the_nearest_key_is_named() {
        let known = tree(json!({"servingUrl": 1, "privateKeys": 2, "chain": {"rpcUrl": 1, "contract": 2}}));
        for (wrong, near) in [
            ("servingURL", "servingUrl"),
            ("privateKey", "privateKeys"),
            ("rpcUrl", "chain.rpcUrl"),
            ("chain.rpcurl", "chain.rpcUrl"),
            ("chain.contractt", "chain.contract"),
        ] {
            assert_eq!(nearest(wrong, &known).as_deref(), Some(near), "{wrong}");
        }
        assert_eq!(nearest("somethingElse", &known), None);
    }
}
