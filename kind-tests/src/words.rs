//! Numbers for people.

/// With a comma between thousands.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_commas_between_thousands() {
        let all: Vec<_> = [0, 999, 1_000, 12_345, 1_234_567].map(thousands).into();
        assert_eq!(all, ["0", "999", "1,000", "12,345", "1,234,567"]);
    }
}
