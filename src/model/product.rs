//! Products: the worked example of a table that is watched.

mod new;
mod price;
mod version;

pub use new::{FieldFault, NewProduct, ProductFields};
pub use price::{InvalidPrice, Price};
pub use version::{OnlyIf, ProductVersion, Versions};

use super::ProductId;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use std::sync::Arc;
use utoipa::ToSchema;

/// A product as it is stored. As JSON it is what REST shows and what its watchers are sent, the same bytes whatever it
/// is stored in.
///
/// Whoever writes the table by hand is bound by its columns only, not by what [`NewProduct`] checks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(examples(json!({
    "productId": 1, "manufacturer": "Acme", "pricePerUnit": 12.50, "unitsAvailable": 3, "productName": "Anvil"
})))]
pub struct Product {
    /// What tells it apart; never given to another.
    #[schema(value_type = i64)]
    pub product_id: ProductId,
    /// Who makes it.
    pub manufacturer: String,
    /// What one costs; always written with two decimals.
    #[schema(value_type = f64, minimum = 0)]
    pub price_per_unit: Price,
    /// How many there are.
    #[schema(minimum = 0)]
    pub units_available: i64,
    /// What it is called.
    pub product_name: String,
}

/// A row is not one of `products`; the text is for the log.
#[derive(Debug, thiserror::Error)]
#[error("this is no row of `products`: {0}")]
pub struct InvalidProductRow(#[from] serde_json::Error);

impl Product {
    /// Reads a row as PostgreSQL's `row_to_json` writes it; columns that are not ours are left out.
    ///
    /// # Errors
    /// [`InvalidProductRow`]
    pub fn from_columns(row: &str) -> Result<Self, InvalidProductRow> {
        #[derive(Deserialize)]
        struct Columns {
            product_id: ProductId,
            manufacturer: String,
            price_per_unit: Price,
            units_available: i64,
            product_name: String,
        }
        let Columns { product_id, manufacturer, price_per_unit, units_available, product_name } =
            serde_json::from_str(row)?;
        Ok(Self { product_id, manufacturer, price_per_unit, units_available, product_name })
    }

    /// Its JSON.
    #[must_use]
    pub fn to_json(&self) -> Arc<RawValue> {
        to_raw_value(self).expect("numbers and texts are JSON").into()
    }

    /// How long its JSON is about, in bytes.
    #[must_use]
    pub fn json_bytes(&self) -> usize {
        const NAMES_AND_NUMBERS: usize = 150;
        NAMES_AND_NUMBERS + self.manufacturer.len() + self.product_name.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: &str = r#"{"product_id":1,"manufacturer":"Acme \"é\"","price_per_unit":12.50,"units_available":3,"product_name":"Anvil","added":null}"#;
    const JSON: &str =
        r#"{"productId":1,"manufacturer":"Acme \"é\"","pricePerUnit":12.50,"unitsAvailable":3,"productName":"Anvil"}"#;

    #[test]
    fn a_row_is_shown_to_the_byte_as_the_protocol_says() {
        let product = Product::from_columns(COLUMNS).unwrap();
        assert_eq!(product.to_json().get(), JSON);
        assert_eq!(serde_json::to_string(&product).unwrap(), JSON);
        assert_eq!(serde_json::from_str::<Product>(JSON).unwrap(), product);
    }

    #[test]
    fn what_only_hands_can_write_is_a_product_too() {
        let row = r#"{"product_id":-7,"manufacturer":"","price_per_unit":0,"units_available":9223372036854775807,"product_name":" a\n"}"#;
        let shown = r#"{"productId":-7,"manufacturer":"","pricePerUnit":0.00,"unitsAvailable":9223372036854775807,"productName":" a\n"}"#;
        assert_eq!(Product::from_columns(row).unwrap().to_json().get(), shown);
    }

    #[test]
    fn another_row_is_none() {
        for (column, value) in
            [("12.50", "\"NaN\""), ("12.50", "12.505"), ("3", "null"), ("\"Anvil\"", "null"), ("1,", "1.5,")]
        {
            assert!(Product::from_columns(&COLUMNS.replacen(column, value, 1)).is_err(), "{value}");
        }
        assert!(Product::from_columns("[]").is_err());
    }
}
