//! One case of a file: what is read from it, what is compared with it.

use std::collections::BTreeSet;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::CaseReport;

/// Relative error that is still equal.
const RELATIVE: f64 = 1e-9;
/// Difference that is still equal, for values near 0.
const ABSOLUTE: f64 = 1e-12;

/// Why a file cannot be checked.
#[derive(Debug)]
pub struct Malformed(pub String);

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A case; values are named by JSON pointers such as `/looks/0/p`.
pub struct Case<'a> {
    value: &'a Value,
    /// Pointers that were read, compared or laid aside; they cover all that is below them.
    seen: BTreeSet<String>,
    compared: usize,
    worst: f64,
    differences: Vec<String>,
}

impl<'a> Case<'a> {
    pub(super) fn new(value: &'a Value) -> Result<Self, Malformed> {
        if !value.is_object() {
            return Err(Malformed("an object was expected".into()));
        }
        Ok(Self { value, seen: BTreeSet::new(), compared: 0, worst: 0.0, differences: Vec::new() })
    }

    fn at(&mut self, pointer: &str) -> Result<&'a Value, Malformed> {
        self.seen.insert(pointer.to_owned());
        self.value.pointer(pointer).ok_or_else(|| Malformed(format!("{pointer} is missing")))
    }

    /// An input.
    pub fn read<T: DeserializeOwned>(&mut self, pointer: &str) -> Result<T, Malformed> {
        let value = self.at(pointer)?;
        T::deserialize(value).map_err(|error| Malformed(format!("{pointer}: {error}")))
    }

    /// How many elements a list has; they are not thereby read.
    pub fn len(&self, pointer: &str) -> Result<usize, Malformed> {
        let list = self.value.pointer(pointer).and_then(Value::as_array);
        list.map(Vec::len).ok_or_else(|| Malformed(format!("{pointer}: a list was expected")))
    }

    /// Text for people, or a value of somebody else's program, that nothing is compared with.
    pub fn aside(&mut self, pointer: &str) {
        self.seen.insert(pointer.to_owned());
    }

    /// Compares an outcome with what the case expects there.
    pub fn expect(&mut self, pointer: &str, got: impl Outcome) -> Result<(), Malformed> {
        let want = self.at(pointer)?;
        self.compare(pointer, want, &got.json());
        Ok(())
    }

    fn compare(&mut self, pointer: &str, want: &Value, got: &Value) {
        match (want, got) {
            (Value::Array(w), Value::Array(g)) if w.len() == g.len() => {
                for (i, (w, g)) in w.iter().zip(g).enumerate() {
                    self.compare(&format!("{pointer}/{i}"), w, g);
                }
            }
            (Value::Number(w), Value::Number(g)) => {
                let (w, g) = (w.as_f64().unwrap_or(f64::NAN), g.as_f64().unwrap_or(f64::NAN));
                let error = if w == 0.0 { g.abs() } else { (g - w).abs() / w.abs() };
                self.compared += 1;
                self.worst = self.worst.max(error);
                // Written so that NaN differs.
                if !(error <= RELATIVE || (g - w).abs() <= ABSOLUTE) {
                    self.differences.push(format!("{pointer} expected {w:e}, got {g:e}, relative error {error:.1e}"));
                }
            }
            _ => {
                self.compared += 1;
                if want != got {
                    self.differences.push(format!("{pointer} expected {want}, got {got}"));
                }
            }
        }
    }

    pub(super) fn finish(self, group: &str, number: usize) -> Result<CaseReport, Malformed> {
        if let Some(pointer) = self.unseen("", self.value) {
            return Err(Malformed(format!("{pointer} is neither an input nor an outcome")));
        }
        if self.compared == 0 {
            return Err(Malformed("nothing in it was compared".into()));
        }
        let Self { compared, worst, differences, .. } = self;
        Ok(CaseReport { group: group.to_owned(), number, compared, worst, differences })
    }

    fn unseen(&self, pointer: &str, value: &Value) -> Option<String> {
        if self.seen.contains(pointer) {
            return None;
        }
        match value {
            Value::Object(fields) => fields.iter().find_map(|(key, v)| self.unseen(&format!("{pointer}/{key}"), v)),
            Value::Array(list) => list.iter().enumerate().find_map(|(i, v)| self.unseen(&format!("{pointer}/{i}"), v)),
            _ => Some(pointer.to_owned()),
        }
    }
}

/// What can be compared. An infinite number and `None` are `null`; NaN equals nothing.
pub trait Outcome {
    /// As it would stand in the file.
    fn json(&self) -> Value;
}

impl Outcome for f64 {
    fn json(&self) -> Value {
        if self.is_nan() { "NaN".into() } else { (*self).into() }
    }
}

impl<T: Outcome> Outcome for Option<T> {
    fn json(&self) -> Value {
        self.as_ref().map_or(Value::Null, Outcome::json)
    }
}

impl<T: Outcome> Outcome for Vec<T> {
    fn json(&self) -> Value {
        self.iter().map(Outcome::json).collect()
    }
}

macro_rules! plain {
    ($($kind:ty),*) => {$(
        impl Outcome for $kind {
            fn json(&self) -> Value {
                (*self).into()
            }
        }
    )*};
}

plain!(u32, u64, usize, i64, bool, &str);
