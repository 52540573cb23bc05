//! The queries of the built-in metrics on a plain Service: what the application says of itself, by the revision of its pods.
//!
//! They need the histogram `http_request_duration_seconds` with the labels `status` and `path`, and the pods' labels as Prometheus'
//! `labelmap` of `__meta_kubernetes_pod_label_(.+)` writes them. No data and bad data differ: a version that fails every request has a
//! success rate of 0, one that nobody asks has none.

use chrono::TimeDelta;

use super::Request;

/// Requests that are no caller's: probes and scrapes.
const PROBES: &str = "(.*/)?(readyz|healthz|metrics)/?";

/// The query of a built-in metric; `None` when there is none of that name.
///
/// `success-rate` is in percent, `latency-p00` to `latency-p99` in seconds.
pub fn built_in(name: &str, request: &Request) -> Option<String> {
    match name.strip_prefix("latency-p") {
        None => (name == "success-rate").then(|| success_rate(request)),
        Some(digits) => {
            let good = digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_digit());
            good.then(|| latency(request, digits))
        }
    }
}

/// A counter's growth with the first value of each series that was born within the window, which `increase` leaves out
/// (prometheus/prometheus#3886): the first error of a pod is most of what few requests can tell.
fn counted(series: &str, window: &str) -> String {
    format!(
        "((sum(increase({series}[{window}])) or vector(0)) + (sum(min_over_time({series}[{window}]) unless {series} offset {window}) or vector(0)))"
    )
}

