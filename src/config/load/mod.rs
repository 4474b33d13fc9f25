//! Laying the layers over each other, with an error that names key and source for whatever does not fit.

use std::io::Read;

use serde_json::Value;

use super::error::{ConfigError, Source};
use super::role::{ProviderConfig, RoleConfig, UserConfig};
use super::settings_file::SettingsFile;
use super::tree::{Leaf, Tree, get, leaves, nearest, put};
use super::upstream;

/// Variables with this prefix are settings: `ZGSERVE_CHAIN__RPC_URL` is `chain.rpcUrl`.
const PREFIX: &str = "ZGSERVE_";
/// Variables of ours that are no settings.
const OTHER_VARIABLES: &[&str] = &[
    "CONFIG",
    "LOG",
    "LOG_FORMAT",
    // Of the compose files: whose settings file it is.
    "UID",
    "GID",
    // Of `crash_point`; in what people run it is a mistake like any other.
    #[cfg(feature = "crash-points")]
    "CRASH_AT",
    // Of `store`, likewise.
    #[cfg(feature = "measuring")]
    "MEASURED_SYNCHRONOUS",
];
/// Keys whose values are never shown, with what they take.
const SECRET: &[(&str, &str)] = &[
    ("privateKeys", "it must be text in quotes, or a list of such"),
    ("token", "it must be text in quotes"),
    // At many nodes the URL holds the key of whoever pays for them.
    ("chain.rpcUrl", "it must be a URL in quotes"),
    ("chain.fallbackRpcUrls", "it must be a list of URLs: [\"https://…\"]"),
];
/// Keys without which a broker is open to more people, spends more, or goes on with a list that somebody meant to replace:
/// what is given for them has to be something. One that ends with a dot stands for all below it.
const CLOSING: &[&str] =
    &["token", "tokenFile", "caps.", "chain.chainId", "allowHosts", "privateKeys", "chain.fallbackRpcUrls"];
/// A settings file has a few hundred lines; this is a hundred times that.
const LARGEST_FILE: u64 = 1 << 20;

/// Where to look.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The settings file; none is no error.
    pub file: Option<SettingsFile>,
    /// Variables of the environment.
    pub variables: Vec<(String, String)>,
    pub flags: Vec<Flag>,
}

/// A setting given on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flag {
    /// As typed: `--listen`.
    pub flag: String,
    /// The setting's path.
    pub key: String,
    pub value: String,
}

/// Settings with, for each that is not at its default, where it came from.
#[derive(Debug)]
pub struct Layer {
    pub key: String,
    pub source: String,
}

/// Reads and checks the settings of a role.
pub fn load<C: RoleConfig>(sources: &Sources) -> Result<(C, Vec<Layer>), ConfigError> {
    let mut loader = Loader::<C>::new();
    if let Some(file) = &sources.file {
        let tree = read_file(file)?;
        loader.lay_tree(tree, &Source::File(file.path().to_owned()))?;
    }
    loader.lay_variables(&sources.variables)?;
    for flag in &sources.flags {
        loader.lay_text(&flag.key, &flag.value, Source::Flag(flag.flag.clone()))?;
    }
    loader.finish()
}

struct Loader<C> {
    known: Tree,
    tree: Tree,
    origins: Vec<(String, Source)>,
    role: std::marker::PhantomData<C>,
}

impl<C: RoleConfig> Loader<C> {
    fn new() -> Self {
        let known = C::defaults();
        Loader { tree: known.clone(), known, origins: Vec::new(), role: std::marker::PhantomData }
    }

    fn lay_tree(&mut self, tree: Tree, source: &Source) -> Result<(), ConfigError> {
        let tree = upstream::translate(tree, source, &self.known)?;
        for leaf in leaves(&tree, &self.known) {
            // A key that is written without a value is left at its default.
            if leaf.value.is_null() && get(&self.known, &leaf.path).is_some() {
                continue;
            }
            self.lay(leaf, source.clone())?;
        }
        Ok(())
    }

    fn lay(&mut self, leaf: Leaf, source: Source) -> Result<(), ConfigError> {
        match get(&self.known, &leaf.path) {
            None if is_in_open_map(&self.known, &leaf.path) => {}
            None => {
                let near = nearest(&leaf.path, &self.known);
                return Err(ConfigError::Unknown { origin: source, key: leaf.path, near });
            }
            Some(Value::Object(_)) => {
                return Err(self.wrong(
                    &leaf.path,
                    source,
                    "it has settings below it, not a value of its own",
                ));
            }
            Some(_) => {}
        }
        self.try_alone(&leaf).map_err(|reason| self.wrong(&leaf.path, source.clone(), &reason))?;
        put(&mut self.tree, &leaf.path, leaf.value);
        self.origins.retain(|(path, _)| *path != leaf.path);
        self.origins.push((leaf.path, source));
        Ok(())
    }

