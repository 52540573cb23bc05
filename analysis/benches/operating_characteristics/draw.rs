//! Chance, from a seed: the same seed, row and run always draw the same.

use rand::{RngExt, SeedableRng};
use rand_distr::{Binomial, Distribution, Poisson, StandardNormal};
use rand_pcg::Pcg64;

/// Draws of one run.
pub struct Draw(Pcg64);

impl Draw {
    /// Independent of the draws of any other run or row.
    pub fn new(seed: u64, row: &str, run: u64) -> Self {
        // FNV-1a, which will be the same for ever; the generator mixes the rest.
        let hash = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        let row = row.bytes().chain(seed.to_le_bytes()).chain(run.to_le_bytes()).fold(0xcbf2_9ce4_8422_2325, hash);
        Self(Pcg64::seed_from_u64(row))
    }

    /// From 0 to below 1.
    pub fn uniform(&mut self) -> f64 {
        self.0.random()
    }

    /// Mean 0, variance 1.
    pub fn normal(&mut self) -> f64 {
        StandardNormal.sample(&mut self.0)
    }

    /// A count with this mean.
    pub fn poisson(&mut self, mean: f64) -> u64 {
        if mean > 0.0 { Poisson::new(mean).expect("a finite mean").sample(&mut self.0) as u64 } else { 0 }
    }

    /// How many of n happen, each with probability p.
    pub fn binomial(&mut self, n: u64, p: f64) -> u64 {
        Binomial::new(n, p.clamp(0.0, 1.0)).expect("a probability").sample(&mut self.0)
    }

    /// Errors of n requests that fail at this rate in clusters of geometric size with this mean; their design effect is
    /// twice the mean less 1.
    pub fn clustered(&mut self, n: u64, rate: f64, mean: f64) -> u64 {
        let clusters = self.poisson(n as f64 * rate / mean);
        let size = |draw: &mut Self| 1 + ((1.0 - draw.uniform()).ln() / (1.0 - 1.0 / mean).ln()) as u64;
        (0..clusters).map(|_| size(self)).sum::<u64>().min(n)
    }
}