fn success_rate(request: &Request) -> String {
    let counted = |more: &str| {
        let series = format!("http_request_duration_seconds_count{{{}{more}}}", selector(request));
        counted(&series, &window(request.window))
    };
    format!("100 * (1 - {errors} / ({all} > 0))", errors = counted(r#",status=~"5..""#), all = counted(""))
}

/// The comparison drops NaN, which is what a histogram without requests gives.
fn latency(request: &Request, digits: &str) -> String {
    let labels = selector(request);
    let window = window(request.window);
    format!(
        "histogram_quantile(0.{digits}, sum by (le) (rate(http_request_duration_seconds_bucket{{{labels}}}[{window}]))) >= 0"
    )
}

fn selector(request: &Request) -> String {
    format!(
        r#"namespace="{}",sluice_dev_policy="{}",sluice_dev_revision="{}",path!~"{PROBES}""#,
        escaped(&request.namespace),
        escaped(&request.policy),
        escaped(&request.revision),
    )
}

/// Requests per second of a revision over the window.
pub fn request_rate(request: &Request) -> String {
    format!("sum(rate(http_request_duration_seconds_count{{{}}}[{}]))", selector(request), window(request.window))
}

/// The share of a revision's requests of a day that was answered with 5xx.
pub fn error_share(request: &Request) -> String {
    let counted =
        |more: &str| counted(&format!("http_request_duration_seconds_count{{{}{more}}}", selector(request)), "1d");
    format!("{} / ({} > 0)", counted(r#",status=~"5..""#), counted(""))
}

/// The raw samples of what is counted: requests, and those answered with 5xx by their label `status`.
pub fn requests(request: &Request, range: TimeDelta) -> String {
    let both = both(request);
    format!("http_request_duration_seconds_count{{{both},path!~\"{PROBES}\"}}[{}]", window(range))
}

/// What is counted of a service's past, all versions together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Counter<'a> {
    /// All requests.
    Requests,
    /// Those answered with 5xx.
    Errors,
    /// Those within a bucket, by its bound as it is written.
    Within(&'a str),
}

/// So many of them by hour, the first value of each series that was born in an hour among them.
pub fn by_hour(request: &Request, counter: Counter, hours: u32) -> String {
    let (kind, more) = match counter {
        Counter::Requests => ("count", String::new()),
        Counter::Errors => ("count", r#",status=~"5..""#.to_owned()),
        Counter::Within(bound) => ("bucket", format!(r#",le="{}""#, escaped(bound))),
    };
    let (namespace, policy) = (escaped(&request.namespace), escaped(&request.policy));
    let labels = format!(r#"namespace="{namespace}",sluice_dev_policy="{policy}",path!~"{PROBES}"{more}"#);
    let counted = counted(&format!("http_request_duration_seconds_{kind}{{{labels}}}"), "1h");
    format!("({counted})[{hours}h:1h]")
}

/// When each pod was scraped, well or not.
pub fn scrapes(request: &Request, range: TimeDelta) -> String {
    format!("up{{{}}}[{}]", both(request), window(range))
}

/// The bounds of the buckets, one series each.
pub fn bounds(request: &Request) -> String {
    format!("count by (le) (http_request_duration_seconds_bucket{{{}}})", both(request))
}

/// The raw samples of some buckets, by their bounds as they are written.
pub fn buckets(request: &Request, bounds: &[&str], range: TimeDelta) -> String {
    let both = both(request);
    let bounds: Vec<_> = bounds.iter().map(|bound| escaped(bound).replace('+', r"\\+").replace('.', r"\\.")).collect();
    let bounds = bounds.join("|");
    format!("http_request_duration_seconds_bucket{{{both},path!~\"{PROBES}\",le=~\"{bounds}\"}}[{}]", window(range))
}

/// Both revisions; their ids are hexadecimal.
fn both(request: &Request) -> String {
    let stable = request.counting.iter().filter_map(|counting| counting.stable.as_deref());
    let revisions: Vec<_> = [request.revision.as_str()].into_iter().chain(stable).map(escaped).collect();
    format!(
        r#"namespace="{}",sluice_dev_policy="{}",sluice_dev_revision=~"{}""#,
        escaped(&request.namespace),
        escaped(&request.policy),
        revisions.join("|"),
    )
}

/// A duration as Prometheus writes it: whole seconds, else milliseconds.
pub fn window(duration: TimeDelta) -> String {
    let millis = duration.num_milliseconds();
    if millis % 1000 == 0 { format!("{}s", millis / 1000) } else { format!("{millis}ms") }
}

/// A text as it must stand inside a string of PromQL, whichever quotes that has: it cannot end the string, and between double or
/// single quotes it stands for itself.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => out.push_str(r"\\"),
            '\n' => out.push_str(r"\n"),
            '"' | '\'' | '`' => out.push_str(&format!(r"\x{:02x}", u32::from(c))),
            c if c.is_ascii_control() => out.push_str(&format!(r"\x{:02x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use analysis::ingest::UnixMillis;

    use super::*;
    use crate::metrics::{Counting, tests::request};

    #[test]
    fn the_success_rate_is_zero_when_all_fails_and_empty_without_traffic() {
        insta::assert_snapshot!(built_in("success-rate", &request()).unwrap(), @r#"100 * (1 - ((sum(increase(http_request_duration_seconds_count{namespace="shop",sluice_dev_policy="frontend",sluice_dev_revision="3f9c01d2",path!~"(.*/)?(readyz|healthz|metrics)/?",status=~"5.."}[60s])) or vector(0)) + (sum(min_over_time(http_request_duration_seconds_count{namespace="shop",sluice_dev_policy="frontend",sluice_dev_revision="3f9c01d2",path!~"(.*/)?(readyz|healthz|metrics)/?",status=~"5.."}[60s]) unless http_request_duration_seconds_count{namespace="shop",sluice_dev_policy="frontend",sluice_dev_revision="3f9c01d2",path!~"(.*/)?(readyz|healthz|metrics)/?",status=~"5.."} offset 60s) or vector(0))) / (((sum(increase(http_request_duration_seconds_count{namespace="shop",sluice_dev_policy="frontend",sluice_dev_revision="3f9c01d2",path!~"(.*/)?(readyz|healthz|metrics)/?"}[60s])) or vector(0)) + (sum(min_over_time(http_request_duration_seconds_count{namespace="shop",sluice_dev_policy="frontend",sluice_dev_revision="3f9c01d2",path!~"(.*/)?(readyz|healthz|metrics)/?"}[60s]) unless http_request_duration_seconds_count{namespace="shop",sluice_dev_policy="frontend",sluice_dev_revision="3f9c01d2",path!~"(.*/)?(readyz|healthz|metrics)/?"} offset 60s) or vector(0))) > 0))"#);
    }

    #[test]
    fn a_latency_is_a_quantile_and_never_nan() {
        insta::assert_snapshot!(built_in("latency-p99", &request()).unwrap(), @r#"histogram_quantile(0.99, sum by (le) (rate(http_request_duration_seconds_bucket{namespace="shop",sluice_dev_policy="frontend",sluice_dev_revision="3f9c01d2",path!~"(.*/)?(readyz|healthz|metrics)/?"}[60s]))) >= 0"#);
        assert!(built_in("latency-p05", &request()).unwrap().contains("histogram_quantile(0.05,"));
    }

    #[test]
    fn what_is_counted_is_asked_for_as_raw_samples_of_both_revisions() {
        let counting = Counting { after: UnixMillis(0), stable: Some("11111111".into()), both: true, past_hours: 0 };
        let request = Request { counting: Some(counting), ..request() };
        let range = TimeDelta::seconds(75);
        insta::assert_snapshot!(requests(&request, range), @r#"http_request_duration_seconds_count{namespace="shop",sluice_dev_policy="frontend",sluice_dev_revision=~"3f9c01d2|11111111",path!~"(.*/)?(readyz|healthz|metrics)/?"}[75s]"#);
        insta::assert_snapshot!(scrapes(&request, range), @r#"up{namespace="shop",sluice_dev_policy="frontend",sluice_dev_revision=~"3f9c01d2|11111111"}[75s]"#);
        insta::assert_snapshot!(bounds(&request), @r#"count by (le) (http_request_duration_seconds_bucket{namespace="shop",sluice_dev_policy="frontend",sluice_dev_revision=~"3f9c01d2|11111111"})"#);
        insta::assert_snapshot!(buckets(&request, &["0.5", "+Inf"], range), @r#"http_request_duration_seconds_bucket{namespace="shop",sluice_dev_policy="frontend",sluice_dev_revision=~"3f9c01d2|11111111",path!~"(.*/)?(readyz|healthz|metrics)/?",le=~"0\\.5|\\+Inf"}[75s]"#);
    }

    #[test]
    fn other_names_have_no_query() {
        for name in ["", "requests", "latency", "latency-p9", "latency-p999", "latency-pxx", "success-rate2"] {
            assert_eq!(built_in(name, &request()), None, "{name}");
        }
    }

    #[test]
    fn windows_are_written_in_seconds_or_milliseconds() {
        assert_eq!(window(TimeDelta::seconds(90)), "90s");
        assert_eq!(window(TimeDelta::milliseconds(1500)), "1500ms");
    }
}
