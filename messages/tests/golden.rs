//! What receivers are sent for typical notices, to be read by people. `WRITE_GOLDEN=1 cargo test -p messages --test golden`
//! writes it anew.
#![forbid(unsafe_code)]

use std::{collections::BTreeSet, env, fs, path::PathBuf};

use messages::{Format, Text, body, examples};
use serde_json::Value;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");

fn files() -> Vec<(PathBuf, Value)> {
    let mut all = Vec::new();
    for (name, notice) in examples::typical() {
        for format in Format::ALL {
            let file = format!("{name}.{}.json", format!("{format:?}").to_lowercase());
            all.push((PathBuf::from(FOLDER).join(file), body(format, &notice, &Text::of(&notice))));
        }
    }
    all
}

#[test]
fn receivers_are_sent_what_was_agreed_on() {
    let files = files();
    for (file, body) in &files {
        if env::var_os("WRITE_GOLDEN").is_some() {
            fs::write(file, format!("{body:#}\n")).expect("written");
            continue;
        }
        let agreed = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let agreed: Value = serde_json::from_str(&agreed).expect("JSON");
        assert!(agreed == *body, "{} differs; read what is sent now, and write it anew:\n{body:#}", file.display());
    }
    let there: BTreeSet<_> =
        fs::read_dir(FOLDER).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    assert_eq!(there, files.into_iter().map(|(file, _)| file).collect(), "files that nothing is compared with");
}