    /// Whether the value fits its key, everything else being at its default.
    fn try_alone(&self, leaf: &Leaf) -> Result<(), String> {
        let mut tree = self.known.clone();
        put(&mut tree, &leaf.path, leaf.value.clone());
        // The reader's own words may repeat the value.
        let secret = SECRET.iter().find(|(key, _)| *key == leaf.path).map(|(_, takes)| (*takes).to_owned());
        C::read(&tree).map(drop).map_err(|reason| secret.unwrap_or_else(|| plain(&leaf.path, reason)))
    }

    /// A value that comes as text, from a variable or a flag: taken as text, number, truth value or list, whichever
    /// the key takes.
    fn lay_text(&mut self, path: &str, text: &str, source: Source) -> Result<(), ConfigError> {
        let list = text.split(',').map(str::trim).filter(|text| !text.is_empty());
        let list = Value::Array(list.map(|text| Value::String(text.to_owned())).collect());
        let mut candidates = vec![Value::String(text.to_owned())];
        candidates
            .extend(serde_json::from_str(text).ok().filter(|v: &Value| v.is_number() || v.is_boolean()));
        candidates.push(list);
        let leaf = |value: &Value| Leaf { path: path.to_owned(), value: value.clone() };
        let fitting = candidates.iter().find(|value| self.try_alone(&leaf(value)).is_ok());
        // None fits: the error speaks of the text as it was given.
        let value = fitting.or(candidates.first()).cloned().unwrap_or_default();
        self.lay(leaf(&value), source)
    }

    fn lay_variables(&mut self, variables: &[(String, String)]) -> Result<(), ConfigError> {
        for (name, text) in variables {
            let Some(rest) = name.strip_prefix(PREFIX) else { continue };
            if OTHER_VARIABLES.contains(&rest) || rest.starts_with("TEST_") {
                continue;
            }
            match path_of_variable(rest, &self.known) {
                // `NAME=` is how many files of variables leave one out.
                Some(path) if text.is_empty() => {
                    if is_closing(&path) {
                        let reason = "it is empty; give it a value, or unset it";
                        return Err(self.wrong(&path, Source::Variable(name.clone()), reason));
                    }
                }
                Some(path) => self.lay_text(&path, text, Source::Variable(name.clone()))?,
                // One environment may serve both roles.
                None if is_of_any_role(rest) => {}
                None => {
                    let wrong = rest.replace("__", ".").replace('_', "");
                    let near = nearest(&wrong, &self.known).map(|path| variable_of_path(&path));
                    let origin = Source::Variable(name.clone());
                    return Err(ConfigError::Unknown { origin, key: wrong.to_lowercase(), near });
                }
            }
        }
        Ok(())
    }

    fn wrong(&self, path: &str, origin: Source, reason: &str) -> ConfigError {
        // What stands in an open map is told of with the map.
        let map = path.rsplit_once('.').map_or(path, |(map, _)| map);
        let about = |path: &str| C::about().into_iter().find(|about| about.key == path);
        let about = about(path).or_else(|| about(map)).map_or("", |about| about.text);
        ConfigError::Wrong { origin, key: path.to_owned(), reason: reason.to_owned(), about }
    }

    fn finish(self) -> Result<(C, Vec<Layer>), ConfigError> {
        let config = C::read(&self.tree).map_err(|reason| self.wrong("", Source::Default, &reason))?;
        if let Err((key, reason)) = config.check() {
            let origin = self
                .origins
                .iter()
                .find(|(path, _)| *path == key)
                .map_or(Source::Default, |(_, s)| s.clone());
            return Err(self.wrong(&key, origin, &reason));
        }
        let layers = self.origins.into_iter().map(|(key, source)| Layer { key, source: source.to_string() });
        Ok((config, layers.collect()))
    }
}

/// A reader's words in those of a person who wrote the setting.
fn plain(path: &str, reason: String) -> String {
    if matches!(path, "listen" | "proxyListen") {
        return "it is no address to listen on; write it like 127.0.0.1:1034".to_owned();
    }
    match reason.split_once(", expected ") {
        // What was written may be in the first half, the words that there are stand between backticks.
        Some((wrong, known)) if wrong.starts_with("unknown variant") => {
            let known: Vec<&str> = known.split('`').skip(1).step_by(2).collect();
            format!("it is none of {}", known.join(", "))
        }
        _ => reason,
    }
}

