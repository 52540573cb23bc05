//! Groups of gauges.

use analysis::eproc::Onset;
use analysis::gauge::{Betting, RankTest, Tolerance, Worse, null_counts};
use analysis::{Alpha, Kappa, Progress};

use super::{Case, Check, Malformed};

/// By name.
pub const GROUPS: &[(&str, Check)] =
    &[("mwu_null_counts", counts), ("rank_x_test", rank_test), ("gauge_betting", betting)];

fn wrong(error: impl std::fmt::Display) -> Malformed {
    Malformed(error.to_string())
}

fn counts(case: &mut Case) -> Result<(), Malformed> {
    let counts = null_counts(case.read("/n")?, case.read("/m")?);
    case.expect("/total", counts.iter().sum::<f64>())?;
    case.expect("/counts", counts)
}

fn strict() -> Result<Tolerance, Malformed> {
    Tolerance::relative(0.0, Worse::Higher).map_err(wrong)
}

fn rank_test(case: &mut Case) -> Result<(), Malformed> {
    let (n, m) = (case.read("/n")?, case.read("/m")?);
    let alpha = Alpha::new(case.read("/alpha")?).map_err(wrong)?;
    let kappa = Kappa::new(case.read("/kappa")?).map_err(wrong)?;
    let planned: f64 = case.read("/planned_looks")?;
    let worse: Vec<u64> = case.read("/U")?;
    let mut test = RankTest::new(strict()?, alpha, kappa);
    for look in 0..case.len("/looks")? {
        let count = worse.get(look).ok_or_else(|| Malformed("/U has fewer looks than /looks".into()))?;
        test.add_pairs(n, m, *count);
        case.expect("/cap", test.cap())?;
        let at = |field: &str| format!("/looks/{look}/{field}");
        let said = test.look(Progress::of(case.read(&at("t"))?, planned).map_err(wrong)?);
        case.expect(&at("S"), said.sum)?;
        case.expect(&at("boundary"), said.bound)?;
        case.expect(&at("used"), said.used)?;
        case.expect(&at("p"), said.p)?;
        case.expect(&at("rejected"), said.rejected)?;
    }
    Ok(())
}

fn betting(case: &mut Case) -> Result<(), Malformed> {
    let onset = Onset::new(case.read("/pi1")?, case.read("/tau")?).map_err(wrong)?;
    case.expect("/lambdas", analysis::gauge::BETS.to_vec())?;
    let seconds: f64 = case.read("/dt")?;
    let shares: Vec<f64> = case.read("/y")?;
    let mut betting = Betting::new(strict()?, Alpha::OFF, onset);
    let looks: Vec<f64> = shares.iter().map(|share| betting.add_share(seconds, *share).ln_e).collect();
    case.expect("/log_e", looks)
}
