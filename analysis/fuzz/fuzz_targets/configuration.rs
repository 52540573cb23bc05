//! Any policy: refused, or what its steps can see is said with probabilities and times that are some.
#![no_main]

mod plan;

use analysis::release::{Sight, sensitivity};
use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Input {
    stated: plan::Stated,
    requests_per_second: plan::Number,
    interval: plan::Number,
    usual: Option<plan::Number>,
}

fuzz_target!(|input: Input| {
    let Some(plan) = input.stated.accepted() else { return };
    let Some(sequential) = plan.sequential else { return };
    let usual = |_: &str| input.usual.map(|usual| usual.0);
    for said in sensitivity(&sequential.plan, input.requests_per_second.0, input.interval.0, usual) {
        if let Sight::Finds(finding) = &said.sight {
            assert!((0.0..=1.0).contains(&finding.power), "{said:?}");
            assert!(finding.mean_seconds.is_none_or(|s| s.is_finite() && s >= 0.0), "{said:?}");
        }
        assert!(!said.to_string().contains("NaN"), "{said}");
    }
});
