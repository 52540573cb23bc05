//! What a picture shows, before it is drawn.

use std::fmt;

use crate::rules::Rule;

/// A row of panels with one legend.
pub struct Chart {
    /// For those who cannot see it.
    pub title: String,
    pub description: String,
    /// Of all panels.
    pub x_label: String,
    pub panels: Vec<Panel>,
    /// How it was made, line by line.
    pub notes: Vec<String>,
}

/// Curves over the same axes.
pub struct Panel {
    pub title: String,
    pub y_label: String,
    pub x: Axis,
    pub y: Axis,
    /// In the order of [`Rule::ALL`].
    pub curves: [Vec<(f64, f64)>; 3],
    /// A word in the free corner, and of whom.
    pub remark: Option<(Option<Rule>, String)>,
}

/// From the first to the last tick, which bear their values.
pub struct Axis {
    pub ticks: Vec<f64>,
    pub logarithmic: bool,
}

impl Axis {
    pub fn linear(ticks: &[f64]) -> Self {
        Self { ticks: ticks.to_vec(), logarithmic: false }
    }

    pub fn logarithmic(ticks: &[f64]) -> Self {
        Self { ticks: ticks.to_vec(), logarithmic: true }
    }

    /// From 0 to 1.
    pub fn place(&self, value: f64) -> f64 {
        let scale = |value: f64| if self.logarithmic { value.ln() } else { value };
        let (from, to) = (self.ticks[0], self.ticks[self.ticks.len() - 1]);
        (scale(value) - scale(from)) / (scale(to) - scale(from))
    }
}

impl fmt::Display for Chart {
    /// Every point, in words.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.title)?;
        for panel in &self.panels {
            writeln!(f, "{}, {}:", panel.title, panel.y_label)?;
            for (rule, curve) in Rule::ALL.iter().zip(&panel.curves) {
                let points: Vec<String> = curve.iter().map(|(x, y)| format!("{x}: {y:.2}")).collect();
                writeln!(f, "  {:<13}  {}", rule.name(), points.join(", "))?;
            }
        }
        Ok(())
    }
}
