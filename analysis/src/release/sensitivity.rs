//! What the steps of a plan can see, for those who write it.

use std::fmt;

use super::course::{Course, seconds, tests};
use super::lint::regression;
use super::plan::{Plan, Settings, Step};
use super::policy::{ErrorPolicy, Policy};
use crate::power::{Forecast, Regression, smallest_that};
use crate::words::{minutes, number, percent};
use crate::{Alpha, Rate};

/// What is usually thought to fail where nobody knows: half of what the objective lets fail, or else this.
const ASSUMED: f64 = 0.005;
/// What never fails is thought to fail this often, for a regression needs something to be compared with.
const LEAST: f64 = 1e-6;
/// The probability with which a regression is found surely.
const SURELY: f64 = 0.99;
/// So many times as long is much longer.
const MUCH_LONGER: f64 = 10.0;
/// Nothing has more requests per second; how often a regression is found is the same from far fewer on.
const MOST_REQUESTS: f64 = 1e6;
/// More looks than this see hardly less or more, and take longer to foretell.
const LOOKS: f64 = 60.0;

/// What the steps see of one critical metric that is counted by errors.
#[derive(Clone, Debug, PartialEq)]
pub struct Sensitivity {
    /// The metric.
    pub metric: String,
    /// Of both versions together.
    pub requests_per_second: f64,
    /// What is seen, or why nothing is.
    pub sight: Sight,
}

/// What steps see, or why they see nothing.
#[derive(Clone, Debug, PartialEq)]
pub enum Sight {
    /// The service has no requests, or how many is not a number.
    NoRequests,
    /// No step gives the canary any.
    NoCanary,
    /// There is no stable version beside the canary, nor a limit that holds for it alone.
    NothingToCompare,
    /// Evidence alone decides, of which is not foretold how soon it sees.
    NotForetold,
    /// What is sought is tolerated, or so much usually fails that nothing worse is sought.
    NoRegression {
        /// What usually fails.
        usual: f64,
        /// What is sought.
        sought: Option<Rate>,
    },
    /// The regression is found, more or less often.
    Finds(Finding),
}

/// How often a regression is found.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// What is sought.
    pub regression: Regression,
    /// Whether nobody knew what usually fails.
    pub assumed: bool,
    /// Whether no step has both versions, so that only limits are tested.
    pub alone: bool,
    /// The probability that it is rolled back by the end of the last step, at least.
    pub power: f64,
    /// The same by the end of each step.
    pub steps: Vec<f64>,
    /// Mean seconds until then, from the beginning of the release, where it is.
    pub mean_seconds: Option<f64>,
    /// What it takes to find it in 99 of 100 releases.
    pub remedy: Remedy,
}

/// What it takes to find a regression in 99 of 100 releases.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Remedy {
    /// Nothing more.
    None,
    /// A longer step.
    Longer {
        /// From 1; none where there is only one.
        step: Option<usize>,
        /// More than it has; whole minutes.
        seconds: f64,
    },
    /// More than ten times the time; as they are the steps find this rate.
    Larger(Rate),
    /// More than ten times the time, and as they are the steps do not even find a canary that always fails.
    Other,
}

/// What the steps see at so many requests per second of both versions and a look so often, in seconds; in the order of the
/// plan.
///
/// `usual` tells by name of the metric what part of its requests usually fails, where that is known; else the metric's own
/// past is taken, or else half of what its objective lets fail, or 0.5 %. Probabilities are those of the best exact test
/// (spec E.1), within about five percentage points of simulation; all tests together find somewhat more.
pub fn sensitivity(
    plan: &Plan,
    requests_per_second: f64,
    interval: f64,
    usual: impl Fn(&str) -> Option<f64>,
) -> Vec<Sensitivity> {
    let settings = plan.settings();
    let outlook = Outlook { settings, requests_per_second, interval };
    let of = |(metric, alpha): (&super::Metric, Alpha)| {
        let Policy::Errors(policy) = &metric.policy else { return None };
        let sight = outlook.sight(policy, alpha, usual(&metric.name));
        metric.critical.then(|| Sensitivity { metric: metric.name.clone(), requests_per_second, sight })
    };
    plan.metrics().filter_map(of).collect()
}

/// The steps, and what goes on meanwhile.
struct Outlook<'a> {
    settings: &'a Settings,
    requests_per_second: f64,
    interval: f64,
}

