//! A policy's tests, from any numbers at all.

use analysis::{
    Alpha, CountedMetric, Metric, Objective, Plan, Rate, Ratio, Sequential,
    release::{Step, Tolerance},
};
use arbitrary::{Arbitrary, Unstructured};

/// Names of metrics: the first two are counted, the last is a number.
pub const NAMES: [&str; 3] = ["success-rate", "latency-p99", "queue"];

/// Any number there is, and such as policies have more often than their bits would give them.
#[derive(Clone, Copy, Debug)]
pub struct Number(pub f64);

impl<'a> Arbitrary<'a> for Number {
    fn arbitrary(bytes: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        Ok(Self(match bytes.arbitrary::<u8>()? {
            0..64 => bytes.arbitrary()?,
            64..160 => f64::from(bytes.arbitrary::<u16>()?) / f64::from(u16::MAX),
            160..208 => f64::from(bytes.arbitrary::<u8>()?) / 1e4,
            _ => f64::from(bytes.arbitrary::<u16>()?) / 10.0,
        }))
    }
}

/// What a policy states, unchecked.
#[derive(Arbitrary, Debug)]
pub struct Stated {
    alpha: Number,
    least: u64,
    steps: Vec<(Number, Number)>,
    counted: Vec<Bound>,
    max: Option<Number>,
    failures: u32,
}

#[derive(Arbitrary, Debug)]
struct Bound {
    limit: Option<Number>,
    ratio: Number,
    extra: Number,
    floor: Option<Number>,
}

impl Stated {
    /// What is accepted of it; none where it is refused, and never a panic.
    pub fn accepted(&self) -> Option<Plan> {
        let counted = self.counted.iter().zip(NAMES).take(2).map(|(bound, name)| bound.metric(name));
        let steps = self.steps.iter().take(8).map(|(weight, seconds)| Step { weight: weight.0, seconds: seconds.0 });
        let alpha = Alpha::new(self.alpha.0).ok()?;
        let sequential = Sequential::new(alpha, steps.collect(), counted.collect::<Option<_>>()?, self.least).ok()?;
        let objective = Objective { min: None, max: self.max.map(|max| max.0).filter(|max| max.is_finite()) };
        let metrics = NAMES.map(|name| Metric { name: name.into(), objective }).into();
        Some(Plan { metrics, failures: self.failures.max(1), sequential: Some(sequential) })
    }
}

impl Bound {
    fn metric(&self, name: &str) -> Option<CountedMetric> {
        let limit = self.limit.map(|limit| Rate::new(limit.0)).transpose().ok()?;
        let floor = self.floor.map(|floor| Rate::new(floor.0)).transpose().ok()?;
        let tolerance = Tolerance::new(Ratio::new(self.ratio.0).ok()?, self.extra.0, floor).ok()?;
        Some(CountedMetric { name: name.into(), limit, tolerance })
    }
}
