//! What something costs.

use crate::model::decimal::{InvalidNumber, exact};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _, ser::Error as _};
use serde_json::value::RawValue;
use std::fmt;

/// An amount of money from 0 to 9,999,999,999.99, exact: it never becomes a float.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Price {
    hundredths: i64,
}

/// The text is not a price; for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPrice {
    /// More than [`Price::MAX`].
    #[error("must be at most {}", Price::MAX)]
    TooLarge,
    /// Not a number, or not one that a price can be.
    #[error("{0}")]
    BadNumber(&'static str),
}

impl Price {
    /// The greatest price.
    pub const MAX: Self = Self { hundredths: 999_999_999_999 };

    /// Reads a JSON number: `12`, `12.5`, `12.50` and `1.25e1` for example.
    ///
    /// # Errors
    /// [`InvalidPrice`] for what is no number, negative or too large, or has a value that two decimals cannot write.
    pub fn parse(text: &str) -> Result<Self, InvalidPrice> {
        let hundredths = exact(text, 2, Self::MAX.hundredths).map_err(|why| match why {
            InvalidNumber::TooLarge => InvalidPrice::TooLarge,
            InvalidNumber::Negative => InvalidPrice::BadNumber("must not be negative"),
            InvalidNumber::TooPrecise(_) | InvalidNumber::NotWhole => {
                InvalidPrice::BadNumber("must have at most two decimals")
            }
            InvalidNumber::NotANumber => InvalidPrice::BadNumber("must be a number"),
        })?;
        Ok(Self { hundredths })
    }
}

impl fmt::Display for Price {
    /// Always with two decimals.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:02}", self.hundredths / 100, self.hundredths % 100)
    }
}

impl Serialize for Price {
    /// As a number with two decimals.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.to_string()).map_err(S::Error::custom)?.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Price {
    /// From JSON text only: elsewhere the digits are lost already.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Box::<RawValue>::deserialize(deserializer)?;
        Self::parse(text.get()).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_has_two_decimals() {
        for (text, shown) in [("12", "12.00"), ("12.5", "12.50"), ("0.07", "0.07"), ("9999999999.99", "9999999999.99")]
        {
            let price = Price::parse(text).unwrap();
            assert_eq!(price.to_string(), shown);
            assert_eq!(serde_json::to_string(&price).unwrap(), shown);
            assert_eq!(serde_json::from_str::<Price>(shown).unwrap(), price);
        }
        for (text, why) in [
            ("10000000000", "must be at most 9999999999.99"),
            ("0.001", "must have at most two decimals"),
            ("-1", "must not be negative"),
            ("true", "must be a number"),
        ] {
            assert_eq!(Price::parse(text).unwrap_err().to_string(), why);
        }
    }
}
