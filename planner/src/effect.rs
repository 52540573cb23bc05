//! Do the proxies give the candidate what was written into the routes? What they count tells, before a release goes on.

use analysis::{
    Counts,
    moved::{Move, Moved},
};

use crate::{
    journal::Journal,
    plan::Waiting,
    policy::{Policy, Step},
};

/// Whether a step may end, as far as the requests tell that the proxies count. Too few of them hold nothing.
pub(crate) fn open(policy: &Policy, journal: &Journal) -> Result<(), Waiting> {
    ineffective(policy, journal).map_or(Ok(()), |words| Err(Waiting::for_person("RouteIneffective", words)))
}

/// Why the step's weight is not in force, in words; `None` where it is, and where nobody can tell.
///
/// Callers may go past a route for good reasons, so what the application counts tells nothing; nor do requests that are picked out,
/// of which nobody knows how many there are.
pub(crate) fn ineffective(policy: &Policy, journal: &Journal) -> Option<String> {
    policy.analysis.as_ref().filter(|a| a.by_proxies)?;
    let k = journal.step?;
    let (step, before) = policy.steps().get(..k as usize)?.split_last()?;
    if !step.picks.is_none() {
        return None;
    }
    let change = Move::new(share(before.last()), share(Some(step))).ok()?;
    let looks = journal.analysis.looks.iter().rev().filter(|look| look.step == k);
    // All metrics of a look count the same requests.
    let (moved, seen) =
        newest(change, looks.filter_map(|l| l.samples.values().find_map(|s| s.counts)).map(|c| c.counts));
    let (candidate, all) = (seen.canary.requests(), seen.requests());
    (moved == Moved::No).then(|| {
        format!(
            "the routes are written to give {} %, and the proxies gave {:.1} % ({candidate} of the last {all} requests), as before this step: look for another route or VirtualService for the same host, for callers that go past this one, and for a control plane that is down",
            step.weight.percent(),
            100.0 * candidate as f64 / all as f64,
        )
    })
}

/// A step's share of all requests; nothing before the first.
fn share(step: Option<&Step>) -> f64 {
    step.map_or(0.0, |s| f64::from(s.weight.percent()) / 100.0)
}

/// What the newest requests say, as many of them as it takes to tell, with their counts. What was so in the beginning of a step does
/// not speak against what is so now.
fn newest(change: Move, looks: impl Iterator<Item = Counts>) -> (Moved, Counts) {
    let mut seen = Counts::default();
    for counts in looks {
        seen = seen.and(counts);
        let moved = change.judge(seen.canary.requests(), seen.requests());
        if moved != Moved::Unknown {
            return (moved, seen);
        }
    }
    (Moved::Unknown, seen)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use analysis::Arm;

    use super::*;

    fn counts(candidate: u64, rest: u64) -> Counts {
        Counts::new(Arm::new(candidate, 0).unwrap(), Arm::new(rest, 0).unwrap())
    }

    /// Numbers from 0 to 1, the same for a seed (SplitMix64).
    fn random(state: &mut u64) -> f64 {
        *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = *state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// A look at so many requests, of which each goes to the candidate with this probability.
    fn drawn(state: &mut u64, requests: u64, share: f64) -> Counts {
        let candidate = (0..requests).filter(|_| random(state) < share).count() as u64;
        counts(candidate, requests - candidate)
    }

    fn told(change: Move, looks: &[Counts]) -> Moved {
        newest(change, looks.iter().rev().copied()).0
    }

    #[test]
    fn an_honest_share_is_hardly_ever_doubted_and_then_not_for_long() {
        const RELEASES: u64 = 400;
        const LOOKS: usize = 40;
        for (from, to, requests) in [(0.0, 0.01, 50), (0.0, 0.2, 10), (0.05, 0.1, 50), (0.2, 0.5, 10), (0.5, 0.9, 10)] {
            let change = Move::new(from, to).unwrap();
            let (mut doubts, mut lasting) = (0, 0);
            for seed in 0..RELEASES {
                let (mut state, mut looks, mut row) = (seed, Vec::new(), 0);
                for _ in 0..LOOKS {
                    looks.push(drawn(&mut state, requests, to));
                    row = if told(change, &looks) == Moved::No { row + 1 } else { 0 };
                    doubts += u64::from(row > 0);
                    lasting = lasting.max(row);
                }
            }
            let rate = doubts as f64 / (RELEASES * LOOKS as u64) as f64;
            println!("{from} to {to}: {:.2} % of the looks doubt it, at most {lasting} in a row", 100.0 * rate);
            assert!(rate <= 0.01 && lasting < LOOKS / 2, "{from} to {to}: {rate}, {lasting} in a row");
        }
    }

    #[test]
    fn a_share_that_never_came_is_seen_and_one_that_comes_late_is_believed() {
        let change = Move::new(0.2, 0.5).unwrap();
        let mut state = 7;
        let mut looks: Vec<_> = (0..50).map(|_| drawn(&mut state, 100, 0.2)).collect();
        assert_eq!(told(change, &looks), Moved::No);
        looks.push(drawn(&mut state, 100, 0.5));
        assert_eq!(told(change, &looks), Moved::Yes, "5000 requests of before do not weigh on it");
    }

    #[test]
    fn without_requests_nobody_can_tell() {
        let change = Move::new(0.0, 0.2).unwrap();
        assert_eq!(told(change, &[]), Moved::Unknown);
        assert_eq!(told(change, &[counts(0, 0), counts(0, 9)]), Moved::Unknown);
    }
}
