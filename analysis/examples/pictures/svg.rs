//! Charts as SVG, on white so that they can be read on any page.

use std::fmt::Write as _;

use crate::chart::{Axis, Chart, Panel};
use crate::rules::Rule;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 336.0;
/// Of the plots.
const TOP: f64 = 78.0;
const BOTTOM: f64 = 252.0;
/// From the left end of a panel to its plot, for the ticks, and between the right end of its plot and the panel's.
const LEFT: f64 = 36.0;
const RIGHT: f64 = 16.0;
/// Width of a legend's entry.
const ENTRY: f64 = 130.0;

const INK: &str = "#24292f";
const GREY: &str = "#57606a";
const GRID: &str = "#d8dee4";

/// Colours that people tell apart however they see colours (Okabe & Ito), dashes and marks that do without.
fn look(rule: Rule) -> (&'static str, &'static str, Mark) {
    match rule {
        Rule::Sluice => ("#0072b2", "none", Mark::Circle),
        Rule::Flagger => ("#d55e00", "6 3", Mark::Square),
        Rule::Argo => ("#7a5195", "2 3", Mark::Triangle),
    }
}

#[derive(Clone, Copy)]
enum Mark {
    Circle,
    Square,
    Triangle,
}

/// The whole file.
pub fn draw(chart: &Chart) -> String {
    let mut svg = String::new();
    line(
        &mut svg,
        format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" \
             role=\"img\" aria-labelledby=\"title description\" font-family=\"Helvetica, Arial, sans-serif\" \
             font-size=\"12\" fill=\"{INK}\">"
        ),
    );
    line(&mut svg, format_args!("<title id=\"title\">{}</title>", escaped(&chart.title)));
    line(&mut svg, format_args!("<desc id=\"description\">{}</desc>", escaped(&chart.description)));
    line(&mut svg, format_args!("<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#ffffff\"/>"));
    legend(&mut svg);
    let width = WIDTH / chart.panels.len() as f64;
    for (number, panel) in chart.panels.iter().enumerate() {
        let left = number as f64 * width + LEFT;
        Plot { left, right: left + width - LEFT - RIGHT }.draw(&mut svg, panel);
    }
    text(&mut svg, (WIDTH / 2.0, BOTTOM + 36.0), "middle", "", &chart.x_label);
    for (note, number) in chart.notes.iter().zip(0..) {
        let y = HEIGHT - 24.0 + 14.0 * f64::from(number);
        text(&mut svg, (LEFT / 2.0, y), "start", &format!(" font-size=\"10.5\" fill=\"{GREY}\""), note);
    }
    svg.push_str("</svg>\n");
    svg
}

fn line(svg: &mut String, element: std::fmt::Arguments<'_>) {
    writeln!(svg, "{element}").expect("writing to a string");
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn text(svg: &mut String, (x, y): (f64, f64), anchor: &str, more: &str, words: &str) {
    let words = escaped(words);
    line(svg, format_args!("<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\"{more}>{words}</text>"));
}

fn legend(svg: &mut String) {
    let left = (WIDTH - ENTRY * Rule::ALL.len() as f64) / 2.0;
    for (rule, number) in Rule::ALL.into_iter().zip(0..) {
        let x = left + ENTRY * f64::from(number);
        curve(svg, rule, &[(x, 18.0), (x + 32.0, 18.0)], &[(x + 16.0, 18.0)]);
        text(svg, (x + 40.0, 22.0), "start", "", rule.name());
    }
}

/// A line, and marks on it.
fn curve(svg: &mut String, rule: Rule, points: &[(f64, f64)], marks: &[(f64, f64)]) {
    let (colour, dashes, mark) = look(rule);
    let places: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    line(
        svg,
        format_args!(
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" stroke-dasharray=\"{dashes}\"/>",
            places.join(" ")
        ),
    );
    for (x, y) in marks {
        match mark {
            Mark::Circle => {
                line(svg, format_args!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.2\" fill=\"{colour}\"/>"))
            }
            Mark::Square => {
                let (x, y) = (x - 2.8, y - 2.8);
                line(
                    svg,
                    format_args!("<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"5.6\" height=\"5.6\" fill=\"{colour}\"/>"),
                );
            }
            Mark::Triangle => {
                let (left, right, top, bottom) = (x - 3.6, x + 3.6, y - 3.9, y + 2.7);
                line(
                    svg,
                    format_args!(
                        "<path d=\"M{left:.1} {bottom:.1}L{right:.1} {bottom:.1}L{x:.1} {top:.1}Z\" fill=\"{colour}\"/>"
                    ),
                );
            }
        }
    }
}

/// Where the curves of a panel are.
struct Plot {
    left: f64,
    right: f64,
}

impl Plot {
    fn x(&self, axis: &Axis, value: f64) -> f64 {
        self.left + axis.place(value) * (self.right - self.left)
    }

    fn y(axis: &Axis, value: f64) -> f64 {
        BOTTOM - axis.place(value) * (BOTTOM - TOP)
    }

    fn draw(&self, svg: &mut String, panel: &Panel) {
        let (left, right) = (self.left, self.right);
        text(svg, (left, TOP - 26.0), "start", " font-weight=\"bold\"", &panel.title);
        text(svg, (left, TOP - 10.0), "start", &format!(" fill=\"{GREY}\""), &panel.y_label);
        for tick in &panel.y.ticks {
            let y = Self::y(&panel.y, *tick);
            line(
                svg,
                format_args!(
                    "<line x1=\"{left:.1}\" x2=\"{right:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"{}\"/>",
                    if *tick == panel.y.ticks[0] { GREY } else { GRID }
                ),
            );
            text(svg, (left - 6.0, y + 4.0), "end", "", &tick.to_string());
        }
        for tick in &panel.x.ticks {
            let x = self.x(&panel.x, *tick);
            let (from, to) = (BOTTOM, BOTTOM + 4.0);
            line(svg, format_args!("<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{from}\" y2=\"{to}\" stroke=\"{GREY}\"/>"));
            text(svg, (x, BOTTOM + 17.0), "middle", "", &tick.to_string());
        }
        // The first rule lies on top of the others.
        for (rule, points) in Rule::ALL.into_iter().zip(&panel.curves).rev() {
            let points: Vec<_> = points.iter().map(|(x, y)| (self.x(&panel.x, *x), Self::y(&panel.y, *y))).collect();
            curve(svg, rule, &points, &points);
        }
        if let Some((of, remark)) = &panel.remark {
            let colour = of.map_or(GREY, |rule| look(rule).0);
            text(svg, (left + 6.0, TOP + 15.0), "start", &format!(" fill=\"{colour}\""), remark);
        }
    }
}
