//! Colours, where somebody looks.

use anstyle::{AnsiColor, Style};

/// What a word means for the one who looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// As anything else.
    Plain,
    /// It went well.
    Good,
    /// It went wrong.
    Bad,
    /// Somebody must look at it.
    Warn,
    /// It is under way.
    Busy,
    /// It matters less.
    Dim,
    /// It matters most.
    Strong,
}

/// Puts colours on, or leaves words as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paint(pub bool);

impl Paint {
    /// A word in its colour.
    pub fn on(self, tone: Tone, text: &str) -> String {
        if !self.0 || tone == Tone::Plain || text.is_empty() {
            return text.into();
        }
        let style = match tone {
            Tone::Plain => Style::new(),
            Tone::Good => AnsiColor::Green.on_default(),
            Tone::Bad => AnsiColor::Red.on_default().bold(),
            Tone::Warn => AnsiColor::Yellow.on_default(),
            Tone::Busy => AnsiColor::Cyan.on_default(),
            Tone::Dim => Style::new().dimmed(),
            Tone::Strong => Style::new().bold(),
        };
        format!("{style}{text}{style:#}")
    }
}

/// The tone of a phase of a policy or a release.
pub fn of_phase(phase: &str) -> Tone {
    match phase {
        "Settled" | "Succeeded" => Tone::Good,
        "RolledBack" | "Held" | "RollingBack" | "StableNotReady" | "PassFailed" => Tone::Bad,
        "Inconclusive" | "Superseded" | "Suspended" | "Paused" => Tone::Warn,
        _ => Tone::Busy,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_end_where_the_word_does_and_are_left_out_where_nobody_looks() {
        let painted = Paint(true).on(Tone::Good, "Settled");
        assert!(painted.starts_with("\u{1b}[") && painted.ends_with("\u{1b}[0m"), "{painted:?}");
        assert_eq!(Paint(false).on(Tone::Good, "Settled"), "Settled");
    }
}
