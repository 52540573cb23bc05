//! The end of a log.

/// The longest part of a log that is kept, in bytes.
const LONGEST: usize = 4096;

/// The last 4 KiB of a log at most, without what would steer a terminal; from the beginning of a line where that costs little.
pub(super) fn tail(log: &str) -> String {
    // What is taken away is never more than what stays by so much that this misses text.
    let plain = plain(last(log, 4 * LONGEST));
    let plain = plain.trim_end();
    let end = last(plain, LONGEST);
    if end.len() == plain.len() {
        return end.into();
    }
    match end.find('\n') {
        Some(at) if at < LONGEST / 4 => end[at + 1..].into(),
        _ => end.into(),
    }
}

/// The last so many bytes, cut between characters.
fn last(text: &str, most: usize) -> &str {
    let mut from = text.len().saturating_sub(most);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    &text[from..]
}

/// Without escape sequences and control characters.
pub(super) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' if chars.peek() == Some(&'[') => {
                chars.next();
                while chars.next().is_some_and(|c| !('@'..='~').contains(&c)) {}
            }
            '\n' | '\t' => out.push(c),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

/// One line of at most so many characters.
pub(super) fn line(text: &str, most: usize) -> String {
    let joined = plain(text).split_whitespace().collect::<Vec<_>>().join(" ");
    match joined.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", joined[..at].trim_end()),
        None => joined,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_short_log_is_kept_without_colours() {
        assert_eq!(tail("\u{1b}[31mnot ok\u{1b}[0m\r\n\tdone\u{7}\n"), "not ok\n\tdone");
    }

    #[test]
    fn a_long_log_is_cut_at_a_line() {
        let log: String = (0..1000).map(|n| format!("line {n}\n")).collect();
        let end = tail(&log);
        assert!(end.starts_with("line ") && end.ends_with("line 999"), "{end}");
        assert!(end.len() > LONGEST / 2 && end.len() <= LONGEST);
    }

    #[test]
    fn a_line_is_one_and_short() {
        assert_eq!(line("a\n  b\u{1b}[1m c", 10), "a b c");
        assert_eq!(line("abcdef", 3), "abc…");
    }

    proptest! {
        #[test]
        fn no_log_is_kept_beyond_4_kib(log in any::<String>(), times in 1..300_usize) {
            prop_assert!(tail(&log.repeat(times)).len() <= LONGEST);
        }

        #[test]
        fn letters_of_any_width_are_not_cut(pad in 0..4_usize) {
            let log = format!("{}{}", "x".repeat(pad), "é€😀".repeat(1000));
            prop_assert!(log.ends_with(&tail(&log)));
        }
    }
}
