//! Documents as texts, for those who do not speak the Yjs protocol. An open document and its text are one truth: both go
//! through its owner, which is started for a document that nobody has open.

use super::{
    Documents, Permitted,
    inbox::{Replace, Request},
    log::Appended,
    owner::{Ended, Owner},
    server_copy::{ServerCopy, Size},
};
use crate::{
    events::Author,
    journal::JournalError,
    manager::HandlerError,
    storage::{EditedBy, Refusal},
};
use std::sync::Arc;

const NO_TEXT: HandlerError = HandlerError::BadField { field: "root", problem: "is not a text" };

impl Documents {
    /// The text of one root of a document.
    ///
    /// # Errors
    /// `bad_payload` when that root is no text; what keeps the document from being loaded.
    pub async fn text(self: &Arc<Self>, permitted: &Permitted, root: &str) -> Result<String, HandlerError> {
        let root: Arc<str> = root.into();
        let ask = |answer| Request::Text { root: root.clone(), answer };
        self.ask(&permitted.document, ask).await?.0
    }

    /// Makes `text` of one root of a document, with a change as small as can be found, so that others go on writing; unless
    /// `only_if` says no to the text that it has. Answers the text as it is then, which is stored.
    ///
    /// # Errors
    /// `read_only`, [`Refusal::Changed`], `document_full`, and as [`Documents::text`].
    pub async fn put_text(
        self: &Arc<Self>,
        by: &Author,
        permitted: &Permitted,
        root: &str,
        text: &str,
        only_if: impl Fn(&str) -> bool + Send + Sync + 'static,
    ) -> Result<String, HandlerError> {
        let Permitted { document, .. } = permitted.clone().to_write()?;
        let (root, text): (Arc<str>, Arc<str>) = (root.into(), text.into());
        let only_if: Arc<dyn Fn(&str) -> bool + Send + Sync> = Arc::new(only_if);
        let ask = |answer| {
            let (by, root, text, only_if) = (by.clone(), root.clone(), text.clone(), only_if.clone());
            Request::Replace(Replace { by, root, text, only_if, answer })
        };
        self.ask(&document, ask).await?.0
    }
}

impl Owner {
    pub(super) async fn text_of(&self, root: Arc<str>) -> Result<String, HandlerError> {
        self.on_all(move |copy| copy.text(&root)).await.ok_or(NO_TEXT)
    }

    pub(super) async fn replace(&mut self, replace: Replace) -> Result<(), Ended> {
        let Replace { by, root, text, only_if, answer } = replace;
        let result = match self.text_of(root.clone()).await {
            Ok(current) if !only_if(&current) => Err(Refusal::Changed.into()),
            Ok(current) if *current == *text => Ok(current),
            Ok(current) => match self.put(by, root, text, current.len()).await {
                Ok(result) => result,
                Err((error, ended)) => {
                    let _ = answer.send(Err(error));
                    return Err(ended);
                }
            },
            Err(error) => Err(error),
        };
        // Whoever asked may be gone.
        let _ = answer.send(result);
        Ok(())
    }

    /// The inner error leaves the document as it was; the outer one ends its owner.
    async fn put(
        &mut self,
        by: Author,
        root: Arc<str>,
        text: Arc<str>,
        replaced: usize,
    ) -> Result<Result<String, HandlerError>, (HandlerError, Ended)> {
        let grows = text.len().saturating_sub(replaced);
        let limits = self.limits();
        let is_full = move |size: &Size| size.bytes + grows > limits.bytes || size.deletions > limits.deletions;
        if self.copy(|copy| is_full(copy.size())) && self.on_all(move |copy| copy.measure().is_ok_and(is_full)).await {
            return Ok(Err(HandlerError::DocumentFull));
        }
        let wanted = text.clone();
        let work = self.copy(|copy| copy.size().work_with(wanted.len()));
        let changed = self.on_copy(work, move |copy| copy.replace_text(&root, &wanted)).await;
        let ends = |ended| (HandlerError::Internal("a document could not be read again"), ended);
        let update = match changed {
            Ok(Some(update)) => update,
            Ok(None) => return Ok(Ok(text.as_ref().to_owned())),
            Err(_) if self.copy(ServerCopy::is_poisoned) => {
                self.reload(Vec::new()).await.map_err(ends)?;
                return Ok(Err(HandlerError::Internal("the text of a document could not be replaced")));
            }
            Err(_) => return Ok(Err(NO_TEXT)),
        };
        let by = EditedBy { author: by.member().cloned(), key: by.key() };
        match self.append(&update, by).await {
            Ok(Appended::Behind(others)) => {
                self.show(&update, others, 1).await.map_err(ends)?;
                Ok(Ok(text.as_ref().to_owned()))
            }
            Ok(Appended::Refused(refusal @ Refusal::NoSuchDocument)) => Err((refusal.into(), Ended::Gone)),
            Ok(Appended::Refused(refusal)) => {
                // It is in the copy, and must not be.
                self.reload(Vec::new()).await.map_err(|ended| (refusal.into(), ended))?;
                Ok(Err(refusal.into()))
            }
            Err(error @ (JournalError::Store(_) | JournalError::Stopped | JournalError::Refused(_))) => {
                Err((error.into(), Ended::Failed))
            }
        }
    }
}
