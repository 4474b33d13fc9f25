//! Keeps the memory of the process to the process: no core file after a crash, and no look into it by other programs of
//! the same person.
//!
//! Keys and passphrases are wiped when they are done with, but while they are in use they are in memory, and a core
//! file would carry them to the disk, or to whatever collects crashes on this machine. Best effort: a system that
//! refuses costs a warning, not the start.

use std::io;

use rustix::process::{Resource, Rlimit, setrlimit};

/// Shuts the process. Call once, before anything secret is read.
pub fn shut() -> io::Result<()> {
    // For itself and for what it starts: an editor over a prompt has the prompt in its memory, too.
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    // A collector that the kernel pipes crashes to is not bound by that limit; this it is bound by. Nor can a debugger
    // be attached any more, or /proc/PID/mem be read, but by root.
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    /// In a process of its own: what it shuts stays shut, and other tests look into `/proc/self`.
    #[test]
    #[ignore = "run by the test below"]
    fn in_a_process_of_its_own() {
        shut().unwrap();
        let limit = rustix::process::getrlimit(Resource::Core);
        assert_eq!((limit.current, limit.maximum), (Some(0), Some(0)));
        #[cfg(target_os = "linux")]
        assert_eq!(
            rustix::process::dumpable_behavior().unwrap(),
            rustix::process::DumpableBehavior::NotDumpable
        );
        // Twice is once.
        shut().unwrap();
    }

    #[test]
    fn nothing_of_the_process_is_dumped() {
        let own = std::env::current_exe().unwrap();
        let mut inner = std::process::Command::new(own);
        inner.args(["memory::tests::in_a_process_of_its_own", "--exact", "--ignored", "--nocapture"]);
        let output = inner.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
    }
}
