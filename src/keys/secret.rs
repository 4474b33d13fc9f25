//! A value that must not be seen: wiped when dropped, never printed.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer};
use zeroize::{Zeroize, Zeroizing};

/// Wraps a key, passphrase or token. `Debug` shows stars, there is no `Display` and no `Serialize`; whoever needs the
/// value says so with [`Secret::expose`].
#[derive(Clone)]
pub struct Secret<T: Zeroize>(Zeroizing<T>);

impl<T: Zeroize> Secret<T> {
    pub fn new(value: T) -> Self {
        Self(Zeroizing::new(value))
    }

    /// The value itself. Never log it, and let no copy outlive its use.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

impl<T: Zeroize> From<T> for Secret<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl FromStr for Secret<String> {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self::new(text.to_owned()))
    }
}

impl<'de, T: Zeroize + Deserialize<'de>> Deserialize<'de> for Secret<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self::new)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

    use super::*;

    #[test]
    fn it_prints_as_stars_wherever_it_is_nested() {
        #[derive(Debug, Deserialize)]
        struct Settings {
            #[allow(dead_code, reason = "only printed")]
            name: String,
            keys: Vec<Secret<String>>,
        }
        let settings: Settings =
            serde_json::from_str(r#"{"name":"n","keys":["canary-1","canary-2"]}"#).unwrap();
        assert_eq!(settings.keys[1].expose(), "canary-2");
        let shown = format!("{settings:?} {settings:#?}");
        assert!(shown.contains("***") && !shown.contains("canary"));
    }
}
