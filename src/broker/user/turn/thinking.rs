//! Telling reasoning from content where a model writes both as one text: `<think>…</think>` at its very start.

/// What a piece of text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Voice {
    Content,
    Reasoning,
}

const OPEN: &str = "<think>";
const CLOSE: &str = "</think>";
/// White space before the mark that is still taken for a start.
const START: usize = 256;

/// Parts the content of one answer, however it is split. Holds back what may be half a mark.
#[derive(Debug, Default)]
pub(super) struct Thinking {
    place: Place,
    held: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Start,
    Inside,
    /// Behind the closing mark, before the first word of content.
    Behind,
    Content,
}

impl Thinking {
    pub fn push(&mut self, text: &str, sink: &mut dyn FnMut(Voice, &str)) {
        if self.place == Place::Content {
            sink(Voice::Content, text);
            return;
        }
        self.held.push_str(text);
        if self.place == Place::Start {
            let begun = self.held.trim_start();
            if let Some(inside) = begun.strip_prefix(OPEN) {
                self.held = inside.to_owned();
                self.place = Place::Inside;
            } else if !OPEN.starts_with(begun) || self.held.len() > START {
                self.place = Place::Content;
                sink(Voice::Content, &std::mem::take(&mut self.held));
            }
        }
        if self.place == Place::Inside {
            let parted =
                self.held.split_once(CLOSE).map(|(inside, rest)| (inside.to_owned(), rest.to_owned()));
            if let Some((inside, rest)) = parted {
                say(Voice::Reasoning, &inside, sink);
                self.held = rest;
                self.place = Place::Behind;
            } else {
                // The longest end of the text that may be the beginning of the mark waits for what follows.
                let half = (1..CLOSE.len())
                    .rev()
                    .find(|size| CLOSE.get(..*size).is_some_and(|half| self.held.ends_with(half)));
                let tail = self.held.split_off(self.held.len() - half.unwrap_or(0));
                say(Voice::Reasoning, &std::mem::replace(&mut self.held, tail), sink);
            }
        }
        if self.place == Place::Behind {
            let content = self.held.trim_start().to_owned();
            self.held.clear();
            if !content.is_empty() {
                self.place = Place::Content;
                sink(Voice::Content, &content);
            }
        }
    }

    /// The text is over: what was held back was no mark.
    pub fn finish(&mut self, sink: &mut dyn FnMut(Voice, &str)) {
        let voice = if self.place == Place::Inside { Voice::Reasoning } else { Voice::Content };
        say(voice, &std::mem::take(&mut self.held), sink);
    }
}

fn say(voice: Voice, text: &str, sink: &mut dyn FnMut(Voice, &str)) {
    if !text.is_empty() {
        sink(voice, text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn part<'a>(pieces: impl IntoIterator<Item = &'a str>) -> (String, String) {
        let (mut reasoning, mut content) = (String::new(), String::new());
        let mut sink = |voice, text: &str| match voice {
            Voice::Reasoning => reasoning.push_str(text),
            Voice::Content => content.push_str(text),
        };
        let mut thinking = Thinking::default();
        pieces.into_iter().for_each(|piece| thinking.push(piece, &mut sink));
        thinking.finish(&mut sink);
        (reasoning, content)
    }

    #[test]
    fn marks_at_the_start_part_the_text_and_others_do_not() {
        for (text, reasoning, content) in [
            ("plain", "", "plain"),
            ("", "", ""),
            ("<think>a < b</think>\n\nyes", "a < b", "yes"),
            ("\n <think>\nhm\n</think>yes", "\nhm\n", "yes"),
            ("<think></think>yes", "", "yes"),
            ("<think>for ever</thi", "for ever</thi", ""),
            ("say <think>x</think>", "", "say <think>x</think>"),
            ("<thinker>", "", "<thinker>"),
            ("<thi", "", "<thi"),
            ("<think>a</think>b</think>c", "a", "b</think>c"),
        ] {
            assert_eq!(part([text]), (reasoning.to_owned(), content.to_owned()), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_split_parts_alike(
            pieces in proptest::collection::vec("<think>|</think>|</thi|<|think>|[a-zé \n]{0,4}", 0..12),
        ) {
            let whole = pieces.concat();
            let letters: Vec<String> = whole.chars().map(String::from).collect();
            let expected = part([whole.as_str()]);
            prop_assert_eq!(&part(pieces.iter().map(String::as_str)), &expected);
            prop_assert_eq!(&part(letters.iter().map(String::as_str)), &expected);
        }
    }
}
