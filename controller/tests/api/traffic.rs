//! Requests, routes and metrics.

use std::time::Duration;

use serde_json::json;

use crate::{
    bring_up,
    cluster::{self, Behaviour, Cluster, Settings},
    is_rolled_out, running, secs, seeded, service, web, with_web,
};

#[tokio::test(start_paused = true)]
async fn a_roll_of_graceful_pods_fails_no_request() {
    for seed in 1..=10 {
        let cluster = seeded(seed);
        bring_up(&cluster, "web:1", 4).await;
        cluster.traffic("shop", "web");
        cluster.advance(secs(10)).await;
        let rolled = cluster.elapsed();
        cluster.apply(web("web:2", 4));
        cluster.advance_until("web:2 is rolled out", secs(120), |c| is_rolled_out(c, 4)).await;
        cluster.advance(secs(30)).await;
        let end = cluster.elapsed();
        assert_eq!(cluster.failures(Duration::ZERO, end).len(), 0);
        let before = cluster.answers(Duration::ZERO, rolled);
        assert_eq!(before.keys().collect::<Vec<_>>(), ["web:1"]);
        let last = cluster.answers(end - secs(10), end);
        assert_eq!(last.keys().collect::<Vec<_>>(), ["web:2"]);
        assert!((395..=405).contains(&last["web:2"]), "{last:?}: 2 proxies, 20 a second, 10 s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_roll_of_pods_that_exit_at_once_fails_requests() {
    let cluster = with_web("web:1", 4).await;
    cluster.behaviour("web:1", Behaviour::healthy().exiting_at_once());
    cluster.traffic("shop", "web");
    cluster.apply(web("web:2", 4));
    cluster.advance_until("web:2 is rolled out", secs(120), |c| is_rolled_out(c, 4)).await;
    assert!(!cluster.failures(Duration::ZERO, cluster.elapsed()).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_selector_that_matches_nothing_fails_every_request() {
    let cluster = with_web("web:1", 2).await;
    cluster.traffic("shop", "web");
    cluster.advance(secs(5)).await;
    assert_eq!(cluster.failures(Duration::ZERO, cluster.elapsed()).len(), 0);
    cluster.patch("services", "shop", "web", &json!({"spec": {"selector": {"app": "none"}}}));
    cluster.advance(secs(5)).await;
    let start = cluster.elapsed();
    cluster.advance(secs(5)).await;
    let end = cluster.elapsed();
    assert_eq!(cluster.failures(start, end).len(), cluster.requests(start, end));
    assert!(
        cluster
            .failures(start, end)
            .iter()
            .all(|r| matches!(r.outcome, cluster::Outcome::Failed(cluster::Cause::NoEndpoint)))
    );
}

#[tokio::test(start_paused = true)]
async fn requests_through_a_route_go_by_its_weights_as_the_proxies_know_them() {
    let cluster = with_web("web:1", 2).await;
    let backends = |none: u64| json!([{"name": "web", "weight": 3}, {"name": "none", "weight": none}]);
    let route = |none| {
        json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
            "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"parentRefs": [{"name": "public"}], "rules": [{"backendRefs": backends(none)}]},
        })
    };
    cluster.apply(route(0));
    cluster.traffic_through("shop", "web");
    let all_resolved = |c: &Cluster| {
        let route = c.get("httproutes", "shop", "web").unwrap();
        let conditions = route["status"]["parents"][0]["conditions"].as_array().cloned().unwrap_or_default();
        let seen = conditions.iter().filter(|c| c["observedGeneration"] == route["metadata"]["generation"]).count();
        (seen == 2).then(|| conditions[1]["status"] == "True")
    };
    assert_eq!(all_resolved(&cluster), None, "it takes a while");
    cluster.advance(secs(5)).await;
    assert_eq!(all_resolved(&cluster), Some(false), "there is no Service none");
    assert_eq!(cluster.failures(Duration::ZERO, cluster.elapsed()).len(), 0);
    cluster.apply(route(1));
    let changed = cluster.elapsed();
    cluster.advance(secs(30)).await;
    let (all, failed) = (cluster.requests(changed, cluster.elapsed()), cluster.failures(changed, cluster.elapsed()));
    assert!((240..360).contains(&failed.len()), "a quarter of {all}: {}", failed.len());
    assert!(failed[0].at > changed, "the proxies are behind");
    cluster.delete("httproutes", "shop", "web");
    cluster.advance(secs(1)).await;
    let gone = cluster.elapsed();
    cluster.advance(secs(5)).await;
    let failed = cluster.failures(gone, cluster.elapsed());
    assert_eq!(failed.len(), cluster.requests(gone, cluster.elapsed()));
    assert!(matches!(failed[0].outcome, cluster::Outcome::Failed(cluster::Cause::NoBackend)));
}

#[tokio::test(start_paused = true)]
async fn metrics_are_those_of_the_revision_and_absent_without_traffic() {
    let cluster = running();
    cluster.behaviour("web:1", Behaviour::healthy().failing(0.1).answering_in(Duration::from_millis(100)));
    let mut deployment = web("web:1", 2);
    let labels = json!({"app": "web", "sluice.dev/policy": "web", "sluice.dev/revision": "3f9c01d2"});
    deployment["spec"]["template"]["metadata"]["labels"] = labels;
    cluster.apply(deployment);
    cluster.apply(service());
    cluster.advance_until("web is ready", secs(60), |c| is_rolled_out(c, 2)).await;
    assert_eq!(cluster.success_rate("shop", "web", "3f9c01d2", secs(60)), None);
    cluster.traffic("shop", "web");
    cluster.advance(secs(120)).await;
    let rate = cluster.success_rate("shop", "web", "3f9c01d2", secs(60)).unwrap();
    assert!((87.0..93.0).contains(&rate), "{rate}");
    let median = cluster.latency("shop", "web", "3f9c01d2", 0.5, secs(60)).unwrap();
    assert!((90..110).contains(&median.as_millis()), "{median:?}");
    assert_eq!(cluster.success_rate("shop", "web", "00000000", secs(60)), None);
}

#[tokio::test(start_paused = true)]
async fn ten_minutes_of_traffic_take_well_under_a_second() {
    let cluster = with_web("web:1", 10).await;
    cluster.traffic_settings(Settings { proxies: 1, ..Settings::default() });
    cluster.traffic("shop", "web");
    #[allow(clippy::disallowed_methods)] // how long the test itself takes
    let real = std::time::Instant::now();
    cluster.advance(secs(600)).await;
    let took = real.elapsed();
    assert_eq!(cluster.failures(Duration::ZERO, cluster.elapsed()).len(), 0);
    println!("{} requests in {took:?}", cluster.requests(Duration::ZERO, cluster.elapsed()));
    assert!(took < secs(3), "{took:?}");
}
