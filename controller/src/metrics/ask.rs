//! One query to one Prometheus, and what its answer is worth.
//!
//! The types of the answer are prometheus-http-query's; the request is our own, since that crate reads bodies of any length and puts
//! the server's words into its errors.

use analysis::{Reason, Sample};
use chrono::{DateTime, Utc};
use prometheus_http_query::response::{Data, InstantVector, RangeVector};
use reqwest::{Response, StatusCode};
use serde::Deserialize;
use tracing::{Instrument as _, debug_span, field::Empty};

use super::{Lack, misconfigured, provider, source::Endpoint, unknown};
use crate::outbound::{cause, egress::Refused};

/// The longest answer that is read where one number is asked for.
const LONGEST: usize = 1024 * 1024;
/// The longest one with raw samples of two versions.
const LONGEST_SAMPLES: usize = 32 * 1024 * 1024;

/// What the server says.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    status: String,
    data: Option<Data>,
    /// VictoriaMetrics: not all of its storage answered.
    #[serde(default)]
    is_partial: bool,
}

/// Asks for one number at one time.
pub(super) async fn ask(endpoint: &Endpoint, query: &str, at: DateTime<Utc>) -> Sample {
    let hint = "the query must give one number";
    match answer(endpoint, query, at, (LONGEST, hint)).await {
        Ok(data) => sample(&data),
        Err(lack) => unknown(&lack),
    }
}

/// Asks for the samples of series in a range that ends at one time.
///
/// # Errors
/// The server cannot be asked, or it answers something else.
pub(super) async fn samples(endpoint: &Endpoint, query: &str, at: DateTime<Utc>) -> Result<Vec<RangeVector>, Lack> {
    let hint = "there are too many series to count, one for each pod, or proxy, and path; drop labels that are not needed, or use mode.threshold";
    match answer(endpoint, query, at, (LONGEST_SAMPLES, hint)).await? {
        Data::Matrix(series) => Ok(series),
        _ => {
            Err(provider(format!("{} answered no samples where a range was asked for: check its url", endpoint.title)))
        }
    }
}

/// Asks for one value each of several series.
///
/// # Errors
/// The server cannot be asked, or it answers something else.
pub(super) async fn series(endpoint: &Endpoint, query: &str, at: DateTime<Utc>) -> Result<Vec<InstantVector>, Lack> {
    match answer(endpoint, query, at, (LONGEST, "there are too many series")).await? {
        Data::Vector(series) => Ok(series),
        _ => Err(provider(format!("{} answered no series where some were asked for: check its url", endpoint.title))),
    }
}

/// Asks within a span, by the names of <https://opentelemetry.io/docs/specs/semconv/database/database-spans/>.
async fn answer(endpoint: &Endpoint, query: &str, at: DateTime<Utc>, longest: (usize, &str)) -> Result<Data, Lack> {
    let span = debug_span!(
        "query",
        otel.kind = "client",
        otel.status_code = Empty,
        otel.status_description = Empty,
        db.system.name = "prometheus",
        db.query.text = query,
    );
    let answer = answered(endpoint, query, at, longest).instrument(span.clone()).await;
    if let Err(lack) = &answer {
        span.record("otel.status_code", "ERROR").record("otel.status_description", &lack.detail);
    }
    answer
}

async fn answered(endpoint: &Endpoint, query: &str, at: DateTime<Utc>, longest: (usize, &str)) -> Result<Data, Lack> {
    let millis = at.timestamp_millis();
    let time = format!("{}.{:03}", millis.div_euclid(1000), millis.rem_euclid(1000));
    // Thanos would else leave out the stores that are down, and say a number all the same.
    let request = endpoint.get(&[("query", query), ("time", &time), ("partial_response", "false")]);
    let response = request.send().await.map_err(|error| unreachable(endpoint, &error))?;
    if response.status() != StatusCode::OK {
        return Err(refusal(endpoint, response.status()));
    }
    let body = body(endpoint, response, longest).await?;
    let title = &endpoint.title;
    let answer: Answer = serde_json::from_slice(&body).map_err(|_| {
        let what = if body.trim_ascii_start().first() == Some(&b'<') { "a web page" } else { "something else" };
        provider(format!("{title} answered {what} instead of Prometheus' JSON: check its url"))
    })?;
    match answer.data {
        Some(_) if answer.is_partial => Err(provider(format!("{title} answered with a part of its data only"))),
        Some(data) if answer.status == "success" => Ok(data),
        _ => Err(provider(format!("{title} answered that the query failed: try it on its own page"))),
    }
}

/// The body, as long as it is not too long.
async fn body(endpoint: &Endpoint, mut response: Response, (longest, hint): (usize, &str)) -> Result<Vec<u8>, Lack> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(endpoint, &error))? {
        if body.len() + chunk.len() > longest {
            let most = longest / 1024 / 1024;
            return Err(provider(format!("{} answered with more than {most} MiB: {hint}", endpoint.title)));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn sample(data: &Data) -> Sample {
    match data {
        Data::Scalar(one) => Sample::value(one.value()),
        Data::Vector(series) => match series.as_slice() {
            [] => Sample::unknown(Reason::NoData, "the query gave no series: no traffic, or nothing is scraped"),
            [one] => Sample::value(one.sample().value()),
            many => Sample::unknown(
                Reason::ManySeries,
                format!("the query gave {} series where one number is needed: sum them up", many.len()),
            ),
        },
        Data::Matrix(_) => unknown(&misconfigured("the query gives a range where one number is needed: aggregate it")),
    }
}

fn refusal(endpoint: &Endpoint, status: StatusCode) -> Lack {
    let hint = match status.as_u16() {
        300..=399 => "a redirect, and none is followed: put the final address into url",
        400 | 422 => "the query is refused: try it on the server's own page",
        401 | 403 | 407 => "the credentials are refused: check bearerToken, basicAuth and headers",
        404 | 405 => "there is no query API: url must be the address up to but without /api/v1",
        429 => "there are too many queries: ask less often or raise its limit",
        _ => "see the server's log",
    };
    provider(format!("{} answered {}: {hint}", endpoint.title, status.as_u16()))
}

/// Says what is wrong with the way to the server, in our own words.
fn unreachable(endpoint: &Endpoint, error: &reqwest::Error) -> Lack {
    let title = &endpoint.title;
    if let Some(refused) = cause::<Refused>(error) {
        let lack = if matches!(refused, Refused::Address(_)) { misconfigured } else { provider };
        return lack(format!("cannot ask {title}: {refused}"));
    }
    if cause::<rustls::Error>(error).is_some() {
        return provider(format!(
            "cannot ask {title}: no trust could be established by TLS; give the authority that signed its certificate in ca"
        ));
    }
    if error.is_timeout() {
        return provider(format!("{title} did not answer within {:?}", endpoint.timeout));
    }
    let why = cause::<std::io::Error>(error).map(|io| format!(": {}", io.kind())).unwrap_or_default();
    let what = if error.is_connect() { "cannot connect to" } else { "got no whole answer from" };
    provider(format!("{what} {title}{why}"))
}
