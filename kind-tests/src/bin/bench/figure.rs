//! What is measured, and what it should be.

/// A figure: a line of the table, in its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Figure {
    /// Failed requests while a running workload is taken over.
    TakeOver,
    /// Failed requests while a good version is promoted.
    Promotion,
    /// Failed requests while a bad version is taken back.
    Rollback,
    /// Failed requests while the controller is killed.
    Killed,
    /// Failed requests after the policy was deleted.
    Deleted,
    /// Failed requests after the user's manifests were applied again.
    Reapplied,
    /// Answers of an unchecked version after the same with a new image.
    Unchecked,
    /// Seconds of a release beyond its configured waits.
    Beyond,
    /// Seconds from the first bad answer to the last.
    Bad,
    /// Releases of a version with one percent more errors that were taken back.
    Worse,
    /// Releases of a version as noisy as the stable one that were promoted.
    Noisy,
    /// Pods started by a release.
    Pods,
    /// API writes of a release.
    Writes,
    /// Seconds from a weight written to callers who meet it, at Envoy Gateway.
    SeenGateway,
    /// The same with a sidecar of Istio's.
    SeenMesh,
    /// API writes of a step by HTTPRoute.
    StepGateway,
    /// API writes of a step by VirtualService.
    StepMesh,
    /// Lines of code of the translators between shares and routes.
    Lines,
    /// Seconds from an approval to the write that heeds it.
    Approve,
    /// Messages lost, doubled and out of order, with receivers that fail every second time.
    Told,
    /// Resident memory while ten releases run, are told of and traced.
    MemoryTelling,
    /// Seconds until somebody acts after `kill -9`.
    AfterKill,
    /// Seconds until somebody acts after SIGTERM.
    AfterTerm,
    /// API requests a minute at rest.
    Idle,
    /// API writes a minute at rest, without those of the lease.
    IdleWrites,
    /// Resident memory with one policy.
    Memory1,
    /// Resident memory with 200 policies.
    Memory200,
    /// Resident memory with 1,000 policies.
    Memory1000,
    /// Seconds from the start of the process to its first pass.
    Start,
    /// Size of the image.
    Image,
}

use Figure::{
    AfterKill, AfterTerm, Approve, Bad, Beyond, Deleted, Idle, IdleWrites, Image, Killed, Lines, Memory1, Memory200,
    Memory1000, MemoryTelling, Noisy, Pods, Promotion, Reapplied, Rollback, SeenGateway, SeenMesh, Start, StepGateway,
    StepMesh, TakeOver, Told, Unchecked, Worse, Writes,
};

impl Figure {
    /// All, in the order of the table.
    pub const ALL: [Self; 30] = [
        TakeOver,
        Promotion,
        Rollback,
        Killed,
        Deleted,
        Reapplied,
        Unchecked,
        Beyond,
        Bad,
        Worse,
        Noisy,
        Pods,
        Writes,
        SeenGateway,
        SeenMesh,
        StepGateway,
        StepMesh,
        Lines,
        Approve,
        Told,
        MemoryTelling,
        AfterKill,
        AfterTerm,
        Idle,
        IdleWrites,
        Memory1,
        Memory200,
        Memory1000,
        Start,
        Image,
    ];

    /// What it is called in the table.
    pub fn title(self) -> &'static str {
        match self {
            TakeOver => "failed requests: take-over",
            Promotion => "failed requests: promotion",
            Rollback => "failed requests: rollback",
            Killed => "failed requests: controller killed",
            Deleted => "failed requests: policy deleted",
            Reapplied => "failed requests: own manifests applied again",
            Unchecked => "answers of an unchecked version, re-apply with a new image",
            Beyond => "seconds beyond the configured waits, 4 steps",
            Bad => "seconds from first bad answer to last, 10 s interval, 2 failed looks",
            Worse => "1.5 % errors beside 0.5 %, objective 99 %: taken back",
            Noisy => "0.5 % errors beside 0.5 %, objective 99 %: promoted",
            Pods => "pods started for 4 replicas",
            Writes => "API writes per release, without leases and events",
            SeenGateway => "seconds from a weight written to its callers, Envoy Gateway",
            SeenMesh => "seconds from a weight written to its callers, Istio sidecar",
            StepGateway => "API writes per step by HTTPRoute, without events",
            StepMesh => "API writes per step by VirtualService, without events",
            Lines => "lines of code between shares and routes, by file",
            Approve => "seconds from an approval to the write that heeds it",
            Told => "messages lost, doubled, out of order; every second request fails",
            MemoryTelling => "controller memory, ten releases at once, told of and traced, MB",
            AfterKill => "seconds until it acts again after kill -9",
            AfterTerm => "seconds until it acts again after SIGTERM",
            Idle => "idle API requests a minute, 200 policies",
            IdleWrites => "idle API writes a minute but the lease's, 200 policies",
            Memory1 => "controller memory, 1 policy, MB",
            Memory200 => "controller memory, 200 policies, MB",
            Memory1000 => "controller memory, 1,000 policies, MB",
            Start => "seconds from start to first pass",
            Image => "image size, MiB",
        }
    }

    /// What it should be.
    pub fn goal(self) -> &'static str {
        match self {
            TakeOver | Promotion | Rollback | Killed | Deleted | Reapplied | Unchecked | IdleWrites => "0",
            Beyond => "< 1.5 + propagation",
            Bad => "2nd look + 2 s, share never raised",
            Worse | Noisy => "10 of 10",
            Pods => "4",
            Writes => "< 20",
            Approve => "< 1",
            Told => "0, 0, 0",
            MemoryTelling => "< 42 (40 MiB)",
            AfterKill => "lease expiry at most",
            AfterTerm | Start => "< 2",
            Idle => "< 30",
            Memory1 => "20",
            Memory200 => "35",
            Memory1000 => "60",
            Image => "< 25",
            SeenGateway | SeenMesh | StepGateway | StepMesh | Lines => "-",
        }
    }
}
