//! Publishing to topics, once per idempotency key.

use super::{
    commit::{Batch, Decision},
    db::corrupt,
};
use crate::{
    model::{Offset, UnixMillis},
    storage::{Committed, NewPublication, Once, Outcome, Placed, Refusal, StoreError},
};

/// What a request with this key was answered before.
struct Receipt {
    same_request: bool,
    places: Vec<Placed>,
}

impl Batch<'_> {
    pub(super) fn publish(&mut self, new: &[NewPublication], once: Option<&Once>, at: UnixMillis) -> Decision {
        if let Some(receipt) = once.map(|once| self.receipt(once)).transpose()?.flatten() {
            let Receipt { same_request, places } = receipt;
            let outcome = Outcome::Published { places, duplicate: true };
            let answer = || Committed { publications: Vec::new(), outcome };
            return Ok(if same_request { Ok(answer()) } else { Err(Refusal::Conflict) });
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

    fn receipt(&self, once: &Once) -> Result<Option<Receipt>, StoreError> {
        self.db.one(
            "SELECT fingerprint, answer FROM publish_receipt WHERE issuer = $1 AND idempotency_key = $2",
            (&once.issuer, &once.key),
            |row| {
                let answer: Vec<(u64, u64)> = serde_json::from_str(row.text(1)?).map_err(corrupt)?;
                let placed = |(offset, subscribers)| Placed { offset: Offset(offset), subscribers };
                let places = answer.into_iter().map(placed).collect();
                Ok(Receipt { same_request: row.get::<[u8; 32]>(0)? == once.fingerprint, places })
            },
        )
    }

    fn keep_receipt(&self, once: &Once, places: &[Placed], at: UnixMillis) -> Result<(), StoreError> {
        let answer: Vec<_> = places.iter().map(|placed| (placed.offset.0, placed.subscribers)).collect();
        let answer = serde_json::to_string(&answer).map_err(corrupt)?;
        self.db
            .run(
                "INSERT INTO publish_receipt (issuer, idempotency_key, fingerprint, answer, created_at) \
                 VALUES ($1, $2, $3, $4, $5)",
                (&once.issuer, &once.key, once.fingerprint, answer, at),
            )
            .map(drop)
    }
}
