//! Which modules a module needs before it runs: its static imports, and theirs.

use std::{
    collections::{HashSet, VecDeque},
    iter,
};

/// Every module that `entry` imports, directly or not, nearest first and without `entry` itself. `source_of` knows the
/// modules there are by their paths.
pub(super) fn graph<'a>(entry: &str, source_of: impl Fn(&str) -> Option<&'a str>) -> Vec<String> {
    let mut seen = HashSet::from([entry.to_owned()]);
    let mut waiting = VecDeque::from([entry.to_owned()]);
    let mut found = Vec::new();
    while let Some(importer) = waiting.pop_front() {
        for specifier in source_of(&importer).into_iter().flat_map(specifiers) {
            let Some(module) = resolve(&importer, specifier) else { continue };
            if source_of(&module).is_some() && seen.insert(module.clone()) {
                waiting.push_back(module.clone());
                found.push(module);
            }
        }
    }
    found
}

/// What stands in `import … from "…"`, `export … from "…"` and `import "…"`. Such a statement begins a line of ours, and
/// what else begins one and reads like it names no module that there is.
fn specifiers(source: &str) -> impl Iterator<Item = &str> {
    let lines = iter::once(0).chain(source.match_indices('\n').map(|(at, _)| at + 1));
    lines.filter_map(|start| specifier(&source[start..]))
}

/// That of the statement which `source` begins with.
fn specifier(source: &str) -> Option<&str> {
    if !source.starts_with("import") && !source.starts_with("export") {
        return None;
    }
    let statement = source.split(';').next()?;
    let (words, quoted) = statement.split_at(statement.find(['"', '\''])?);
    let (quote, specifier) = quoted.split_at(1);
    let words = words.trim_end();
    (words == "import" || words.ends_with("from")).then(|| specifier.split(quote).next()).flatten()
}

/// The path of `./…` or `../…` as seen from the module that names it; others are not ours.
fn resolve(importer: &str, specifier: &str) -> Option<String> {
    if !specifier.starts_with('.') {
        return None;
    }
    let mut path: Vec<_> = importer.split('/').collect();
    path.pop();
    for part in specifier.split('/') {
        match part {
            "." => {}
            ".." => drop(path.pop()?),
            name => path.push(name),
        }
    }
    Some(path.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn static_imports_are_found_in_every_form_and_nothing_else() {
        let source = r#"/** Uses @param {import("./types.js").Type} type */
import { h } from "../vendor/preact.js";
import {
  one,
  two,
} from './many.js';
import "./for_its_effect.js";
import all, * as others from "./all.js";
export { again } from "./again.js";
export * from "./everything.js";
export{small}from"./small.js";
export { local };
export const text = "./text.js";
export const from = "./from.js";
export function load() {
  return import("./lazy.js");
}
// import { old } from "./comment.js";
const important = "./important.js";
"#;
        let expected = [
            "../vendor/preact.js",
            "./many.js",
            "./for_its_effect.js",
            "./all.js",
            "./again.js",
            "./everything.js",
            "./small.js",
        ];
        assert_eq!(specifiers(source).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_graph_is_walked_breadth_first_once_and_not_beyond_what_is_there() {
        let source_of = |path: &str| match path {
            "app.js" => Some("import \"./views/app.js\";\nimport \"./lib/time.js\";\nimport \"preact\";\n"),
            "views/app.js" => Some("import \"../lib/deep.js\";\nimport \"../lib/time.js\";\nimport \"../app.js\";\n"),
            "lib/deep.js" => Some("import \"./missing.js\";\nimport \"../../outside.js\";\n"),
            "lib/time.js" => Some(""),
            _ => None,
        };
        assert_eq!(graph("app.js", source_of), ["views/app.js", "lib/time.js", "lib/deep.js"]);
    }
}
