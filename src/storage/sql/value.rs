//! What statements are given and rows hold: integers, texts and bytes, whatever engine reads them.

use super::db::corrupt;
use crate::{
    model::{ClientMessageId, MessageText},
    storage::StoreError,
};
use bytes::Bytes;
use serde_json::value::RawValue;
use std::{borrow::Cow, sync::Arc};

/// One parameter or column, borrowed from whoever holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::storage) enum Value<'v> {
    Null,
    Integer(i64),
    Text(&'v str),
    Bytes(&'v [u8]),
}

/// What can be a parameter.
pub(in crate::storage) trait ToValue {
    fn to_value(&self) -> Value<'_>;
}

/// The parameters of a statement: a tuple or an array, in the order `$1`, `$2` …
pub(in crate::storage) trait Params {
    /// Hands over the values, which nothing copies.
    fn with<'p, R>(&'p self, work: impl FnOnce(&[Value<'p>]) -> R) -> R;
}

/// Parameters of the same statement, many times over.
pub(in crate::storage) trait Rows {
    fn is_empty(&self) -> bool;

    /// One row after the other.
    fn each(&self, work: &mut dyn FnMut(&[Value<'_>]) -> Result<(), StoreError>) -> Result<(), StoreError>;

    /// Each parameter's values, in the order of the rows.
    fn columns(&self) -> Vec<Vec<Value<'_>>>;
}

impl<P: Params> Rows for Vec<P> {
    fn is_empty(&self) -> bool {
        <[P]>::is_empty(self)
    }

    fn each(&self, work: &mut dyn FnMut(&[Value<'_>]) -> Result<(), StoreError>) -> Result<(), StoreError> {
        self.iter().try_for_each(|row| row.with(|values| work(values)))
    }

    fn columns(&self) -> Vec<Vec<Value<'_>>> {
        let mut columns = Vec::new();
        for row in self {
            row.with(|values| {
                columns.resize_with(values.len(), || Vec::with_capacity(self.len()));
                for (column, value) in columns.iter_mut().zip(values) {
                    column.push(*value);
                }
            });
        }
        columns
    }
}

impl Params for () {
    fn with<'p, R>(&'p self, work: impl FnOnce(&[Value<'p>]) -> R) -> R {
        work(&[])
    }
}

impl<T: ToValue, const N: usize> Params for [T; N] {
    fn with<'p, R>(&'p self, work: impl FnOnce(&[Value<'p>]) -> R) -> R {
        work(&self.each_ref().map(ToValue::to_value))
    }
}

macro_rules! tuples_are_params {
    ($(($($place:tt $type:ident),+))+) => {
        $(
            impl<$($type: ToValue),+> Params for ($($type,)+) {
                fn with<'p, R>(&'p self, work: impl FnOnce(&[Value<'p>]) -> R) -> R {
                    work(&[$(self.$place.to_value()),+])
                }
            }
        )+
    };
}

tuples_are_params!((0 A, 1 B)(0 A, 1 B, 2 C)(0 A, 1 B, 2 C, 3 D)(0 A, 1 B, 2 C, 3 D, 4 E)
    (0 A, 1 B, 2 C, 3 D, 4 E, 5 F)(0 A, 1 B, 2 C, 3 D, 4 E, 5 F, 6 G));

impl ToValue for i64 {
    fn to_value(&self) -> Value<'_> {
        Value::Integer(*self)
    }
}

impl ToValue for u32 {
    fn to_value(&self) -> Value<'_> {
        Value::Integer(i64::from(*self))
    }
}

impl ToValue for str {
    fn to_value(&self) -> Value<'_> {
        Value::Text(self)
    }
}

impl ToValue for String {
    fn to_value(&self) -> Value<'_> {
        Value::Text(self)
    }
}

impl ToValue for Cow<'_, str> {
    fn to_value(&self) -> Value<'_> {
        Value::Text(self)
    }
}

impl ToValue for RawValue {
    fn to_value(&self) -> Value<'_> {
        Value::Text(self.get())
    }
}

impl ToValue for MessageText {
    fn to_value(&self) -> Value<'_> {
        Value::Text(self.as_str())
    }
}

impl ToValue for ClientMessageId {
    fn to_value(&self) -> Value<'_> {
        Value::Text(self.as_str())
    }
}

impl ToValue for [u8] {
    fn to_value(&self) -> Value<'_> {
        Value::Bytes(self)
    }
}

impl ToValue for Bytes {
    fn to_value(&self) -> Value<'_> {
        Value::Bytes(self)
    }
}

impl<const N: usize> ToValue for [u8; N] {
    fn to_value(&self) -> Value<'_> {
        Value::Bytes(self)
    }
}

impl<T: ToValue> ToValue for Option<T> {
    fn to_value(&self) -> Value<'_> {
        self.as_ref().map_or(Value::Null, ToValue::to_value)
    }
}

impl<T: ToValue + ?Sized> ToValue for &T {
    fn to_value(&self) -> Value<'_> {
        (**self).to_value()
    }
}

impl<T: ToValue + ?Sized> ToValue for Arc<T> {
    fn to_value(&self) -> Value<'_> {
        (**self).to_value()
    }
}

/// What a column can be read as.
pub(in crate::storage) trait FromValue: Sized {
    /// # Errors
    /// [`StoreError::Corrupt`]: the column holds what no column of ours may.
    fn from_value(value: Value<'_>) -> Result<Self, StoreError>;
}

fn no(wanted: &str) -> StoreError {
    corrupt(format_args!("a column holds no {wanted}"))
}

impl FromValue for i64 {
    fn from_value(value: Value<'_>) -> Result<Self, StoreError> {
        let Value::Integer(number) = value else { return Err(no("number")) };
        Ok(number)
    }
}

impl FromValue for u32 {
    fn from_value(value: Value<'_>) -> Result<Self, StoreError> {
        u32::try_from(i64::from_value(value)?).map_err(corrupt)
    }
}

impl FromValue for bool {
    fn from_value(value: Value<'_>) -> Result<Self, StoreError> {
        Ok(i64::from_value(value)? != 0)
    }
}

impl FromValue for String {
    fn from_value(value: Value<'_>) -> Result<Self, StoreError> {
        let Value::Text(text) = value else { return Err(no("text")) };
        Ok(text.to_owned())
    }
}

impl FromValue for Vec<u8> {
    fn from_value(value: Value<'_>) -> Result<Self, StoreError> {
        let Value::Bytes(bytes) = value else { return Err(no("bytes")) };
        Ok(bytes.to_owned())
    }
}

impl<const N: usize> FromValue for [u8; N] {
    fn from_value(value: Value<'_>) -> Result<Self, StoreError> {
        let Value::Bytes(bytes) = value else { return Err(no("bytes")) };
        bytes.try_into().map_err(corrupt)
    }
}

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: Value<'_>) -> Result<Self, StoreError> {
        if value == Value::Null { Ok(None) } else { T::from_value(value).map(Some) }
    }
}
