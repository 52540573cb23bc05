//! The pictures of `docs/messages.md`, drawn from what receivers are sent. `make docs` writes them anew.
#![forbid(unsafe_code)]

mod pictures {
    pub mod canvas;
    pub mod discord;
    pub mod slack;
    pub mod teams;
}

use std::{env, fs, path::PathBuf};

use messages::{Format, Text, body, examples};
use pictures::{canvas::Canvas, discord, slack, teams};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/images/messages");
const SHOWN: [&str; 3] = ["rolled-back", "conformance-failed", "approval-needed"];

fn draw(name: &str, format: Format) -> Option<(PathBuf, String)> {
    let notice = examples::typical().into_iter().find(|(n, _)| *n == name).expect(name).1;
    let text = Text::of(&notice);
    let body = body(format, &notice, &text);
    let canvas: Canvas = match format {
        Format::Slack => slack::draw(&body),
        Format::Teams => teams::draw(&body),
        Format::Discord => discord::draw(&body),
        Format::CloudEvents => return None,
    };
    let receiver = format!("{format:?}");
    let file = PathBuf::from(FOLDER).join(format!("{name}-{}.svg", receiver.to_lowercase()));
    Some((file, canvas.svg(&format!("{}, in {receiver}", text.title))))
}

#[test]
fn the_pictures_show_what_receivers_are_sent() {
    for (file, picture) in SHOWN.iter().flat_map(|name| Format::ALL.into_iter().filter_map(|format| draw(name, format)))
    {
        if env::var_os("WRITE_DOCS").is_some() {
            fs::create_dir_all(FOLDER).expect("a folder");
            fs::write(&file, picture).expect("written");
        } else {
            let there = fs::read_to_string(&file)
                .unwrap_or_else(|error| panic!("{}: {error}: run `make docs`", file.display()));
            assert!(there == picture, "{} is not what is sent: run `make docs`", file.display());
        }
    }
}

#[test]
fn everything_typical_can_be_drawn() {
    for (name, _) in examples::typical() {
        for (file, picture) in Format::ALL.into_iter().filter_map(|format| draw(name, format)) {
            assert!(picture.len() > 1_000, "{}", file.display());
        }
    }
}
