//! Which addresses in a text are links: only those of hosts that the template itself names, so that what others wrote leads
//! nowhere else.

/// How many links a text has at most, and how long they are.
const LINKS: usize = 5;
const LONGEST: usize = 500;

/// A part of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    Words(&'a str),
    Link(&'a str),
}

/// The beginnings of addresses that a template writes out: at least `https://HOST/`.
pub(crate) fn beginnings(source: &str) -> Vec<&str> {
    let mut all = Vec::new();
    for scheme in ["https://", "http://"] {
        for (at, _) in source.match_indices(scheme) {
            let host = &source[at + scheme.len()..];
            let length = host.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':'))).unwrap_or(0);
            if length > 0 && host[length..].starts_with('/') {
                all.push(&source[at..at + scheme.len() + length + 1]);
            }
        }
    }
    all
}

/// The addresses in a text that begin like that.
pub(crate) fn found(text: &str, beginnings: &[&str]) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for beginning in beginnings {
        for (at, _) in text.match_indices(beginning) {
            let rest = &text[at..];
            let end = rest.find(|c: char| !is_of_address(c)).unwrap_or(rest.len());
            let link = rest[..end].trim_end_matches(['.', ',', ';', ':', '?', '!']);
            if link.len() <= LONGEST && all.len() < LINKS && !all.iter().any(|known| known == link) {
                all.push(link.to_owned());
            }
        }
    }
    // Of two that begin alike the longer one is looked for first.
    all.sort_by_key(|link| std::cmp::Reverse(link.len()));
    all
}

fn is_of_address(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-._~/?#=&%+:,;@!".contains(c)
}

/// A text in words and links, in its order; nothing is lost.
pub(crate) fn split<'a>(text: &'a str, links: &[String]) -> Vec<Piece<'a>> {
    let mut all = Vec::new();
    let mut rest = text;
    loop {
        let next = links.iter().filter_map(|link| Some((rest.find(link.as_str())?, link.len())));
        let Some((at, length)) = next.min_by_key(|(at, length)| (*at, std::cmp::Reverse(*length))) else { break };
        if at > 0 {
            all.push(Piece::Words(&rest[..at]));
        }
        all.push(Piece::Link(&rest[at..at + length]));
        rest = &rest[at + length..];
    }
    if !rest.is_empty() {
        all.push(Piece::Words(rest));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_hosts_that_are_written_out_are_linked_to() {
        let source = "https://wiki.example/{{ policy }} https://{{ cluster }}.example/ https://half http://a:80/x https://good@evil/";
        assert_eq!(beginnings(source), ["https://wiki.example/", "http://a:80/"]);
        let text = "see https://wiki.example/front?a=1. or https://evil.example/ or https://wiki.example.evil/ https://wiki.example/";
        assert_eq!(found(text, &beginnings(source)), ["https://wiki.example/front?a=1", "https://wiki.example/"]);
    }

    #[test]
    fn a_text_is_split_without_loss() {
        let links = ["https://a/b".to_owned(), "https://a/".to_owned()];
        let text = "x https://a/b y https://a/ z";
        let expected = [
            Piece::Words("x "),
            Piece::Link("https://a/b"),
            Piece::Words(" y "),
            Piece::Link("https://a/"),
            Piece::Words(" z"),
        ];
        assert_eq!(split(text, &links), expected);
        assert_eq!(split("", &links), []);
    }
}
