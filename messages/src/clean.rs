//! Text of others, made fit to be shown: without signs that steer a screen, and no longer than a receiver takes.
//!
//! Lengths are counted in UTF-16 units, which is never less than the characters that a receiver counts.

/// What stands where something was left out.
pub(crate) const ELLIPSIS: char = '…';

/// How long a text is, in UTF-16 units.
pub(crate) fn length(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

/// A single line: every run of white space is one blank.
pub(crate) fn line(text: &str) -> String {
    lines(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Lines without what only a terminal understands: colours, control characters, signs that turn the order of writing round.
pub(crate) fn lines(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => skip_sequence(&mut chars),
            '\n' => out.push('\n'),
            '\r' if chars.peek() == Some(&'\n') => {}
            '\r' | '\u{2028}' | '\u{2029}' => out.push('\n'),
            '\t' => out.push_str("    "),
            c if c.is_control() || is_invisible(c) => {}
            c => out.push(c),
        }
    }
    out
}

fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// After an escape: a control sequence ends with a letter, an operating system command with a bell; others are one character.
fn skip_sequence(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    match chars.next_if(|c| !c.is_control()) {
        Some('[') => while chars.next_if(|c| matches!(c, ' '..='?')).is_some() {},
        Some(']') => while chars.next_if(|c| !c.is_control()).is_some() {},
        _ => return,
    }
    chars.next_if(|c| *c != '\n' && *c != '\u{1b}');
}

/// The beginning of a text, at most so many units long with the ellipsis that says that there was more.
pub(crate) fn cut(text: &str, most: usize) -> String {
    cut_escaped(text, most, |c, out| out.push(c))
}

/// The same, of a text that is escaped on the way: the limit is one of what comes out, and no escape is cut in two.
pub(crate) fn cut_escaped(text: &str, most: usize, mut escape: impl FnMut(char, &mut String)) -> String {
    let (mut out, mut used) = (String::new(), 0);
    // Where the text would have to end if an ellipsis had to follow.
    let mut room = 0;
    for c in text.chars() {
        let before = out.len();
        escape(c, &mut out);
        used += length(&out[before..]);
        if used > most {
            out.truncate(room);
            if most > 0 {
                out.push(ELLIPSIS);
            }
            return out;
        }
        if used < most {
            room = out.len();
        }
    }
    out
}

/// The last lines of a text, at most so many and so many units, after a line with an ellipsis where there was more. A last
/// line that is too long by itself loses its end.
pub(crate) fn tail(text: &str, most_lines: usize, most: usize) -> String {
    let text = text.trim_matches('\n');
    let all: Vec<&str> = text.lines().collect();
    if all.len() <= most_lines && length(text) <= most {
        return text.to_owned();
    }
    let mut kept = Vec::new();
    let mut used = 1; // the ellipsis
    for line in all.iter().rev().take(most_lines.saturating_sub(1)) {
        used += length(line) + 1;
        if used > most {
            break;
        }
        kept.push(*line);
    }
    match (kept.is_empty(), all.last()) {
        (true, Some(last)) => cut(last, most),
        _ => {
            kept.push("…");
            kept.reverse();
            kept.join("\n")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn colours_and_signs_that_steer_are_left_out() {
        assert_eq!(lines("\u{1b}[31;1mred\u{1b}[0m\r\nnext\tcell\u{7}\u{202e}x"), "red\nnext    cellx");
        assert_eq!(lines("\u{1b}]8;;http://evil\u{7}link\u{1b}\\"), "link");
        assert_eq!(lines("an end\u{1b}"), "an end");
        assert_eq!(lines("an end\u{1b}[\nnext"), "an end\nnext");
    }

    #[test]
    fn a_line_is_one_line() {
        assert_eq!(line("  one\n\n two\u{2028}three\t"), "one two three");
    }

    #[test]
    fn what_is_short_enough_is_not_cut() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abcd", 3), "ab…");
        assert_eq!(cut("a😀", 3), "a😀");
        assert_eq!(cut("a😀b", 3), "a…");
        assert_eq!(cut("abc", 0), "");
    }

    #[test]
    fn no_escape_is_cut_in_two() {
        let amp = |c: char, out: &mut String| if c == '&' { out.push_str("&amp;") } else { out.push(c) };
        assert_eq!(cut_escaped("a&b", 7, amp), "a&amp;b");
        assert_eq!(cut_escaped("a&b", 6, amp), "a…");
        assert_eq!(cut_escaped("&&", 7, amp), "&amp;…");
    }

    #[test]
    fn the_end_of_a_log_is_kept() {
        assert_eq!(tail("one\ntwo\nthree\n", 3, 100), "one\ntwo\nthree");
        assert_eq!(tail("one\ntwo\nthree", 2, 100), "…\nthree");
        assert_eq!(tail("one\ntwo\nthree", 9, 9), "…\nthree");
        assert_eq!(tail("a line that is too long", 9, 6), "a lin…");
    }

    proptest! {
        #[test]
        fn nothing_is_longer_than_it_may_be(text in any::<String>(), most in 1usize..40, count in 1usize..5) {
            prop_assert!(length(&cut(&text, most)) <= most);
            let end = tail(&lines(&text), count, most);
            prop_assert!(length(&end) <= most, "{end:?}");
            prop_assert!(end.lines().count() <= count);
        }
    }
}
