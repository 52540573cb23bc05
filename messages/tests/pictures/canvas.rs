//! Text and boxes from the top to the bottom of a picture. Widths of letters are estimated, on the wide side.

/// A piece of text in one style.
#[derive(Clone, Debug)]
pub struct Run {
    pub text: String,
    pub size: f64,
    pub bold: bool,
    pub mono: bool,
    pub color: &'static str,
}

impl Run {
    pub fn new(text: impl Into<String>, size: f64) -> Self {
        Self { text: text.into(), size, bold: false, mono: false, color: "#1d1c1d" }
    }

    pub fn bold(self) -> Self {
        Self { bold: true, ..self }
    }

    pub fn mono(self) -> Self {
        Self { mono: true, ..self }
    }

    pub fn color(self, color: &'static str) -> Self {
        Self { color, ..self }
    }

    fn width(&self, text: &str) -> f64 {
        let letter = |c: char| match c {
            _ if !c.is_ascii() && c != '…' && c != '·' && c != '→' && c != '\u{a0}' => 1.35,
            _ if self.mono => 0.62,
            'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | '·' => 0.31,
            'f' | 't' | 'r' | '(' | ')' | '[' | ']' | '/' | '-' | ' ' | '\u{a0}' => 0.4,
            'm' | 'w' | 'M' | 'W' | '%' | '@' | '…' | '→' => 0.95,
            'A'..='Z' => 0.72,
            _ => 0.59,
        };
        text.chars().map(letter).sum::<f64>() * self.size * if self.bold { 1.16 } else { 1.0 }
    }
}

/// Draws a column.
pub type Column<'a> = Box<dyn FnOnce(&mut Canvas) + 'a>;

/// A drawing that grows downwards.
pub struct Canvas {
    pub width: f64,
    pub y: f64,
    shapes: String,
}

impl Canvas {
    pub fn new(width: f64) -> Self {
        Self { width, y: 0.0, shapes: String::new() }
    }

    pub fn gap(&mut self, height: f64) {
        self.y += height;
    }

    /// Runs, one after the other, in lines that break between words, or in a word that is too long for a line.
    pub fn flow(&mut self, x: f64, width: f64, runs: &[Run]) {
        let size = runs.iter().map(|run| run.size).fold(0.0, f64::max);
        for line in lines(runs, width) {
            self.y += (size * 1.4).round();
            let spans: String = line.iter().map(span).collect();
            let y = self.y - (size * 0.35).round();
            self.shapes += &format!("<text x=\"{x}\" y=\"{y}\" xml:space=\"preserve\">{spans}</text>\n");
        }
    }

    /// A box with rounded corners behind what is drawn inside, which is moved by the padding.
    pub fn framed(&mut self, x: f64, width: f64, look: &str, padding: f64, inside: impl FnOnce(&mut Self, f64, f64)) {
        let (top, before) = (self.y, self.shapes.len());
        self.y += padding;
        inside(self, x + padding, width - 2.0 * padding);
        self.y += padding;
        let height = self.y - top;
        let frame = format!("<rect x=\"{x}\" y=\"{top}\" width=\"{width}\" height=\"{height}\" {look}/>\n");
        self.shapes.insert_str(before, &frame);
    }

    /// What is drawn beside each other begins at the same height.
    pub fn columns(&mut self, columns: Vec<Column<'_>>) {
        let (top, mut bottom) = (self.y, self.y);
        for column in columns {
            self.y = top;
            column(self);
            bottom = self.y.max(bottom);
        }
        self.y = bottom;
    }

    /// The letter of Sluice, white.
    pub fn letter(&mut self, x: f64, y: f64) {
        self.shapes +=
            &format!("<text x=\"{x}\" y=\"{y}\" font-size=\"20\" font-weight=\"bold\" fill=\"#ffffff\">S</text>\n");
    }

    pub fn rect(&mut self, x: f64, y: f64, width: f64, height: f64, look: &str) {
        self.shapes += &format!("<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" {look}/>\n");
    }

    /// The picture, with what it shows in words for those who cannot see it.
    pub fn svg(self, title: &str) -> String {
        let (width, height) = (self.width, self.y);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" role=\"img\" font-family=\"system-ui, -apple-system, 'Segoe UI', Roboto, Arial, sans-serif\">\n<title>{}</title>\n<rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n{}</svg>\n",
            escaped(title),
            self.shapes,
        )
    }
}

fn span(run: &Run) -> String {
    let bold = if run.bold { " font-weight=\"bold\"" } else { "" };
    let mono =
        if run.mono { " font-family=\"ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace\"" } else { "" };
    format!("<tspan font-size=\"{}\" fill=\"{}\"{bold}{mono}>{}</tspan>", run.size, run.color, escaped(&run.text))
}

fn lines(runs: &[Run], width: f64) -> Vec<Vec<Run>> {
    let mut all: Vec<Vec<Run>> = vec![Vec::new()];
    let mut used = 0.0;
    for run in runs {
        for (at, line) in run.text.split('\n').enumerate() {
            if at > 0 {
                all.push(Vec::new());
                used = 0.0;
            }
            for word in line.split_inclusive(' ') {
                if used > 0.0 && used + run.width(word.trim_end()) > width {
                    all.push(Vec::new());
                    used = 0.0;
                }
                for piece in pieces(run, word, width) {
                    if used > 0.0 && used + run.width(piece.trim_end()) > width {
                        all.push(Vec::new());
                        used = 0.0;
                    }
                    used += run.width(&piece);
                    push(all.last_mut().expect("a line"), run, &piece);
                }
            }
        }
    }
    all
}

/// A word in parts that fit into a line.
fn pieces(run: &Run, word: &str, width: f64) -> Vec<String> {
    let mut all = vec![String::new()];
    for c in word.chars() {
        let last = all.last_mut().expect("a piece");
        if !last.is_empty() && c != ' ' && run.width(&format!("{last}{c}")) > width {
            all.push(c.to_string());
        } else {
            last.push(c);
        }
    }
    all
}

fn push(line: &mut Vec<Run>, run: &Run, text: &str) {
    match line.last_mut() {
        Some(last) if (last.size, last.bold, last.mono, last.color) == (run.size, run.bold, run.mono, run.color) => {
            last.text.push_str(text);
        }
        _ => line.push(Run { text: text.to_owned(), ..run.clone() }),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
