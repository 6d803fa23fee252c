//! Brotli, which every browser takes over TLS; who does not gets the bytes as they are.

use axum::http::{HeaderMap, header};
use brotli::enc::BrotliEncoderParams;

/// Measured on the page: within a tenth of the densest there is, in a fiftieth of its time, which every start spends.
const QUALITY: i32 = 5;
/// 256 KiB: more than any of our files, and a larger window costs its memory for each.
const WINDOW_BITS: i32 = 18;

/// A denser form of `text`, unless that gains nothing.
pub(super) fn compressed(text: &[u8]) -> Option<Vec<u8>> {
    let size_hint = text.len();
    let parameters = BrotliEncoderParams { quality: QUALITY, lgwin: WINDOW_BITS, size_hint, ..Default::default() };
    let mut dense = Vec::with_capacity(text.len() / 2);
    brotli::BrotliCompress(&mut &*text, &mut dense, &parameters).ok()?;
    (dense.len() < text.len()).then_some(dense)
}

/// Whether `Accept-Encoding` names Brotli and does not refuse it (RFC 9110 section 12.5.3).
pub(super) fn accepts_brotli(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(header::ACCEPT_ENCODING).into_iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let is_brotli = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("br"));
        is_brotli && !parts.any(is_zero)
    })
}

fn is_zero(weight: &str) -> bool {
    let value = weight.strip_prefix("q=").or_else(|| weight.strip_prefix("Q="));
    value.and_then(|value| value.parse::<f32>().ok()).is_some_and(|value| value <= 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn brotli_is_sent_to_those_who_take_it() {
        let accepts = |text: &'static str| {
            accepts_brotli(&[(header::ACCEPT_ENCODING, HeaderValue::from_static(text))].into_iter().collect())
        };
        for text in ["br", "gzip, deflate, br, zstd", "gzip;q=1.0, BR ;q=0.1"] {
            assert!(accepts(text), "{text}");
        }
        for text in ["", "gzip", "br;q=0", "br; q=0.000, gzip", "brr", "*;q=0"] {
            assert!(!accepts(text), "{text}");
        }
        assert!(!accepts_brotli(&HeaderMap::new()));
    }

    #[test]
    fn what_is_compressed_is_smaller_and_the_same() {
        let text = "import { h } from \"../vendor/preact.js\";\n".repeat(20);
        let dense = compressed(text.as_bytes()).unwrap();
        let mut plain = Vec::new();
        brotli::BrotliDecompress(&mut &*dense, &mut plain).unwrap();
        assert!(dense.len() < text.len() / 4);
        assert_eq!(plain, text.as_bytes());
        assert_eq!(compressed(b""), None);
    }
}
