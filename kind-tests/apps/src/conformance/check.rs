//! One check in one line: `NAME: METHOD PATH [BODY] -> STATUS [EXPECTATION]...`.
//!
//! ```text
//! ready: GET /readyz -> 200
//! right version: GET /version -> 200 json:/version=${EXPECTED_VERSION}
//! echo reaches the backend: POST /echo {"a": 1} -> 2xx json:/0/version=6.9.1 not-contains:"call failed"
//! ```
//!
//! The name ends at the first `: `, the request at the first ` -> `. Expectations are words; one with spaces
//! is written in double quotes, in which `\"` and `\\` stand for themselves.

use hyper::Method;

use super::expect::{Expectation, Status};
use super::variables::substitute;

/// A request and what is expected of its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What it shows, in the output.
    pub name: String,
    /// The request's method.
    pub method: Method,
    /// The request's path with query, appended to the base's.
    pub path: String,
    /// The request's body, empty if there is none.
    pub body: String,
    /// The expected status.
    pub status: Status,
    /// What else is expected.
    pub expectations: Vec<Expectation>,
}

impl Check {
    /// Parses a check and replaces the variables in path, body and expectations.
    ///
    /// # Errors
    ///
    /// Says which part is missing or wrong.
    pub fn parse(text: &str, value: &dyn Fn(&str) -> Option<String>) -> Result<Check, String> {
        let wrong = |what: &str| format!("{what} in {text:?}; write NAME: METHOD PATH [BODY] -> STATUS ...");
        let (name, rest) = text.split_once(": ").ok_or_else(|| wrong("no \": \" after a name"))?;
        let (request, expected) = rest.split_once(" -> ").ok_or_else(|| wrong("no \" -> \""))?;
        let name = name.trim();
        if name.is_empty() {
            return Err(wrong("an empty name"));
        }
        let (method, target) = request.trim().split_once(' ').ok_or_else(|| wrong("no path"))?;
        let method = method.parse().ok().filter(|_| method.chars().all(|c| c.is_ascii_uppercase()));
        let method: Method = method.ok_or_else(|| wrong("no method in capitals"))?;
        let target = target.trim();
        let (path, body) = target.split_once(' ').unwrap_or((target, ""));
        if !path.starts_with('/') {
            return Err(wrong("a path that does not begin with /"));
        }
        let mut words = words(expected).map_err(|what| wrong(&what))?.into_iter();
        let status = words.next().ok_or_else(|| wrong("no status"))?;
        let expectations = words.map(|word| Expectation::parse(&substitute(&word, value)?));
        Ok(Check {
            name: name.to_owned(),
            method,
            path: substitute(path, value)?,
            body: substitute(body.trim(), value)?,
            status: status.parse().map_err(|what: String| wrong(&what))?,
            expectations: expectations.collect::<Result<_, String>>().map_err(|what| wrong(&what))?,
        })
    }
}

/// Splits at spaces outside of double quotes.
fn words(text: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            '\\' if quoted => word.get_or_insert_default().extend(letters.next()),
            ' ' if !quoted => words.extend(word.take()),
            other => word.get_or_insert_default().push(other),
        }
    }
    if quoted {
        return Err("a quote that is not closed".to_owned());
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Check, String> {
        Check::parse(text, &|name| (name == "V").then(|| "6.9.1 beta".to_owned()))
    }

    #[test]
    fn the_shortest_check_is_a_request_and_a_status() {
        let check = parse("ready: GET /readyz -> 200").unwrap();
        assert_eq!((check.name.as_str(), check.method, check.path.as_str()), ("ready", Method::GET, "/readyz"));
        assert_eq!((check.body.as_str(), check.expectations.len()), ("", 0));
        assert_eq!(check.status, "200".parse().unwrap());
    }

    #[test]
    fn a_body_may_have_spaces_and_colons() {
        let check = parse(r#"echo: it works: POST /echo?x=1 {"a": "b c"} -> 2xx"#);
        assert!(check.is_err(), "the name ends at the first colon and space");
        let check = parse(r#"echo works: POST /echo?x=1 {"a": "b c"} -> 2xx"#).unwrap();
        assert_eq!((check.path.as_str(), check.body.as_str()), ("/echo?x=1", r#"{"a": "b c"}"#));
    }

    #[test]
    fn expectations_are_words_that_may_be_quoted() {
        let text = r#"e: GET / -> 200 json:/a=1 contains:"two words" "not-contains:say \"x\"""#;
        let want = [
            Expectation::Json { pointer: "/a".into(), value: "1".into() },
            Expectation::Contains("two words".into()),
            Expectation::NotContains("say \"x\"".into()),
        ];
        assert_eq!(parse(text).unwrap().expectations, want);
    }

    #[test]
    fn a_variable_with_spaces_stays_one_word() {
        let check = parse("v: GET /v/${V} -> 200 json:/version=${V}").unwrap();
        let want = Expectation::Json { pointer: "/version".into(), value: "6.9.1 beta".into() };
        assert_eq!(check.expectations, [want]);
        assert_eq!(check.path, "/v/6.9.1 beta");
        assert!(parse("v: GET / -> 200 contains:${UNSET}").unwrap_err().contains("${UNSET} is not set"));
    }

    #[test]
    fn what_is_missing_is_named() {
        for (text, what) in [
            ("GET /readyz -> 200", "no \": \""),
            ("a: GET /readyz 200", "no \" -> \""),
            ("a: GET -> 200", "no path"),
            ("a: get / -> 200", "method"),
            ("a: GET readyz -> 200", "begin with /"),
            ("a: GET / ->  ", "no status"),
            ("a: GET / -> OK", "status"),
            ("a: GET / -> 200 contains:\"x", "quote"),
            ("a: GET / -> 200 has:x", "has:x"),
            (" : GET / -> 200", "empty name"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(what), "{text:?}: {error}");
        }
    }
}
