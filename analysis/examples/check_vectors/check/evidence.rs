//! Groups of bursts, intervals, the split of requests, merging and the error budget.

use analysis::burn::{Alert, burn};
use analysis::merging::{EValue, e_bh, weighted_mean};
use analysis::{Arm, Counts, Rate, ci, phi, srm};
use serde::Deserialize;

use super::{Case, Check, Malformed};

/// By name.
pub const GROUPS: &[(&str, Check)] = &[
    ("phi", design_effect),
    ("ratio_cs", ratio_sequence),
    ("rate_cs", rate_sequence),
    ("burn_rate", burn_rate),
    ("srm_dirichlet", exact_split),
    ("merging", merging),
];

fn wrong(error: impl std::fmt::Display) -> Malformed {
    Malformed(error.to_string())
}

fn design_effect(case: &mut Case) -> Result<(), Malformed> {
    let errors: Vec<Vec<u64>> = case.read("/x")?;
    let requests: Vec<Vec<u64>> = case.read("/n")?;
    if errors.iter().map(Vec::len).ne(requests.iter().map(Vec::len)) {
        return Err(Malformed("/x and /n have different forms".into()));
    }
    let minutes = errors.iter().zip(&requests).map(|(x, n)| {
        let pods = x.iter().zip(n).map(|(x, n)| Arm::new(*n, *x));
        pods.collect::<Result<Vec<_>, _>>()
    });
    let minutes = minutes.collect::<Result<Vec<_>, _>>().map_err(wrong)?;
    case.expect("/phi", phi::design_effect(&minutes).map(analysis::Phi::get))
}

#[derive(Deserialize)]
struct Window {
    nc: u64,
    xc: u64,
    nb: u64,
    xb: u64,
}

fn ratio_sequence(case: &mut Case) -> Result<(), Malformed> {
    let windows: Vec<Window> = case.read("/batches")?;
    let counts = |w: &Window| Ok(Counts::new(Arm::new(w.nc, w.xc)?, Arm::new(w.nb, w.xb)?));
    let windows: Result<Vec<_>, analysis::counts::DataError> = windows.iter().map(counts).collect();
    if case.read::<f64>("/sigma")? != ci::PRIOR {
        return Err(Malformed("/sigma is not that of the prior".into()));
    }
    let told = ci::ratio(&windows.map_err(wrong)?, Rate::new(case.read("/alpha")?).map_err(wrong)?);
    case.expect("/ln_ratio_mle", told.ln_likeliest)?;
    case.expect("/ln_mixture", told.ln_mixture)?;
    case.expect("/ratio_lo", told.interval.low)?;
    case.expect("/ratio_hi", told.interval.high)
}

fn rate_sequence(case: &mut Case) -> Result<(), Malformed> {
    if case.read::<f64>("/g")? != 1.0 {
        return Err(Malformed("/g is not that of the mixture".into()));
    }
    let arm = Arm::new(case.read("/n")?, case.read("/X")?).map_err(wrong)?;
    let told = ci::rate(arm, Rate::new(case.read("/alpha")?).map_err(wrong)?);
    case.expect("/lo", told.map(|interval| interval.low))?;
    case.expect("/hi", told.map(|interval| interval.high))
}

fn burn_rate(case: &mut Case) -> Result<(), Malformed> {
    let slo = Rate::new(case.read("/slo")?).map_err(wrong)?;
    let mut window = |which: &str| {
        let total = case.read(&format!("/{which}_total"))?;
        Arm::new(total, case.read(&format!("/{which}_errors"))?).map_err(wrong)
    };
    let (long, short) = (window("long")?, window("short")?);
    case.expect("/burn_long", burn(slo, long))?;
    case.expect("/burn_short", burn(slo, short))?;
    let alert = Alert { long: 3_600, short: 300, threshold: case.read("/threshold")? };
    case.expect("/fires", alert.fires(slo, long, short))
}

fn exact_split(case: &mut Case) -> Result<(), Malformed> {
    let counts: Vec<u64> = case.read("/counts")?;
    let shares: Vec<f64> = case.read("/probs")?;
    let told = srm::ln_e_exact_split(&counts, &shares, case.read("/concentration")?);
    case.expect("/log_e", told.map_err(wrong)?)
}

fn merging(case: &mut Case) -> Result<(), Malformed> {
    let values: Vec<f64> = case.read("/e")?;
    let values = values.into_iter().map(EValue::new).collect::<Result<Vec<_>, _>>().map_err(wrong)?;
    let weights: Vec<f64> = case.read("/weights")?;
    case.expect("/weighted_mean", weighted_mean(&values, &weights).map_err(wrong)?.value())?;
    let blamed = e_bh(&values, case.read("/ebh_fdr")?).map_err(wrong)?;
    case.expect("/ebh_rejected", blamed)
}
