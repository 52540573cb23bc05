//! `${NAME}` in checks.

/// Replaces every `${NAME}` by what `value` knows of it; `$${` stands for `${` itself.
///
/// # Errors
///
/// Names the variable that is not set, or the brace that is not closed.
pub fn substitute(text: &str, value: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        if let Some(before) = rest[..at].strip_suffix('$') {
            result.push_str(before);
            result.push_str("${");
            rest = &rest[at + 2..];
            continue;
        }
        result.push_str(&rest[..at]);
        let after = &rest[at + 2..];
        let end = after.find('}').ok_or_else(|| format!("no closing brace after ${{ in {text:?}"))?;
        let name = &after[..end];
        result.push_str(&value(name).ok_or_else(|| format!("${{{name}}} is not set"))?);
        rest = &after[end + 1..];
    }
    result.push_str(rest);
    Ok(result)
}

/// What the process's environment knows.
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(name: &str) -> Option<String> {
        (name == "V").then(|| "6.9.1".to_owned())
    }

    #[test]
    fn variables_are_replaced_wherever_they_stand() {
        assert_eq!(substitute("v${V}/${V}", &value).unwrap(), "v6.9.1/6.9.1");
        assert_eq!(substitute("no variable, $V, {V}", &value).unwrap(), "no variable, $V, {V}");
    }

    #[test]
    fn a_doubled_dollar_is_one() {
        assert_eq!(substitute("a $${V} b ${V}", &value).unwrap(), "a ${V} b 6.9.1");
    }

    #[test]
    fn unset_variables_and_open_braces_are_refused() {
        assert_eq!(substitute("${X}", &value).unwrap_err(), "${X} is not set");
        assert!(substitute("${V", &value).is_err());
    }
}
