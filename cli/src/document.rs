//! Objects as JSON or YAML.

use serde::Serialize;

use crate::{args::Document, failure::Failure};

/// How an object is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// JSON, indented.
    Json,
    /// YAML.
    Yaml,
}

impl From<Document> for Form {
    fn from(document: Document) -> Self {
        match document {
            Document::Json => Self::Json,
            Document::Yaml => Self::Yaml,
        }
    }
}

/// The object as text that ends with a newline.
///
/// # Errors
/// When it cannot be written so.
pub fn print(object: &impl Serialize, form: Form) -> Result<String, Failure> {
    let text = match form {
        Form::Json => serde_json::to_string_pretty(object).map_err(|e| e.to_string()),
        Form::Yaml => serde_saphyr::to_string(object).map_err(|e| e.to_string()),
    };
    let text = text.map_err(|e| Failure::error(format!("writing the answer as {form:?}: {e}")))?;
    Ok(format!("{}\n", text.trim_end()))
}