/// Whether the path is an entry of a map whose keys are free: one that is empty at its default.
fn is_in_open_map(known: &Tree, path: &str) -> bool {
    let map = path.rsplit_once('.').and_then(|(map, _)| get(known, map));
    map.and_then(Value::as_object).is_some_and(Tree::is_empty)
}

/// Whether the path is one of [`CLOSING`].
fn is_closing(path: &str) -> bool {
    CLOSING.iter().any(|key| if key.ends_with('.') { path.starts_with(key) } else { path == *key })
}

fn is_of_any_role(variable: &str) -> bool {
    [UserConfig::defaults(), ProviderConfig::defaults()]
        .iter()
        .any(|known| path_of_variable(variable, known).is_some())
}

/// `CHAIN__RPC_URL` → `chain.rpcUrl`.
fn path_of_variable(variable: &str, known: &Tree) -> Option<String> {
    let plain = |text: &str| text.replace('_', "").to_lowercase();
    let wanted: Vec<String> = variable.split("__").map(plain).collect();
    leaves(known, known)
        .into_iter()
        .map(|leaf| leaf.path)
        .find(|path| path.split('.').map(str::to_lowercase).eq(wanted.iter().cloned()))
}

/// `chain.rpcUrl` → `ZGSERVE_CHAIN__RPC_URL`.
fn variable_of_path(path: &str) -> String {
    let mut name = PREFIX.to_owned();
    for c in path.chars() {
        match c {
            '.' => name.push_str("__"),
            c if c.is_ascii_uppercase() => name.extend(['_', c]),
            c => name.push(c.to_ascii_uppercase()),
        }
    }
    name
}

/// A settings file as a tree.
fn read_file(file: &SettingsFile) -> Result<Tree, ConfigError> {
    let path = file.path();
    let unreadable = |source| ConfigError::Unreadable { path: path.to_owned(), source };
    let opened = file.open().map_err(unreadable)?;
    let length = opened.metadata().map_err(unreadable)?.len();
    if length > LARGEST_FILE {
        let reason = "it is larger than any settings file".to_owned();
        return Err(ConfigError::Syntax { path: path.to_owned(), reason });
    }
    // Room for all of it from the start, so that no copy of a key is left behind where it grew.
    let room = usize::try_from(length).unwrap_or_default().saturating_add(1);
    let mut text = zeroize::Zeroizing::new(String::with_capacity(room));
    (&*opened).read_to_string(&mut text).map_err(unreadable)?;
    parse_yaml(&text).map_err(|reason| ConfigError::Syntax { path: path.to_owned(), reason })
}

/// What the reader of YAML says, where it is a sentence for people; a key that is no name of a setting may be a secret.
fn told(error: &serde_saphyr::Error) -> String {
    let mut cause = error;
    while let serde_saphyr::Error::WithSnippet { error, .. } = cause {
        cause = error;
    }
    let serde_saphyr::Error::DuplicateMappingKey { key, location } = cause else { return error.to_string() };
    let line = location.line();
    match key.as_deref().filter(|key| key.len() <= 40 && key.chars().all(|c| c.is_ascii_alphabetic())) {
        Some(key) => format!("{key} stands twice, at last in line {line}; leave one"),
        None => format!("a name stands twice, at last in line {line}; leave one"),
    }
}

fn parse_yaml(text: &str) -> Result<Tree, String> {
    // Errors come without the lines around them: they could show a key.
    let options = serde_saphyr::options! {
        with_snippet: false,
        // Keys of digits and an `e` look like floats; errors about floats repeat them.
        non_finite_float_policy: serde_saphyr::NonFiniteFloatPolicy::AsString,
    };
    let value: Value =
        serde_saphyr::from_str_with_options(text, options.clone()).map_err(|error| told(&error))?;
    let mut tree = match value {
        Value::Object(tree) => tree,
        Value::Null => Tree::new(),
        _ => return Err("it must be a map of settings".to_owned()),
    };
    // An unquoted key of digits would have been read as a number and lost its end: read it again as text.
    #[derive(serde::Deserialize)]
    struct One {
        #[serde(rename = "privateKeys")]
        key: String,
    }
    #[derive(serde::Deserialize)]
    struct Several {
        #[serde(rename = "privateKeys")]
        keys: Vec<String>,
    }
    match tree.get_mut("privateKeys") {
        Some(value @ Value::Array(_)) => {
            if let Ok(several) = serde_saphyr::from_str_with_options::<Several>(text, options) {
                *value = Value::from(several.keys);
            }
        }
        Some(value @ (Value::Number(_) | Value::String(_))) => {
            if let Ok(one) = serde_saphyr::from_str_with_options::<One>(text, options) {
                *value = Value::from(one.key);
            }
        }
        _ => {}
    }
    Ok(tree)
}

#[cfg(test)]
mod tests;
