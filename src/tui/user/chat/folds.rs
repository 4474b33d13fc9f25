//! What is folded in a prompt: long texts that a word each stands for. A word stays whole, or goes as a whole.

/// Something long that a word stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fold {
    /// As it stands in the text: `[pasted 2,000 lines]`.
    pub word: String,
    pub text: String,
}

/// The first fold in a text, and where it begins. Bytes.
fn next<'a>(folds: &'a [Fold], text: &str) -> Option<(usize, &'a Fold)> {
    let found = folds.iter().filter_map(|fold| Some((text.find(&fold.word)?, fold)));
    found.min_by_key(|(at, fold)| (*at, std::cmp::Reverse(fold.word.len())))
}

/// The text with everything that is folded. It is read from left to right once, so that a word inside of a paste is no fold.
pub fn unfolded(folds: &[Fold], shown: &str) -> String {
    let mut text = String::with_capacity(shown.len());
    let mut rest = shown;
    while let Some((at, fold)) = next(folds, rest) {
        let (before, after) = rest.split_at(at);
        text.push_str(before);
        text.push_str(&fold.text);
        rest = after.strip_prefix(fold.word.as_str()).unwrap_or_default();
    }
    text.push_str(rest);
    text
}

/// Where folds begin and end in a text. Characters.
pub fn spans(folds: &[Fold], shown: &str) -> Vec<(usize, usize)> {
    let (mut spans, mut rest, mut passed) = (Vec::new(), shown, 0);
    while let Some((at, fold)) = next(folds, rest) {
        let (before, after) = rest.split_at(at);
        let from = passed + before.chars().count();
        passed = from + fold.word.chars().count();
        spans.push((from, passed));
        rest = after.strip_prefix(fold.word.as_str()).unwrap_or_default();
    }
    spans
}

/// What is left of folds that a change cut into. Characters of the text as it is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remains {
    /// Where what the change put in ends.
    pub at: usize,
    /// So many characters it put in.
    pub put_in: usize,
    /// So many of a fold are left before that, and after it.
    pub before: usize,
    pub after: usize,
}

/// Compares a text with what it was, when its folds stood in `spans`.
pub fn remains(was: &str, is: &str, spans: &[(usize, usize)]) -> Option<Remains> {
    let (was, is): (Vec<char>, Vec<char>) = (was.chars().collect(), is.chars().collect());
    let shorter = was.len().min(is.len());
    let from = was.iter().zip(&is).take_while(|(old, new)| old == new).count();
    let behind = was.iter().rev().zip(is.iter().rev()).take(shorter - from);
    let behind = behind.take_while(|(old, new)| old == new).count();
    let to = was.len() - behind;
    let cut = |(begin, end): &&(usize, usize)| {
        if from == to { *begin < from && from < *end } else { *begin < to && from < *end }
    };
    let begin = spans.iter().filter(cut).map(|(begin, _)| *begin).min()?.min(from);
    let end = spans.iter().filter(cut).map(|(_, end)| *end).max()?.max(to);
    let remains = Remains {
        at: is.len() - behind,
        put_in: is.len() - behind - from,
        before: from - begin,
        after: end - to,
    };
    (remains.before > 0 || remains.after > 0).then_some(remains)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_into_is_found() {
        let folds = [Fold { word: "[ab]".to_owned(), text: String::new() }];
        let (was, spans) = ("x [ab] y", spans(&folds, "x [ab] y"));
        assert_eq!(spans, [(2, 6)]);
        let found =
            |is: &str| remains(was, is, &spans).map(|left| (left.at, left.put_in, left.before, left.after));
        assert_eq!(found("x [ab] z"), None);
        assert_eq!(found("x  y"), None, "it went whole");
        assert_eq!(found("x [ab y"), Some((5, 0, 3, 0)));
        assert_eq!(found("x ab] y"), Some((2, 0, 0, 3)));
        assert_eq!(found("x [azb] y"), Some((5, 1, 2, 2)));
        assert_eq!(found("q] y"), Some((1, 1, 0, 1)));
    }
}
