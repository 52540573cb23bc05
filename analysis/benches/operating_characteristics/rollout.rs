//! A rollout as it is planned, and what a service does meanwhile.

use analysis::{Arm, Counts};

use crate::draw::Draw;

/// Minutes of a day.
const DAY: f64 = 1440.0;

/// The weight of each step with its looks, and how far apart those are.
#[derive(Clone)]
pub struct Schedule {
    pub steps: Vec<(f64, usize)>,
    pub seconds: f64,
}

impl Schedule {
    /// 5, 10, 25 and 50 % for five minutes each.
    pub fn ramp(seconds: f64) -> Self {
        let looks = (300.0 / seconds) as usize;
        Self { steps: [0.05, 0.1, 0.25, 0.5].map(|weight| (weight, looks)).to_vec(), seconds }
    }

    /// An hour at a quarter of the traffic.
    pub fn bake() -> Self {
        Self { steps: vec![(0.25, 60)], seconds: 60.0 }
    }

    /// Steps and weights, look by look.
    pub fn looks(&self) -> impl Iterator<Item = (usize, f64)> {
        self.steps.iter().enumerate().flat_map(|(step, (weight, looks))| std::iter::repeat_n((step, *weight), *looks))
    }

    /// The number of looks.
    pub fn len(&self) -> usize {
        self.steps.iter().map(|(_, looks)| looks).sum()
    }

    /// The requests of the stable version that are to be expected.
    pub fn baseline_requests(&self, rps: f64) -> f64 {
        self.looks().map(|(_, weight)| (1.0 - weight) * rps * self.seconds).sum()
    }

    /// When a look is, in minutes since the beginning; the first has number 0.
    pub fn minute(&self, look: usize) -> f64 {
        (look + 1) as f64 * self.seconds / 60.0
    }
}

/// What can happen that is not the canary's fault, or not simple.
#[derive(Clone, Copy, PartialEq)]
pub enum Nasty {
    /// Independent requests at constant rates.
    Nothing,
    /// The canary is as the stable version until this minute.
    Onset(f64),
    /// Both arms fail at this rate in minutes 6 and 7.
    Outage(f64),
    /// The rates swing by half in a day.
    Diurnal,
    /// The canary fails at this rate in minute 8.
    Glitch(f64),
    /// Errors come in clusters of this mean size.
    Clusters(f64),
    /// The canary's rate varies from minute to minute, log-normally with this deviation.
    Frailty(f64),
    /// Both rates go up and down together, log-normally: the correlation from window to window, and the deviation.
    Wander(f64, f64),
}

/// The truth about a service and its canary.
#[derive(Clone, Copy)]
pub struct Service {
    pub rps: f64,
    pub base: f64,
    pub canary: f64,
    pub nasty: Nasty,
}

impl Service {
    /// Independent requests.
    pub fn new(rps: f64, base: f64, canary: f64) -> Self {
        Self { rps, base, canary, nasty: Nasty::Nothing }
    }

    /// The minute of the day at which the rollout begins.
    pub fn begins(&self, draw: &mut Draw) -> f64 {
        if self.nasty == Nasty::Diurnal { draw.uniform() * DAY } else { 0.0 }
    }

