//! Discord: a message with one embed, for a webhook.
//!
//! Discord reads all of it as Markdown, so every sign that could begin some is escaped. Nobody is mentioned.

use serde_json::{Value, json};

use crate::{
    Kind, Notice, Severity, Text,
    clean::{cut, cut_escaped, length, tail},
    links::{self, Piece},
    text::{origin, sign},
};

// What Discord takes at most.
const CONTENT: usize = 2_000;
const DESCRIPTION: usize = 4_096;
const FIELDS: usize = 25;
const NAME: usize = 256;
const VALUE: usize = 1_024;
const FOOTER: usize = 2_048;
/// Of all text in the embed together.
const TOTAL: usize = 6_000;
/// Shares of the description, so that log and commands find room.
const SUMMARY: usize = 1_800;
const LOG: usize = 1_500;
/// The longest value that is shown beside others.
const INLINE: usize = 40;

/// The body for a webhook. The first line is the message's content, since a phone shows nothing of an embed.
pub fn message(notice: &Notice, text: &Text) -> Value {
    let title = format!("{} {}", sign(notice), text.title);
    let description = description(text);
    let footer =
        cut(&[text.note.clone(), Some(origin(notice))].into_iter().flatten().collect::<Vec<_>>().join("\n"), FOOTER);
    let mut left = TOTAL - length(&description) - length(&footer);
    let mut fields = Vec::new();
    for fact in text.facts.iter().take(FIELDS) {
        let (name, value) = (escaped(&fact.name, NAME), escaped(&fact.value, VALUE));
        let Some(rest) = left.checked_sub(length(&name) + length(&value)) else { break };
        left = rest;
        fields.push(json!({ "name": name, "value": value, "inline": length(&fact.value) <= INLINE }));
    }
    let mut embed = json!({ "color": color(notice), "fields": fields, "footer": { "text": footer } });
    if !description.is_empty() {
        embed["description"] = description.into();
    }
    json!({
        "content": format!("**{}**", escaped(&title, CONTENT - 4)),
        "embeds": [embed],
        "allowed_mentions": { "parse": [] },
    })
}

fn color(notice: &Notice) -> u32 {
    match (notice.severity, notice.kind) {
        (Severity::Error, _) => 0xc4_31_4b,
        (Severity::Warning, _) => 0xd9_8e_04,
        (Severity::Info, Kind::Succeeded | Kind::Promoted) => 0x2e_8b_57,
        (Severity::Info, _) => 0x2b_6c_b0,
    }
}

/// Summary, log and commands; what does not fit as a whole is left out, so that no block of code stays open.
fn description(text: &Text) -> String {
    let mut parts = vec![summary(text)];
    if let Some(log) = &text.log {
        parts.push(format!(
            "**{}**\n{}",
            escaped(&log.title, NAME),
            code(&tail(&log.text, 30, LOG), DESCRIPTION - SUMMARY - NAME - 20)
        ));
    }
    for next in &text.next {
        let command = next.command.as_ref().map(|command| format!("\n{}", code(command, DESCRIPTION)));
        parts.push(format!("{}{}", escaped(&next.words, NAME), command.unwrap_or_default()));
    }
    let mut out = String::new();
    for part in parts.iter().filter(|part| !part.is_empty()) {
        if length(&out) + length(part) < DESCRIPTION {
            if !out.is_empty() {
                out.push('\n');
            }
            out.push_str(part);
        }
    }
    out
}

/// Words without markup; Discord makes a link of an address that is not escaped.
fn summary(text: &Text) -> String {
    let mut out = String::new();
    for piece in links::split(&text.summary, &text.links) {
        let left = SUMMARY - length(&out);
        match piece {
            Piece::Link(url) if length(url) <= left => out.push_str(url),
            Piece::Words(text) | Piece::Link(text) => out.push_str(&escaped(text, left)),
        }
    }
    out
}

/// A block of code, at most so long. Three backticks would end it: they are set apart by something that cannot be seen.
fn code(text: &str, most: usize) -> String {
    const AROUND: usize = 8;
    let body = cut_escaped(text, most - AROUND, |c, out| {
        if c == '`' && out.ends_with("``") {
            out.push('\u{200b}');
        }
        out.push(c);
    });
    format!("```\n{body}\n```")
}

/// Text in which nothing is Markdown, a mention, an emoji or a link.
fn escaped(text: &str, most: usize) -> String {
    // Where only white space and digits were written since the line began, `-`, `#` and `1.` begin lists and headings.
    let mut beginning = true;
    cut_escaped(text, most, |c, out| {
        let anywhere = matches!(c, '\\' | '*' | '_' | '~' | '`' | '|' | '[' | ']' | '<' | '>' | '@' | ':');
        if anywhere || (beginning && matches!(c, '#' | '-' | '+' | '.' | ')')) {
            out.push('\\');
        }
        beginning = c == '\n' || (beginning && (c.is_whitespace() || c.is_ascii_digit()));
        out.push(c);
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::examples;

    #[test]
    fn nothing_that_others_wrote_is_markdown() {
        let hostile = "*a* _b_ ~~c~~ `d` ||e|| [f](https://evil) <@1> @everyone :smile:\n# g\n- h\n 12. i\n> j";
        let told = escaped(hostile, 1_000);
        let expected = r"\*a\* \_b\_ \~\~c\~\~ \`d\` \|\|e\|\| \[f\](https\://evil) \<\@1\> \@everyone \:smile\:
\# g
\- h
 12\. i
\> j";
        assert_eq!(told, expected);
        assert_eq!(escaped("1.3.0 has 4.1 %", 99), r"1\.3.0 has 4.1 %");
    }

    #[test]
    fn no_block_of_code_is_ended_by_what_stands_in_it() {
        let block = code("a ``` b\n```\nc", 100);
        assert_eq!(block.matches("```").count(), 2, "{block}");
        assert!(length(&code(&"`".repeat(500), 100)) <= 100);
    }

    #[test]
    fn what_is_too_long_goes_as_a_whole() {
        let command = "x".repeat(450);
        let next = crate::Next { words: "to try".into(), command: Some(command) };
        let mut notice = crate::Notice { next: vec![next; 5], ..examples::typical().remove(5).1 };
        notice.message = "*".repeat(5_000);
        let told = description(&Text::of(&notice));
        assert!(length(&told) <= DESCRIPTION, "{}", length(&told));
        assert_eq!(told.matches("```").count() % 2, 0);
    }
}
