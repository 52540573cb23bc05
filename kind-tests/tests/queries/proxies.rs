//! What proxies tell, over series as they write them: `recorded/` says which were recorded and which are by documentation.

use analysis::ingest::UnixMillis;
use anyhow::{Context, Result};
use chrono::{DateTime, TimeDelta};
use controller::metrics::{
    Counting, Request, Services,
    queries::{self, Counter, built_in},
};
use serde_json::{Value, json};

use crate::{GROWN, NOW, evaluates, series};

/// How far back queries reach, in seconds.
const WINDOW: i64 = 10;
/// Samples of a second each, of a counter that is born within the window, in promtool's notation.
const BORN: &str = "_x24 Nx5";

/// What one kind of proxy has counted, and what is to be made of it.
struct Proxy {
    measured_by: &'static str,
    recorded: &'static str,
    /// Requests and failed ones, of the candidate.
    candidate: (f64, f64),
    /// Behind the Service that callers use.
    callers: (f64, f64),
    /// Of all versions that there were.
    all: (f64, f64),
    /// The 90 % quantile of the candidate, in milliseconds.
    p90: f64,
    /// Series of both versions.
    series: f64,
}

const PROXIES: [Proxy; 4] = [
    // The three requests for a Service without pods are nobody's here ...
    Proxy {
        measured_by: "EnvoyGateway",
        recorded: include_str!("recorded/envoy-gateway.txt"),
        candidate: (17.0, 5.0),
        callers: (42.0, 13.0),
        all: (59.0, 18.0),
        p90: 575.0,
        series: 18.0,
    },
    // ... and here they are failures of that Service.
    Proxy {
        measured_by: "Istio",
        recorded: include_str!("recorded/istio.txt"),
        candidate: (24.0, 9.0),
        callers: (59.0, 17.0),
        all: (86.0, 29.0),
        p90: 450.0,
        series: 24.0,
    },
    Proxy {
        measured_by: "Linkerd",
        recorded: include_str!("recorded/linkerd.txt"),
        candidate: (25.0, 6.0),
        callers: (62.0, 2.0),
        all: (87.0, 8.0),
        p90: 800.0,
        series: 9.0,
    },
    Proxy {
        measured_by: "Traefik",
        recorded: include_str!("recorded/traefik.txt"),
        candidate: (16.0, 3.0),
        callers: (61.0, 1.0),
        all: (77.0, 4.0),
        p90: 840.0,
        series: 8.0,
    },
];

impl Proxy {
    /// About a step, half a minute after the first sample.
    fn request(&self) -> Result<Request> {
        let metrics = json!([{ "name": "success-rate", "objective": { "min": 99 } }]);
        let counting = Counting { after: UnixMillis(0), stable: Some("11111111".into()), both: true, past_hours: 24 };
        Ok(Request {
            namespace: "metrics".into(),
            policy: "shop".into(),
            workload: "shop".into(),
            service: "shop".into(),
            revision: "3f9c01d2".into(),
            services: Services::in_a_step("shop", "3f9c01d2", "shop"),
            window: TimeDelta::seconds(WINDOW),
            at: DateTime::from_timestamp(30, 0).context("a time")?,
            analysis: serde_json::from_value(json!({ "measuredBy": self.measured_by, "metrics": metrics }))?,
            counting: Some(counting),
        })
    }

    /// About the time after the switch.
    fn switched(&self) -> Result<Request> {
        Ok(Request { services: Services::alone("shop"), ..self.request()? })
    }

    fn series(&self, samples: &str) -> Vec<Value> {
        series(self.recorded, samples)
    }

    /// The same, and `up` of the proxies.
    fn scraped(&self, samples: &str, up: &str) -> Vec<Value> {
        let label = |series: &str, name: &str| {
            let (_, rest) = series.split_once(&format!("{name}=\""))?;
            rest.split_once('"').map(|(value, _)| format!("{name}=\"{value}\""))
        };
        let mut series = self.series(samples);
        let known = series.iter().filter_map(|s| s["series"].as_str());
        let targets = known.filter_map(|s| Some(format!("up{{{},{}}}", label(s, "job")?, label(s, "instance")?)));
        let targets: std::collections::BTreeSet<_> = targets.collect();
        series.extend(targets.iter().map(|target| json!({ "series": target, "values": up })));
        series
    }

    fn says(&self, test: &str, query: &str, series: &[Value], expected: Option<f64>) -> Result<()> {
        let test = format!("{}_{test}", self.measured_by);
        evaluates(&test, query, ("1s", NOW), series, expected).with_context(|| format!("{test}: {query}"))
    }
}

/// In thousandths of a percent, so that nothing hangs on the last digit.
fn success((requests, failed): (f64, f64)) -> Option<f64> {
    Some((100_000.0 * (1.0 - failed / requests)).round())
}

fn success_rate(request: &Request) -> Result<String> {
    let query = built_in("success-rate", request).context("a query")?;
    Ok(format!("round({query} * 1000)"))
}

#[test]
fn each_version_is_known_by_the_service_that_leads_to_it() -> Result<()> {
    for proxy in &PROXIES {
        let series = proxy.series(GROWN);
        proxy.says("candidate", &success_rate(&proxy.request()?)?, &series, success(proxy.candidate))?;
        proxy.says("switched", &success_rate(&proxy.switched()?)?, &series, success(proxy.callers))?;
    }
    Ok(())
}

