//! The queries of the built-in metrics, whoever counts the requests.
//!
//! The application's own need the histogram `http_request_duration_seconds` with the labels `status` and `path`, and the pods' labels
//! as Prometheus' `labelmap` of `__meta_kubernetes_pod_label_(.+)` writes them; what proxies count is in the [`View`]. No data and bad
//! data differ: a version that fails every request has a success rate of 0, one that nobody asks has none.

use chrono::{DateTime, TimeDelta, Utc};

use super::{
    Request,
    view::{View, Whose},
};

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

/// Counters' growth with the first value of each series that was born within the window, which `increase` leaves out
/// (prometheus/prometheus#3886): the first error of a pod is most of what few requests can tell.
///
/// A revision's pods are younger than what is asked about them. A proxy may be older than its first scrape, and all that it has ever
/// counted would be taken for new: its series counts as born only if it was scraped before without it.
fn counted(view: &View, series: &[String], window: &str) -> String {
    let scraped =
        if view.is_of_pods() { String::new() } else { format!(" and on (job, instance) (up offset {window} == 1)") };
    let counted = series.iter().map(|series| {
        format!(
            "((sum(increase({series}[{window}])) or vector(0)) + (sum(min_over_time({series}[{window}]) unless {series} offset {window}{scraped}) or vector(0)))"
        )
    });
    let counted: Vec<_> = counted.collect();
    if let [one] = counted.as_slice() { one.clone() } else { format!("({})", counted.join(" + ")) }
}

fn success_rate(request: &Request) -> String {
    let (view, window) = (View::of(request), window(request.window));
    let errors = counted(view, &view.failed(Whose::Measured, request), &window);
    let all = counted(view, &[view.requests(Whose::Measured, request, "")], &window);
    format!("100 * (1 - {errors} / ({all} > 0))")
}

/// The comparison drops NaN, which is what a histogram without requests gives.
fn latency(request: &Request, digits: &str) -> String {
    let view = View::of(request);
    let buckets = view.buckets(Whose::Measured, request, "");
    let seconds = if view.per_second == 1.0 { String::new() } else { format!(" / {}", view.per_second) };
    let window = window(request.window);
    format!("histogram_quantile(0.{digits}, sum by (le) (rate({buckets}[{window}]))){seconds} >= 0")
}

/// Requests per second of a revision over the window.
pub fn request_rate(request: &Request) -> String {
    let requests = View::of(request).requests(Whose::Measured, request, "");
    format!("sum(rate({requests}[{}]))", window(request.window))
}

/// The share of a revision's requests of a day that failed.
pub fn error_share(request: &Request) -> String {
    let view = View::of(request);
    let errors = counted(view, &view.failed(Whose::Measured, request), "1d");
    let all = counted(view, &[view.requests(Whose::Measured, request, "")], "1d");
    format!("{errors} / ({all} > 0)")
}

/// The raw samples of what is counted: requests, failed ones among them.
pub fn requests(request: &Request, range: TimeDelta) -> String {
    format!("{}[{}]", View::of(request).requests(Whose::Both, request, ""), window(range))
}

/// What is counted of a service's past, all versions together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Counter<'a> {
    /// All requests.
    Requests,
    /// Those that failed.
    Errors,
    /// Those within a bucket, by its bound as it is written.
    Within(&'a str),
}

/// So many of them by hour, the first value of each series that was born in an hour among them.
pub fn by_hour(request: &Request, counter: Counter, hours: u32) -> String {
    let view = View::of(request);
    let series = match counter {
        Counter::Requests => vec![view.requests(Whose::All, request, "")],
        Counter::Errors => view.failed(Whose::All, request),
        Counter::Within(bound) => {
            vec![view.buckets(Whose::All, request, &format!(r#"le="{}""#, escaped(bound)))]
        }
    };
    format!("({})[{hours}h:1h]", counted(view, &series, "1h"))
}

/// When each pod was scraped, well or not.
pub fn scrapes(request: &Request, range: TimeDelta) -> String {
    format!("up{{{}}}[{}]", View::of(request).versions(Whose::Both, request), window(range))
}

/// When each proxy that knows the versions was first scraped well within a range that ends at a time, in seconds since 1970. Only the
/// beginning of the range, `before`, is looked at: who was not scraped there is taken as unknown.
pub fn first_scrapes(request: &Request, range: TimeDelta, before: TimeDelta, at: DateTime<Utc>) -> String {
    let requests = View::of(request).requests(Whose::Both, request, "");
    let since = (at - range).timestamp_millis();
    // The time of a scrape itself, and never one from before the range: samples of that scrape would not be in it.
    let scraped = format!("timestamp(up) > {}.{:03} and up == 1", since.div_euclid(1000), since.rem_euclid(1000));
    let (range, step, later, before) = (window(range), window(before / 5), window(range - before), window(before));
    format!(
        "min_over_time(({scraped})[{before}:{step}] offset {later}) and on (job, instance) group by (job, instance) (last_over_time({requests}[{range}]))"
    )
}

/// The bounds of the buckets, one series each.
pub fn bounds(request: &Request) -> String {
    format!("count by (le) ({})", View::of(request).bounds(request))
}

/// The raw samples of some buckets, by their bounds as they are written.
pub fn buckets(request: &Request, bounds: &[&str], range: TimeDelta) -> String {
    let bounds = bounds.iter().map(|bound| literal(bound)).collect::<Vec<_>>().join("|");
    let buckets = View::of(request).buckets(Whose::Both, request, &format!(r#"le=~"{bounds}""#));
    format!("{buckets}[{}]", window(range))
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

/// The same inside a regular expression: it matches itself.
pub fn literal(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if r"\.+*?()|[]{}^$".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    escaped(&out)
}

#[cfg(test)]
#[path = "queries_tests.rs"]
mod tests;
