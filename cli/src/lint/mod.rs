//! `lint`: faults in manifests of Sluice's resources, and in what annotations ask of it, found without a cluster as far as that goes.

mod annotations;
pub mod documents;
mod meaning;
mod schema;
mod server;

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    app::App,
    args::Lint,
    failure::{Exit, Failure},
    screen::Screen,
};
use documents::Document;

/// Something that is wrong, where it is and what to do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// The field, as `spec.gates[0].name`; empty for the whole document.
    pub path: String,
    /// What is wrong and what to do.
    pub words: String,
}

impl Fault {
    pub(crate) fn new(path: &str, words: impl Into<String>) -> Self {
        Self { path: path.into(), words: words.into() }
    }
}

/// Without a cluster.
///
/// # Errors
/// When a file cannot be read.
pub fn alone(arguments: &Lint, screen: &mut Screen) -> Result<Exit, Failure> {
    let mut report = Report::default();
    for path in files(&arguments.files)? {
        report.file(&path, screen, &[])?;
    }
    report.end(screen, "; rules across fields are known to the API server alone: --server asks it")
}

/// With a dry run by the API server for what has no fault that is found without it.
///
/// # Errors
/// When a file cannot be read, or the API server not be reached.
pub async fn with_server(app: &mut App, arguments: &Lint) -> Result<Exit, Failure> {
    let mut report = Report::default();
    for path in files(&arguments.files)? {
        let mut said = Vec::new();
        for document in documents::read(&path).unwrap_or_default() {
            if ours(&document) && faults(&document).is_empty() {
                let told = server::faults(app, &document).await?;
                said.extend(told.into_iter().map(|fault| (document.number, fault)));
            }
        }
        report.file(&path, &mut app.screen, &said)?;
    }
    report.end(&mut app.screen, "")
}

#[derive(Default)]
struct Report {
    documents: usize,
    others: usize,
    faults: usize,
}

impl Report {
    fn file(&mut self, path: &Path, screen: &mut Screen, said: &[(usize, Fault)]) -> Result<(), Failure> {
        let all = match documents::read(path) {
            Ok(all) => all,
            Err(words) => {
                self.faults += 1;
                return screen.data(&format!("{words}\n"));
            }
        };
        for document in all {
            if !ours(&document) && !annotations::ask(&document.value) {
                self.others += 1;
                continue;
            }
            self.documents += 1;
            let more = said.iter().filter(|(number, _)| *number == document.number).map(|(_, fault)| fault.clone());
            for fault in faults(&document).into_iter().chain(more) {
                self.faults += 1;
                screen.data(&line(path, &document, &fault))?;
            }
        }
        Ok(())
    }

    fn end(&self, screen: &mut Screen, hint: &str) -> Result<Exit, Failure> {
        let count = |n, what| crate::words::count(n, what);
        let others =
            if self.others > 0 { format!(" ({} of other kinds left out)", self.others) } else { String::new() };
        let looked = format!("{}{others}", count(self.documents, "document"));
        if self.faults > 0 {
            return Err(Failure::error(format!("{} in {looked}", count(self.faults, "fault"))));
        }
        screen.say(&format!("no fault found in {looked}{hint}"));
        Ok(Exit::Done)
    }
}

fn line(path: &Path, document: &Document, fault: &Fault) -> String {
    let name = document.value.pointer("/metadata/name").and_then(|n| n.as_str()).unwrap_or("?");
    let kind = document.value["kind"].as_str().unwrap_or("?");
    let field = if fault.path.is_empty() { String::new() } else { format!("{}: ", fault.path) };
    format!("{}:{}: {kind} {name}: {field}{}\n", path.display(), document.number, fault.words)
}

/// Whether it says that it is of Sluice.
fn ours(document: &Document) -> bool {
    let version = document.value["apiVersion"].as_str().unwrap_or_default();
    version == crds::names::GROUP || version.starts_with(&format!("{}/", crds::names::GROUP))
}

/// What is wrong with a document, as far as that is known without a cluster.
pub fn faults(document: &Document) -> Vec<Fault> {
    let mut found = if ours(document) { schema::faults(&document.value) } else { Vec::new() };
    // What has the wrong form has no meaning yet.
    if found.is_empty() && ours(document) {
        found = meaning::faults(&document.value);
    }
    found.extend(annotations::faults(&document.value));
    found
}

/// The files that are meant: those of folders in the order of their names.
fn files(given: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    for path in given {
        if !path.is_dir() {
            found.push(path.clone());
            continue;
        }
        let failed = |e: std::io::Error| Failure::error(format!("reading folder {}: {e}", path.display()));
        let entries = fs::read_dir(path).map_err(failed)?.collect::<Result<Vec<_>, _>>().map_err(failed)?;
        let manifest =
            |p: &PathBuf| p.is_file() && p.extension().is_some_and(|e| e == "yaml" || e == "yml" || e == "json");
        let mut inside: Vec<_> = entries.into_iter().map(|e| e.path()).filter(manifest).collect();
        if inside.is_empty() {
            return Err(Failure::error(format!("folder {} has no .yaml, .yml or .json file", path.display())));
        }
        inside.sort();
        found.extend(inside);
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
