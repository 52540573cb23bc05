//! ConfigMaps: a change of one alone is a version too, and no generation tells of it.

use std::collections::BTreeMap;

use crds::{digest, policy::ConfigMode};
use k8s_openapi::api::{apps::v1::ControllerRevision, core::v1::ConfigMap};
use serde_json::Value;

use crate::{app::App, facts::Facts};

/// Compares the ConfigMaps that the workload names with those that the stable revision was made of.
#[derive(Debug, Default)]
pub struct Check {
    /// They may not be read, which was said.
    blind: bool,
}

impl Check {
    /// Why what serves is not yet what is wished for; none where it is, or cannot be known.
    pub async fn behind(&mut self, app: &mut App, facts: &Facts) -> Option<String> {
        if self.blind || facts.policy.spec.configs.config_maps != ConfigMode::Track {
            return None;
        }
        match changed(app, facts).await {
            Ok(None) => None,
            Ok(Some(name)) => Some(format!("the controller has not seen the newest ConfigMap {name} yet")),
            Err(error) => {
                self.blind = true;
                let words = format!("ConfigMaps are not compared with those of the version that serves: {error}");
                app.screen.say(&words);
                None
            }
        }
    }
}

/// The first ConfigMap whose content is not that of the stable revision.
async fn changed(app: &App, facts: &Facts) -> Result<Option<String>, kube::Error> {
    let (Some(workload), Some(stable)) = (&facts.workload, facts.policy.status.as_ref().and_then(|s| s.stable.clone()))
    else {
        return Ok(None);
    };
    let template = workload.spec.as_ref().and_then(|s| serde_json::to_value(&s.template).ok()).unwrap_or_default();
    let references = digest::references(&template);
    if references.is_empty() {
        return Ok(None);
    }
    let record = app.api::<ControllerRevision>().get_opt(&format!("{}-{}", facts.name(), stable.revision)).await?;
    let Some(made_of) = record.and_then(|r| r.data).and_then(|d| recorded(&d.0)) else { return Ok(None) };
    for reference in references {
        let now = app.api::<ConfigMap>().get_opt(&reference.name).await?;
        let now = now.map(|map| digest::hash(&digest::content(&map)));
        if now.as_ref() != made_of.get(&reference.name) {
            return Ok(Some(reference.name));
        }
    }
    Ok(None)
}

fn recorded(data: &Value) -> Option<BTreeMap<String, String>> {
    serde_json::from_value(data.get("configDigests")?.clone()).ok()
}
