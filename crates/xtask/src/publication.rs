//! What all kept reports have alike: numbers and facts as words, the frame of a page, and the three files. Leaves out what
//! is in them.
#![allow(clippy::print_stdout, reason = "a chore says where its report is")]

use std::{fmt::Write as _, fs, path::Path};

use anyhow::{Context, Result};
use serde_json::Value;

const STYLE: &str = "\
:root { color-scheme: light dark; --ours: #0a7d5a; --other: #8a94a6; --goal: #c2410c; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: .5rem 0 1.5rem; } th, td { padding: .15rem .7rem; text-align: right; }
th:first-child, td:first-child { text-align: left; } thead th { border-bottom: 1px solid; font-weight: 600; }
td { font-variant-numeric: tabular-nums; } .no { color: var(--goal); } .yes { color: var(--ours); }
svg { display: block; width: 100%; height: auto; } svg text { font: 13px system-ui, sans-serif; fill: currentColor; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 1rem; } dd { margin: 0; }
";

/// A number with as many digits as it is worth.
pub(crate) fn digits(value: f64) -> String {
    match value.abs() {
        0.0..10.0 => format!("{value:.2}"),
        10.0..100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

/// Facts of a JSON object, as words.
pub(crate) fn facts(object: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Object(fields) => {
            let fields = fields.iter().filter(|(_, value)| !value.is_null());
            fields
                .map(|(name, value)| format!("{name} {}", value.to_string().trim_matches('"')))
                .collect::<Vec<_>>()
                .join(", ")
        }
        value => value.to_string(),
    };
    let fields = object.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
    fields.map(|(name, value)| (name.clone(), text(value))).collect()
}

pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A page that loads nothing: its name, what is on it, and below that where and how it was measured.
pub(crate) fn page(name: &str, body: &str, where_and_how: &[&Value]) -> String {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Socket.IO in Rust: {}</title>\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<style>{STYLE}</style></head><body>\n\
         <h1>{name}</h1>\n{body}<h2>Where and how</h2>\n<dl>",
        name.to_lowercase()
    );
    for (name, text) in where_and_how.iter().flat_map(|object| facts(object)) {
        // A string takes everything.
        let _ = writeln!(page, "<dt>{}</dt><dd>{}</dd>", escape(&name), escape(&text));
    }
    page + "</dl>\n</body></html>\n"
}

/// Writes report.txt, report.json and report.html.
///
/// # Errors
/// Where the folder or a file cannot be written.
pub(crate) fn write(folder: &Path, text: &str, json: &Value, page: &str) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let json = serde_json::to_string_pretty(json)? + "\n";
    for (name, content) in [("report.txt", text), ("report.json", &*json), ("report.html", page)] {
        let path = folder.join(name);
        fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))?;
    }
    println!("written to {}", folder.display());
    Ok(())
}
