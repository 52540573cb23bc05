//! A tree of lines.

use crate::paint::{Paint, Tone};

/// A line and what belongs under it.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    line: String,
    under: Vec<Node>,
}

impl Node {
    /// A line with nothing under it yet.
    pub fn new(line: impl Into<String>) -> Self {
        Self { line: line.into(), under: Vec::new() }
    }

    /// With these under it.
    pub fn with(mut self, under: impl IntoIterator<Item = Self>) -> Self {
        self.under.extend(under);
        self
    }

    /// As text, one line each.
    pub fn render(&self, paint: Paint) -> String {
        let mut out = String::new();
        self.draw(paint, "", "", &mut out);
        out
    }

    fn draw(&self, paint: Paint, first: &str, rest: &str, out: &mut String) {
        out.push_str(&paint.on(Tone::Dim, first));
        out.push_str(self.line.trim_end());
        out.push('\n');
        for (i, node) in self.under.iter().enumerate() {
            let (branch, below) = if i + 1 < self.under.len() { ("├─ ", "│  ") } else { ("└─ ", "   ") };
            node.draw(paint, &format!("{rest}{branch}"), &format!("{rest}{below}"), out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branches_go_on_to_the_last_of_a_level() {
        let leaf = |name: &str| Node::new(name);
        let tree = leaf("a").with([leaf("b").with([leaf("c"), leaf("d")]), leaf("e").with([leaf("f")])]);
        assert_eq!(tree.render(Paint(false)), "a\n├─ b\n│  ├─ c\n│  └─ d\n└─ e\n   └─ f\n");
    }
}
