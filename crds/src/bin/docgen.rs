//! Writes the reference of the custom resources as Markdown: `cargo run -p crds --bin docgen -- FILE`.
//!
//! Everything comes from the definitions as the API server gets them; only what the values of a choice mean is read from
//! the Rust types, since a definition has no room for it.
#![forbid(unsafe_code)]

use std::{collections::BTreeMap, env, fs, process::ExitCode};

use crds::{
    DecisionSpec, NotificationChannelSpec, ReleaseSpec, ReleaseStatus, RolloutPolicySpec, RolloutPolicyStatus,
    duration::EXPECTED,
    metric::{MetricSourceSpec, MetricTemplateSpec},
    names,
    suite::SuiteSpec,
};
use schemars::{JsonSchema, schema_for};
use serde_json::{Map, Value};

const HEAD: &str = "# Reference

<!-- Generated from crds/src by `make docs`; do not edit. -->

Group `sluice.dev`, version `v1alpha1`. Every resource lives in a namespace. `kubectl explain rolloutpolicy.spec` prints
the same from a cluster.

A *duration* is one or more numbers with a unit of `ms`, `s`, `m` or `h`, such as `90s`, `10m` or `1h30m`. A field without
a default that is not required may be left out. The API server refuses whatever breaks a rule or a bound and answers with
the rule's words.
";

