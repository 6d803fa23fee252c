//! Publishing to topics, once per idempotency key.

use super::{
    commit::{Batch, Decision},
    db::{ForEach, Row, corrupt},
};
use crate::{
    model::{Offset, UnixMillis},
    storage::{Committed, NewPublication, Once, Outcome, Placed, Refusal, StoreError},
};
use serde::{Serialize, de::DeserializeOwned};
use std::collections::hash_map::Entry;

/// What a request with an idempotency key was answered.
#[derive(Debug, Clone)]
pub(in crate::storage) struct Receipt {
    fingerprint: [u8; 32],
    /// JSON, as whoever answered has written it.
    answer: String,
}

impl Receipt {
    /// Reads `fingerprint, answer`.
    pub(in crate::storage) fn read(row: &Row<'_>) -> Result<Self, StoreError> {
        Ok(Self { fingerprint: row.get(0)?, answer: row.get(1)? })
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
        if let Some(known) = self.first_answer::<Vec<(u64, u64)>>(once)? {
            let placed = |(offset, subscribers)| Placed { offset: Offset(offset), subscribers };
            let answer = |places: Vec<_>| {
                let places = places.into_iter().map(placed).collect();
                Committed { publications: Vec::new(), outcome: Outcome::Published { places, duplicate: true } }
            };
            return Ok(known.map(answer));
        }
        let publications = new.iter().map(|one| self.append(one, at)).collect::<Result<Vec<_>, _>>()?;
        let placed = |(one, new): (&crate::model::Publication, &NewPublication)| Placed {
            offset: one.offset,
            subscribers: new.subscribers,
        };
        let places: Vec<_> = publications.iter().zip(new).map(placed).collect();
        let answer: Vec<_> = places.iter().map(|placed| (placed.offset.0, placed.subscribers)).collect();
        self.keep_receipt(once, &answer, at)?;
        Ok(Ok(Committed { publications, outcome: Outcome::Published { places, duplicate: false } }))
    }

    /// What a request with this key was answered, perhaps in this batch; `None`: there was none.
    pub(super) fn first_answer<A: DeserializeOwned>(
        &mut self,
        once: Option<&Once>,
    ) -> Result<Option<Result<A, Refusal>>, StoreError> {
        let Some(once) = once else { return Ok(None) };
        let Some(Receipt { fingerprint, answer }) = self.receipt(once)? else { return Ok(None) };
        if *fingerprint != once.fingerprint {
            return Ok(Some(Err(Refusal::Conflict)));
        }
        Ok(Some(Ok(serde_json::from_str(answer).map_err(corrupt)?)))
    }

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

    /// Keeps the answer for whoever repeats the request.
    pub(super) fn keep_receipt(
        &mut self,
        once: Option<&Once>,
        answer: &impl Serialize,
        at: UnixMillis,
    ) -> Result<(), StoreError> {
        let Some(Once { issuer, key, fingerprint }) = once else { return Ok(()) };
        let answer = serde_json::to_string(answer).map_err(corrupt)?;
        self.new_receipts.push((issuer.clone(), key.clone(), *fingerprint, answer.clone(), at));
        let receipt = Receipt { fingerprint: *fingerprint, answer };
        self.receipts.insert((issuer.clone(), key.clone()), Some(receipt));
        Ok(())
    }
}
