//! What somebody wants a product to be, and what is wrong with it.

use super::Price;
use crate::model::{
    ProductId,
    decimal::{InvalidNumber, exact},
    name::is_printable,
};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;
use utoipa::ToSchema;

/// What somebody wants a product to be, each field as it was sent; nothing is checked yet.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(
    as = NewProduct,
    examples(json!({"manufacturer": "Acme", "pricePerUnit": 12.50, "unitsAvailable": 3, "productName": "Anvil"}))
)]
pub struct ProductFields {
    /// May be there when a product is replaced, and is then the one that it has.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<i64>)]
    product_id: Option<Box<RawValue>>,
    /// 1 to 200 printable characters, not counting white space around them.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, required = true)]
    manufacturer: Option<Box<RawValue>>,
    /// At most two decimals.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = f64, required = true, minimum = 0, maximum = 9_999_999_999.99)]
    price_per_unit: Option<Box<RawValue>>,
    /// A whole number.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = i64, required = true, minimum = 0, maximum = 9_007_199_254_740_991_i64)]
    units_available: Option<Box<RawValue>>,
    /// 1 to 200 printable characters, not counting white space around them.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = String, required = true)]
    product_name: Option<Box<RawValue>>,
}

/// `null` is something too, only nothing good.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::<RawValue>::deserialize(deserializer).map(Some)
}

/// A product without its id, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewProduct {
    manufacturer: String,
    price_per_unit: Price,
    units_available: i64,
    product_name: String,
}

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldFault {
    /// Its name.
    #[schema(value_type = String)]
    pub field: &'static str,
    /// For people.
    #[schema(value_type = String)]
    pub problem: Cow<'static, str>,
}

impl NewProduct {
    /// Longest text, in characters.
    pub const MAX_CHARS: usize = 200;
    /// Most units: the greatest whole number that every reader of JSON has exactly (RFC 8259 section 6).
    pub const MAX_UNITS: i64 = (1 << 53) - 1;

    /// Checks every field.
    ///
    /// # Errors
    /// All that is wrong, in the order of the fields.
    pub fn check(fields: &ProductFields) -> Result<Self, Vec<FieldFault>> {
        let mut faults = Vec::new();
        let manufacturer = field(&mut faults, "manufacturer", fields.manufacturer.as_deref(), text);
        let price_per_unit = field(&mut faults, "pricePerUnit", fields.price_per_unit.as_deref(), price);
        let units_available = field(&mut faults, "unitsAvailable", fields.units_available.as_deref(), units);
        let product_name = field(&mut faults, "productName", fields.product_name.as_deref(), text);
        match (manufacturer, price_per_unit, units_available, product_name) {
            (Some(manufacturer), Some(price_per_unit), Some(units_available), Some(product_name)) => {
                Ok(Self { manufacturer, price_per_unit, units_available, product_name })
            }
            _ => Err(faults),
        }
    }

    /// As [`NewProduct::check`], for what is to replace a product: its id, if it is named, must be that one's.
    ///
    /// # Errors
    /// As [`NewProduct::check`].
    pub fn check_for(id: ProductId, fields: &ProductFields) -> Result<Self, Vec<FieldFault>> {
        let same = |sent: &RawValue| sent.get() == id.to_string();
        let checked = Self::check(fields);
        if fields.product_id.as_deref().is_none_or(same) {
            return checked;
        }
        let fault = FieldFault { field: "productId", problem: format!("must be {id}, or left out").into() };
        let others = checked.err().unwrap_or_default();
        Err(std::iter::once(fault).chain(others).collect())
    }

    /// Who makes it.
    #[must_use]
    pub fn manufacturer(&self) -> &str {
        &self.manufacturer
    }

    /// What one costs.
    #[must_use]
    pub fn price_per_unit(&self) -> Price {
        self.price_per_unit
    }

    /// How many there are.
    #[must_use]
    pub fn units_available(&self) -> i64 {
        self.units_available
    }

    /// What it is called.
    #[must_use]
    pub fn product_name(&self) -> &str {
        &self.product_name
    }
}

type Problem = Cow<'static, str>;

fn field<T>(
    faults: &mut Vec<FieldFault>,
    field: &'static str,
    sent: Option<&RawValue>,
    read: fn(&str) -> Result<T, Problem>,
) -> Option<T> {
    let value = sent.map_or(Err("is missing".into()), |sent| read(sent.get()));
    value.map_err(|problem| faults.push(FieldFault { field, problem })).ok()
}

