//! The page's service worker as it is sent: it is told which files belong to the version it is to keep.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;
use sha2::{Digest, Sha256};

/// Where it is served from: its scope is what lies below, so everything.
pub(super) const PATH: &str = "sw.js";

/// What the source has in the place of the version and its files.
const PLACE: &str = r#"{ version: "", files: /** @type {string[]} */ ([]) }"#;

/// The worker for the page that consists of `html` and what lies at `addresses`. A browser takes a worker for a new one when
/// its bytes differ, so its version changes with any of these.
pub(super) fn for_page(source: &str, html: &str, addresses: &[String]) -> String {
    let mut all = Sha256::new();
    for part in addresses.iter().map(String::as_str).chain([html, source]) {
        all.update(Sha256::digest(part));
    }
    let version = URL_SAFE_NO_PAD.encode(&all.finalize()[..12]);
    source.replacen(PLACE, &json!({ "version": version, "files": addresses }).to_string(), 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_page_makes_another_worker() {
        let source = format!("const PAGE = {PLACE};\n");
        let addresses = ["/assets/v/app.js".to_owned()];
        let worker = for_page(&source, "<p>", &addresses);
        assert!(worker.starts_with(r#"const PAGE = {"files":["/assets/v/app.js"],"version":""#), "{worker}");
        assert_eq!(worker, for_page(&source, "<p>", &addresses));
        for (html, addresses) in [("<b>", &addresses[..]), ("<p>", &[])] {
            assert_ne!(worker, for_page(&source, html, addresses));
        }
    }
}
