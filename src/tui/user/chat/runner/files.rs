//! Files of a chat: a text that goes along with a prompt, a conversation written out.

use std::path::{Path, PathBuf};

use super::super::ask::{Attachment, Form};
use crate::broker::user::Library;
use crate::domain::ConversationId;
use crate::domain::clean::{clean, clean_reason};
use crate::tui::texts;
use crate::tui::user::places;

/// Bytes of a file that goes along with a prompt.
const ATTACHED: u64 = 1 << 20;
/// Names that are tried for a file until one is free.
const NAMES: usize = 100;

/// Reads a text file.
pub(super) fn attach(directory: &Path, typed: &str) -> Result<Attachment, String> {
    use std::io::Read;
    let path = places::resolve(directory, typed);
    let told = |error: std::io::Error| clean_reason(&error.to_string(), 200);
    let meta = std::fs::metadata(&path).map_err(told)?;
    if !meta.is_file() {
        return Err(texts::shared::NO_FILE.to_owned());
    }
    if meta.len() > ATTACHED {
        return Err(texts::chat::file_too_long(meta.len(), ATTACHED));
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(&path).map_err(told)?;
    file.take(ATTACHED + 1).read_to_end(&mut bytes).map_err(told)?;
    let text = String::from_utf8(bytes).map_err(|_| texts::chat::NOT_UTF8.to_owned())?;
    if text.contains('\0') {
        return Err(texts::chat::ZERO_BYTES.to_owned());
    }
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    // The word that stands for it is one line, and ends with the bracket that it begins with.
    let name: String = clean(&name, 80).chars().filter(|c| !matches!(c, '[' | ']')).collect();
    Ok(Attachment { name, text })
}

/// Writes a conversation into a new file. Gives where it is.
pub(super) async fn export(
    library: &Library,
    id: ConversationId,
    form: Form,
    name: &str,
    directory: PathBuf,
) -> Result<PathBuf, String> {
    let (text, ending) = match form {
        Form::Markdown => (library.export_markdown(id).await, "md"),
        Form::Json => (library.export_json(id).await, "json"),
    };
    let text = text.map_err(|error| error.to_string())?;
    let stem = stem(name);
    let written = tokio::task::spawn_blocking(move || write_new(&directory, &stem, ending, text.as_bytes()));
    written.await.map_err(|_| texts::chat::STOPPING.to_owned())?
}

/// Writes a file that only its owner can read, under the first of its names that is free.
fn write_new(directory: &Path, stem: &str, ending: &str, content: &[u8]) -> Result<PathBuf, String> {
    use std::io::Write;
    let told = |error: std::io::Error| clean_reason(&error.to_string(), 200);
    for number in 1..=NAMES {
        let name = if number == 1 { format!("{stem}.{ending}") } else { format!("{stem}-{number}.{ending}") };
        let target = directory.join(name);
        let (mut file, unfinished) = match places::unfinished(&target, 0o600) {
            Ok(made) => made,
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => continue,
            Err(error) => return Err(told(error)),
        };
        file.write_all(content).map_err(told)?;
        match places::keep(unfinished, &target) {
            Ok(()) => return Ok(target),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(told(error)),
        }
    }
    Err(texts::chat::names_taken(NAMES, directory.display()))
}

/// A file's name out of a title.
fn stem(title: &str) -> String {
    let mut stem = "chat".to_owned();
    for word in title.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()) {
        if stem.len() + word.len() > 60 {
            break;
        }
        stem.push('-');
        stem.push_str(&word.to_ascii_lowercase());
    }
    stem
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn exports_are_private_and_never_replace() {
        let directory = tempfile::tempdir().unwrap();
        let first = write_new(directory.path(), &stem("What is 0G? ../x"), "md", b"one").unwrap();
        let second = write_new(directory.path(), "chat-what-is-0g-x", "md", b"two").unwrap();
        assert!(first.ends_with("chat-what-is-0g-x.md") && second.ends_with("chat-what-is-0g-x-2.md"));
        assert_eq!(std::fs::read(&first).unwrap(), b"one");
        assert_eq!(std::fs::metadata(&second).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn only_texts_are_attached() {
        let directory = tempfile::tempdir().unwrap();
        let write =
            |name: &str, content: &[u8]| std::fs::write(directory.path().join(name), content).unwrap();
        write("a [x].txt", b"hello");
        write("b", &[0xff, 0xfe]);
        write("c", b"a\0b");
        write("d", &vec![b'x'; 1 << 21]);
        let read = |name: &str| attach(directory.path(), name);
        assert_eq!(
            read("a [x].txt").unwrap(),
            Attachment { name: "a x.txt".to_owned(), text: "hello".to_owned() }
        );
        for bad in ["b", "c", "d", ".", "nowhere"] {
            let reason = read(bad).unwrap_err();
            assert!(!reason.contains("os error"), "{reason}");
        }
    }
}
