//! The table.

use crate::{
    column::{Cell, Column},
    figure::Figure,
};

const HEAD: [&str; 4] = ["figure", "goal", "met?", "peers : Sluice"];

/// The figures of all three side by side. Those that this run did not measure of Sluice are left out.
pub fn render(flagger: &Column, argo: &Column, sluice: &Column) -> String {
    let [figure, goal, met, ratio] = HEAD.map(str::to_owned);
    let names = [flagger, argo, sluice].map(|c| c.name.clone());
    let [one, two, ours] = names;
    let mut rows = vec![[figure, one, two, ours, goal, met, ratio]];
    for figure in Figure::ALL {
        let Some(cell) = sluice.get(figure) else { continue };
        let peers = [flagger.get(figure), argo.get(figure)];
        let [flagger, argo] = peers.map(|c| c.map_or_else(|| "-".into(), |c| c.text.clone()));
        let met = cell.met.map_or("-", |met| if met { "yes" } else { "MISSED" });
        let ratio = peers.map(|peer| times(peer, cell)).join(" : ");
        let ratio = if ratio.contains(|c: char| c.is_ascii_digit()) { format!("{ratio} : 1") } else { String::new() };
        rows.push([figure.title().into(), flagger, argo, cell.text.clone(), figure.goal().into(), met.into(), ratio]);
    }
    draw(&rows)
}

/// How many times as much the peer's is; nothing where that says nothing.
fn times(peer: Option<&Cell>, ours: &Cell) -> String {
    match (peer.and_then(|c| c.number), ours.number) {
        (Some(peer), Some(ours)) if ours > 0.0 && peer > 0.0 => format!("{:.1}", peer / ours),
        _ => "-".into(),
    }
}

fn draw<const N: usize>(rows: &[[String; N]]) -> String {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: Vec<String>| format!("| {} |", cells.join(" | "));
    let mut lines: Vec<_> = rows
        .iter()
        .map(|row| line(row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect()))
        .collect();
    lines.insert(1, line(widths.iter().map(|width| "-".repeat(*width)).collect()));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_stands_beside_those_of_the_peers_with_its_goal_and_ratios() {
        let (mut flagger, argo, mut sluice) = (Column::new("Flagger"), Column::new("Argo"), Column::new("Sluice"));
        flagger.put(Figure::Pods, Cell::count(8));
        sluice.put(Figure::Pods, Cell::count(4).met(true));
        sluice.put(Figure::Writes, Cell::count(21).met(false));
        let table = render(&flagger, &argo, &sluice);
        let lines: Vec<Vec<_>> = table.lines().map(|l| l.split('|').map(str::trim).collect()).collect();
        assert_eq!(lines.len(), 4, "{table}");
        assert_eq!(lines[2][1..8], ["pods started for 4 replicas", "8", "-", "4", "4", "yes", "2.0 : - : 1"]);
        assert_eq!(lines[3][4..8], ["21", "< 20", "MISSED", ""]);
    }
}
