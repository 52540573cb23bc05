//! Groups of the sequential tests, the distributions under them, history and power.

use analysis::eproc::bernoulli::{at_odds, ln_factor_one, ln_factor_two};
use analysis::eproc::conjugate::{BetaPrior, ratio_of_rates};
use analysis::eproc::{Bet, EProcess, Margin, Onset, WORSE};
use analysis::history::{GuardLook, History, guard_p};
use analysis::power::Detection;
use analysis::special::{BetaBinomial, ln_binomial_pmf, ln_hypergeometric_pmf};
use analysis::xtest::{Kernel, Pmf, XTest, spending};
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
    ("kernel_P", kernel_p),
    ("kernel_S", kernel_s),
    ("kernel_B", kernel_b),
    ("mixture_e_process", mixture),
    ("beta_conjugate_two_sample", conjugate),
    ("truncated_beta", truncated),
    ("history_limit", history),
    ("guard_poisson_sf", guard),
    ("planner_power", power),
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

fn margin(case: &mut Case) -> Result<Margin, Malformed> {
    Margin::new(case.read("/rho0")?, case.read("/delta")?).map_err(wrong)
}

fn batch(case: &mut Case) -> Result<Counts, Malformed> {
    let window =
        Window { t: 0.0, nc: case.read("/nc")?, xc: case.read("/xc")?, nb: case.read("/nb")?, xb: case.read("/xb")? };
    window.counts()
}

fn kernel_p(case: &mut Case) -> Result<(), Malformed> {
    let (margin, counts) = (margin(case)?, batch(case)?);
    let odds = margin.odds(&counts).ok_or_else(|| Malformed("a batch of both arms was expected".into()))?;
    let bet = Bet::growing(case.read("/c")?, case.read("/s")?, odds);
    case.expect("/k", odds)?;
    case.expect("/a", bet.a)?;
    case.expect("/u", bet.u)?;
    case.expect("/ell", margin.ln_factor(&counts, bet, Phi::INDEPENDENT))
}

fn arm(requests: u64, errors: u64) -> Result<Arm, Malformed> {
    Arm::new(requests, errors).map_err(|error| Malformed(error.to_string()))
}

fn kernel_s(case: &mut Case) -> Result<(), Malformed> {
    let arm = arm(case.read("/n")?, case.read("/x")?)?;
    let (limit, odds) = (Rate::new(case.read("/p0")?).map_err(wrong)?, case.read("/odds")?);
    case.expect("/p1", at_odds(limit, odds))?;
    case.expect("/ell", ln_factor_one(arm, limit, odds))
}

fn kernel_b(case: &mut Case) -> Result<(), Malformed> {
    let counts = batch(case)?;
    let (guess, odds) = (Rate::new(case.read("/theta_b")?).map_err(wrong)?, case.read("/odds")?);
    let (n_c, n_b) = (counts.canary.requests() as f64, counts.baseline.requests() as f64);
    case.expect("/theta_c", at_odds(guess, odds))?;
    case.expect("/theta_0", (n_c * at_odds(guess, odds) + n_b * guess.get()) / (n_c + n_b))?;
    case.expect("/ell", ln_factor_two(&counts, guess, odds))
}

fn mixture(case: &mut Case) -> Result<(), Malformed> {
    case.aside("/name");
    let margin = margin(case)?;
    let onset = Onset::new(case.read("/pi1")?, case.read("/tau")?).map_err(wrong)?;
    // A step is held at half the logarithm of 1/alpha.
    let clip: f64 = case.read("/clip")?;
    let alpha = Alpha::new((-2.0 * clip).exp()).map_err(wrong)?;
    case.expect("/grid", WORSE.to_vec())?;
    let windows: Vec<Window> = case.read("/batches")?;
    let mut process = EProcess::against(margin, alpha, Phi::INDEPENDENT, onset, None);
    let mut before = 0.0;
    for (i, window) in windows.iter().enumerate() {
        let share = process.absolute_share();
        let look = process.look(window.t - before, &window.counts()?);
        before = window.t;
        case.expect(&format!("/looks/{i}/t"), window.t)?;
        case.expect(&format!("/looks/{i}/s"), share)?;
        case.expect(&format!("/looks/{i}/log_e"), look.ln_e)?;
        case.expect(&format!("/looks/{i}/log_e_clipped"), look.ln_e_clipped)?;
        case.expect(&format!("/looks/{i}/p"), look.p)?;
    }
    Ok(())
}

