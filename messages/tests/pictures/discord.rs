//! A message with an embed as Discord shows it.

use serde_json::Value;

use super::canvas::{Canvas, Column, Run};

/// Where the letter in it stands.
const AVATAR: (f64, f64) = (29.0, 43.0);
const LEFT: f64 = 68.0;
const GREY: &str = "#5c5e66";

pub fn draw(body: &Value) -> Canvas {
    let mut canvas = Canvas::new(720.0);
    canvas.rect(16.0, 16.0, 40.0, 40.0, "rx=\"20\" fill=\"#1f5f8b\"");
    canvas.letter(AVATAR.0, AVATAR.1);
    canvas.gap(14.0);
    let sender = [
        Run::new("Sluice ", 15.0).bold(),
        Run::new(" APP", 10.0).bold().color(GREY),
        Run::new("  11:09", 12.0).color(GREY),
    ];
    canvas.flow(LEFT, 630.0, &sender);
    markdown(&mut canvas, body["content"].as_str().expect("content"), LEFT, 630.0, 15.0);
    canvas.gap(6.0);
    for embed in body["embeds"].as_array().expect("embeds") {
        self::embed(&mut canvas, embed);
    }
    canvas.gap(16.0);
    canvas
}

fn embed(canvas: &mut Canvas, embed: &Value) {
    let known = ["description", "color", "fields", "footer"];
    assert!(embed.as_object().expect("an object").keys().all(|key| known.contains(&key.as_str())), "{embed}");
    let top = canvas.y;
    canvas.framed(LEFT, 600.0, "rx=\"4\" fill=\"#f2f3f5\" stroke=\"#e3e5e8\"", 14.0, |canvas, x, width| {
        markdown(canvas, embed["description"].as_str().unwrap_or_default(), x, width, 14.0);
        let mut row: Vec<&Value> = Vec::new();
        for field in embed["fields"].as_array().expect("fields") {
            let inline = field["inline"] == true;
            if !row.is_empty() && (!inline || row.len() == 3) {
                fields(canvas, &row, x, width);
                row.clear();
            }
            row.push(field);
            if !inline {
                fields(canvas, &row, x, width);
                row.clear();
            }
        }
        if !row.is_empty() {
            fields(canvas, &row, x, width);
        }
        canvas.gap(8.0);
        let footer = embed["footer"]["text"].as_str().expect("a footer");
        canvas.flow(x, width, &[Run::new(footer, 12.0).color(GREY)]);
    });
    let color = embed["color"].as_u64().expect("a colour");
    canvas.rect(LEFT, top, 4.0, canvas.y - top, &format!("fill=\"#{color:06x}\""));
}

fn fields(canvas: &mut Canvas, row: &[&Value], x: f64, width: f64) {
    canvas.gap(8.0);
    let wide = if row.len() == 1 && row[0]["inline"] != true { width } else { width / 3.0 };
    let column = |(at, field): (usize, &&Value)| {
        let (name, value) = (field["name"].as_str().expect("a name"), field["value"].as_str().expect("a value"));
        let (name, value) = (literal(name), literal(value));
        let x = x + wide * f64::from(u8::try_from(at).expect("three"));
        let draw: Column<'_> = Box::new(move |canvas| {
            canvas.flow(x, wide - 10.0, &[Run::new(name, 13.0).bold()]);
            canvas.flow(x, wide - 10.0, &[Run::new(value, 13.0)]);
        });
        draw
    };
    let columns = row.iter().enumerate().map(column).collect();
    canvas.columns(columns);
}

/// Lines, bold lines and blocks of code: all that is written.
fn markdown(canvas: &mut Canvas, text: &str, x: f64, width: f64, size: f64) {
    for (at, part) in text.split("```").enumerate() {
        let part = part.trim_matches('\n');
        if at % 2 == 1 {
            canvas.gap(3.0);
            let look = "rx=\"4\" fill=\"#ffffff\" stroke=\"#dcdee1\"";
            let code = [Run::new(part, 12.0).mono()];
            canvas.framed(x, width, look, 8.0, |canvas, x, width| canvas.flow(x, width, &code));
            canvas.gap(5.0);
            continue;
        }
        for line in part.lines() {
            match line.strip_prefix("**").and_then(|rest| rest.strip_suffix("**")) {
                Some(bold) => canvas.flow(x, width, &[Run::new(literal(bold), size).bold()]),
                None => canvas.flow(x, width, &[Run::new(literal(line), size)]),
            }
        }
    }
}

/// Without the signs that make it literal; what is markup cannot be drawn.
fn literal(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        assert!(!"*_~`|<>@:".contains(c), "markup that this cannot draw: {text}");
        out.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    out
}
