//! JSON as strictly as the wire wants it: no duplicate keys, no deep nesting, finite numbers.

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::fmt;

/// Deepest nesting of arrays and objects.
pub(super) const MAX_DEPTH: u8 = 16;

/// The text is not JSON as this wire wants it. The message is for people.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct InvalidJson(#[from] serde_json::Error);

/// Parses `text` whole.
///
/// Beyond what JSON itself asks: keys are unique (two readers of `{"a":1,"a":2}` may see
/// different events), nesting is at most 16 levels deep, and numbers fit a 64-bit float.
///
/// # Errors
/// [`InvalidJson`] names the first fault and its place.
pub fn parse_strict(text: &str) -> Result<Value, InvalidJson> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = Strict { depth_left: MAX_DEPTH }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}

/// The same JSON without the white space between its parts; `text` must be JSON.
#[must_use]
pub fn compact(text: &str) -> String {
    let (mut in_string, mut escaped) = (false, false);
    let keep = |c: &char| {
        let outside = !in_string;
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = in_string,
            '"' => in_string = !in_string,
            _ => {}
        }
        // RFC 8259 section 2.
        !(outside && matches!(c, ' ' | '\t' | '\n' | '\r'))
    };
    text.chars().filter(keep).collect()
}

#[derive(Clone, Copy)]
struct Strict {
    depth_left: u8,
}

impl Strict {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        let depth_left = self.depth_left.checked_sub(1);
        depth_left
            .map(|depth_left| Self { depth_left })
            .ok_or_else(|| E::custom(format_args!("nested more than {MAX_DEPTH} levels deep")))
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }
    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }
    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }
    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("number out of range"))
    }
    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }
    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }
    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut object = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            let value = entries.next_value_seed(inner)?;
            if object.contains_key(&key) {
                return Err(A::Error::custom(format_args!("key {key:?} occurs twice")));
            }
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_goes_and_everything_else_stays() {
        let loose = "{ \"a b\\\" c\\\\\" :\n [ 1 ,\t2.50e+1 , \"\\n \" ] ,\r\n \"é\" : 12345678901234567890123 }";
        let tight = "{\"a b\\\" c\\\\\":[1,2.50e+1,\"\\n \"],\"é\":12345678901234567890123}";
        assert_eq!(compact(loose), tight);
        assert_eq!(compact(tight), tight);
    }
    use proptest::prelude::*;

    #[test]
    fn what_two_readers_could_see_differently_is_refused() {
        let deep = "[".repeat(100_000);
        for text in ["", "{", "nul", r#"{"a":1,"a":2}"#, "1e999", r#""\ud800""#, "{} {}", "[1,]", "NaN", &deep] {
            assert!(parse_strict(text).is_err(), "{:?} was accepted", &text[..text.len().min(20)]);
        }
        let depth = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(parse_strict(&depth(usize::from(MAX_DEPTH))).is_ok());
        assert!(parse_strict(&depth(usize::from(MAX_DEPTH) + 1)).is_err());
    }

    proptest! {
        #[test]
        fn it_never_panics_and_agrees_with_serde_json(text in "\\PC{0,60}") {
            if let Ok(value) = parse_strict(&text) {
                prop_assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
            }
        }
    }
}
