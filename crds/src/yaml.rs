//! The custom resource definitions as the chart carries them.

/// File name and text of every definition. A chart upgrade changes them in place; an uninstall keeps them,
/// since deleting a definition deletes every policy with it.
///
/// # Panics
/// Never for the definitions of this crate: they serialise, which a test proves.
#[allow(clippy::expect_used)]
pub fn files() -> Vec<(String, String)> {
    crate::all()
        .into_iter()
        .map(|mut crd| {
            crd.metadata.annotations.get_or_insert_default().insert("helm.sh/resource-policy".into(), "keep".into());
            let name = format!("{}.yaml", crd.spec.names.plural);
            let text = serde_saphyr::to_string(&crd).expect("a definition made of plain values serialises");
            (name, format!("# Generated from crds/src by `make crds`; do not edit.\n{text}"))
        })
        .collect()
}
