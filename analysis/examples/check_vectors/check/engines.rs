//! Groups of the sequential tests, the distributions under them, history and power.

use analysis::special::{BetaBinomial, ln_binomial_pmf, ln_hypergeometric_pmf};
use analysis::xtest::{Kernel, XTest, spending};
use analysis::{Alpha, Arm, Counts, Invalid, Kappa, Phi, Progress, Rate, Ratio};
use serde::Deserialize;

use super::{Case, Check, Malformed};

/// By name.
pub const GROUPS: &[(&str, Check)] = &[
    ("binom_ln_pmf", binomial),
    ("betabinom_ln_pmf", beta_binomial),
    ("hypergeom_ln_pmf", hypergeometric),
    ("spending", spend),
    ("x_test", x_test),
];

fn wrong(error: Invalid) -> Malformed {
    Malformed(error.to_string())
}

#[derive(Deserialize)]
struct Window {
    t: f64,
    nc: u64,
    xc: u64,
    nb: u64,
    xb: u64,
}

impl Window {
    fn counts(&self) -> Result<Counts, Malformed> {
        let arm = |requests, errors| Arm::new(requests, errors).map_err(|error| Malformed(error.to_string()));
        Ok(Counts::new(arm(self.nc, self.xc)?, arm(self.nb, self.xb)?))
    }
}

fn binomial(case: &mut Case) -> Result<(), Malformed> {
    let got = ln_binomial_pmf(case.read("/m")?, case.read("/theta")?, case.read("/k")?);
    case.expect("/ln_pmf", got)
}

fn beta_binomial(case: &mut Case) -> Result<(), Malformed> {
    let distribution = BetaBinomial::with_design_effect(case.read("/m")?, case.read("/theta")?, case.read("/phi")?)
        .ok_or_else(|| Malformed("a design effect above 1 was expected".into()))?;
    let got = distribution.ln_pmf(case.read("/k")?);
    case.expect("/ln_pmf", got)
}

fn hypergeometric(case: &mut Case) -> Result<(), Malformed> {
    let got = ln_hypergeometric_pmf(case.read("/nc")?, case.read("/nb")?, case.read("/m")?, case.read("/k")?);
    case.expect("/ln_pmf", got)
}

fn spend(case: &mut Case) -> Result<(), Malformed> {
    let u = Progress::new(case.read("/u")?).map_err(wrong)?;
    case.expect("/g", spending(u))
}

fn x_test(case: &mut Case) -> Result<(), Malformed> {
    case.aside("/name");
    let (name, number): (String, f64) = case.read("/kernel")?;
    let kernel = match name.as_str() {
        "ratio" => Kernel::Ratio(Ratio::new(number).map_err(wrong)?),
        "one" => Kernel::One(Rate::new(number).map_err(wrong)?),
        other => return Err(Malformed(format!("unknown kernel {other:?}"))),
    };
    let alpha = Alpha::new(case.read("/alpha")?).map_err(wrong)?;
    let kappa = Kappa::new(case.read("/kappa")?).map_err(wrong)?;
    let phi = Phi::new(case.read("/phi")?).map_err(wrong)?;
    let horizon: f64 = case.read("/horizon")?;
    let windows: Vec<Window> = case.read("/batches")?;
    let mut test = XTest::new(kernel, alpha, kappa, phi);
    // The windows after a rejection are not looked at.
    for (i, window) in windows.iter().take(case.len("/looks")?).enumerate() {
        let cap = test.add(&window.counts()?);
        let look = test.look(Progress::of(window.t, horizon).map_err(wrong)?);
        case.expect(&format!("/looks/{i}/t"), window.t)?;
        case.expect(&format!("/looks/{i}/cap"), cap)?;
        case.expect(&format!("/looks/{i}/S"), look.sum)?;
        case.expect(&format!("/looks/{i}/boundary"), look.bound)?;
        case.expect(&format!("/looks/{i}/used"), look.used)?;
        case.expect(&format!("/looks/{i}/p"), look.p)?;
        case.expect(&format!("/looks/{i}/rejected"), look.rejected)?;
    }
    Ok(())
}
