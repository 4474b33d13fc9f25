//! Manual pages, one a command, made from what can be typed.

use std::io;

use clap_mangen::Man;

use super::args::command;

/// A page of section 1: its file name and its text.
#[derive(Debug, PartialEq, Eq)]
pub struct ManualPage {
    pub name: String,
    pub text: Vec<u8>,
}

/// A page for the program and one for each command in it, in the order of `--help`.
pub fn manual() -> io::Result<Vec<ManualPage>> {
    let mut program = command();
    // Gives the commands their whole names, and the words that every command takes.
    program.build();
    let mut pages = Vec::new();
    add(&program, &mut pages)?;
    Ok(pages)
}

fn add(command: &clap::Command, pages: &mut Vec<ManualPage>) -> io::Result<()> {
    let man = Man::new(command.clone()).manual("zgserve-tui");
    let mut text = Vec::new();
    man.render(&mut text)?;
    pages.push(ManualPage { name: man.get_filename(), text });
    for inner in command.get_subcommands().filter(|inner| !inner.is_hide_set()) {
        add(inner, pages)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_command_has_a_page_that_says_what_it_does() {
        let pages = manual().unwrap();
        let names: BTreeSet<&str> = pages.iter().map(|page| page.name.as_str()).collect();
        assert_eq!(names.len(), pages.len(), "no name twice");
        for name in ["zgserve-tui.1", "zgserve-tui-doctor.1", "zgserve-tui-wallet-keyring-add.1"] {
            assert!(names.contains(name), "{name} in {names:?}");
        }
        for ManualPage { name, text } in &pages {
            let text = String::from_utf8(text.clone()).unwrap();
            let command = name.strip_suffix(".1").unwrap();
            let line = text.lines().skip_while(|line| !line.starts_with(".SH NAME")).nth(1).unwrap();
            let (named, about) = line.split_once(" \\- ").unwrap_or((line, ""));
            assert_eq!(named.replace("\\-", "-"), command);
            assert!(!about.is_empty(), "{command} says what it does");
            // A search for one option finds it on the page of each command that takes it.
            assert!(text.contains(".SH SYNOPSIS") && text.contains("\\-\\-data\\-dir"), "{command}");
        }
        let program = String::from_utf8(pages[0].text.clone()).unwrap();
        assert!(program.contains("Exit codes"));
        assert_eq!(pages, manual().unwrap(), "the same each time");
    }
}
