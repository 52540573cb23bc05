//! What the environment asks for, by the names of
//! <https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>.

use std::time::Duration;

use reqwest::Url;

const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];
const PROTOCOLS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"];
const TIMEOUTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT"];
const CERTIFICATES: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "OTEL_EXPORTER_OTLP_CERTIFICATE"];

/// Where spans are sent, and how long that may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The whole address.
    pub endpoint: Url,
    /// For one request.
    pub timeout: Duration,
    /// A file with the authorities to trust, as PEM; without it those of browsers and of the system.
    pub certificates: Option<String>,
}

/// A variable says something that cannot be done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}={value}: {remedy}")]
pub struct Unusable {
    /// The variable.
    pub name: &'static str,
    /// What it says.
    pub value: String,
    /// What to write instead.
    pub remedy: &'static str,
}

impl Settings {
    /// What the variables ask for; nothing where no endpoint is given, or traces are switched off.
    ///
    /// # Errors
    /// One of them asks for something that cannot be done.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, Unusable> {
        let value = |name: &str| variable(name).map(|v| v.trim().to_owned()).filter(|v| !v.is_empty());
        let first = |names: [&'static str; 2]| names.into_iter().find_map(|name| Some((name, value(name)?)));
        let off = value("OTEL_SDK_DISABLED").is_some_and(|v| v.eq_ignore_ascii_case("true"))
            || value("OTEL_TRACES_EXPORTER").is_some_and(|v| v == "none");
        let Some((name, endpoint)) = first(ENDPOINTS).filter(|_| !off) else { return Ok(None) };
        let url = Url::parse(&endpoint).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        let Some(mut url) = url else {
            let remedy = "write an http or https address, such as http://otel-collector.monitoring:4318";
            return Err(Unusable { name, value: endpoint, remedy });
        };
        if name == ENDPOINTS[1] {
            let path = format!("{}/v1/traces", url.path().trim_end_matches('/'));
            url.set_path(&path);
        }
        if let Some((name, value)) = first(PROTOCOLS).filter(|(_, value)| value != "http/protobuf") {
            let remedy = "Sluice sends http/protobuf only: remove the variable, and name the receiver's port for HTTP, usually 4318";
            return Err(Unusable { name, value, remedy });
        }
        let timeout = match first(TIMEOUTS) {
            None => 10_000,
            Some((name, value)) => {
                let remedy = "write a number of milliseconds above 0, such as 10000";
                let read = value.parse().ok().filter(|millis| *millis > 0);
                read.ok_or(Unusable { name, value, remedy })?
            }
        };
        let certificates = first(CERTIFICATES).map(|(_, path)| path);
        Ok(Some(Self { endpoint: url, timeout: Duration::from_millis(timeout), certificates }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Option<Settings>, Unusable> {
        Settings::read(|name| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned()))
    }

    fn endpoint(variables: &[(&str, &str)]) -> String {
        read(variables).unwrap().unwrap().endpoint.to_string()
    }

    #[test]
    fn nobody_who_asks_for_no_traces_gets_any() {
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&[("OTEL_EXPORTER_OTLP_ENDPOINT", " ")]), Ok(None));
        let there = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318");
        assert_eq!(read(&[there, ("OTEL_SDK_DISABLED", "TRUE")]), Ok(None));
        assert_eq!(read(&[there, ("OTEL_TRACES_EXPORTER", "none")]), Ok(None));
    }

    #[test]
    fn the_path_is_added_to_the_endpoint_of_all_signals_and_not_to_that_of_traces() {
        let all = |url| endpoint(&[("OTEL_EXPORTER_OTLP_ENDPOINT", url)]);
        assert_eq!(all("http://collector:4318"), "http://collector:4318/v1/traces");
        assert_eq!(all("https://collector/otlp/"), "https://collector/otlp/v1/traces");
        let both = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://other:4318"),
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://collector:4318/spans"),
        ];
        assert_eq!(endpoint(&both), "http://collector:4318/spans");
    }

    #[test]
    fn what_cannot_be_done_is_refused_with_what_to_write_instead() {
        let there = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318");
        let cases = [
            (vec![("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317")], "http or https address"),
            (vec![("OTEL_EXPORTER_OTLP_ENDPOINT", "collector")], "http or https address"),
            (vec![there, ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")], "http/protobuf only"),
            (vec![there, ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s")], "number of milliseconds"),
            (vec![there, ("OTEL_EXPORTER_OTLP_TIMEOUT", "0")], "number of milliseconds"),
        ];
        for (variables, remedy) in cases {
            let error = read(&variables).unwrap_err().to_string();
            assert!(error.contains(remedy) && error.contains(variables.last().unwrap().1), "{error}");
        }
    }

    #[test]
    fn what_is_said_of_traces_goes_before_what_is_said_of_all() {
        let variables = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "2000"),
            ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "3000"),
            ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/etc/ca.crt"),
        ];
        let settings = read(&variables).unwrap().unwrap();
        assert_eq!(settings.timeout, Duration::from_secs(3));
        assert_eq!(settings.certificates.as_deref(), Some("/etc/ca.crt"));
    }
}
