//! To be replaced by docs-live's.
#![allow(missing_docs, clippy::all)]
use super::{Documents, Permitted};
use crate::{
    events::Author,
    manager::HandlerError,
    model::DocumentName,
    storage::{DocumentEdit, Refusal},
};
use yrs::{Doc, GetString, ReadTxn, StateVector, Text, Transact, Update, updates::decoder::Decode};
impl Documents {
    async fn doc(&self, p: &Permitted) -> Result<Doc, HandlerError> {
        let c =
            self.store.document_content(p.document.id).await?.ok_or(HandlerError::Refused(Refusal::NoSuchDocument))?;
        let doc = Doc::with_options(yrs::Options { offset_kind: yrs::OffsetKind::Utf16, ..Default::default() });
        {
            let mut t = doc.transact_mut();
            for u in std::iter::once(&c.snapshot).filter(|s| !s.is_empty()).chain(c.updates.iter().map(|u| &u.update)) {
                t.apply_update(Update::decode_v1(u).map_err(|_| HandlerError::DocumentDamaged)?)
                    .map_err(|_| HandlerError::DocumentDamaged)?;
            }
        }
        Ok(doc)
    }
    pub async fn text(&self, p: &Permitted, root: &str) -> Result<String, HandlerError> {
        let doc = self.doc(p).await?;
        let text = doc.get_or_insert_text(root);
        let t = doc.transact();
        Ok(text.get_string(&t))
    }
    pub async fn put_text(
        &self,
        by: &Author,
        p: &Permitted,
        root: &str,
        new: &str,
        only_if: impl Fn(&str) -> bool + Send + 'static,
    ) -> Result<String, HandlerError> {
        let update = {
            let doc = self.doc(p).await?;
            let text = doc.get_or_insert_text(root);
            let before = doc.transact().state_vector();
            let mut t = doc.transact_mut();
            let old = text.get_string(&t);
            if !only_if(&old) {
                return Err(Refusal::Changed.into());
            }
            if old == new {
                return Ok(old);
            }
            let len = text.len(&t);
            text.remove_range(&mut t, 0, len);
            text.insert(&mut t, 0, new);
            let update = t.encode_diff_v1(&before);
            let _ = StateVector::default();
            update
        };
        self.edit(by, DocumentEdit::Append { id: p.document.id, update: update.into() }).await?;
        Ok(new.to_owned())
    }
    pub async fn refresh(&self, _name: &DocumentName) {}
}