    /// The service as time goes on.
    pub fn course(&self, draw: &mut Draw) -> Course<'_> {
        let level = if let Nasty::Wander(..) = self.nasty { draw.normal() } else { 0.0 };
        Course { service: self, level }
    }

    /// What both arms do in one window by itself.
    pub fn window(&self, draw: &mut Draw, begins: f64, minute: f64, seconds: f64, weight: f64) -> Counts {
        self.course(draw).window(draw, begins, minute, seconds, weight)
    }

    fn errors(&self, draw: &mut Draw, requests: u64, rate: f64) -> u64 {
        match self.nasty {
            Nasty::Clusters(mean) => draw.clustered(requests, rate, mean),
            _ => draw.binomial(requests, rate),
        }
    }

    fn rates(&self, draw: &mut Draw, begins: f64, minute: f64) -> (f64, f64) {
        let (base, canary) = (self.base, self.canary);
        match self.nasty {
            Nasty::Onset(onset) if minute <= onset => (base, base),
            Nasty::Outage(rate) if minute > 5.0 && minute <= 7.0 => (rate, rate),
            Nasty::Diurnal => (canary * swing(begins + minute), base * swing(begins + minute)),
            Nasty::Glitch(rate) if minute > 7.0 && minute <= 8.0 => (rate, base),
            Nasty::Frailty(deviation) => {
                ((canary * (deviation * draw.normal() - deviation * deviation / 2.0).exp()).min(1.0), base)
            }
            _ => (canary, base),
        }
    }

    /// The hours of a week before the rollout.
    pub fn week(&self, draw: &mut Draw, begins: f64) -> Vec<Arm> {
        let mut course = self.course(draw);
        let hour = |hour: i32| {
            let requests = draw.poisson(self.rps * 3_600.0);
            let middle = begins + 60.0 * (f64::from(hour) + 0.5);
            let rate = match self.nasty {
                Nasty::Diurnal => self.base * swing(middle),
                Nasty::Wander(..) => self.base * (0..60).map(|_| course.factor(draw)).sum::<f64>() / 60.0,
                _ => self.base,
            };
            Arm::new(requests, self.errors(draw, requests, rate)).expect("errors of requests")
        };
        (-168..0).map(hour).collect()
    }

    /// Minutes of so many pods of the stable version before the rollout.
    pub fn pods(&self, draw: &mut Draw, minutes: usize, pods: usize) -> Vec<Vec<Arm>> {
        let pod = |draw: &mut Draw| {
            let requests = draw.poisson(self.rps * 60.0 / pods as f64);
            Arm::new(requests, self.errors(draw, requests, self.base)).expect("errors of requests")
        };
        (0..minutes).map(|_| (0..pods).map(|_| pod(draw)).collect()).collect()
    }

    /// All windows of a rollout.
    pub fn rollout(&self, draw: &mut Draw, begins: f64, schedule: &Schedule) -> Vec<Counts> {
        let mut course = self.course(draw);
        let window = |(look, (_, weight))| course.window(draw, begins, schedule.minute(look), schedule.seconds, weight);
        schedule.looks().enumerate().map(window).collect()
    }
}

/// A service from window to window.
pub struct Course<'a> {
    service: &'a Service,
    /// Where rates that wander have come to, in deviations of their logarithm.
    level: f64,
}

impl Course<'_> {
    /// What both arms do in the next window, which ends so many minutes after the beginning.
    pub fn window(&mut self, draw: &mut Draw, begins: f64, minute: f64, seconds: f64, weight: f64) -> Counts {
        let service = self.service;
        let factor = self.factor(draw);
        let arm = |draw: &mut Draw, share: f64, rate: f64| {
            let requests = draw.poisson(service.rps * seconds * share);
            Arm::new(requests, service.errors(draw, requests, (rate * factor).min(1.0))).expect("errors of requests")
        };
        let (canary, baseline) = service.rates(draw, begins, minute);
        let canary = arm(draw, weight, canary);
        Counts::new(canary, arm(draw, 1.0 - weight, baseline))
    }

    /// By how much both rates differ from what they usually are; 1 on average.
    fn factor(&mut self, draw: &mut Draw) -> f64 {
        let Nasty::Wander(memory, deviation) = self.service.nasty else { return 1.0 };
        self.level = memory * self.level + (1.0 - memory * memory).sqrt() * draw.normal();
        (deviation * self.level - deviation * deviation / 2.0).exp()
    }
}

fn swing(minute: f64) -> f64 {
    1.0 + 0.5 * (minute / DAY * std::f64::consts::TAU).sin()
}