fn text(json: &str) -> Result<String, Problem> {
    let text: String = serde_json::from_str(json).map_err(|_| "must be a text")?;
    let text = text.trim();
    let has_length = (1..=NewProduct::MAX_CHARS).contains(&text.chars().count());
    let is_shown = text.chars().all(|c| is_printable(c) && !breaks_or_turns(c)) && text.chars().any(is_seen);
    if has_length && is_shown { Ok(text.to_owned()) } else { Err("must have 1 to 200 printable characters".into()) }
}

/// Line and paragraph separators, and marks that turn the direction of what follows.
fn breaks_or_turns(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{61c}')
}

/// Whether there is anything to see, as there is not of joiners, fillers and spaces.
fn is_seen(c: char) -> bool {
    let is_joiner_or_filler = matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2064}' | '\u{206a}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}'
    );
    !c.is_whitespace() && !is_joiner_or_filler
}

fn price(json: &str) -> Result<Price, Problem> {
    Price::parse(json).map_err(|error| error.to_string().into())
}

fn units(json: &str) -> Result<i64, Problem> {
    exact(json, 0, NewProduct::MAX_UNITS).map_err(|why| match why {
        InvalidNumber::TooLarge => format!("must be at most {}", NewProduct::MAX_UNITS).into(),
        other => other.to_string().into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(json: &str) -> ProductFields {
        serde_json::from_str(json).unwrap()
    }

    fn faults(json: &str) -> Vec<(&'static str, String)> {
        let faults = NewProduct::check_for(ProductId(7), &fields(json)).unwrap_err();
        faults.into_iter().map(|fault| (fault.field, fault.problem.into_owned())).collect()
    }

    #[test]
    fn a_good_product_is_trimmed_and_exact() {
        let json = r#"{"productId":7,"manufacturer":" Acme ","pricePerUnit":1.25e1,"unitsAvailable":9007199254740991,
            "productName":"\u00c4nvil","colour":"red"}"#;
        let new = NewProduct::check_for(ProductId(7), &fields(json)).unwrap();
        assert_eq!((new.manufacturer(), new.product_name()), ("Acme", "Änvil"));
        assert_eq!(
            (new.price_per_unit().to_string().as_str(), new.units_available()),
            ("12.50", NewProduct::MAX_UNITS)
        );
        assert!(NewProduct::check(&fields(json)).is_ok());
        let long = |n| {
            format!(
                r#"{{"manufacturer":"{0}","pricePerUnit":0,"unitsAvailable":0,"productName":"{0}"}}"#,
                "é".repeat(n)
            )
        };
        assert!(NewProduct::check(&fields(&long(200))).is_ok());
        assert_eq!(NewProduct::check(&fields(&long(201))).unwrap_err().len(), 2);
    }

    #[test]
    fn a_name_can_be_seen() {
        for good in ["a\u{200d}b", "👩\u{200d}👧", "क\u{94d}ष", "'"] {
            assert!(text(&serde_json::to_string(good).unwrap()).is_ok(), "{good:?}");
        }
        for bad in ["\u{200b}", "\u{feff}\u{3164}", "\u{2800}", "a\u{2028}b", "a\u{200f}", "\u{61c}a"] {
            assert!(text(&serde_json::to_string(bad).unwrap()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn every_fault_is_told_at_once() {
        let missing = |field| (field, "is missing".to_owned());
        let all = ["manufacturer", "pricePerUnit", "unitsAvailable", "productName"];
        assert_eq!(faults("{}"), all.map(missing));
        let json = r#"{"productId":8,"manufacturer":" ","pricePerUnit":"12","unitsAvailable":1.5,"productName":null}"#;
        let expected = [
            ("productId", "must be 7, or left out"),
            ("manufacturer", "must have 1 to 200 printable characters"),
            ("pricePerUnit", "must be a number"),
            ("unitsAvailable", "must be a whole number"),
            ("productName", "must be a text"),
        ];
        assert_eq!(faults(json), expected.map(|(field, problem)| (field, problem.to_owned())));
        let json = r#"{"manufacturer":"a\u0000","pricePerUnit":1e10,"unitsAvailable":9007199254740992,"productName":"\u202e"}"#;
        let problems: Vec<_> = faults(json).into_iter().map(|(_, problem)| problem).collect();
        let printable = "must have 1 to 200 printable characters";
        assert_eq!(
            problems,
            [printable, "must be at most 9999999999.99", "must be at most 9007199254740991", printable]
        );
    }
}
