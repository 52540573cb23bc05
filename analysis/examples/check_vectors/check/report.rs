//! What a check found, a line per case.

use std::fmt;

/// All cases, in the order of the file's groups by name.
pub struct Report {
    /// One each.
    pub cases: Vec<CaseReport>,
}

/// One case.
pub struct CaseReport {
    /// Its group.
    pub group: String,
    /// Its place in the group, from 1.
    pub number: usize,
    /// How many values were compared.
    pub compared: usize,
    /// The greatest relative error; for a value that should be 0 the greatest difference.
    pub worst: f64,
    /// What differs, in words.
    pub differences: Vec<String>,
}

impl Report {
    /// How many cases differ.
    pub fn failed(&self) -> usize {
        self.cases.iter().filter(|case| !case.differences.is_empty()).count()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for case in &self.cases {
            let CaseReport { group, number, compared, worst, differences } = case;
            match differences.as_slice() {
                [] => writeln!(f, "{group} {number}: ok, {compared} values, relative error {worst:.1e}")?,
                _ => writeln!(f, "{group} {number}: differs: {}", differences.join("; "))?,
            }
        }
        writeln!(f, "{} cases checked, {} differ", self.cases.len(), self.failed())
    }
}
