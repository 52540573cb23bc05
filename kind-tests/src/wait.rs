//! Waiting for something that must come.

use std::{fmt::Display, time::Duration};

use anyhow::{Result, bail};
use apps::clock;
use tokio::time::sleep;

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(60);
/// The most sights that are told when it does not come.
const TOLD: usize = 8;

/// Why something is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// What was seen instead; it may still come.
    Yet(String),
    /// What was seen instead; it cannot come any more.
    Never(String),
}

impl Seen {
    /// Something else was seen; it may still come.
    pub fn yet(what: impl Display) -> Self {
        Self::Yet(what.to_string())
    }

    /// It cannot come any more.
    pub fn never(what: impl Display) -> Self {
        Self::Never(what.to_string())
    }
}

impl From<String> for Seen {
    fn from(what: String) -> Self {
        Self::Yet(what)
    }
}

/// A failed request is no answer: it is asked again.
impl From<kube::Error> for Seen {
    fn from(error: kube::Error) -> Self {
        Self::Yet(error.to_string())
    }
}

impl From<anyhow::Error> for Seen {
    fn from(error: anyhow::Error) -> Self {
        Self::Yet(format!("{error:#}"))
    }
}

/// So many seconds.
pub const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Looks until what is waited for is there.
///
/// # Errors
///
/// After the deadline, or when it can never come: what was seen, the last sights in their order.
pub async fn wait_for<T>(what: &str, deadline: Duration, mut look: impl AsyncFnMut() -> Result<T, Seen>) -> Result<T> {
    let began = clock::now();
    let mut sights: Vec<(Duration, String)> = Vec::new();
    loop {
        let (seen, never) = match look().await {
            Ok(there) => return Ok(there),
            Err(Seen::Yet(seen)) => (seen, false),
            Err(Seen::Never(seen)) => (seen, true),
        };
        let after = clock::now().duration_since(began);
        if sights.last().is_none_or(|(_, last)| *last != seen) {
            sights.push((after, seen));
        }
        if never || after >= deadline {
            let skipped = sights.len().saturating_sub(TOLD);
            let told: Vec<_> = sights[skipped..]
                .iter()
                .map(|(at, seen)| format!("  after {:6.2} s: {seen}", at.as_secs_f64()))
                .collect();
            let how = if never { "cannot come any more" } else { "did not come" };
            bail!(
                "{what}: {how} in {:.1} s of {} s; seen:\n{}",
                after.as_secs_f64(),
                deadline.as_secs(),
                told.join("\n")
            );
        }
        sleep(PAUSE).await;
    }
}

/// Looks for as long as it takes to be sure that something stays as it is.
///
/// # Errors
///
/// As soon as it is otherwise, with what was seen.
pub async fn stays(what: &str, length: Duration, mut look: impl AsyncFnMut() -> Result<(), Seen>) -> Result<()> {
    let began = clock::now();
    loop {
        let after = clock::now().duration_since(began);
        if let Err(Seen::Yet(seen) | Seen::Never(seen)) = look().await {
            bail!("{what}: no longer so after {:.2} s: {seen}", after.as_secs_f64());
        }
        if after >= length {
            return Ok(());
        }
        sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_seen_is_told_in_order_when_it_does_not_come() {
        let mut n = 0;
        let error = wait_for("the third", secs(1), async || {
            n += 1;
            if n < 3 { Err::<(), _>(Seen::yet(n)) } else { Err(Seen::never("gone")) }
        });
        let told = error.await.unwrap_err().to_string();
        assert!(told.starts_with("the third: cannot come any more"), "{told}");
        assert!(told.find(": 1").unwrap() < told.find(": gone").unwrap(), "{told}");
    }

    #[tokio::test]
    async fn what_is_there_is_returned_at_once() {
        assert_eq!(wait_for("it", secs(0), async || Ok(7)).await.unwrap(), 7);
    }
}
