//! What was measured of one controller.

use std::collections::BTreeMap;

use kind_tests::words::thousands;

use crate::figure::Figure;

/// One value of the table.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cell {
    /// As it is printed.
    pub text: String,
    /// As a number, where it can be compared with others'.
    pub number: Option<f64>,
    /// Whether it meets the goal, where that was judged.
    pub met: Option<bool>,
}

impl Cell {
    /// A text that is no number.
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// A whole number.
    pub fn count(number: u64) -> Self {
        Self { text: thousands(number), number: Some(number as f64), met: None }
    }

    /// A number with one decimal.
    pub fn decimal(number: f64) -> Self {
        Self { text: format!("{number:.1}"), number: Some(number), met: None }
    }

    /// A number with two decimals.
    pub fn hundredths(number: f64) -> Self {
        Self { text: format!("{number:.2}"), number: Some(number), met: None }
    }

    /// With more to say behind the number.
    pub fn note(mut self, note: &str) -> Self {
        self.text = format!("{} {note}", self.text);
        self
    }

    /// Whether it meets the goal.
    pub fn met(mut self, met: bool) -> Self {
        self.met = Some(met);
        self
    }
}

/// The figures of one controller.
#[derive(Clone, Debug, Default)]
pub struct Column {
    /// Its name and version.
    pub name: String,
    cells: BTreeMap<Figure, Cell>,
}

impl Column {
    /// Without any figure.
    pub fn new(name: &str) -> Self {
        Self { name: name.into(), cells: BTreeMap::new() }
    }

    /// Puts a figure in its place.
    pub fn put(&mut self, figure: Figure, cell: Cell) {
        self.cells.insert(figure, cell);
    }

    /// The figure, where it was measured.
    pub fn get(&self, figure: Figure) -> Option<&Cell> {
        self.cells.get(&figure)
    }
}
