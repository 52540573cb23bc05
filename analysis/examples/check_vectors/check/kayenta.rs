//! Groups of Kayenta's judge.

use std::collections::BTreeMap;

use analysis::Rate;
use analysis::kayenta::{
    Class, Direction, Effect, Labelled, Measure, Missing, Outliers, Roots, Settings, Values, Weights, fences, judge,
    mann_whitney, score, shift,
};

use super::{Case, Check, Malformed};

/// By name.
pub const GROUPS: &[(&str, Check)] =
    &[("kayenta_mann_whitney", classified), ("kayenta_iqr", outliers), ("kayenta_score", scored)];

/// Each class and its name in the file.
const NAMES: [(&str, Class); 6] = [
    ("Pass", Class::Pass),
    ("High", Class::High),
    ("Low", Class::Low),
    ("Nodata", Class::NoData),
    ("NodataFailMetric", Class::NoDataFailMetric),
    ("Error", Class::Error),
];

fn wrong(error: impl std::fmt::Display) -> Malformed {
    Malformed(error.to_string())
}

fn classified(case: &mut Case) -> Result<(), Malformed> {
    // Their own suite compares with a looser tolerance.
    case.aside("/name");
    case.aside("/kayenta_reference");
    let canary: Vec<f64> = case.read("/experiment")?;
    let baseline: Vec<f64> = case.read("/control")?;
    let settings = Settings {
        direction: Direction::Either,
        missing: Missing::Remove,
        outliers: Outliers::Keep,
        effect: Effect::any(Measure::MeanRatio),
        critical: false,
        must_have_data: false,
        confidence: Rate::new(case.read("/conf")?).map_err(wrong)?,
        roots: Roots::Kayenta,
    };
    case.expect("/tolerance", analysis::kayenta::TOLERANCE)?;
    let judged = judge(&canary, &baseline, &settings);
    case.expect(
        "/classification_either",
        NAMES.iter().find(|(_, class)| *class == judged.class).map(|(name, _)| *name),
    )?;
    case.expect("/mean_ratio", judged.ratio)?;
    let (x, y) = (Values::new(canary).map_err(wrong)?, Values::new(baseline).map_err(wrong)?);
    let theirs = shift(&x, &y, settings.confidence, Roots::Kayenta);
    case.expect("/kayenta_lower", theirs.map(|shift| shift.low))?;
    case.expect("/kayenta_upper", theirs.map(|shift| shift.high))?;
    case.expect("/kayenta_estimate", theirs.map(|shift| shift.estimate))?;
    let exact = shift(&x, &y, settings.confidence, Roots::Exact);
    case.expect("/hodges_lehmann_exact", exact.map(|shift| shift.estimate))?;
    let test = mann_whitney(&x, &y);
    case.expect("/wilcoxon_diff_mu0", test.z)?;
    case.expect("/U", test.u)?;
    case.expect("/p_two_sided", test.p_two_sided)?;
    case.expect("/p_greater", test.p_greater)?;
    case.expect("/cles", test.cles)
}

fn outliers(case: &mut Case) -> Result<(), Malformed> {
    if !case.read::<bool>("/reduce_sensitivity")? {
        return Err(Malformed("the judge never asks for fences without the percentiles".into()));
    }
    let data: Vec<f64> = case.read("/data")?;
    let told = fences(&Values::new(data.clone()).map_err(wrong)?, case.read("/factor")?);
    case.expect("/p25", told.p25)?;
    case.expect("/p75", told.p75)?;
    case.expect("/p01", told.p01)?;
    case.expect("/p99", told.p99)?;
    case.expect("/lower", told.low)?;
    case.expect("/upper", told.high)?;
    case.expect("/outliers", data.iter().map(|value| told.exclude(*value)).collect::<Vec<_>>())
}

fn scored(case: &mut Case) -> Result<(), Malformed> {
    case.aside("/note");
    let groups: BTreeMap<String, Vec<String>> = case.read("/groups")?;
    let mut metrics = Vec::new();
    for (group, labels) in &groups {
        for label in labels {
            let class = NAMES.iter().find(|(name, _)| name == label).map(|(_, class)| *class);
            let class = class.ok_or_else(|| Malformed(format!("/groups: unknown class {label:?}")))?;
            metrics.push(Labelled { groups: vec![group.clone()], class, critical: false });
        }
    }
    let weights = Weights::new(case.read("/weights")?).map_err(wrong)?;
    let told = score(&metrics, &weights);
    for group in groups.keys() {
        case.expect(&format!("/group_scores/{group}"), told.groups.get(group).map(|group| group.score))?;
    }
    case.expect("/summary", told.summary)
}
