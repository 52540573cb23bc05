//! What a release went through, written down while it does.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Result, ensure};
use chrono::{DateTime, TimeDelta, Utc};
use crds::journal::{Journal, Phase};
use kube::{ResourceExt, api::ListParams};
use tokio::task::JoinHandle;

use crate::namespace::Namespace;

/// One stay of a release in a phase or a step.
#[derive(Clone, Debug, PartialEq)]
pub struct Stay {
    /// The release.
    pub release: String,
    /// The phase.
    pub phase: Phase,
    /// The step, counted from 1, within `Shifting`.
    pub step: Option<u32>,
    /// When it was entered.
    pub entered: Option<DateTime<Utc>>,
    /// When what it wants was in force.
    pub in_force: Option<DateTime<Utc>>,
}

/// Follows the journals of all releases of a namespace until it is dropped.
pub struct Recorder {
    stays: Arc<Mutex<Vec<Stay>>>,
    task: JoinHandle<()>,
}

impl Recorder {
    /// Begins to follow.
    pub fn start(ns: &Namespace) -> Self {
        let stays = Arc::new(Mutex::new(Vec::new()));
        let task = tokio::spawn(follow(ns.clone(), stays.clone()));
        Self { stays, task }
    }

    /// What was seen so far, in order.
    pub fn stays(&self) -> Vec<Stay> {
        self.stays.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Every step of the release was held, from when it was in force to when the next thing was entered, for at least
    /// this long; and no step from 1 to this many is missing.
    ///
    /// # Errors
    ///
    /// When a step was skipped or cut short: which, and by how much.
    pub fn held_each_step(&self, release: &str, steps: u32, bake: TimeDelta) -> Result<()> {
        let stays: Vec<_> = self.stays().into_iter().filter(|s| s.release == release).collect();
        for step in 1..=steps {
            let in_force = stays.iter().filter(|s| s.step == Some(step)).filter_map(|s| s.in_force).next_back();
            let left = stays.iter().rev().take_while(|s| s.step != Some(step)).filter_map(|s| s.entered).last();
            let (Some(in_force), Some(left)) = (in_force, left) else {
                anyhow::bail!("step {step} of {release} was not seen to be in force and left: {stays:#?}");
            };
            let held = left - in_force;
            println!("{release}: step {step} was held for {:.2} s", held.num_milliseconds() as f64 / 1000.0);
            ensure!(held >= bake, "step {step} of {release} was held for {held}, less than {bake}: {stays:#?}");
        }
        Ok(())
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn follow(ns: Namespace, stays: Arc<Mutex<Vec<Stay>>>) {
    loop {
        // The API server may be busy: what is missed is seen at the next look.
        if let Ok(list) = ns.api::<crds::Release>().list(&ListParams::default()).await {
            let mut stays = stays.lock().unwrap_or_else(PoisonError::into_inner);
            for release in list {
                let journal = release.status.clone().unwrap_or_default().journal;
                let stay = stay(release.name_any(), &journal);
                if stays.iter().rev().find(|s| s.release == stay.release) != Some(&stay) {
                    stays.push(stay);
                }
            }
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn stay(release: String, journal: &Journal) -> Stay {
    let (entered, in_force) = (journal.entered_at, journal.applied_at);
    Stay { release, phase: journal.phase, step: journal.step, entered, in_force }
}
