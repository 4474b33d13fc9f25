//! A rule program in the manner of ELIZA (J. Weizenbaum, Communications of the ACM 9, 1966), with rules of our own.
//!
//! A sentence is searched for keywords. The keyword of the highest rank whose pattern fits decides; the parts that
//! the pattern's stars matched are turned around ("my" to "your") and put into one of its answers, which take turns.
//! What is said about "my …" is remembered and brought up later, when nothing else fits. The chat API is stateless,
//! so a conversation is replayed from its start for every answer: same messages, same answer.

use std::collections::{BTreeMap, VecDeque};

use super::script::{Case, GREETING, GROUPS, MEMORY, NOTHING, REFLECTIONS, RULES, Rule};

/// The state of one conversation.
#[derive(Debug, Default)]
pub(super) struct Eliza {
    /// How often each list of answers was used, by its first answer.
    turns: BTreeMap<&'static str, usize>,
    memory: VecDeque<Vec<String>>,
}

/// More of a message is not read; rules look at sentences, not at books.
const LONGEST: usize = 2_000;
/// Words of a sentence beyond these are not read either, which also bounds the search for a fitting pattern.
const LONGEST_SENTENCE: usize = 60;
/// How many things are remembered.
const REMEMBERED: usize = 8;

/// The answer to the last of these messages of a user, the others being the conversation so far.
pub(super) fn answer<'a>(messages: impl IntoIterator<Item = &'a str>) -> String {
    let mut eliza = Eliza::default();
    let mut answer = GREETING.to_owned();
    for message in messages {
        answer = eliza.reply(message);
    }
    answer
}

impl Eliza {
    fn reply(&mut self, message: &str) -> String {
        let sentences = sentences(message);
        // The sentence with the strongest keyword decides.
        let mut candidates: Vec<(&Rule, &Vec<String>)> =
            sentences.iter().flat_map(|words| keywords(words).map(move |rule| (rule, words))).collect();
        candidates.sort_by_key(|(rule, _)| std::cmp::Reverse(rule.rank));
        let reply = candidates.into_iter().find_map(|(rule, words)| self.apply(rule, words));
        let reply = reply.unwrap_or_else(|| self.fall_back());
        for words in &sentences {
            self.remember(words);
        }
        reply
    }

    /// The first case of a rule that fits, or of the rule that its answer points to.
    fn apply(&mut self, rule: &'static Rule, words: &[String]) -> Option<String> {
        let mut rule = rule;
        // No chain of references is longer than the table.
        for _ in 0..RULES.len() {
            let (case, parts) = fitting(rule, words)?;
            let template = self.next(case.answers);
            match template.strip_prefix('=') {
                Some(keyword) => rule = RULES.iter().find(|rule| rule.keyword == keyword)?,
                None => return Some(fill(template, &parts)),
            }
        }
        None
    }

    fn fall_back(&mut self) -> String {
        match self.memory.pop_front() {
            Some(thing) => fill(self.next(MEMORY), &[&thing]),
            None => self.next(NOTHING).to_owned(),
        }
    }

    fn remember(&mut self, words: &[String]) {
        let Some(at) = words.iter().position(|word| word == "my") else { return };
        let thing = &words[at + 1..];
        if !thing.is_empty() && self.memory.len() < REMEMBERED {
            self.memory.push_back(thing.to_vec());
        }
    }

    fn next(&mut self, answers: &'static [&'static str]) -> &'static str {
        let Some(first) = answers.first() else { return "" };
        let turn = self.turns.entry(first).or_default();
        let answer = answers.get(*turn % answers.len()).copied().unwrap_or(first);
        *turn += 1;
        answer
    }
}

/// The sentences of a message as lower-case words.
fn sentences(message: &str) -> Vec<Vec<String>> {
    let message: String = message.chars().take(LONGEST).collect();
    let message = message.replace(['\u{2018}', '\u{2019}'], "'");
    message
        .split(|c: char| ".!?;\n".contains(c))
        .map(|sentence| {
            sentence
                .split(|c: char| !(c.is_alphanumeric() || c == '\'' || c == '-'))
                .filter(|word| !word.is_empty())
                .take(LONGEST_SENTENCE)
                .map(str::to_lowercase)
                .collect::<Vec<_>>()
        })
        .filter(|words| !words.is_empty())
        .collect()
}

/// The rules whose keyword, or one of whose group's words, is in the sentence.
fn keywords(words: &[String]) -> impl Iterator<Item = &'static Rule> {
    RULES.iter().filter(|rule| {
        let group = group(rule.keyword);
        words.iter().any(|word| word == rule.keyword || group.contains(&word.as_str()))
    })
}

fn group(name: &str) -> &'static [&'static str] {
    GROUPS.iter().find(|(group, _)| *group == name).map_or(&[], |(_, words)| words)
}

