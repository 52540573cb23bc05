//! Columns, as kubectl prints them.

use crate::paint::{Paint, Tone};

/// A word in a column.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    /// A word in a colour.
    pub fn toned(tone: Tone, text: impl Into<String>) -> Self {
        Self { text: text.into(), tone }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::toned(Tone::Plain, text)
    }
}

/// The rows under their heads, each column as wide as its widest word. The last column is not filled up.
pub fn table(heads: &[&str], rows: &[Vec<Cell>], paint: Paint) -> String {
    let width = |text: &str| text.chars().count();
    let widths: Vec<usize> = heads
        .iter()
        .enumerate()
        .map(|(i, head)| {
            rows.iter().filter_map(|row| row.get(i)).map(|c| width(&c.text)).chain([width(head)]).max().unwrap_or(0)
        })
        .collect();
    let heads: Vec<Cell> = heads.iter().map(|head| Cell::from(*head)).collect();
    let mut out = String::new();
    for row in std::iter::once(&heads).chain(rows) {
        for (i, cell) in row.iter().enumerate() {
            out.push_str(&paint.on(cell.tone, &cell.text));
            if i + 1 < row.len() {
                out.push_str(&" ".repeat(widths[i] - width(&cell.text) + 3));
            }
        }
        let end = out.trim_end().len();
        out.truncate(end);
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_word_whatever_its_colour() {
        let rows = vec![
            vec!["shop".into(), Cell::toned(Tone::Good, "Settled"), "-".into()],
            vec!["a-long-name".into(), "".into(), "x".into()],
        ];
        let plain = table(&["NAME", "PHASE", "X"], &rows, Paint(false));
        assert_eq!(plain, "NAME          PHASE     X\nshop          Settled   -\na-long-name             x\n");
        let coloured = table(&["NAME", "PHASE", "X"], &rows, Paint(true));
        assert!(coloured.contains("Settled\u{1b}[0m   -"), "{coloured:?}");
    }
}
