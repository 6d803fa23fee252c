//! The arrows of docs/architecture.md, checked: a layer uses only what stands below it.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// Each layer and what it may use, from the top down. What everything may use is not listed.
const LAYERS: &[(&str, &[&str])] = &[
    ("cli", &["app", "auth", "feed", "http", "storage", "model", "tls"]),
    (
        "app",
        &[
            "http",
            "documents",
            "events",
            "feed",
            "journal",
            "manager",
            "auth",
            "cluster",
            "storage",
            "protocol",
            "model",
            "listener",
            "tls",
        ],
    ),
    ("http", &["documents", "events", "connection", "manager", "auth", "storage", "protocol", "model"]),
    ("documents", &["events", "connection", "journal", "manager", "storage", "protocol", "model"]),
    ("events", &["journal", "manager", "storage", "protocol", "model"]),
    ("feed", &["journal", "storage", "protocol", "model"]),
    ("connection", &["manager", "protocol"]),
    ("journal", &["manager", "storage", "model"]),
    ("manager", &["cluster", "storage", "protocol", "model"]),
    ("auth", &["storage", "model"]),
    ("listener", &["model"]),
    ("tls", &[]),
    ("cluster", &["model"]),
    ("storage", &["model"]),
    ("protocol", &["model"]),
    ("model", &[]),
    ("settings", &["model"]),
    ("telemetry", &[]),
    ("metrics", &[]),
];

/// Used by everyone: they decide nothing.
const ANYWHERE: &[&str] = &["settings", "metrics"];

#[test]
fn every_layer_uses_only_what_stands_below_it() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let allowed: BTreeMap<_, _> = LAYERS.iter().copied().collect();
    let mut faults = Vec::new();
    for file in rust_files(&src) {
        let relative = file.strip_prefix(&src).unwrap();
        let layer = relative.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs");
        let is_test = file.file_stem().is_some_and(|stem| stem.to_str().unwrap().ends_with("tests"));
        if matches!(layer, "main" | "lib") || is_test {
            continue;
        }
        let Some(allowed) = allowed.get(layer) else {
            faults.push(format!("{} belongs to no layer", relative.display()));
            continue;
        };
        let text = fs::read_to_string(&file).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        for used in used_layers(code) {
            if used != layer && !allowed.contains(&used.as_str()) && !ANYWHERE.contains(&used.as_str()) {
                faults.push(format!("{} uses {used}", relative.display()));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn no_family_knows_another() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/events");
    // `kind` and `page` belong to none: they are what families have in common.
    let families = ["channels", "chat", "feeds", "rooms", "topics"];
    for file in rust_files(&src) {
        let text = fs::read_to_string(&file).unwrap();
        let imported = families.iter().any(|family| text.contains(&format!("super::{family}")));
        assert!(!imported && !text.contains("crate::events::"), "{} imports a family", file.display());
    }
}

/// The modules after `crate::`, in paths and in grouped imports.
fn used_layers(code: &str) -> Vec<String> {
    let mut used = Vec::new();
    for (start, _) in code.match_indices("crate::") {
        let rest = &code[start + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut item = String::new();
            for character in group.chars() {
                match character {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => used.push(std::mem::take(&mut item)),
                    other if depth == 0 => item.push(other),
                    _ => {}
                }
            }
            used.push(item);
        } else {
            used.push(rest.to_owned());
        }
    }
    let name = |item: &str| item.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    used.iter().map(|item| name(item)).filter(|name| name.starts_with(char::is_lowercase)).collect()
}

pub fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}