fn fitting<'a>(rule: &'static Rule, words: &'a [String]) -> Option<(&'static Case, Vec<&'a [String]>)> {
    rule.cases.iter().find_map(|case| {
        let pattern: Vec<&str> = case.pattern.split(' ').collect();
        let mut parts = Vec::new();
        matches(&pattern, words, &mut parts).then_some((case, parts))
    })
}

/// Whether the words fit the pattern; `parts` are then what its stars and groups took.
fn matches<'a>(pattern: &[&str], words: &'a [String], parts: &mut Vec<&'a [String]>) -> bool {
    let Some((head, rest)) = pattern.split_first() else { return words.is_empty() };
    if *head == "*" {
        // Shortest first, so that a keyword is found where it first stands.
        return (0..=words.len()).any(|taken| {
            let before = parts.len();
            parts.push(&words[..taken]);
            let fits = matches(rest, &words[taken..], parts);
            if !fits {
                parts.truncate(before);
            }
            fits
        });
    }
    let Some(word) = words.first() else { return false };
    match head.strip_prefix('@') {
        Some(name) if group(name).contains(&word.as_str()) => {
            parts.push(&words[..1]);
            matches(rest, &words[1..], parts)
        }
        Some(_) => false,
        None => *head == word && matches(rest, &words[1..], parts),
    }
}

/// A part from the other side. "You" at its end is an object: "a holiday from me".
fn reflect(part: &[String]) -> String {
    let turn = |(index, word): (usize, &'_ String)| match word.as_str() {
        "you" if index + 1 == part.len() => "me".to_owned(),
        word => REFLECTIONS.iter().find(|(from, _)| *from == word).map_or(word, |(_, to)| to).to_owned(),
    };
    part.iter().enumerate().map(turn).collect::<Vec<_>>().join(" ")
}

/// Puts the parts into an answer, in one pass: what a part says is never read as a placeholder.
fn fill(template: &str, parts: &[&[String]]) -> String {
    let mut filled = String::new();
    let mut rest = template.chars().peekable();
    while let Some(c) = rest.next() {
        if c != '$' {
            filled.push(c);
            continue;
        }
        let mark = rest.next_if(|c| matches!(c, '!' | '^'));
        let number = rest.next().and_then(|digit| digit.to_digit(10)).unwrap_or(0) as usize;
        let part = parts.get(number.wrapping_sub(1)).copied().unwrap_or_default();
        filled.push_str(&match mark {
            _ if part.is_empty() => "that".to_owned(),
            Some('!') => part.join(" "),
            Some(_) => capital(&part.join(" ")),
            None => reflect(part),
        });
    }
    filled
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}", first.to_uppercase(), letters.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_are_turned_around() {
        let table = [
            ("Say this is a test!", "This is a test!"),
            ("I need a holiday from you", "What would it mean to you if you got a holiday from me?"),
            ("I am tired", "I am sorry to hear that you are tired. What happened?"),
            ("My sister never calls me.", "Tell me more about your sister."),
            ("You are kind", "What makes you think I am kind?"),
            ("Hi", "Hello. How are you today?"),
            ("I am testing a payment.", "How long have you been testing a payment?"),
            ("", "Tell me more about that."),
            ("xyzzy", "Tell me more about that."),
        ];
        for (said, expected) in table {
            assert_eq!(answer([said]), expected, "{said}");
        }
        assert_eq!(answer([]), GREETING);
    }

    #[test]
    fn it_says_what_it_is() {
        for question in
            ["Who are you?", "What are you", "hi! are you a bot?", "Are you an AI?", "is this ELIZA"]
        {
            assert!(answer([question]).contains("small rule program"), "{question}");
        }
    }

    #[test]
    fn the_higher_rank_decides() {
        // "remember" outranks "my".
        assert_eq!(answer(["I remember my first modem"]), "Do you often think of your first modem?");
    }

    #[test]
    fn answers_take_turns_and_memory_comes_back() {
        let talk = ["My garden is dry", "xyzzy", "xyzzy", "xyzzy"];
        assert_eq!(
            answer(talk[..2].iter().copied()),
            "Earlier you said \"my garden is dry\". Let us go back to that."
        );
        assert_eq!(answer(talk[..3].iter().copied()), "Tell me more about that.");
        assert_eq!(answer(talk.iter().copied()), "I see. Please go on.");
    }

    #[test]
    fn hostile_input_is_only_text() {
        let long = "my ".repeat(100_000);
        assert!(answer([long.as_str()]).len() < 10_000);
        for text in ["$1 $2 $!1", "= = =", "* * * * *", "\u{0}\u{1b}[2J", "🦀 my 🦀"] {
            assert!(!answer([text]).is_empty());
        }
    }
}
