//! Versions that are a little worse, and versions that are not: how many of them are judged right.

use anyhow::Result;
use futures::{StreamExt, stream};
use kind_tests::{namespace::with_namespace, verdict::delivered};

use crate::{
    column::{Cell, Column},
    figure::Figure,
    progress::say,
};

/// Releases of each kind.
const RELEASES: usize = 10;
/// So many at once: more make the timings meaningless.
const AT_ONCE: usize = 4;

/// Delivers all of them, each in a namespace of its own.
///
/// # Errors
///
/// None: a release that is judged wrong is counted and told.
pub async fn run(column: &mut Column) -> Result<()> {
    for (worse, figure) in [(true, Figure::Worse), (false, Figure::Noisy)] {
        let what = if worse { "with one percent more errors" } else { "as noisy as the stable one" };
        say(&format!("{RELEASES} releases of a version {what}, {AT_ONCE} at once"));
        let one = async |number: usize| {
            let name = format!("bench-verdict-{number}");
            with_namespace(&name, async |ns| Ok(delivered(&ns, worse).await?.took.as_secs_f64())).await
        };
        let all: Vec<Result<f64>> = stream::iter((0..RELEASES).map(one)).buffer_unordered(AT_ONCE).collect().await;
        let right: Vec<f64> = all.iter().filter_map(|took| took.as_ref().ok().copied()).collect();
        for wrong in all.iter().filter_map(|took| took.as_ref().err()) {
            say(&format!("  judged wrong, or not at all: {wrong:#}"));
        }
        let seconds = right.iter().sum::<f64>() / right.len().max(1) as f64;
        let text = format!("{} of {RELEASES} (in {seconds:.0} s on average)", right.len());
        column.put(figure, Cell::text(text).met(right.len() == RELEASES));
    }
    Ok(())
}
