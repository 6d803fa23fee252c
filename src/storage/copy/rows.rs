//! Rows on their way from one store to the other, whatever table they are of.

use crate::storage::{
    StoreError,
    sql::{Params, Row, Rows, Value},
};
use sha2::{Digest as _, Sha256};

/// A batch ends after so many rows, or about so many bytes: what a copy holds in memory.
const MAX_ROWS: usize = 2_000;
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// A value that outlives its row.
#[derive(Debug)]
enum Cell {
    Null,
    Integer(i64),
    Text(String),
    Bytes(Vec<u8>),
}

impl Cell {
    fn of(value: Value<'_>) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Integer(number) => Self::Integer(number),
            Value::Text(text) => Self::Text(text.to_owned()),
            Value::Bytes(bytes) => Self::Bytes(bytes.to_owned()),
        }
    }

    fn value(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Integer(number) => Value::Integer(*number),
            Self::Text(text) => Value::Text(text),
            Self::Bytes(bytes) => Value::Bytes(bytes),
        }
    }

    fn weight(&self) -> usize {
        match self {
            Self::Null | Self::Integer(_) => 8,
            Self::Text(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
        }
    }
}

/// The primary key of a row.
pub(super) struct Key(Vec<Cell>);

impl Key {
    /// The first columns of `row`.
    pub(super) fn read(row: &Row<'_>, columns: usize) -> Result<Self, StoreError> {
        Ok(Self((0..columns).map(|column| row.value(column).map(Cell::of)).collect::<Result<_, _>>()?))
    }
}

impl Params for Key {
    fn with<'p, R>(&'p self, work: impl FnOnce(&[Value<'p>]) -> R) -> R {
        work(&self.0.iter().map(Cell::value).collect::<Vec<_>>())
    }
}

/// Rows of one table.
pub(super) struct Batch {
    width: usize,
    /// One row after the other.
    cells: Vec<Cell>,
    bytes: usize,
}

impl Batch {
    /// For rows of so many columns.
    pub(super) fn new(width: usize) -> Self {
        Self { width, cells: Vec::new(), bytes: 0 }
    }

    pub(super) fn push(&mut self, row: &Row<'_>) -> Result<(), StoreError> {
        for column in 0..self.width {
            let cell = Cell::of(row.value(column)?);
            self.bytes += cell.weight();
            self.cells.push(cell);
        }
        Ok(())
    }

    pub(super) fn is_full(&self) -> bool {
        self.len() >= MAX_ROWS || self.bytes >= MAX_BYTES
    }

    pub(super) fn len(&self) -> usize {
        self.cells.len() / self.width
    }

    pub(super) fn clear(&mut self) {
        self.cells.clear();
        self.bytes = 0;
    }
}

impl Rows for Batch {
    fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    fn each(&self, work: &mut dyn FnMut(&[Value<'_>]) -> Result<(), StoreError>) -> Result<(), StoreError> {
        let row = |cells: &[Cell], work: &mut dyn FnMut(&[Value<'_>]) -> Result<(), StoreError>| {
            work(&cells.iter().map(Cell::value).collect::<Vec<_>>())
        };
        self.cells.chunks_exact(self.width).try_for_each(|cells| row(cells, work))
    }

    fn columns(&self) -> Vec<Vec<Value<'_>>> {
        let column = |n| self.cells.iter().skip(n).step_by(self.width).map(Cell::value).collect();
        (0..self.width).map(column).collect()
    }
}

/// SHA-256 over rows in the order of their keys, the same on every engine.
///
/// Each value is a tag and its bytes, a text's and a blob's behind their length: no two tables of different content are
/// the same bytes, and NULL is nothing else.
#[derive(Default)]
pub(super) struct Checksum(Sha256);

impl Checksum {
    pub(super) fn add(&mut self, row: &Row<'_>, columns: usize) -> Result<(), StoreError> {
        for column in 0..columns {
            self.add_value(row.value(column)?);
        }
        Ok(())
    }

    fn add_value(&mut self, value: Value<'_>) {
        let (tag, bytes) = match value {
            Value::Null => return self.0.update([0]),
            Value::Integer(number) => {
                self.0.update([1]);
                return self.0.update(number.to_be_bytes());
            }
            Value::Text(text) => (2, text.as_bytes()),
            Value::Bytes(bytes) => (3, bytes),
        };
        self.0.update([tag]);
        self.0.update((bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
    }

    /// In hexadecimal digits.
    pub(super) fn finish(self) -> String {
        self.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(cells: &[Cell]) -> String {
        let mut checksum = Checksum::default();
        cells.iter().for_each(|cell| checksum.add_value(cell.value()));
        checksum.finish()
    }

    fn cell() -> impl Strategy<Value = Cell> {
        prop_oneof![
            (0..1_u8).prop_map(|_| Cell::Null),
            (-2..3_i64).prop_map(Cell::Integer),
            "[\u{0}\u{1}a]{0,2}".prop_map(Cell::Text),
            prop::collection::vec(0..4_u8, 0..3).prop_map(Cell::Bytes),
        ]
    }

    proptest! {
        /// Few different values, so that like ones meet.
        #[test]
        fn only_the_same_rows_have_the_same_checksum(
            one in prop::collection::vec(cell(), 0..3),
            other in prop::collection::vec(cell(), 0..3),
        ) {
            let values = |cells: &[Cell]| cells.iter().map(|cell| format!("{:?}", cell.value())).collect::<Vec<_>>();
            prop_assert_eq!(of(&one) == of(&other), values(&one) == values(&other));
        }
    }

    #[test]
    fn nothing_an_empty_text_and_no_bytes_are_three_things() {
        let sums = [Cell::Null, Cell::Text(String::new()), Cell::Bytes(Vec::new())].map(|cell| of(&[cell]));
        assert!(sums[0] != sums[1] && sums[1] != sums[2] && sums[0] != sums[2]);
    }
}
