//! Reads a request's query as forms and `URLSearchParams` write it (URL standard, section 5.1).

use std::fmt::Write as _;

/// The decoded values of a parameter, in order. What is not UTF-8 is left out.
pub(super) fn values<'q>(query: Option<&'q str>, name: &'q str) -> impl Iterator<Item = String> + 'q {
    let pairs = query.unwrap_or_default().split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.filter(move |(key, _)| decode(key).as_deref() == Some(name)).filter_map(|(_, value)| decode(value))
}

/// The value of a parameter that may be there once; several are none.
pub(super) fn single(query: Option<&str>, name: &str) -> Option<String> {
    let mut values = values(query, name);
    let first = values.next()?;
    values.next().is_none().then_some(first)
}

/// A name of letters, digits, `_`, `.` and `-`, as it may stand in a query or a path: those of other scripts are
/// percent-encoded.
pub(super) fn encoded(name: &str) -> String {
    let mut encoded = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-') {
            encoded.push(byte.into());
        } else {
            let _ = write!(encoded, "%{byte:02X}"); // a String takes everything
        }
    }
    encoded
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        bytes.push(match (first, after) {
            (b'+', _) => b' ',
            (b'%', [high, low, after @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                rest = after;
                digit(*high) << 4 | digit(*low)
            }
            // Whatever else follows a percent sign, it stands for itself.
            (byte, _) => *byte,
        });
    }
    String::from_utf8(bytes).ok()
}

fn digit(hex: u8) -> u8 {
    match hex {
        b'0'..=b'9' => hex - b'0',
        _ => (hex | 0x20) - b'a' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_and_kept_in_order() {
        let query = Some("topic=channel.a&otp=x&t%6Fpic=room.caf%C3%A9+%zz%4&topic&topics=no&topic=%ff");
        assert_eq!(values(query, "topic").collect::<Vec<_>>(), ["channel.a", "room.café %zz%4", ""]);
        assert_eq!(values(None, "topic").count(), 0);
    }

    #[test]
    fn what_is_encoded_is_decoded_to_the_same() {
        assert_eq!(encoded("plan_1.a-b"), "plan_1.a-b");
        assert_eq!(encoded("café 1"), "caf%C3%A9%201");
        assert_eq!(decode(&encoded("世界 &=+%")).as_deref(), Some("世界 &=+%"));
    }

    #[test]
    fn two_values_are_none() {
        assert_eq!(single(Some("a=1&b=2"), "a").as_deref(), Some("1"));
        assert_eq!(single(Some("a=1&a=1"), "a"), None);
        assert_eq!(single(Some(""), "a"), None);
    }
}
