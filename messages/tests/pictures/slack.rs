//! Slack's blocks as Slack shows them.

use serde_json::Value;

use super::canvas::{Canvas, Run};

/// Where the letter in it stands.
const AVATAR: (f64, f64) = (27.0, 41.0);
const LEFT: f64 = 64.0;
const GREY: &str = "#616061";

pub fn draw(body: &Value) -> Canvas {
    let mut canvas = Canvas::new(720.0);
    let width = canvas.width - LEFT - 20.0;
    canvas.rect(16.0, 16.0, 36.0, 36.0, "rx=\"8\" fill=\"#1f5f8b\"");
    canvas.letter(AVATAR.0, AVATAR.1);
    canvas.gap(14.0);
    let sender = [
        Run::new("Sluice ", 15.0).bold(),
        Run::new(" APP", 10.0).bold().color(GREY),
        Run::new("  11:09", 12.0).color(GREY),
    ];
    canvas.flow(LEFT, width, &sender);
    for block in body["blocks"].as_array().expect("blocks") {
        canvas.gap(6.0);
        self::block(&mut canvas, block, width);
    }
    canvas.gap(16.0);
    canvas
}

fn block(canvas: &mut Canvas, block: &Value, width: f64) {
    let words = |value: &Value| {
        assert_eq!(value["type"], "plain_text", "a text that this cannot draw: {value}");
        value["text"].as_str().expect("a text").to_owned()
    };
    match block["type"].as_str() {
        Some("header") => canvas.flow(LEFT, width, &[Run::new(words(&block["text"]), 18.0).bold()]),
        Some("section") => canvas.flow(LEFT, width, &[Run::new(words(&block["text"]), 15.0)]),
        Some("context") => {
            for element in block["elements"].as_array().expect("elements") {
                canvas.flow(LEFT, width, &[Run::new(words(element), 12.0).color(GREY)]);
            }
        }
        Some("rich_text") => {
            block["elements"].as_array().expect("elements").iter().for_each(|e| rich(canvas, e, width))
        }
        _ => panic!("a block that this cannot draw: {block}"),
    }
}

fn rich(canvas: &mut Canvas, element: &Value, width: f64) {
    let code = match element["type"].as_str() {
        Some("rich_text_section") => false,
        Some("rich_text_preformatted") => true,
        _ => panic!("an element that this cannot draw: {element}"),
    };
    let run = |part: &Value| {
        assert_eq!(part["type"], "text", "a part that this cannot draw: {part}");
        let run = Run::new(part["text"].as_str().expect("a text"), if code { 12.0 } else { 15.0 });
        let run = if part["style"]["bold"] == true { run.bold() } else { run };
        if code { run.mono() } else { run }
    };
    let runs: Vec<_> = element["elements"].as_array().expect("elements").iter().map(run).collect();
    if code {
        canvas.gap(3.0);
        let look = "rx=\"4\" fill=\"#f8f8f8\" stroke=\"#dddddd\"";
        canvas.framed(LEFT, width, look, 8.0, |canvas, x, width| canvas.flow(x, width, &runs));
        canvas.gap(5.0);
    } else {
        canvas.flow(LEFT, width, &runs);
    }
}