impl Outlook<'_> {
    fn sight(&self, policy: &ErrorPolicy, alpha: Alpha, usual: Option<f64>) -> Sight {
        let steps = &self.settings.steps;
        let known = usual.filter(|usual| (0.0..=1.0).contains(usual)).or(policy.history.map(|past| past.usual()));
        let assumed = || policy.objective.map_or(ASSUMED, |limit| limit.get() / 2.0);
        let usual = known.unwrap_or_else(assumed).max(LEAST);
        let Some(course) = self.course(steps) else { return Sight::NoRequests };
        let Some(longer) = compared(steps).or_else(|| steps.iter().rposition(|step| step.weight > 0.0)) else {
            return Sight::NoCanary;
        };
        let sought = regression(policy, usual);
        let Some(regression) = sought.filter(|regression| !tolerated(policy, *regression)) else {
            return Sight::NoRegression { usual, sought: sought.map(|regression| regression.canary) };
        };
        let alone = compared(steps).is_none();
        if !tests(policy, regression.baseline).any(|(kernel, _)| !(alone && kernel.compares())) {
            return if alone { Sight::NothingToCompare } else { Sight::NotForetold };
        }
        let forecast = course.forecast(policy, alpha, regression);
        let remedy =
            self.remedy(&forecast, longer, |course, regression| course.forecast(policy, alpha, regression), regression);
        Sight::Finds(Finding {
            regression,
            assumed: known.is_none(),
            alone,
            power: forecast.power(),
            steps: forecast.steps.clone(),
            mean_seconds: forecast.mean_seconds,
            remedy,
        })
    }

    /// The steps as they are, or longer ones; looks are thinned out where they are many.
    fn course(&self, steps: &[Step]) -> Option<Course> {
        let total = seconds(steps);
        let interval = self.interval.max(total / LOOKS).min(total);
        let requests = Some(self.requests_per_second).filter(|requests| requests.is_finite())?;
        Course::new(steps, self.settings.strict, requests.min(MOST_REQUESTS), interval)
    }

    /// By bisection to a whole minute of this step.
    fn remedy(
        &self,
        forecast: &Forecast,
        longer: usize,
        foretell: impl Fn(&Course, Regression) -> Forecast,
        sought: Regression,
    ) -> Remedy {
        if forecast.power() >= SURELY {
            return Remedy::None;
        }
        let steps = &self.settings.steps;
        let finds = |more: f64| {
            let mut steps = steps.clone();
            steps[longer].seconds += more * 60.0;
            self.course(&steps).is_some_and(|course| foretell(&course, sought).power() >= SURELY)
        };
        let most = ((MUCH_LONGER - 1.0) * seconds(steps) / 60.0).ceil();
        if !finds(most) {
            let sees = |course: &Course, regression| foretell(course, regression).power() >= SURELY;
            let course = self.course(steps);
            let smallest = course.and_then(|course| smallest_that(|worse| sees(&course, worse), sought.baseline));
            return smallest.map_or(Remedy::Other, Remedy::Larger);
        }
        let (mut low, mut high) = (0.0, most);
        while high - low > 1.0 {
            let middle = f64::midpoint(low, high).floor();
            if finds(middle) { high = middle } else { low = middle }
        }
        Remedy::Longer { step: (steps.len() > 1).then_some(longer + 1), seconds: high * 60.0 }
    }
}

/// Whether no test is meant to see it.
fn tolerated(policy: &ErrorPolicy, regression: Regression) -> bool {
    let tolerance = &policy.tolerance;
    let relative = tolerance.ratio().get() * regression.baseline.get() + tolerance.extra();
    regression.canary.get() <= tolerance.floor().map_or(relative, |floor| relative.max(floor.get()))
}

/// The last step in which both versions have traffic.
fn compared(steps: &[Step]) -> Option<usize> {
    steps.iter().rposition(|step| step.weight > 0.0 && step.weight < 1.0)
}

impl fmt::Display for Sensitivity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let metric = &self.metric;
        match &self.sight {
            Sight::NoRequests => write!(f, "without requests nothing can be seen"),
            Sight::NoCanary => write!(f, "no step gives the canary requests, and without requests nothing can be seen"),
            Sight::NothingToCompare => write!(
                f,
                "nothing can be seen of {metric}: no stable version runs beside the canary, and there is no limit that the \
                 service keeps; give {metric} an objective, or a step with less than all of the traffic"
            ),
            Sight::NotForetold => write!(
                f,
                "how often {metric} is found getting worse cannot be foretold, since no exact test has a part in it; give it \
                 an objective, or tolerate no difference beyond a ratio"
            ),
            Sight::NoRegression { usual, sought: Some(sought) } => write!(
                f,
                "{} of {metric} usually fails, and {} is tolerated; state a larger regression to detect",
                percent(*usual),
                percent(sought.get())
            ),
            Sight::NoRegression { usual, sought: None } => {
                write!(f, "{} of {metric} usually fails, too much for anything worse to be sought", percent(*usual))
            }
            Sight::Finds(finding) => {
                let requests = number(self.requests_per_second);
                let requests = if requests == "1" { "1 request".into() } else { format!("{requests} requests") };
                write!(f, "at {requests} per second these steps find {metric} {finding}")
            }
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Regression { canary, baseline } = self.regression;
        let assumed = if self.assumed { " (assumed)" } else { "" };
        write!(f, "going from {}{assumed} to {} errors in ", percent(baseline.get()), percent(canary.get()))?;
        // Rounded down; a promise is kept rather than exceeded.
        match (self.power * 100.0 + 1e-9).floor() {
            found if found < 1.0 => write!(f, "less than 1 of 100 releases")?,
            found => write!(f, "{} of 100 releases", found.min(99.0))?,
        }
        if let Some(seconds) = self.mean_seconds.filter(|_| self.power >= 0.01) {
            write!(f, ", in {} on average", minutes(seconds))?;
        }
        if self.alone {
            write!(f, ", by limits alone since no stable version runs beside it")?;
        }
        match self.remedy {
            Remedy::None => Ok(()),
            Remedy::Longer { step, seconds } => {
                write!(f, "; to find it in 99, bake {} longer", minutes(seconds))?;
                step.map_or(Ok(()), |step| write!(f, " in step {step}"))
            }
            Remedy::Larger(rate) => write!(
                f,
                "; ten times as long would not find it in 99, but as they are they find {} in 99",
                percent(rate.get())
            ),
            Remedy::Other => write!(
                f,
                "; ten times as long would not find it in 99, and as they are not even a canary that always fails; give it \
                 more weight or time"
            ),
        }
    }
}
