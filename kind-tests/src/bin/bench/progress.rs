//! What is told while it is measured.

use apps::clock;

/// One line, with the seconds since the script began.
pub fn say(text: &str) {
    let now = clock::unix_ms() / 1000;
    let began = std::env::var("SLUICE_BEGAN").ok().and_then(|b| b.parse().ok()).unwrap_or(now);
    println!("[{:4} s] {text}", now.saturating_sub(began));
}