fn conjugate(case: &mut Case) -> Result<(), Malformed> {
    let (x, y) = (case.read("/X")?, case.read("/Y")?);
    let share = Rate::new(case.read("/canary_share")?).map_err(wrong)?;
    let (weight, rho) = (share.get(), case.read::<f64>("/rho0")?);
    let theta_0 = Rate::new(rho * weight / (rho * weight + 1.0 - weight)).map_err(wrong)?;
    let prior = BetaPrior::around(theta_0, case.read("/K")?);
    let alpha = Alpha::new(case.read("/alpha")?).map_err(wrong)?;
    let (low, high) = prior.shares(x, y, alpha);
    case.expect("/a", prior.a)?;
    case.expect("/b", prior.b)?;
    case.expect("/log_e_two_sided", prior.ln_e_two_sided(theta_0, x, y))?;
    case.expect("/log_e_one_sided", prior.ln_e_one_sided(theta_0, x, y))?;
    case.expect("/theta_lo", low)?;
    case.expect("/theta_hi", high)?;
    case.expect("/ratio_lo", ratio_of_rates(low, share))?;
    case.expect("/ratio_hi", ratio_of_rates(high, share))
}

fn truncated(case: &mut Case) -> Result<(), Malformed> {
    let (x, n): (u64, u64) = (case.read("/x")?, case.read("/n")?);
    let rest = n.checked_sub(x).ok_or_else(|| Malformed("x is above n".into()))?;
    let prior = BetaPrior { a: case.read("/a")?, b: case.read("/b")? };
    let p0 = Rate::new(case.read("/p0")?).map_err(wrong)?;
    case.expect("/log_e", prior.ln_e_one_sided(p0, x, rest))
}

fn history(case: &mut Case) -> Result<(), Malformed> {
    let errors: Vec<u64> = case.read("/errors_per_hour")?;
    let requests: f64 = case.read("/requests_per_hour")?;
    let hours = errors.iter().map(|x| arm(requests.round() as u64, *x)).collect::<Result<Vec<_>, _>>()?;
    let history = History::of(&hours).map_err(|error| Malformed(error.to_string()))?;
    case.expect("/total", history.total.errors())?;
    case.expect("/block_hours", history.spread.map(|s| s.block_hours))?;
    case.expect("/blocks", history.spread.map(|s| s.blocks))?;
    case.expect("/frailty_variance", history.spread.map(|s| s.frailty_variance))?;
    case.expect("/factor", history.factor)?;
    case.expect("/upper95", history.upper)?;
    case.expect("/p0", history.limit.get())
}

fn guard(case: &mut Case) -> Result<(), Malformed> {
    let arm = arm(case.read("/n")?, case.read("/x")?)?;
    let p = guard_p(arm, Rate::new(case.read("/p0")?).map_err(wrong)?);
    case.expect("/p", p)?;
    case.expect("/blocks", !GuardLook { cumulative: p, recent: 1.0 }.allows_blame())
}

fn power(case: &mut Case) -> Result<(), Malformed> {
    let (totals, u): (Vec<u64>, Vec<f64>) = (case.read("/totals")?, case.read("/u")?);
    let (null, alternative): (Vec<f64>, Vec<f64>) = (case.read("/theta0")?, case.read("/theta1")?);
    let alpha = Alpha::new(case.read("/alpha")?).map_err(wrong)?;
    let kappa = Kappa::new(case.read("/kappa")?).map_err(wrong)?;
    let mut detection = Detection::default();
    for (i, (((m, theta_0), theta_1), u)) in totals.into_iter().zip(null).zip(alternative).zip(u).enumerate() {
        let law = |theta| Rate::new(theta).map(|theta| Pmf::binomial(m, theta)).map_err(wrong);
        detection.add(&law(theta_0)?.winsorised(kappa), law(theta_1)?);
        let got = detection.look(alpha, Progress::new(u).map_err(wrong)?);
        case.expect(&format!("/power/{i}"), got)?;
    }
    Ok(())
}
