//! Numbers and texts as people read them.

/// On one line, and no longer than this many characters.
pub fn one_line(text: &str, most: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(most) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line,
    }
}

/// What is waited for, without what that waits for in turn.
pub fn alone<'a>(reason: &str, message: &'a str) -> &'a str {
    match reason {
        "DependsOn" => message.split(": ").next().unwrap_or_default(),
        _ => message,
    }
}

/// A share of a whole in percent, where there is a whole.
pub fn percent(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| 100.0 * part as f64 / whole as f64)
}

/// The last lines of a text.
pub fn last_lines(text: &str, most: usize) -> impl Iterator<Item = &str> {
    let lines: Vec<_> = text.trim_end().lines().collect();
    let from = lines.len().saturating_sub(most);
    lines.into_iter().skip(from)
}

/// What an image is called behind its name: the tag, or the beginning of the digest.
pub fn tag(image: &str) -> &str {
    let name = image.rsplit('/').next().unwrap_or(image);
    let tag = name.rsplit_once(':').map_or(name, |(_, tag)| tag);
    if name.contains("@sha256:") { tag.get(..8).unwrap_or(tag) } else { tag }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_and_put_on_one_line() {
        assert_eq!(one_line("a\n  b", 10), "a b");
        assert_eq!(one_line("äöü and more", 3), "äöü...");
    }

    #[test]
    fn only_the_last_lines_are_left() {
        assert_eq!(last_lines("1\n2\n3\n", 2).collect::<Vec<_>>(), ["2", "3"]);
    }

    #[test]
    fn an_image_is_known_by_its_tag_or_its_digest() {
        assert_eq!(tag("ghcr.io/stefanprodan/podinfo:6.9.1"), "6.9.1");
        assert_eq!(tag("registry:5000/shop"), "shop");
        assert_eq!(tag("registry:5000/shop@sha256:0123456789abcdef"), "01234567");
    }
}
