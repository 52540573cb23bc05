//! How images behave: fixtures of the model.

use std::time::Duration;

/// How the pods of an image run and answer.
#[derive(Clone, Debug)]
pub struct Behaviour {
    /// From being scheduled to running: pull and start.
    pub starts_in: Duration,
    /// From running to ready; `None` is never.
    pub ready_in: Option<Duration>,
    /// From running to the crash, every time.
    pub crashes_in: Option<Duration>,
    pub exit_code: i64,
    pub image_missing: bool,
    pub unschedulable: bool,
    /// The share of answers that are errors, 0 to 1.
    pub error_rate: f64,
    /// The median time to answer.
    pub latency: Duration,
    /// How long it goes on answering after it was told to end; zero exits at once.
    pub drains_for: Duration,
    pub log: String,
}

impl Behaviour {
    /// Runs after a second, is ready after another, answers in 20 ms, drains for 20 s.
    pub fn healthy() -> Self {
        Self {
            starts_in: Duration::from_secs(1),
            ready_in: Some(Duration::from_secs(1)),
            crashes_in: None,
            exit_code: 1,
            image_missing: false,
            unschedulable: false,
            error_rate: 0.0,
            latency: Duration::from_millis(20),
            drains_for: Duration::from_secs(20),
            log: "started\n".to_owned(),
        }
    }

    pub fn ready_in(self, delay: Duration) -> Self {
        Self { ready_in: Some(delay), ..self }
    }

    pub fn never_ready(self) -> Self {
        Self { ready_in: None, ..self }
    }

    pub fn crashing_in(self, delay: Duration, exit_code: i64) -> Self {
        Self { crashes_in: Some(delay), exit_code, ..self }
    }

    pub fn image_missing(self) -> Self {
        Self { image_missing: true, ..self }
    }

    pub fn unschedulable(self) -> Self {
        Self { unschedulable: true, ..self }
    }

    pub fn failing(self, error_rate: f64) -> Self {
        Self { error_rate, ..self }
    }

    pub fn answering_in(self, latency: Duration) -> Self {
        Self { latency, ..self }
    }

    pub fn draining_for(self, drains_for: Duration) -> Self {
        Self { drains_for, ..self }
    }

    pub fn exiting_at_once(self) -> Self {
        Self { drains_for: Duration::ZERO, ..self }
    }

    pub fn logging(self, log: &str) -> Self {
        Self { log: log.to_owned(), ..self }
    }
}

impl Default for Behaviour {
    fn default() -> Self {
        Self::healthy()
    }
}

/// How the pod of a Job ends.
#[derive(Clone, Debug, PartialEq)]
pub enum Ending {
    /// With this exit code; 0 passes.
    Exit(i64),
    /// Its image cannot be pulled.
    ImageMissing,
    /// No node takes it.
    Unschedulable,
    /// The node takes it away.
    Evicted,
    /// It runs until its deadline.
    Never,
}

/// What a Job of an image does.
#[derive(Clone, Debug)]
pub struct JobOutcome {
    /// How long it runs.
    pub after: Duration,
    pub ending: Ending,
    pub log: String,
    /// What it writes to its termination message.
    pub message: String,
}

impl JobOutcome {
    fn new(after: Duration, ending: Ending, log: &str) -> Self {
        Self { after, ending, log: log.to_owned(), message: String::new() }
    }

    pub fn pass(after: Duration) -> Self {
        Self::new(after, Ending::Exit(0), "ok\n")
    }

    pub fn fail(after: Duration, exit_code: i64, log: &str) -> Self {
        Self::new(after, Ending::Exit(exit_code), log)
    }

    pub fn image_missing() -> Self {
        Self::new(Duration::ZERO, Ending::ImageMissing, "")
    }

    pub fn unschedulable() -> Self {
        Self::new(Duration::ZERO, Ending::Unschedulable, "")
    }

    pub fn evicted(after: Duration) -> Self {
        Self::new(after, Ending::Evicted, "")
    }

    pub fn never_ends() -> Self {
        Self::new(Duration::ZERO, Ending::Never, "still at it\n")
    }

    pub fn logging(self, log: &str) -> Self {
        Self { log: log.to_owned(), ..self }
    }

    pub fn saying(self, message: &str) -> Self {
        Self { message: message.to_owned(), ..self }
    }
}
