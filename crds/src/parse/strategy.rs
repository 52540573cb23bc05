//! The strategy of a policy, parsed: steps, and what of the traffic each gives to the candidate.

use planner::{
    picks::{self, Match, Picks, Sticky, Text},
    policy::{Step, Strategy, Weight},
};

use super::{InvalidPolicy, time};
use crate::{
    RolloutPolicySpec,
    picks::{Mirror, RequestMatch, Stickiness, StickyCookie},
    strategy::{self, Canary},
};

/// Parses how the candidate gets traffic.
///
/// # Errors
/// What the schema refuses, in words.
pub(super) fn parse(spec: &RolloutPolicySpec) -> Result<Strategy, InvalidPolicy> {
    let plain = spec.traffic.service.is_some();
    let strategy = match (&spec.strategy.canary, &spec.strategy.blue_green, &spec.strategy.ab) {
        // Beyond half, the stable version would have to have fewer pods.
        (Some(canary), None, None) => Strategy::Canary(steps(canary, if plain { 50 } else { 99 })?),
        (None, Some(blue_green), None) => {
            let before = blue_green.mirror.as_ref().map(|first| {
                let picks = Picks { mirror: Some(mirror(&first.mirror)), ..Picks::default() };
                Step { weight: Weight::NONE, picks, expected: 0, bake: time(first.bake), pause: false }
            });
            Strategy::BlueGreen { bake: time(blue_green.bake), before }
        }
        (None, None, Some(ab)) => {
            let picks = Picks { matches: matches(&ab.matches), ..Picks::default() };
            let (expected, bake) = (percent(ab.expected), time(ab.bake));
            Strategy::Canary(vec![Step { weight: Weight::NONE, picks, expected, bake, pause: false }])
        }
        _ => return Err(InvalidPolicy("strategy needs exactly one of canary, blueGreen and ab".into())),
    };
    let steps = match &strategy {
        Strategy::Canary(steps) => steps.as_slice(),
        Strategy::BlueGreen { before, .. } => before.as_slice(),
    };
    if plain && steps.iter().any(|s| !s.picks.is_none()) {
        return Err(InvalidPolicy("a plain Service can neither match requests nor copy them".into()));
    }
    Ok(strategy)
}

fn steps(canary: &Canary, most: u32) -> Result<Vec<Step>, InvalidPolicy> {
    let weight = |percent: i32, picks: &Picks| {
        let none = (percent == 0 && !picks.is_none()).then_some(Weight::NONE);
        let weight = none.or_else(|| Weight::new(percent).filter(|w| w.percent() <= most));
        weight.ok_or_else(|| InvalidPolicy(format!("weight {percent} is not within 1 to {most}")))
    };
    let one = |step: &strategy::Step| {
        let picks = Picks {
            matches: step.matches.as_deref().map(matches).unwrap_or_default(),
            mirror: step.mirror.as_ref().map(mirror),
            sticky: canary.stickiness.as_ref().filter(|_| step.weight > 0).map(sticky),
        };
        let expected = if picks.matches.is_empty() { 0 } else { percent(step.expected) };
        Ok(Step { weight: weight(step.weight, &picks)?, picks, expected, bake: time(step.bake), pause: step.pause })
    };
    let steps: Vec<Step> = match (&canary.steps, &canary.linear) {
        (Some(steps), None) => steps.iter().map(one).collect::<Result<_, InvalidPolicy>>()?,
        (None, Some(linear)) if linear.step >= 1 => (1..)
            .map(|i| linear.step.saturating_mul(i))
            .take_while(|w| *w <= linear.max)
            .map(|w| {
                let picks = Picks { sticky: canary.stickiness.as_ref().map(sticky), ..Picks::default() };
                Ok(Step { weight: weight(w, &picks)?, picks, expected: 0, bake: time(linear.bake), pause: false })
            })
            .collect::<Result<_, InvalidPolicy>>()?,
        _ => return Err(InvalidPolicy("canary needs exactly one of steps and linear".into())),
    };
    if steps.is_empty() {
        return Err(InvalidPolicy("canary has no step".into()));
    }
    Ok(steps)
}

fn percent(written: i32) -> u32 {
    u32::try_from(written).unwrap_or(100).clamp(1, 100)
}

fn sticky(stickiness: &Stickiness) -> Sticky {
    let StickyCookie { name, max_age } = &stickiness.cookie;
    Sticky { cookie: name.clone(), max_age: max_age.0.as_secs().max(1) }
}

fn mirror(mirror: &Mirror) -> picks::Mirror {
    let methods = mirror.methods.iter().map(ToString::to_string).collect();
    picks::Mirror { percent: percent(mirror.percent), methods }
}

fn matches(all: &[RequestMatch]) -> Vec<Match> {
    let one = |wanted: &RequestMatch| {
        let headers = wanted.headers.iter().flatten().filter_map(|header| {
            let exact = header.exact.clone().map(Text::Exact);
            let text = exact.or_else(|| Some(Text::Regex(format!("^(?:{})$", header.regex.as_ref()?))))?;
            Some((header.name.clone(), text))
        });
        // Cookies come in one header: `a=b; canary=always; c=d`.
        let cookie = wanted.cookie.as_ref().map(|cookie| {
            let pair = format!("{}={}", quoted(&cookie.name), quoted(&cookie.value));
            ("cookie".to_owned(), Text::Regex(format!(r"^(?:.*;\s*)?{pair}(?:;.*)?$")))
        });
        Match { headers: headers.chain(cookie).collect() }
    };
    all.iter().map(one).collect()
}

