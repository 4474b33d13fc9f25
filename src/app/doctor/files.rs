//! What lies on the disk: who can read it, whether there is room, and whether what is synced stays.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::findings::Findings;
use crate::cli::Exit;
use crate::private_files;

/// Less is about to be none: bodies, logs of the database and a growing table need some.
const LEAST: u64 = 64 << 20;
/// Less is worth a look.
const SOON: u64 = 1 << 30;
/// A disk that takes longer for one sync makes every paid request wait for it.
const SLOW: Duration = Duration::from_millis(250);

/// Looks at the data directory, the keys, and the settings file with the secret that it holds, if it holds one.
pub(super) fn examine(findings: &mut Findings, data: &Path, keys: &Path, settings: Option<(&Path, &str)>) {
    permissions(findings, data, keys, settings);
    if !data.is_dir() {
        findings.good(&format!("disk: {} is made at the first start", data.display()));
        return;
    }
    room(findings, data);
    syncs(findings, data);
}

/// Everything in these places that others than its owner can read, and should not.
fn permissions(findings: &mut Findings, data: &Path, keys: &Path, settings: Option<(&Path, &str)>) {
    let mut loose = Vec::new();
    let delegates = data.join("delegates");
    for directory in [&delegates, keys] {
        loose.extend(openness(directory));
    }
    for directory in [data, &delegates, keys] {
        let Ok(names) = private_files::list(directory) else { continue };
        for name in names {
            loose.extend(looseness(&directory.join(name)));
        }
    }
    if let Some((file, mode)) = settings.and_then(|(file, _)| looseness(file)) {
        let key = settings.map_or("", |(_, key)| key);
        let file = file.display();
        findings.bad(
            Exit::BadInput,
            &format!("permissions: {file} holds {key} and others can read it (mode {mode:04o})"),
            &format!("chmod 600 {file}; if others use this machine, take what it holds for known to them"),
        );
    } else if loose.is_empty() {
        let also = if settings.is_some() { ", and the settings file too" } else { "" };
        return findings.good(&format!("permissions: databases and keys are for their owner alone{also}"));
    }
    for (path, mode) in loose {
        let wanted = if path.is_dir() { "700" } else { "600" };
        findings.bad(
            Exit::BadInput,
            &format!("permissions: others can read or change {} (mode {mode:04o})", path.display()),
            &format!(
                "chmod {wanted} {}; if others use this machine, take its keys for known to them",
                path.display()
            ),
        );
    }
}

/// A directory that is open to others.
fn openness(path: &Path) -> Option<(PathBuf, u32)> {
    let mode = fs::metadata(path).ok().filter(fs::Metadata::is_dir)?.permissions().mode() & 0o7777;
    (mode & 0o077 != 0).then(|| (path.to_owned(), mode))
}

/// A regular file that is open to others.
fn looseness(path: &Path) -> Option<(PathBuf, u32)> {
    if !fs::symlink_metadata(path).ok()?.is_file() {
        return None;
    }
    let mode = private_files::others_may_read(path, &File::open(path).ok()?).ok()??;
    Some((path.to_owned(), mode))
}

fn room(findings: &mut Findings, data: &Path) {
    let free = match rustix::fs::statvfs(data) {
        Ok(found) => found.f_bavail.saturating_mul(found.f_frsize),
        Err(error) => {
            let error = anyhow::Error::from(io::Error::from(error));
            return findings.wrong("disk", &error, "check that the file system is mounted");
        }
    };
    let text = format!("disk: {} MiB free for {}", free >> 20, data.display());
    let cure = "free some space, or move the data with `zgserve-tui backup` and `restore`; nothing is served on a full disk";
    if free < LEAST {
        findings.bad(Exit::Failed, &text, cure);
    } else if free < SOON {
        findings.doubtful(&text, cure);
    } else {
        findings.good(&text);
    }
}

/// Writes a block as the database does, and sees how long the disk takes to have it.
fn syncs(findings: &mut Findings, data: &Path) {
    let begun = Instant::now();
    let tried = || -> io::Result<()> {
        let mut file = tempfile::Builder::new().prefix(private_files::TEMPORARY).tempfile_in(data)?;
        file.write_all(&[0; 4096])?;
        file.as_file().sync_all()
    };
    match tried() {
        Ok(()) => {
            let took = begun.elapsed();
            let text = format!("disk: a sync takes {} ms", took.as_millis());
            if took > SLOW {
                findings.doubtful(&text, "every paid request waits for syncs: a local disk would be faster");
            } else {
                findings.good(&text);
            }
        }
        Err(error) => {
            let cure = format!("make {} writable for the user that runs the broker", data.display());
            findings.wrong(
                "disk",
                &anyhow::Error::from(error).context("nothing can be written and synced"),
                &cure,
            );
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_others_can_read_is_named_with_the_cure() {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("data");
        private_files::ensure_directory(&data.join("delegates")).unwrap();
        let key = data.join("delegates/1.key");
        private_files::create(&key, b"x").unwrap();
        let mut findings = Findings::default();
        examine(&mut findings, &data, &data.join("keys"), None);
        assert_eq!(findings.exit(), Exit::Ok);
        fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(looseness(&key), Some((key.clone(), 0o640)));
        examine(&mut findings, &data, &data.join("keys"), None);
        assert_eq!(findings.exit(), Exit::BadInput);
        assert_eq!(fs::read_dir(&data).unwrap().count(), 1, "looking leaves nothing");
        assert_eq!(looseness(&data.join("delegates")), None);
    }

    #[test]
    fn a_settings_file_with_a_key_and_an_open_directory_of_keys_are_found_too() {
        let directory = tempfile::tempdir().unwrap();
        let (data, keys) = (directory.path().join("data"), directory.path().join("keys"));
        private_files::ensure_directory(&data).unwrap();
        private_files::ensure_directory(&keys).unwrap();
        let settings = directory.path().join("user.yaml");
        private_files::create(&settings, b"privateKeys: x").unwrap();
        let exit = |secret: Option<&str>| {
            let mut findings = Findings::default();
            examine(&mut findings, &data, &keys, secret.map(|key| (settings.as_path(), key)));
            findings.exit()
        };
        assert_eq!(exit(Some("privateKeys")), Exit::Ok);
        fs::set_permissions(&settings, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(exit(Some("privateKeys")), Exit::BadInput);
        assert_eq!(exit(None), Exit::Ok, "it holds no secret");
        fs::set_permissions(&keys, fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(exit(None), Exit::BadInput);
    }
}