#[test]
fn a_latency_is_in_seconds_whatever_unit_a_proxy_has() -> Result<()> {
    for proxy in &PROXIES {
        let query = built_in("latency-p90", &proxy.request()?).context("a query")?;
        let milliseconds = format!("round(({query}) * 1000)");
        proxy.says("latency", &milliseconds, &proxy.series(GROWN), Some(proxy.p90))?;
        proxy.says("latency_idle", &query, &proxy.series("Nx30"), None)?;
    }
    Ok(())
}

#[test]
fn the_first_requests_of_a_version_count_at_a_proxy_that_was_scraped_before() -> Result<()> {
    for proxy in &PROXIES {
        let query = success_rate(&proxy.request()?)?;
        proxy.says("born", &query, &proxy.scraped(BORN, "1x30"), success(proxy.candidate))?;
    }
    Ok(())
}

#[test]
fn what_a_proxy_ever_counted_is_not_new_because_prometheus_begins_to_scrape_it() -> Result<()> {
    for proxy in &PROXIES {
        let query = success_rate(&proxy.request()?)?;
        for (test, up) in [("found", "_x24 1x5"), ("back", "1x10 0x13 1x5")] {
            proxy.says(test, &query, &proxy.scraped(BORN, up), None)?;
        }
        proxy.says("unknown", &query, &proxy.series(BORN), None)?;
    }
    Ok(())
}

#[test]
fn a_version_that_nobody_asks_says_nothing_and_one_that_only_fails_has_a_rate_of_zero() -> Result<()> {
    for proxy in &PROXIES {
        let request = proxy.request()?;
        let query = success_rate(&request)?;
        proxy.says("idle", &query, &proxy.series("Nx30"), None)?;
        proxy.says("nothing", &query, &[], None)?;
        let failed = |code: &str| ["=\"500\"", "=\"503\""].iter().any(|status| code.contains(status));
        let only_failed: Vec<_> =
            proxy.series(GROWN).into_iter().filter(|s| s["series"].as_str().is_some_and(failed)).collect();
        proxy.says("only_failed", &query, &only_failed, Some(0.0))?;
    }
    Ok(())
}

#[test]
fn raw_samples_are_those_of_both_versions_each_request_once() -> Result<()> {
    let range = TimeDelta::seconds(WINDOW);
    for proxy in &PROXIES {
        let (request, series) = (proxy.request()?, proxy.series(GROWN));
        let samples = format!("sum(count_over_time({}))", queries::requests(&request, range));
        proxy.says("raw", &samples, &series, Some(proxy.series * WINDOW as f64))?;
        let counted = format!("sum(last_over_time({}))", queries::requests(&request, range));
        proxy.says("counted", &counted, &series, Some(proxy.candidate.0 + proxy.callers.0))?;
        proxy.says("bounds", &format!("count({})", queries::bounds(&request)), &series, Some(3.0))?;
    }
    Ok(())
}

#[test]
fn a_proxy_is_known_to_have_been_scraped_by_a_scrape_within_the_range_only() -> Result<()> {
    let (range, before) = (TimeDelta::seconds(20), TimeDelta::seconds(10));
    for proxy in &PROXIES {
        let request = proxy.request()?;
        let query = queries::first_scrapes(&request, range, before, request.at);
        let first = format!("max({query})");
        // The range is 10 s to 30 s, of which 10 s to 20 s are looked at, each 2 s.
        proxy.says("since_long", &first, &proxy.scraped(BORN, "1x30"), Some(12.0))?;
        proxy.says("well", &first, &proxy.scraped(BORN, "0x14 1x15"), Some(16.0))?;
        // A sample of before the range stays in sight, and says nothing about series of which the samples are out of it.
        proxy.says("before", &query, &proxy.scraped(BORN, "1x9 _x20"), None)?;
        proxy.says("never", &query, &proxy.series(BORN), None)?;
        let others = [json!({ "series": r#"up{job="pods",instance="other:80"}"#, "values": "1x30" })];
        proxy.says("others", &query, &[&proxy.series(BORN)[..], &others].concat(), None)?;
    }
    Ok(())
}

#[test]
fn an_hour_of_the_past_is_that_of_all_versions_and_of_proxies_that_were_known() -> Result<()> {
    // A sample each five minutes for three hours.
    let (hours, born) = (("5m", "3h"), "_x18 Nx18");
    for proxy in &PROXIES {
        let request = proxy.request()?;
        let sum = |counter: Counter| format!("round(sum_over_time({}))", queries::by_hour(&request, counter, 24));
        let says = |test: &str, counter: Counter, up: &str, expected: f64| {
            let test = format!("{}_{test}", proxy.measured_by);
            evaluates(&test, &sum(counter), hours, &proxy.scraped(born, up), Some(expected)).context(test)
        };
        says("past_requests", Counter::Requests, "1x36", proxy.all.0)?;
        says("past_errors", Counter::Errors, "1x36", proxy.all.1)?;
        says("past_found", Counter::Requests, "_x18 1x18", 0.0)?;
    }
    Ok(())
}

#[test]
fn what_is_usual_is_that_of_the_service_that_callers_use() -> Result<()> {
    for proxy in &PROXIES {
        let request = proxy.switched()?;
        let (requests, failed) = proxy.callers;
        let share = format!("round({} * 100000)", queries::error_share(&request));
        proxy.says("usual_errors", &share, &proxy.series(GROWN), Some((failed / requests * 100_000.0).round()))?;
        let rate = format!("round({} * 10)", queries::request_rate(&request));
        proxy.says("usual_requests", &rate, &proxy.series(GROWN), Some(requests))?;
    }
    Ok(())
}
