//! `wait`: until a version is delivered and serves, for pipelines.

mod configs;
pub mod judge;

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::{Instant, interval, timeout_at};

pub use judge::{Judge, Standing, Wanted};

use crate::{
    app::App,
    args::Wait,
    failure::{Exit, Failure},
    live::{Besides, Live},
    read,
};

/// Waits.
///
/// # Errors
/// When nothing can be watched, and with the code of how it ended otherwise than well.
pub async fn run(app: &mut App, arguments: &Wait) -> Result<Exit, Failure> {
    let policy = read::policy(app, &arguments.name).await?;
    let deadline = Instant::now() + arguments.timeout;
    let mut live = Live::start(app, &arguments.name, &policy.spec.workload.name, Besides::Workload);
    let judge = Judge::new(wanted(arguments), arguments.promoted, arguments.no_person);
    let mut said = String::new();
    match timeout_at(deadline, follow(app, &mut live, judge, &mut said)).await {
        Ok(ended) => ended,
        Err(_) => {
            let trouble = live.trouble().map(|t| format!(" ({t})")).unwrap_or_default();
            let last = if said.is_empty() { "nothing was seen".into() } else { said };
            let time = crate::words::span(chrono::TimeDelta::from_std(arguments.timeout).unwrap_or_default());
            let message = format!("RolloutPolicy {} is not there after {time}: {last}{trouble}", arguments.name);
            Err(Failure { exit: Exit::Timeout, message })
        }
    }
}

fn wanted(arguments: &Wait) -> Wanted {
    let digest = arguments.for_digest.clone().map(Wanted::Digest);
    digest.or_else(|| arguments.for_image.clone().map(Wanted::Image)).unwrap_or(Wanted::Wish)
}

async fn follow(app: &mut App, live: &mut Live, mut judge: Judge, said: &mut String) -> Result<Exit, Failure> {
    // What is not watched, the ConfigMaps, is looked at again.
    let mut ticks = interval(Duration::from_secs(5));
    let mut configs = configs::Check::default();
    loop {
        tokio::select! {
            changed = live.changed() => changed?,
            _ = ticks.tick() => {}
        }
        let Some(known) = live.facts() else { continue };
        let Some(facts) = known else {
            return Err(Failure::error("the policy was deleted; what serves goes on serving"));
        };
        let mut standing = judge.standing(&facts);
        if let Standing::Ends(Exit::Done, _) = standing
            && let Some(behind) = configs.behind(app, &facts).await
        {
            standing = Standing::Waits(behind);
        }
        match standing {
            Standing::Ends(Exit::Done, words) => {
                app.screen.say(&stamped(app.now(), &words));
                return Ok(Exit::Done);
            }
            Standing::Ends(exit, message) => return Err(Failure { exit, message }),
            Standing::Waits(words) => {
                if *said != words {
                    app.screen.say(&stamped(app.now(), &words));
                    *said = words;
                }
            }
        }
    }
}

fn stamped(now: DateTime<Utc>, words: &str) -> String {
    format!("{} {words}", now.format("%H:%M:%SZ"))
}

#[cfg(test)]
mod tests;
