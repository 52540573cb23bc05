//! Adaptive Cards as Teams shows them.

use serde_json::Value;

use super::canvas::{Canvas, Column, Run};

const GREY: &str = "#616161";

pub fn draw(body: &Value) -> Canvas {
    let mut canvas = Canvas::new(720.0);
    canvas.gap(12.0);
    canvas.flow(20.0, 680.0, &[Run::new("Workflows", 12.0).bold().color(GREY), Run::new("  11:09", 12.0).color(GREY)]);
    canvas.gap(6.0);
    let card = &body["attachments"][0]["content"];
    assert_eq!(card["type"], "AdaptiveCard");
    let look = "rx=\"6\" fill=\"#ffffff\" stroke=\"#d1d1d1\"";
    canvas.framed(16.0, 688.0, look, 0.0, |canvas, x, width| {
        for element in card["body"].as_array().expect("a body") {
            let bleeds = element["bleed"] == true;
            let (x, width) = if bleeds { (x, width) } else { (x + 16.0, width - 32.0) };
            self::element(canvas, element, x, width);
        }
        canvas.gap(14.0);
    });
    canvas.gap(16.0);
    canvas
}

fn gap(element: &Value) -> f64 {
    match element["spacing"].as_str() {
        None | Some("Default") => 8.0,
        Some("Small") => 4.0,
        Some("None") => 0.0,
        other => panic!("a spacing that this cannot draw: {other:?}"),
    }
}

fn element(canvas: &mut Canvas, element: &Value, x: f64, width: f64) {
    if element["bleed"] != true {
        canvas.gap(gap(element));
    }
    match element["type"].as_str() {
        Some("Container") => {
            let fill = match element["style"].as_str() {
                Some("attention") => "#fbe4e6",
                Some("warning") => "#fff1d0",
                Some("good") => "#dff2df",
                Some("accent") => "#e5effa",
                Some("emphasis") => "#f3f2f1",
                other => panic!("a style that this cannot draw: {other:?}"),
            };
            let padding = if element["bleed"] == true { 14.0 } else { 8.0 };
            canvas.framed(x, width, &format!("fill=\"{fill}\" rx=\"4\""), padding, |canvas, x, width| {
                for (at, item) in element["items"].as_array().expect("items").iter().enumerate() {
                    if at > 0 {
                        canvas.gap(gap(item));
                    }
                    rich(canvas, item, x, width);
                }
            });
        }
        Some("ColumnSet") => {
            let mut left = x;
            let mut columns: Vec<Column<'_>> = Vec::new();
            for column in element["columns"].as_array().expect("columns") {
                let wide = match column["width"].as_str() {
                    Some("stretch") => x + width - left,
                    Some(pixels) => pixels.strip_suffix("px").and_then(|p| p.parse().ok()).expect("a width in pixels"),
                    None => panic!("a width that this cannot draw: {column}"),
                };
                let at = left;
                left += wide + 8.0;
                columns.push(Box::new(move |canvas| {
                    column["items"].as_array().expect("items").iter().for_each(|item| rich(canvas, item, at, wide));
                }));
            }
            canvas.columns(columns);
        }
        Some("RichTextBlock") => rich(canvas, element, x, width),
        _ => panic!("an element that this cannot draw: {element}"),
    }
}

fn rich(canvas: &mut Canvas, block: &Value, x: f64, width: f64) {
    assert_eq!(block["type"], "RichTextBlock", "an element that this cannot draw: {block}");
    let run = |run: &Value| {
        assert_eq!(run["type"], "TextRun", "an inline that this cannot draw: {run}");
        let size = match run["size"].as_str() {
            Some("Medium") => 17.0,
            None => 14.0,
            Some("Small") => 12.0,
            other => panic!("a size that this cannot draw: {other:?}"),
        };
        let drawn = Run::new(run["text"].as_str().expect("a text"), size);
        let drawn = if run["weight"] == "Bolder" { drawn.bold() } else { drawn };
        let drawn = if run["fontType"] == "Monospace" { drawn.mono() } else { drawn };
        if run["isSubtle"] == true { drawn.color(GREY) } else { drawn }
    };
    let runs: Vec<_> = block["inlines"].as_array().expect("inlines").iter().map(run).collect();
    canvas.flow(x, width, &runs);
}
