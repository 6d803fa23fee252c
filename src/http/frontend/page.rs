//! The page's HTML as it is sent: its files under the addresses of their version, and every module named beforehand.
//!
//! A browser learns what a module imports only when it has it. Told of the whole graph at once, it asks for all of it in
//! one round trip instead of one for each level.

use super::imports;
use axum::http::HeaderValue;
use std::iter;

/// Longest `Link` header. A proxy answers 502 to headers that exceed its buffer, and nginx's has 4 KiB.
const LINK_BYTES: usize = 2048;

const ENTRY: &str = "<script type=\"module\" src=\"";

pub(super) struct Page {
    pub(super) html: String,
    /// What the HTML names too, as far as it fits: for those who make early hints of it, as some proxies do.
    pub(super) links: HeaderValue,
}

impl Page {
    /// `text_of` knows the files there are, `address_of` those that are to be fetched from another address.
    pub(super) fn new<'a>(
        html: &str,
        text_of: impl Fn(&str) -> Option<&'a str>,
        address_of: impl Fn(&str) -> Option<String>,
    ) -> Self {
        let entry = html.split_once(ENTRY).and_then(|(_, rest)| rest.split('"').next()).unwrap_or_default();
        let modules: Vec<_> = imports::graph(entry, text_of).iter().filter_map(|path| address_of(path)).collect();
        let entry = address_of(entry);
        let styles = html.split('"').filter(|part| part.ends_with(".css")).filter_map(&address_of);
        let links = styles
            .map(|address| format!("<{address}>; rel=preload; as=style"))
            .chain(entry.iter().chain(&modules).map(|address| format!("<{address}>; rel=modulepreload")));
        Self { links: joined(links), html: with_modules(&with_addresses(html, &address_of), &modules) }
    }
}

/// `html` with the address of each file in place of its path, which is a whole attribute there.
fn with_addresses(html: &str, address_of: impl Fn(&str) -> Option<String>) -> String {
    let parts: Vec<_> = html.split('"').map(|part| address_of(part).unwrap_or_else(|| part.to_owned())).collect();
    parts.join("\"")
}

/// `html` with the modules named before the script that imports them.
fn with_modules(html: &str, modules: &[String]) -> String {
    let names = modules.iter().map(|address| format!("<link rel=\"modulepreload\" href=\"{address}\">\n    "));
    html.replacen(ENTRY, &names.chain(iter::once(ENTRY.to_owned())).collect::<String>(), 1)
}

/// As many as fit, in their order.
fn joined(links: impl Iterator<Item = String>) -> HeaderValue {
    let mut header = String::new();
    for link in links {
        let separator = if header.is_empty() { "" } else { ", " };
        if header.len() + separator.len() + link.len() > LINK_BYTES {
            break;
        }
        header.extend([separator, &link]);
    }
    HeaderValue::try_from(header).unwrap_or_else(|_| HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HTML: &str = r#"<link rel="icon" href="icon.svg"><link rel="manifest" href="manifest.webmanifest">
<link rel="stylesheet" href="styles/base.css">
<script type="module" src="app.js"></script>"#;

    fn text_of(path: &str) -> Option<&'static str> {
        match path {
            "app.js" => Some("import \"./views/app.js\";\n"),
            "views/app.js" => Some("import \"../lib/time.js\";\n"),
            "lib/time.js" | "styles/base.css" | "icon.svg" => Some(""),
            _ => None,
        }
    }

    #[test]
    fn every_file_is_named_by_its_address_and_every_module_beforehand() {
        let page = Page::new(HTML, text_of, |path| text_of(path).map(|_| format!("/v/{path}")));
        assert_eq!(
            page.html,
            r#"<link rel="icon" href="/v/icon.svg"><link rel="manifest" href="manifest.webmanifest">
<link rel="stylesheet" href="/v/styles/base.css">
<link rel="modulepreload" href="/v/views/app.js">
    <link rel="modulepreload" href="/v/lib/time.js">
    <script type="module" src="/v/app.js"></script>"#
        );
        assert_eq!(
            page.links,
            "</v/styles/base.css>; rel=preload; as=style, </v/app.js>; rel=modulepreload, \
             </v/views/app.js>; rel=modulepreload, </v/lib/time.js>; rel=modulepreload"
        );
    }

    #[test]
    fn the_header_ends_before_it_is_too_long() {
        let links = joined((0..1000).map(|number| format!("</{number}.js>; rel=modulepreload")));
        let links = links.to_str().unwrap();
        assert!((LINK_BYTES - 40..=LINK_BYTES).contains(&links.len()), "{}", links.len());
        assert!(links.ends_with("rel=modulepreload"));
    }
}
