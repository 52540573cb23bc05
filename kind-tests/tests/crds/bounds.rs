//! A violation of every bound of the generated schemas: lengths, sizes, ranges, enumerations, required fields.
//!
//! The list is made from the schemas, so a bound that is added is tested, and a field that no good object has fails.

use kind_tests::{app::set, prelude::*, raw};
use kube::core::Status;
use serde_json::{Value, json};

use crate::{
    objects::{Good, all, causes, good, installed},
    schema::{Place, places},
};

/// A value that breaks one bound; `None` takes the field away.
struct Violation {
    bound: String,
    value: Option<Value>,
}

fn violations(place: &Place, now: &Value) -> Vec<Violation> {
    let schema = &place.schema;
    let number = |key: &str| schema[key].as_f64();
    let count = |key: &str| number(key).map(|n| n as usize);
    let mut all = Vec::new();
    let mut add = |bound: String, value: Value| all.push(Violation { bound, value: Some(value) });
    if let Some(n) = count("maxLength") {
        add(format!("maxLength {n}"), json!("a".repeat(n + 1)));
    }
    if count("minLength").is_some_and(|n| n > 0) {
        add("minLength".into(), json!(""));
    }
    if let Some(n) = number("maximum") {
        add(format!("maximum {n}"), json!(n as i64 + 1));
    }
    if let Some(n) = number("minimum").filter(|_| schema["type"] == "integer") {
        add(format!("minimum {n}"), json!(n as i64 - 1));
    }
    if let (Some(n), Some(list)) = (count("maxItems"), now.as_array()) {
        add(format!("maxItems {n}"), Value::from(vec![list[0].clone(); n + 1]));
    }
    if count("minItems").is_some_and(|n| n > 0) {
        add("minItems".into(), json!([]));
    }
    if let (Some(n), Some(value)) = (count("maxProperties"), now.as_object().and_then(|map| map.values().next())) {
        let entries = (0..=n).map(|i| (format!("k{i}"), value.clone()));
        add(format!("maxProperties {n}"), Value::Object(entries.collect()));
    }
    if schema["enum"].is_array() {
        add("enum".into(), json!("Nonsense"));
    }
    all
}

/// Every violation of the places below this part of an object, with the pointer at which it is made.
fn all_violations(plural: &str, part: &str, documents: &[Good]) -> Vec<(Good, String, Violation)> {
    let mut found = Vec::new();
    let of_part =
        places().into_iter().filter(|p| p.plural == plural && p.path.first().is_some_and(|first| first == part));
    for place in of_part {
        let home = documents.iter().find_map(|d| Some((d, place.pointers(&d.object).first()?.clone())));
        let Some((document, pointer)) = home else {
            panic!("no good object has {plural} {}: give it one", place.field());
        };
        let now = document.object.pointer(&pointer).unwrap();
        for violation in violations(&place, now) {
            found.push((document.clone(), pointer.clone(), violation));
        }
        for name in place.schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            let violation = Violation { bound: "required".into(), value: None };
            found.push((document.clone(), format!("{pointer}/{name}"), violation));
        }
    }
    found
}

/// The refusal must be about that field, and of the API server's own words for such a bound.
fn judge(what: &str, pointer: &str, violation: &Violation, status: &Status) -> Option<String> {
    let words = match violation.bound.split(' ').next().unwrap_or_default() {
        "maxLength" => "may not be",
        "minLength" => "should be at least",
        "maximum" => "less than or equal to",
        "minimum" => "greater than or equal to",
        "maxItems" | "maxProperties" => "must have at most",
        "minItems" => "should have at least",
        "enum" => "supported values",
        _ => "Required value",
    };
    let (causes, wanted) = (causes(status), field(pointer));
    let met = causes.iter().any(|(field, message)| *field == wanted && message.contains(words));
    (!met).then(|| format!("{what}: should be refused for {wanted} with {words:?}, but says {causes:?}"))
}

/// As error messages name what a JSON pointer leads to: `spec.gates[0].name`.
fn field(pointer: &str) -> String {
    let mut field = String::new();
    for part in pointer.split('/').skip(1).map(|part| part.replace("~1", "/")) {
        match part.parse::<usize>() {
            Ok(index) => field = format!("{field}[{index}]"),
            Err(_) if field.is_empty() => field.push_str(&part),
            Err(_) => field = format!("{field}.{part}"),
        }
    }
    field
}

#[tokio::test]
async fn every_bound_of_what_users_write_is_kept_by_the_api_server() -> anyhow::Result<()> {
    installed().await?;
    with_namespace("bounds", async |ns| {
        let (mut tried, mut wrong) = (0, Vec::new());
        for definition in crds::all() {
            let plural = &definition.spec.names.plural;
            let documents: Vec<_> = all().into_iter().filter(|g| g.plural == *plural).collect();
            for (document, pointer, violation) in all_violations(plural, "spec", &documents) {
                let what = format!("{} {pointer} {}", document.file, violation.bound);
                let value = violation.value.clone().unwrap_or(Value::Null);
                tried += 1;
                match document.with(&[(&pointer, value)]).try_on(&ns).await? {
                    Ok(_) => wrong.push(format!("{what}: is accepted")),
                    Err(status) => wrong.extend(judge(&what, &pointer, &violation, &status)),
                }
            }
        }
        println!("{tried} bounds of specs");
        ensure!(wrong.is_empty(), "{} of {tried}:\n{}", wrong.len(), wrong.join("\n"));
        Ok(())
    })
    .await
}

#[tokio::test]
async fn every_bound_of_what_the_controller_writes_is_kept_by_the_api_server() -> anyhow::Result<()> {
    installed().await?;
    with_namespace("status-bounds", async |ns| {
        let (mut tried, mut wrong) = (0, Vec::new());
        for (file, status) in [
            ("release", include_str!("good/release-status.yaml")),
            ("policy-minimal", include_str!("good/policy-status.yaml")),
            ("channel-webhook", include_str!("good/channel-status.yaml")),
        ] {
            let object = good(file);
            object.create_in(&ns).await?;
            let path = format!("{}/{}/status?dryRun=All", raw::sluice(&ns.name, &object.plural), object.name());
            let status: Value = serde_saphyr::from_str(status)?;
            let full = object.with(&[("/status", status)]);
            // The whole status at once: the controller writes to it meanwhile, and nothing of that may fill a gap.
            let answer = raw::put_in(&ns.client, &path, "/status", &full.object["status"]).await?;
            ensure!(answer.is_ok(), "the status of {file} is refused: {answer:?}");
            for (document, pointer, violation) in all_violations(&full.plural, "status", std::slice::from_ref(&full)) {
                let what = format!("{file} {pointer} {}", violation.bound);
                let mut changed = document.object.clone();
                set(&mut changed, &pointer, violation.value.clone().unwrap_or(Value::Null));
                tried += 1;
                match raw::put_in(&ns.client, &path, "/status", &changed["status"]).await? {
                    Ok(_) => wrong.push(format!("{what}: is accepted")),
                    Err(status) => wrong.extend(judge(&what, &pointer, &violation, &status)),
                }
            }
        }
        println!("{tried} bounds of statuses");
        ensure!(wrong.is_empty(), "{} of {tried}:\n{}", wrong.len(), wrong.join("\n"));
        Ok(())
    })
    .await
}
