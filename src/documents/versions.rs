//! Named versions of a document's text: whoever reads the document reads them, whoever writes in it saves and restores.

use super::{Documents, Permitted, TEXT_ROOT};
use crate::{
    events::Author,
    manager::HandlerError,
    model::{DocumentName, DocumentVersion, VersionId, VersionName},
    storage::{DocumentEdit, Outcome, Refusal, StoredVersion},
};
use std::sync::Arc;

impl Documents {
    /// The versions of a document, the newest first.
    ///
    /// # Errors
    /// As [`Documents::find`].
    pub async fn versions(&self, by: &Author, name: &DocumentName) -> Result<Vec<DocumentVersion>, HandlerError> {
        let Permitted { document, .. } = self.find(by, name).await?;
        Ok(self.store.document_versions(document.id).await?)
    }

    /// One version, with its text.
    ///
    /// # Errors
    /// As [`Documents::find`]; [`Refusal::NoSuchVersion`].
    pub async fn version(
        &self,
        by: &Author,
        name: &DocumentName,
        id: VersionId,
    ) -> Result<StoredVersion, HandlerError> {
        let permitted = self.find(by, name).await?;
        self.version_of(&permitted, id).await
    }

    /// Keeps the text as it is now, under a name for people.
    ///
    /// # Errors
    /// As [`Documents::find`] and [`Documents::text`]; `read_only`; the journal's.
    pub async fn save_version(
        self: &Arc<Self>,
        by: &Author,
        name: &DocumentName,
        version: VersionName,
    ) -> Result<DocumentVersion, HandlerError> {
        let permitted = self.find(by, name).await?.to_write()?;
        let text = self.text(&permitted, TEXT_ROOT).await?.into();
        let (id, settings) = (permitted.document.id, &self.settings.document);
        let (max_versions, max_bytes) = (settings.max_versions, settings.max_versions_bytes);
        let edit = DocumentEdit::SaveVersion { id, name: version, text, max_versions, max_bytes };
        self.edit_version(by, edit).await
    }

    /// Forgets a version: whoever manages the document may, and whoever saved it while they may write.
    ///
    /// # Errors
    /// As [`Documents::version`]; `read_only` and `forbidden`; the journal's.
    pub async fn delete_version(&self, by: &Author, name: &DocumentName, id: VersionId) -> Result<(), HandlerError> {
        let permitted = self.find(by, name).await?.to_write()?;
        let StoredVersion { created_by, .. } = self.version_of(&permitted, id).await?;
        let is_theirs = by.member().is_some_and(|user| created_by == Some(user.id));
        let permitted = if is_theirs { permitted } else { permitted.to_manage()? };
        let edit = DocumentEdit::DeleteVersion { id: permitted.document.id, version: id };
        self.edit_version(by, edit).await.map(drop)
    }

    /// Makes the text what it was in a version, as a change like any other: what others type meanwhile stays. Answers what
    /// it is then.
    ///
    /// # Errors
    /// As [`Documents::version`] and [`Documents::put_text`]; `read_only`.
    pub async fn restore_version(
        self: &Arc<Self>,
        by: &Author,
        name: &DocumentName,
        id: VersionId,
    ) -> Result<String, HandlerError> {
        let permitted = self.find(by, name).await?.to_write()?;
        let StoredVersion { text, .. } = self.version_of(&permitted, id).await?;
        self.put_text(by, &permitted, TEXT_ROOT, &text, |_| true).await
    }

    async fn version_of(&self, permitted: &Permitted, id: VersionId) -> Result<StoredVersion, HandlerError> {
        let found = self.store.document_version(permitted.document.id, id).await?;
        found.ok_or(HandlerError::Refused(Refusal::NoSuchVersion))
    }

    async fn edit_version(&self, by: &Author, edit: DocumentEdit) -> Result<DocumentVersion, HandlerError> {
        match self.edit(by, edit).await? {
            Outcome::Version(version) => Ok(version),
            _ => Err(HandlerError::Internal("a version was committed as something else")),
        }
    }
}
