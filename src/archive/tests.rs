//! What comes out is what went in, or nothing: damage anywhere is found and named, and no name leads outside.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use zeroize::Zeroizing;

use super::*;
use crate::domain::{Address, Timestamp};

const LONG: &str = "delegates/31337-0x1111111111111111111111111111111111111111-0x2222222222222222222222222222222222222222-\
                    0x3333333333333333333333333333333333333333.key";

fn about() -> Manifest {
    Manifest {
        program: "zgserve-tui".to_owned(),
        format: FORMAT,
        version: "0.1.0".to_owned(),
        role: "user".to_owned(),
        made_at: Timestamp::from_seconds(1_800_000_000),
        chain_id: 31_337,
        contract: Address::repeat_byte(9),
        schema: 6,
        files: Vec::new(),
    }
}

/// An archive of three files, one longer than what passes at a time.
fn made(directory: &Path) -> (PathBuf, Vec<(&'static str, Vec<u8>)>) {
    let files = vec![
        ("user.db", (0..70_000_u32).map(|number| (number % 251) as u8).collect()),
        (LONG, b"key\n".to_vec()),
        ("keys/0x1111.json", Vec::new()),
    ];
    let database = directory.join("copy");
    fs::write(&database, &files[0].1).unwrap();
    let contents = files.iter().map(|(name, bytes): &(&str, Vec<u8>)| {
        let content = match *name {
            "user.db" => Content::File(database.clone()),
            _ => Content::Bytes(Zeroizing::new(bytes.clone())),
        };
        (name.parse().unwrap(), content)
    });
    let target = directory.join("backup.tar");
    write(&target, about(), &contents.collect::<Vec<_>>()).unwrap();
    (target, files)
}

fn unpacked(archive: &Path) -> Result<(tempfile::TempDir, Manifest), ArchiveError> {
    let directory = tempfile::tempdir().unwrap();
    let manifest = Archive::open(archive)?.unpack(directory.path())?;
    Ok((directory, manifest))
}

#[test]
fn what_went_in_comes_out_and_only_its_owner_can_read_it() {
    let directory = tempfile::tempdir().unwrap();
    let (archive, files) = made(directory.path());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&archive), 0o600);
    let (there, manifest) = unpacked(&archive).unwrap();
    assert_eq!(Manifest { files: Vec::new(), ..manifest.clone() }, about());
    assert_eq!((manifest.in_folder("delegates"), manifest.in_folder("keys")), (1, 1));
    for (name, bytes) in &files {
        let path = there.path().join(name);
        assert_eq!((fs::read(&path).unwrap(), mode(&path)), (bytes.clone(), 0o600), "{name}");
    }
    assert_eq!(mode(&there.path().join("delegates")), 0o700);
    // Nothing is written over, and what was not finished does not stay.
    assert!(matches!(write(&archive, about(), &[]), Err(ArchiveError::Private(_))));
    let lost = [("user.db".parse().unwrap(), Content::File(directory.path().join("nowhere")))];
    assert!(write(&directory.path().join("other.tar"), about(), &lost).is_err());
    let mut left: Vec<_> =
        fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["backup.tar", "copy"]);
}

#[test]
fn other_programs_can_look_into_it() {
    let directory = tempfile::tempdir().unwrap();
    let (archive, files) = made(directory.path());
    let Ok(listed) = Command::new("tar").arg("-tf").arg(&archive).output() else { return };
    let listed = String::from_utf8(listed.stdout).unwrap();
    let names =
        ["manifest.json", "manifest.json.sha256"].into_iter().chain(files.iter().map(|(name, _)| *name));
    assert_eq!(listed.lines().collect::<Vec<_>>(), names.collect::<Vec<_>>());
    let taken = Command::new("tar").arg("-xOf").arg(&archive).arg("user.db").output().unwrap();
    assert!(taken.stdout == files[0].1);
}

#[test]
fn a_byte_that_is_another_one_is_found_wherever_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let (archive, _) = made(directory.path());
    let good = fs::read(&archive).unwrap();
    let bad = directory.path().join("bad.tar");
    let mut named = std::collections::BTreeSet::new();
    // Most of heads and small files, a little of the large one; each try syncs the disk.
    let (dense, end) = (4_000, good.len() - 6_000);
    let places =
        (0..dense).step_by(29).chain((dense..end).step_by(9_973)).chain((end..good.len()).step_by(29));
    for place in places {
        let mut bytes = good.clone();
        bytes[place] ^= 0x10;
        fs::write(&bad, bytes).unwrap();
        match unpacked(&bad) {
            Err(ArchiveError::Damaged { file, .. }) => drop(named.insert(file)),
            Err(ArchiveError::Foreign(_)) if place < 512 => {}
            other => panic!("byte {place}: {other:?}"),
        }
    }
    for file in ["manifest.json", "user.db", LONG, "keys/0x1111.json", "its end"] {
        assert!(named.contains(file), "{file} in {named:?}");
    }
    for length in (0..good.len()).step_by(7_919) {
        fs::write(&bad, &good[..length]).unwrap();
        assert!(unpacked(&bad).is_err(), "cut to {length} bytes");
    }
    fs::write(&bad, [good.as_slice(), b"x"].concat()).unwrap();
    assert!(unpacked(&bad).is_err());
}

#[test]
fn an_archive_of_somebody_else_writes_nothing_outside() {
    for name in [
        "../user.db",
        "/etc/passwd",
        "delegates/../x",
        "delegates/",
        "",
        ".",
        "..",
        "delegates/.x",
        "other/x",
        "a b",
        "delegates/a/b",
        "x\n",
        "ü",
        "token",
        "user.db-journal",
        "user.db-wal",
        "broker.lock",
        "other.db",
        "keys/0x11.key",
        "delegates/x.json",
        "keys/.json",
        "delegates/..key",
    ] {
        assert!(name.parse::<FileName>().is_err(), "{name:?}");
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("x.tar");
    // One whose manifest and entries agree about a name that leads out.
    let inside = directory.path().join("inside");
    fs::create_dir(&inside).unwrap();
    let (archive, _) = made(directory.path());
    let mut bytes = fs::read(&archive).unwrap();
    let manifest = String::from_utf8_lossy(&bytes).find("\"user.db\"").unwrap();
    bytes[manifest..manifest + 9].copy_from_slice(b"\"../r.db\"");
    fs::write(&path, &bytes).unwrap();
    assert!(matches!(Archive::open(&path), Err(ArchiveError::Damaged { .. })));
    // Links and other things that are no files.
    let Ok(made) = Command::new("tar").args(["-cf"]).arg(&path).arg("-C").arg(&inside).arg(".").output()
    else {
        return;
    };
    assert!(made.status.success());
    assert!(matches!(Archive::open(&path), Err(ArchiveError::Foreign(_))));
    fs::write(&path, b"SQLite format 3\0 and so on").unwrap();
    assert!(matches!(Archive::open(&path), Err(ArchiveError::Foreign(_))));
    assert!(matches!(Archive::open(&directory.path().join("none")), Err(ArchiveError::Read { .. })));
}

#[test]
fn a_format_of_later_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("later.tar");
    write(&path, Manifest { format: FORMAT + 1, ..about() }, &[]).unwrap();
    assert!(matches!(Archive::open(&path), Err(ArchiveError::Newer { found: 2, known: 1 })));
    let path = directory.path().join("else.tar");
    write(&path, Manifest { program: "other".to_owned(), ..about() }, &[]).unwrap();
    assert!(matches!(Archive::open(&path), Err(ArchiveError::Foreign(_))));
}
