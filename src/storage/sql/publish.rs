//! Publishing to topics, once per idempotency key.

use super::{
    commit::{Batch, Decision},
    db::{ForEach, Row, corrupt},
};
use crate::{
    model::{Offset, UnixMillis},
    storage::{Committed, NewPublication, Once, Outcome, Placed, Refusal, StoreError},
};
use std::collections::hash_map::Entry;

/// What a request with an idempotency key was answered.
#[derive(Debug, Clone)]
pub(in crate::storage) struct Receipt {
    fingerprint: [u8; 32],
    places: Vec<Placed>,
}

impl Receipt {
    /// Reads `fingerprint, answer`.
    pub(in crate::storage) fn read(row: &Row<'_>) -> Result<Self, StoreError> {
        let answer: Vec<(u64, u64)> = serde_json::from_str(row.text(1)?).map_err(corrupt)?;
        let placed = |(offset, subscribers)| Placed { offset: Offset(offset), subscribers };
        Ok(Self { fingerprint: row.get(0)?, places: answer.into_iter().map(placed).collect() })
    }
}

/// A row of `publish_receipt`: whose key, which, of which request, the answer, when.
pub(super) type ReceiptRow = (String, String, [u8; 32], String, UnixMillis);

pub(super) const INSERT_RECEIPT: ForEach = ForEach {
    one: "INSERT INTO publish_receipt (issuer, idempotency_key, fingerprint, answer, created_at) \
          VALUES ($1, $2, $3, $4, $5)",
    all: "INSERT INTO publish_receipt (issuer, idempotency_key, fingerprint, answer, created_at) \
          SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[], $4::text[], $5::bigint[])",
};

impl Batch<'_> {
    pub(super) fn publish(&mut self, new: &[NewPublication], once: Option<&Once>, at: UnixMillis) -> Decision {
        if let Some(once) = once
            && let Some(Receipt { fingerprint, places }) = self.receipt(once)?
        {
            let outcome = Outcome::Published { places: places.clone(), duplicate: true };
            let answer = || Committed { publications: Vec::new(), outcome };
            return Ok(if *fingerprint == once.fingerprint { Ok(answer()) } else { Err(Refusal::Conflict) });
        }
        let publications = new.iter().map(|one| self.append(one, at)).collect::<Result<Vec<_>, _>>()?;
        let placed = |(one, new): (&crate::model::Publication, &NewPublication)| Placed {
            offset: one.offset,
            subscribers: new.subscribers,
        };
        let places: Vec<_> = publications.iter().zip(new).map(placed).collect();
        if let Some(once) = once {
            self.keep_receipt(once, &places, at)?;
        }
        Ok(Ok(Committed { publications, outcome: Outcome::Published { places, duplicate: false } }))
    }

    /// What a request with this key was answered, perhaps in this batch.
    fn receipt(&mut self, once: &Once) -> Result<Option<&Receipt>, StoreError> {
        match self.receipts.entry((once.issuer.clone(), once.key.clone())) {
            Entry::Occupied(known) => Ok(known.into_mut().as_ref()),
            Entry::Vacant(unknown) => {
                let find = "SELECT fingerprint, answer FROM publish_receipt WHERE issuer = $1 AND idempotency_key = $2";
                let found = self.db.one(find, (&once.issuer, &once.key), Receipt::read)?;
                Ok(unknown.insert(found).as_ref())
            }
        }
    }

    fn keep_receipt(&mut self, once: &Once, places: &[Placed], at: UnixMillis) -> Result<(), StoreError> {
        let answer: Vec<_> = places.iter().map(|placed| (placed.offset.0, placed.subscribers)).collect();
        let answer = serde_json::to_string(&answer).map_err(corrupt)?;
        self.new_receipts.push((once.issuer.clone(), once.key.clone(), once.fingerprint, answer, at));
        let receipt = Receipt { fingerprint: once.fingerprint, places: places.to_vec() };
        self.receipts.insert((once.issuer.clone(), once.key.clone()), Some(receipt));
        Ok(())
    }
}