fn main() -> ExitCode {
    let Some(path) = env::args().nth(1) else {
        eprintln!("usage: docgen FILE   writes the reference of the custom resources, e.g. docs/reference.md");
        return ExitCode::from(2);
    };
    match fs::write(&path, reference()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("docgen: writing {path}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn reference() -> String {
    let kinds: Vec<Value> = crds::all().iter().filter_map(|definition| serde_json::to_value(definition).ok()).collect();
    let mut page = Page { text: HEAD.to_owned(), meanings: meanings(), sections: BTreeMap::new() };
    for kind in &kinds {
        // A part that is a resource of its own elsewhere is described there.
        let name = &kind["spec"]["names"]["kind"];
        page.sections.insert(shape(&schema(kind)["properties"]["spec"]), heading(name, "spec"));
    }
    for kind in &kinds {
        page.kind(kind);
    }
    page.marks();
    page.text
}

fn schema(kind: &Value) -> &Value {
    &kind["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
}

/// The page so far, and what was said where.
struct Page {
    text: String,
    /// By the values of a choice: what each means.
    meanings: BTreeMap<String, Vec<(String, String)>>,
    /// By shape of an object: the heading under which it is described.
    sections: BTreeMap<String, String>,
}

impl Page {
    fn kind(&mut self, kind: &Value) {
        let names = &kind["spec"]["names"];
        let (name, root) = (&names["kind"], schema(kind));
        self.line(&format!("\n## {}\n", text(name)));
        self.line(&format!("{}\n", text(&root["description"])));
        let short = text(&names["shortNames"][0]);
        self.line(&format!("Short name `{short}`. {}", columns(kind, &short)));
        self.rules(&messages(root));
        for part in ["spec", "status"] {
            let part_schema = &root["properties"][part];
            if part_schema.is_object() {
                self.object(name, part, part_schema);
            }
        }
    }

    /// A section for an object, then sections for the objects inside it.
    fn object(&mut self, kind: &Value, path: &str, object: &Value) {
        let here = heading(kind, path);
        self.sections.insert(shape(object), here.clone());
        self.line(&format!("\n### {here}\n"));
        if path != "status" && !path.starts_with("status.") {
            self.line(&format!("{}\n", text(&object["description"])));
        }
        self.line("| field | type | default | meaning |\n|---|---|---|---|");
        let mut inside = Vec::new();
        let mut rules = messages(object);
        self.rows(kind, path, "", object, &mut rules, &mut inside);
        self.rules(&rules);
        for (path, below) in inside {
            self.object(kind, &path, below);
        }
    }

    /// A row for each field; those of a small object stand beside the others.
    fn rows<'a>(
        &mut self,
        kind: &Value,
        path: &str,
        prefix: &str,
        object: &'a Value,
        rules: &mut Vec<String>,
        inside: &mut Vec<(String, &'a Value)>,
    ) {
        for (name, field) in fields(object) {
            let (words, below, marks) = unwrap(field);
            let name = format!("{prefix}{name}");
            let small = below.filter(|b| std::ptr::eq(*b, field) && is_small(b));
            let target = below.filter(|_| small.is_none()).map(|below| {
                let section = heading(kind, &format!("{path}.{name}{marks}"));
                self.sections.get(&shape(below)).cloned().unwrap_or_else(|| {
                    inside.push((format!("{path}.{name}{marks}"), below));
                    self.sections.insert(shape(below), section.clone());
                    section
                })
            });
            let words = target.map_or(words.clone(), |heading| format!("[{words}](#{})", anchor(&heading)));
            self.field(object, &name, field, &words);
            if small.is_some() || below.is_none_or(|below| !std::ptr::eq(below, field)) {
                rules.extend(messages(field).into_iter().map(|message| format!("`{name}`: {message}")));
            }
            if let Some(small) = small {
                self.rows(kind, path, &format!("{name}."), small, rules, inside);
            }
        }
    }

    fn rules(&mut self, rules: &[String]) {
        if !rules.is_empty() {
            self.line("\nRules:\n");
            rules.iter().for_each(|rule| self.line(&format!("* {rule}")));
        }
    }

    fn field(&mut self, object: &Value, name: &str, field: &Value, words: &str) {
        let last = name.rsplit('.').next().unwrap_or(name);
        let default = match &field["default"] {
            Value::Null if required(object, last) => "required".to_owned(),
            Value::Null if field["type"] == "boolean" => "`false`".to_owned(),
            // Its own fields say theirs.
            Value::Null | Value::Object(_) => String::new(),
            Value::String(text) => format!("`{text}`"),
            other => format!("`{other}`"),
        };
        let mut meaning = text(&field["description"]);
        if let Some(values) = choices(field) {
            match self.meanings.remove(&values.join(" ")) {
                Some(known) => known.iter().for_each(|(value, words)| meaning += &format!("<br>`{value}`: {words}")),
                None => meaning += &format!("<br>One of `{}`.", values.join("`, `")),
            }
        }
        let words = [words.to_owned(), bounds(field)].into_iter().filter(|t| !t.is_empty()).collect::<Vec<_>>();
        self.line(&format!("| `{name}` | {} | {default} | {} |", words.join(", "), meaning.replace('|', "\\|")));
    }

    /// Labels and annotations that people meet.
    fn marks(&mut self) {
        self.line("\n## Labels and annotations\n");
        self.line("What people set:\n\n| where | name | meaning |\n|---|---|---|");
        for (place, name, meaning) in [
            (
                "Deployment",
                names::ALLOW_SIDE_BY_SIDE,
                "`\"true\"`: two versions may run side by side although a volume, a host port or `strategy: Recreate` speaks against it",
            ),
            (
                "Service",
                names::ALLOW_CANDIDATE,
                "`\"true\"`: another Service, which selects the same pods, may send requests to a candidate that has not passed",
            ),
        ] {
            self.line(&format!("| {place} | `{name}` | {meaning} |"));
        }
        self.line("\nWhat Sluice sets:\n\n| where | name | meaning |\n|---|---|---|");
        for (place, name, meaning) in [
            (
                "revisions, their pods, Jobs, Releases, the Service, routes that a policy holds",
                names::POLICY,
                "the policy they belong to",
            ),
            ("revisions, Jobs, Releases", names::POLICY_UID, "its UID"),
            ("revisions and their pods", names::REVISION, "short id of the revision"),
            ("revisions", names::DIGEST, "annotation: its full digest"),
            (
                "pods",
                &format!("{}ID", names::SERVING_PREFIX),
                "the pod answers while revision ID is the one that serves",
            ),
            ("Service", names::CAPACITY, "annotation: pods for all of the traffic"),
            ("Jobs and their pods", names::RELEASE, "the release a test belongs to"),
            ("Jobs and their pods", names::GATE, "the gate it answers"),
            ("a revision's Deployment", names::LEFT_SERVING, "its policy was deleted and it goes on serving"),
        ] {
            self.line(&format!("| {place} | `{name}` | {meaning} |"));
        }
    }

    fn line(&mut self, line: &str) {
        self.text += line;
        self.text += "\n";
    }
}

/// Required fields first, else by name.
fn fields(object: &Value) -> Vec<(&String, &Value)> {
    let mut all: Vec<_> = object["properties"].as_object().into_iter().flatten().collect();
    all.sort_by_key(|(name, _)| !required(object, name));
    all
}

fn required(object: &Value, name: &str) -> bool {
    object["required"].as_array().is_some_and(|all| all.iter().any(|r| r == name))
}

/// Whether an object is better shown within the one that holds it.
fn is_small(object: &Value) -> bool {
    let fields = fields(object);
    fields.len() <= 2 && fields.iter().all(|(_, field)| unwrap(field).1.is_none_or(is_small))
}

/// What a field is in words, the object inside it that has fields of its own, and the marks that a path to that gets.
fn unwrap(field: &Value) -> (String, Option<&Value>, &'static str) {
    let own = |schema: &'_ Value| schema["properties"].is_object();
    let inner = |below: &'_ Value| if own(below) { "object".to_owned() } else { simple(below) };
    if own(field) {
        return ("object".into(), Some(field), "");
    }
    for (key, words, marks) in [("items", "list of", "[]"), ("additionalProperties", "map of", "{}")] {
        let below = &field[key];
        if below.is_object() {
            return (format!("{words} {}s", inner(below)).replace("ys", "ies"), Some(below).filter(|b| own(b)), marks);
        }
    }
    (simple(field), None, "")
}

fn simple(field: &Value) -> String {
    let duration =
        field["x-kubernetes-validations"].as_array().is_some_and(|r| r.iter().any(|r| r["message"] == EXPECTED));
    let word = match (field["type"].as_str(), field["format"].as_str()) {
        _ if field["x-kubernetes-int-or-string"] == true => "quantity",
        _ if duration => "duration",
        (_, Some("date-time")) => "time",
        (Some("string"), _) => "text",
        (Some("integer"), _) => "integer",
        (Some("number"), _) => "number",
        (Some(other), _) => other,
        (None, _) => "any",
    };
    word.to_owned()
}

/// Bounds that a reader needs: of numbers, of lists and maps, and of texts where no rule or choice says more.
fn bounds(field: &Value) -> String {
    let range = |low: &str, high: &str, what: &str| {
        let number = |key: &str| field[key].as_f64().map(|n| n.to_string());
        match (number(low).filter(|n| n != "0" || (what.is_empty() && number(high).is_some())), number(high)) {
            (Some(low), Some(high)) => format!("{low} to {high}{what}"),
            (Some(low), None) => format!("at least {low}{what}"),
            (None, Some(high)) => format!("at most {high}{what}"),
            (None, None) => String::new(),
        }
    };
    let free = simple(field) == "text" && choices(field).is_none();
    let texts = if free { range("minLength", "maxLength", " characters") } else { String::new() };
    let all = [
        range("minimum", "maximum", ""),
        range("minItems", "maxItems", " entries"),
        range("minProperties", "maxProperties", " entries"),
        texts,
    ];
    all.into_iter().filter(|t| !t.is_empty()).collect::<Vec<_>>().join(", ")
}

/// The words of the rules of a schema, without those that its type says already.
fn messages(schema: &Value) -> Vec<String> {
    let rules = schema["x-kubernetes-validations"].as_array().into_iter().flatten();
    rules.map(|rule| text(&rule["message"])).filter(|message| message != EXPECTED).collect()
}

fn choices(field: &Value) -> Option<Vec<String>> {
    Some(field["enum"].as_array()?.iter().map(text).collect())
}

fn columns(kind: &Value, short: &str) -> String {
    let all = kind["spec"]["versions"][0]["additionalPrinterColumns"].as_array().cloned().unwrap_or_default();
    let of = |wide: bool| {
        let some = all.iter().filter(|c| (c["priority"].as_i64().unwrap_or(0) > 0) == wide);
        some.map(|c| text(&c["name"]).to_uppercase()).collect::<Vec<_>>().join(", ")
    };
    let more = if of(true).is_empty() { String::new() } else { format!("; `-o wide` adds {}", of(true)) };
    format!("`kubectl get {short}` shows {}{more}.", of(false))
}

fn heading(kind: &Value, path: &str) -> String {
    format!("{} `{path}`", text(kind))
}

/// The anchor that GitHub makes of a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase().replace(' ', "-");
    kept.chars().filter(|c| c.is_alphanumeric() || *c == '-').collect()
}

/// What makes two objects the same: everything but what is said about them.
fn shape(object: &Value) -> String {
    let keep: Map<String, Value> = object.as_object().cloned().unwrap_or_default();
    let keep =
        keep.into_iter().filter(|(k, _)| ["properties", "required", "x-kubernetes-validations"].contains(&k.as_str()));
    Value::Object(keep.collect()).to_string()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What the values of every choice mean. A choice of a status that has the values of one of a spec is the same choice.
fn meanings() -> BTreeMap<String, Vec<(String, String)>> {
    let mut found = BTreeMap::new();
    for schema in [
        of::<ReleaseStatus>(),
        of::<RolloutPolicyStatus>(),
        of::<ReleaseSpec>(),
        of::<RolloutPolicySpec>(),
        of::<DecisionSpec>(),
        of::<SuiteSpec>(),
        of::<MetricSourceSpec>(),
        of::<MetricTemplateSpec>(),
        of::<NotificationChannelSpec>(),
    ] {
        collect(&schema, &mut found);
    }
    found
}

fn of<T: JsonSchema>() -> Value {
    schema_for!(T).to_value()
}

fn collect(schema: &Value, found: &mut BTreeMap<String, Vec<(String, String)>>) {
    let variants = schema["oneOf"].as_array().into_iter().flatten();
    let pairs: Vec<_> =
        variants.filter(|v| v["const"].is_string()).map(|v| (text(&v["const"]), text(&v["description"]))).collect();
    if !pairs.is_empty() {
        let key = pairs.iter().map(|(value, _)| value.as_str()).collect::<Vec<_>>().join(" ");
        found.insert(key, pairs);
    }
    match schema {
        Value::Object(map) => map.values().for_each(|below| collect(below, found)),
        Value::Array(list) => list.iter().for_each(|below| collect(below, found)),
        _ => {}
    }
}
