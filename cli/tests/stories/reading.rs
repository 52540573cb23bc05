//! What there is, and what there is not.

use cli::failure::Exit;

use crate::{
    lab::shop,
    user::{begins, begins_on_a_terminal, lab, secs, types},
};

#[tokio::test(start_paused = true)]
async fn a_policy_is_listed_shown_and_remembered() {
    let lab = lab(shop::canary()).await;
    lab.deploy("shop:2");
    lab.until_phase("Shifting").await;
    // Until the share is in force.
    lab.cluster.advance(secs(4)).await;
    let listed = types(&lab, "get").await;
    assert_eq!(listed.exit, Exit::Done, "{listed:?}");
    let line = listed.data.lines().nth(1).unwrap();
    for part in ["shop ", "Shifting", "shop:1", "shop:2", "1/2", "20"] {
        assert!(line.contains(part), "{part}: {line}");
    }
    let shown = types(&lab, "status shop").await;
    for part in ["4 of 4 pods ready", "1 of 1 pod ready", "step 1", "conformance", "you can"] {
        assert!(shown.data.contains(part), "{part}: {}", shown.data);
    }
    let json = types(&lab, "get shop -o json").await;
    let policy: serde_json::Value = serde_json::from_str(&json.data).unwrap();
    assert_eq!((&policy["kind"], &policy["status"]["phase"]), (&"RolloutPolicy".into(), &"Shifting".into()));
    lab.until_settled_on("shop:2").await;
    let history = types(&lab, "history shop").await;
    assert_eq!(history.data.lines().count(), 3, "{}", history.data);
    let planned = types(&lab, "plan shop --rps 50").await;
    assert!(planned.data.contains("Step 2"), "{}", planned.data);
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_is_watched_tells_every_change_until_it_is_deleted() {
    let lab = lab(shop::canary()).await;
    let watching = begins(&lab, "status shop --watch");
    lab.deploy("shop:2");
    lab.until_settled_on("shop:2").await;
    lab.cluster.delete("rolloutpolicies", crate::lab::NS, "shop");
    let ended = watching.await.unwrap();
    assert_eq!(ended.exit, Exit::Done, "{ended:?}");
    for part in [
        "StepStarted: step 1 of 2: weight 20",
        "StepStarted: step 2 of 2: weight 50",
        "Succeeded",
        "Settled",
        "Removing",
    ] {
        assert_eq!(ended.data.lines().filter(|l| l.contains(part)).count().min(1), 1, "{part}: {}", ended.data);
    }
    assert!(ended.said.contains("was deleted"), "{}", ended.said);
}

#[tokio::test(start_paused = true)]
async fn on_a_terminal_the_tree_is_drawn_anew_at_changes_and_as_time_goes_by() {
    let lab = lab(shop::canary()).await;
    let watching = begins_on_a_terminal(&lab, "status shop --watch");
    lab.cluster.advance(secs(10)).await;
    lab.deploy("shop:2");
    lab.until_settled_on("shop:2").await;
    lab.cluster.delete("rolloutpolicies", crate::lab::NS, "shop");
    let ended = watching.await.unwrap();
    let pictures: Vec<_> = ended.data.split("\u{1b}[H").collect();
    // A second each while nothing happens, and the release.
    assert!(pictures.len() > 40, "{} pictures", pictures.len());
    assert!(pictures[1].contains("Settled") && pictures[1].contains("└─"), "{}", pictures[1]);
    for part in ["● step 1", "✔ step 1", "● step 2", "✔ promotion"] {
        assert!(pictures.iter().any(|p| p.contains(part)), "{part}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_none_is_answered_with_those_that_there_are() {
    let lab = lab(shop::canary()).await;
    for line in ["get sop", "status sop", "history sop", "wait sop", "pause sop", "plan sop"] {
        let ended = types(&lab, line).await;
        assert_eq!(ended.exit, Exit::Error, "{line}");
        assert!(
            ended.said.contains("no RolloutPolicy sop in namespace shop; there are: shop"),
            "{line}: {}",
            ended.said
        );
    }
    let nowhere = types(&lab, "status shop -n default").await;
    assert!(nowhere.said.contains("there is none at all"), "{}", nowhere.said);
}

#[tokio::test(start_paused = true)]
async fn a_right_that_lacks_is_named_and_what_is_only_shown_besides_is_left_out() {
    let lab = lab(shop::canary()).await;
    for resource in ["pods", "deployments", "decisions"] {
        for verb in ["get", "list", "watch"] {
            lab.cluster.refuse("ann", verb, resource);
        }
    }
    let shown = types(&lab, "status shop").await;
    assert!(shown.exit == Exit::Done && shown.data.contains("you may not list them"), "{shown:?}");
    let watching = begins(&lab, "status shop --watch");
    lab.cluster.advance(secs(10)).await;
    assert!(!watching.is_finished());
    watching.abort();
    let history = types(&lab, "history shop").await;
    assert!(history.exit == Exit::Done && history.said.contains("who decided is not shown"), "{history:?}");
    // Without the workload nobody can say whether an older version is meant.
    let waiting = types(&lab, "wait shop").await;
    assert!(waiting.exit == Exit::Error && waiting.said.contains("watching Deployments"), "{waiting:?}");
    lab.cluster.refuse("ann", "list", "rolloutpolicies");
    let listed = types(&lab, "get").await;
    assert!(listed.exit == Exit::Error && listed.said.contains("sluice-view"), "{listed:?}");
}
