//! A controller's requests since a moment, from the API server's audit log.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{Read, Seek, SeekFrom},
};

use anyhow::{Context, Result};
use kind_tests::{
    audit::{Request, log_path, requests},
    program::Program,
};

/// The log from one moment on.
pub struct Trail {
    user: &'static str,
    offset: u64,
}

impl Trail {
    /// Of this program, from now on.
    ///
    /// # Errors
    ///
    /// When there is no audit log.
    pub fn of(program: &Program) -> Result<Self> {
        Ok(Self { user: program.user, offset: open()?.metadata().context("reading the size of the audit log")?.len() })
    }

    /// What it has asked for since.
    ///
    /// # Errors
    ///
    /// When the log cannot be read.
    pub fn requests(&self) -> Result<Vec<Request>> {
        let mut log = open()?;
        log.seek(SeekFrom::Start(self.offset)).context("going to a place in the audit log")?;
        let mut text = String::new();
        log.read_to_string(&mut text).context("reading the audit log")?;
        // The last line may still be written.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        requests(whole, self.user)
    }
}

fn open() -> Result<File> {
    let path = log_path().context(
        "finding the API server's audit log: LOCALK8S_DIR must name a local cluster; run kind-tests/bench.sh",
    )?;
    File::open(&path).with_context(|| format!("opening the audit log {}", path.display()))
}

/// How many of each kind, the most first.
pub fn kinds<'a>(requests: impl Iterator<Item = &'a Request>) -> String {
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for request in requests {
        *counts.entry(format!("{} {}", request.verb, request.resource)).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts.iter().map(|(kind, count)| format!("{count} {kind}")).collect::<Vec<_>>().join(", ")
}