/// A text as a regular expression (RE2) that describes it alone.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii_punctuation() && c != '_' {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::{Value, json};

    use super::*;

    fn parsed(traffic: Value, strategy: Value) -> Result<Strategy, InvalidPolicy> {
        let spec = json!({
            "workload": { "kind": "Deployment", "name": "shop" }, "service": { "name": "shop" },
            "traffic": traffic, "strategy": strategy,
        });
        parse(&serde_json::from_value(spec).unwrap())
    }

    fn by_routes(strategy: Value) -> Vec<Step> {
        match parsed(json!({ "gatewayAPI": { "routes": [{ "name": "shop" }] } }), strategy).unwrap() {
            Strategy::Canary(steps) => steps,
            Strategy::BlueGreen { before, .. } => before.into_iter().collect(),
        }
    }

    fn weights(strategy: Value) -> Vec<u32> {
        by_routes(strategy).iter().map(|s| s.weight.percent()).collect()
    }

    #[test]
    fn the_short_form_expands_and_never_overshoots() {
        let linear = |step, max| json!({ "canary": { "linear": { "step": step, "max": max, "bake": "1m" } } });
        assert_eq!(weights(linear(20, 50)), [20, 40]);
        assert_eq!(weights(linear(50, 50)), [50]);
    }

    #[test]
    fn requests_that_match_come_before_percentages_or_beside_them() {
        let canary = json!([{ "headers": [{ "name": "x-canary", "exact": "insider" }] }]);
        let steps = by_routes(json!({ "canary": { "steps": [
            { "match": canary, "expected": 5, "bake": "1m" }, { "match": canary, "weight": 10, "bake": "1m" },
            { "weight": 50, "bake": "1m" },
        ] } }));
        let said: Vec<_> = steps.iter().map(ToString::to_string).collect();
        let expected = ["the requests that match", "the requests that match and weight 10", "weight 50"];
        assert_eq!((said, steps[0].expected, steps[1].expected), (expected.map(str::to_owned).into(), 5, 50));
        assert_eq!(
            by_routes(json!({ "ab": { "match": canary, "bake": "1m" } }))[0].picks.matches,
            steps[0].picks.matches
        );
    }

    #[test]
    fn a_cookie_is_found_wherever_it_stands_and_nothing_else_is_taken_for_it() {
        let ab = json!({ "ab": { "match": [{ "cookie": { "name": "can.ary", "value": "a+b" } }], "bake": "1m" } });
        let headers = by_routes(ab)[0].picks.matches[0].headers.clone();
        let Text::Regex(regex) = &headers["cookie"] else { panic!("{headers:?}") };
        let regex = regex::Regex::new(regex).unwrap();
        for found in ["can.ary=a+b", "x=1; can.ary=a+b", "x=1;can.ary=a+b; y=2"] {
            assert!(regex.is_match(found), "{found}");
        }
        for other in ["can-ary=a+b", "can.ary=aab", "xcan.ary=a+b", "can.ary=a+bc", "x=can.ary=a+b"] {
            assert!(!regex.is_match(other), "{other}");
        }
    }

    #[test]
    fn callers_stay_by_a_cookie_in_the_steps_that_have_a_weight() {
        let canary = json!([{ "cookie": { "name": "a", "value": "b" } }]);
        let steps = json!([{ "match": canary, "bake": "1m" }, { "match": canary, "weight": 10, "bake": "1m" }]);
        let cookies = |of: Value| -> Vec<_> {
            let strategy =
                parsed(json!({ "istio": { "virtualServices": ["shop"] } }), json!({ "canary": of })).unwrap();
            let Strategy::Canary(steps) = strategy else { panic!("{strategy:?}") };
            steps.into_iter().map(|s| s.picks.sticky.map(|s| (s.cookie, s.max_age))).collect()
        };
        let named = json!({ "cookie": { "name": "shop", "maxAge": "90s" } });
        assert_eq!(cookies(json!({ "steps": steps, "stickiness": named })), [None, Some(("shop".into(), 90))]);
        let linear = json!({ "step": 40, "max": 90, "bake": "1m" });
        let usual = Some(("sluice".to_owned(), 3600));
        assert_eq!(cookies(json!({ "linear": linear, "stickiness": { "cookie": {} } })), [usual.clone(), usual]);
    }

    #[test]
    fn copies_are_of_what_only_reads_unless_more_is_asked_for() {
        let steps = by_routes(json!({ "blueGreen": { "mirror": { "bake": "5m" } } }));
        let mirror = steps[0].picks.mirror.clone().unwrap();
        assert_eq!((mirror.percent, mirror.methods.join(" ")), (100, "GET HEAD OPTIONS".into()));
        let asked =
            json!({ "canary": { "steps": [{ "mirror": { "percent": 5, "methods": ["POST"] }, "bake": "1m" }] } });
        let mirror = by_routes(asked)[0].picks.mirror.clone().unwrap();
        assert_eq!((mirror.percent, mirror.methods.join(" ")), (5, "POST".into()));
    }

    #[test]
    fn a_plain_service_neither_matches_nor_copies() {
        let ab = json!({ "ab": { "match": [{ "cookie": { "name": "a", "value": "b" } }], "bake": "1m" } });
        let wrong = parsed(json!({ "service": {} }), ab).unwrap_err().to_string();
        assert!(wrong.contains("neither match requests nor copy them"), "{wrong}");
    }
}
