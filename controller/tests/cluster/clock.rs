//! Virtual time and seeded chance: the only places where either comes from.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use tokio::time::Instant;

/// Virtual time since the cluster began.
pub type Moment = Duration;

/// Tokio's paused clock, counted from a fixed date.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    base: Instant,
}

impl Clock {
    /// 2026-01-01T00:00:00Z.
    const EPOCH: i64 = 1_767_225_600;

    pub fn start() -> Self {
        Self::at(Moment::ZERO)
    }

    /// A clock that has run for some time already.
    pub fn at(elapsed: Moment) -> Self {
        Self { base: Instant::now() - elapsed }
    }

    pub fn elapsed(&self) -> Moment {
        self.base.elapsed()
    }

    pub fn instant(&self, moment: Moment) -> Instant {
        self.base + moment
    }

    pub fn now(&self) -> DateTime<Utc> {
        self.date(self.elapsed())
    }

    pub fn date(&self, moment: Moment) -> DateTime<Utc> {
        let epoch = DateTime::from_timestamp(Self::EPOCH, 0).unwrap();
        epoch + TimeDelta::from_std(moment).unwrap()
    }

    /// The moment of a date; the start for dates before it.
    pub fn moment(&self, date: DateTime<Utc>) -> Moment {
        (date - self.date(Moment::ZERO)).to_std().unwrap_or_default()
    }

    /// How the API server writes a time: whole seconds.
    pub fn stamp(&self) -> String {
        stamp(self.now())
    }
}

pub fn stamp(date: DateTime<Utc>) -> String {
    date.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// A small generator (xorshift64): one seed, one history.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    pub fn seeded(seed: u64) -> Self {
        let mut rng = Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        for _ in 0..8 {
            rng.next();
        }
        rng
    }

    /// An independent generator, so that one subsystem's draws do not move another's.
    pub fn fork(&mut self) -> Self {
        Self::seeded(self.next())
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number in `0..n`; 0 for an empty range.
    pub fn below(&mut self, n: u64) -> u64 {
        if n == 0 { 0 } else { self.next() % n }
    }

    /// True with the given probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        (self.below(1_000_000) as f64) < probability * 1e6
    }

    pub fn between(&mut self, least: Duration, most: Duration) -> Duration {
        let span = most.saturating_sub(least).as_micros() as u64;
        least + Duration::from_micros(self.below(span + 1))
    }

    pub fn millis(&mut self, least: u64, most: u64) -> Duration {
        self.between(Duration::from_millis(least), Duration::from_millis(most))
    }

    /// The random end of a generated name.
    pub fn suffix(&mut self) -> String {
        const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
        (0..5).map(|_| ALPHABET[self.below(ALPHABET.len() as u64) as usize] as char).collect()
    }

    pub fn uid(&mut self) -> String {
        let (a, b) = (self.next(), self.next());
        format!(
            "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
            a >> 32,
            (a >> 16) & 0xffff,
            a & 0xfff,
            b >> 52,
            b & 0xffff_ffff_ffff
        )
    }
}
