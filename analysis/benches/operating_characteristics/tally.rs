//! How often something happened, and when.

/// Runs, those in which it happened, and the minute at which it did.
#[derive(Clone, Copy, Default)]
pub struct Tally {
    pub runs: usize,
    pub hits: usize,
    pub mean: f64,
    pub deviation: f64,
}

impl Tally {
    /// From the minute of each run, if there is one.
    pub fn of(minutes: impl IntoIterator<Item = Option<f64>>) -> Self {
        let (mut runs, mut hits, mut mean, mut squares) = (0, 0, 0.0, 0.0);
        for minute in minutes {
            runs += 1;
            let Some(minute) = minute else { continue };
            hits += 1;
            // Welford's running moments.
            let off = minute - mean;
            mean += off / hits as f64;
            squares += off * (minute - mean);
        }
        let deviation = if hits > 1 { (squares / (hits - 1) as f64).sqrt() } else { 0.0 };
        Self { runs, hits, mean, deviation }
    }

    /// The share of the runs.
    pub fn share(&self) -> f64 {
        self.hits as f64 / self.runs.max(1) as f64
    }
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let percent = 100.0 * self.share();
        let text = match self.hits {
            _ if self.runs == 0 => "not run".to_owned(),
            0 => format!("{percent:.1} % · –"),
            _ => format!("{percent:.1} % · {:.1}", self.mean),
        };
        f.pad(&text)
    }
}
