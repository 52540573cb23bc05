//! What is written to the terminal: a table that is drawn again in its place, or, where there is no terminal, a line for
//! each thing that is new.

use std::{
    collections::BTreeMap,
    io::{IsTerminal, Write, stdout},
};

use apps::{clock, report::Report};
use kind_tests::words::thousands;

use crate::row::Row;

/// A line that is too long is cut at the edge instead of wrapped, so that the number of lines stays known.
const BEGIN: &str = "\x1b[?25l\x1b[?7l";
const END: &str = "\x1b[?25h\x1b[?7h";
const ERASE: &str = "\x1b[2K";
const ERASE_BELOW: &str = "\x1b[J";

/// Where it is told.
pub struct Screen {
    live: bool,
    colours: bool,
    /// Unix time in milliseconds at which all of it began.
    began_ms: u64,
    /// Lines of the table that is drawn at present, and what it shows.
    drawn: usize,
    rows: Vec<Row>,
    /// What was last told of a service: its key, and what it waited for.
    told: BTreeMap<String, (String, String)>,
}

impl Screen {
    /// On standard output. `SLUICE_BEGAN` is when the command began, in seconds of Unix time; else it begins now.
    pub fn new() -> Self {
        let live = stdout().is_terminal() && std::env::var_os("TERM").is_none_or(|t| t != "dumb");
        let began = std::env::var("SLUICE_BEGAN").ok().and_then(|text| text.parse::<u64>().ok());
        Self {
            live,
            colours: live && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty()),
            began_ms: began.map_or_else(clock::unix_ms, |seconds| seconds * 1000),
            drawn: 0,
            rows: Vec::new(),
            told: BTreeMap::new(),
        }
    }

    /// Seconds since it began.
    pub fn seconds(&self) -> u64 {
        clock::unix_ms().saturating_sub(self.began_ms) / 1000
    }

    /// Begins a part of the story.
    pub fn head(&mut self, title: &str) {
        self.leave();
        let line = format!("[{:4} s] {title}", self.seconds());
        write(&format!("\n{}\n", self.paint("1", &line)));
    }

    /// Says something.
    pub fn say(&mut self, text: &str) {
        self.leave();
        write(&format!("{text}\n"));
    }

    /// Shows where everything stands.
    pub fn show(&mut self, rows: &[Row], report: Option<&Report>) {
        if self.live {
            self.draw(rows, report);
            return;
        }
        for row in rows {
            let known = self.told.insert(row.service.clone(), (row.key.clone(), row.reason.clone()));
            // That it waits no longer is no news.
            let new = known
                .map_or(!row.rests(), |(key, reason)| key != row.key || reason != row.reason && !row.reason.is_empty());
            if new {
                write(&format!("[{:4} s] {}\n", self.seconds(), sentence(row)));
            }
        }
    }

    fn draw(&mut self, rows: &[Row], report: Option<&Report>) {
        let mut lines = self.table(rows, true);
        lines.push(self.paint("2", &format!("[{:4} s] {}", self.seconds(), report.map(load).unwrap_or_default())));
        self.put(&lines);
        self.rows = rows.to_vec();
    }

    fn table(&self, rows: &[Row], notes: bool) -> Vec<String> {
        let mut lines = vec![self.paint("2", HEADER)];
        for row in rows {
            let line = cells(row);
            lines.push(match row.end() {
                Some(true) => self.paint("32", &line),
                Some(false) => self.paint("31", &line),
                None => line,
            });
            if notes || !row.note.is_empty() {
                lines.push(self.paint("2", &format!("          {}", row.note)));
            }
        }
        lines
    }

    /// Draws lines where the last ones were drawn.
    fn put(&mut self, lines: &[String]) {
        let mut text = String::from(BEGIN);
        if self.drawn > 0 {
            text.push_str(&format!("\x1b[{}A", self.drawn));
        }
        for line in lines {
            text.push_str(&format!("{ERASE}{line}\n"));
        }
        text.push_str(ERASE_BELOW);
        self.drawn = lines.len();
        write(&text);
    }

    /// Leaves the table as it is; the next one is drawn below.
    fn leave(&mut self) {
        if self.drawn > 0 {
            let rows = std::mem::take(&mut self.rows);
            self.put(&self.table(&rows, false));
            write(END);
        }
        self.drawn = 0;
        self.told.clear();
    }

    /// In a colour, where there are colours.
    pub fn paint(&self, code: &str, text: &str) -> String {
        if self.colours { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.leave();
    }
}

const HEADER: &str = "service   version            phase         step  weight  measured  gates    time";

fn cells(row: &Row) -> String {
    format!(
        "{:<9} {:<18} {:<13} {:<5} {:>6}  {:>8}  {:<7} {:>5}",
        row.service, row.versions, row.phase, row.step, row.weight, row.measured, row.gates, row.seconds
    )
}

fn sentence(row: &Row) -> String {
    let mut words = vec![format!("{:<9} {:<18} {}", row.service, row.versions, row.phase)];
    let named = [("step", &row.step), ("weight", &row.weight), ("measured", &row.measured), ("gates", &row.gates)];
    words.extend(named.iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| format!("{name} {value}")));
    words.extend(Some(row.note.clone()).filter(|note| !note.is_empty()));
    words.join(", ")
}

/// What the load counted, in a few words.
fn load(report: &Report) -> String {
    let totals = report.targets.values().map(|t| t.counts.total);
    let (sent, failed, errors) =
        totals.fold((0, 0, 0), |(sent, failed, errors), t| (sent + t.sent, failed + t.failed, errors + t.errors));
    format!("load: {} requests, {failed} without an answer, {errors} answered with an error", thousands(sent))
}

/// Nobody reads any more when it cannot be written.
fn write(text: &str) {
    let mut out = stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cells_stand_under_their_headings() {
        let row = Row {
            service: "frontend".into(),
            versions: "7.0.15 -> 7.0.15-1".into(),
            phase: "Inconclusive".into(),
            step: "1/2".into(),
            weight: "20 %".into(),
            measured: "19 %".into(),
            gates: "pass".into(),
            seconds: "142 s".into(),
            ..Row::default()
        };
        let line = cells(&row);
        for (heading, cell) in [("version", "7.0"), ("phase", "Inc"), ("step", "1/2"), ("gates", "pass")] {
            assert_eq!(HEADER.find(heading), line.find(cell), "{HEADER}\n{line}");
        }
        assert_eq!((HEADER.len(), line.len()), (80, 80), "{HEADER}\n{line}");
    }
}
