//! Where a command writes: data to standard output, talk to standard error.

use std::io::{self, IsTerminal, Write};

use crate::{failure::Failure, paint::Paint};

/// The two streams, and what is known of who reads them.
pub struct Screen {
    out: Box<dyn Write + Send + Sync>,
    err: Box<dyn Write + Send + Sync>,
    /// Colours for standard output.
    pub paint: Paint,
    /// Standard output is a terminal that can be drawn anew.
    pub live: bool,
}

impl Screen {
    /// Those of this process. Colours only on a terminal, and never with `NO_COLOR`.
    pub fn of_process() -> Self {
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let live = io::stdout().is_terminal() && !dumb;
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { out: Box::new(io::stdout()), err: Box::new(io::stderr()), paint: Paint(live && !unwanted), live }
    }

    /// Streams of a test: no terminal.
    pub fn new(out: impl Write + Send + Sync + 'static, err: impl Write + Send + Sync + 'static) -> Self {
        Self { out: Box::new(out), err: Box::new(err), paint: Paint(false), live: false }
    }

    /// Writes data as it is.
    ///
    /// # Errors
    /// When nobody takes it.
    pub fn data(&mut self, text: &str) -> Result<(), Failure> {
        self.out.write_all(text.as_bytes())?;
        Ok(self.out.flush()?)
    }

    /// Says a line. Whether it is heard changes nothing.
    pub fn say(&mut self, line: &str) {
        let _ = writeln!(self.err, "{line}");
        let _ = self.err.flush();
    }

    /// Puts a picture in place of the one before, cut to the height of the terminal.
    ///
    /// # Errors
    /// When nobody takes it.
    pub fn redraw(&mut self, picture: &str) -> Result<(), Failure> {
        let height = terminal_size::terminal_size().map_or(usize::MAX, |(_, height)| usize::from(height.0));
        self.data(&frame(picture, height))
    }
}

/// Goes to the corner, writes over what is there and takes away what is left below.
fn frame(picture: &str, height: usize) -> String {
    let mut out = String::from("\u{1b}[H");
    let lines: Vec<_> = picture.lines().collect();
    let shown = lines.len().min(height.saturating_sub(1));
    for line in &lines[..shown] {
        out.push_str(line);
        out.push_str("\u{1b}[K\r\n");
    }
    out.push_str("\u{1b}[J");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_drawn_over_the_one_before_and_never_scrolls() {
        assert_eq!(frame("a\nb\nc\n", 3), "\u{1b}[Ha\u{1b}[K\r\nb\u{1b}[K\r\n\u{1b}[J");
    }
}
