//! Products: the worked example of rows that are watched. Written here, over REST; heard through their topics.

use super::{author::Author, page::page_limit};
use crate::{
    journal::Journal,
    manager::HandlerError,
    model::{NewProduct, OnlyIf, Product, ProductId},
    settings::FeedTable,
    storage::{Change, Draft, Keep, Once, Outcome, ProductEdit, ProductPage, Refusal, Store, now},
};
use std::sync::Arc;

/// The products family.
pub struct Products {
    store: Arc<dyn Store>,
    journal: Journal,
    keep: Keep,
}

/// A product as it was stored.
#[derive(Debug, Clone)]
pub struct Saved {
    /// The product.
    pub product: Product,
    /// Whether it was there already, by an earlier request of the same name.
    pub duplicate: bool,
}

impl Products {
    /// The products of this store; of their changes as much is kept as the settings of their table say.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, journal: Journal, table: &FeedTable) -> Self {
        Self { store, journal, keep: Keep::new(table.history_count, table.history_age) }
    }

    /// The next products above `after`, by id: 50, or `limit` of them up to 100.
    ///
    /// # Errors
    /// [`HandlerError::BadField`]: no page has so few; [`HandlerError::Store`].
    pub async fn page(&self, after: Option<ProductId>, limit: Option<u64>) -> Result<ProductPage, HandlerError> {
        Ok(self.store.products(after, page_limit(limit)?).await?)
    }

    /// The product with this id.
    ///
    /// # Errors
    /// [`HandlerError::Refused`] when there is none; [`HandlerError::Store`].
    pub async fn get(&self, id: ProductId) -> Result<Product, HandlerError> {
        let found = self.store.product(id).await?;
        found.ok_or(HandlerError::Refused(Refusal::NoSuchProduct))
    }

    /// Makes a product. `once`: what the editor calls the request, and the SHA-256 of it.
    ///
    /// # Errors
    /// The journal's.
    pub async fn create(
        &self,
        by: &Author,
        new: NewProduct,
        once: Option<(String, [u8; 32])>,
    ) -> Result<Saved, HandlerError> {
        let once = once.map(|(key, fingerprint)| Once { issuer: by.issuer(), key, fingerprint });
        self.edit(by, ProductEdit::Create(new), once).await
    }

    /// Puts another product in the place of one.
    ///
    /// # Errors
    /// The journal's.
    pub async fn replace(
        &self,
        by: &Author,
        id: ProductId,
        to: NewProduct,
        only_if: OnlyIf,
    ) -> Result<Product, HandlerError> {
        Ok(self.edit(by, ProductEdit::Replace { id, to, only_if }, None).await?.product)
    }

    /// Deletes a product.
    ///
    /// # Errors
    /// The journal's.
    pub async fn delete(&self, by: &Author, id: ProductId, only_if: OnlyIf) -> Result<(), HandlerError> {
        self.edit(by, ProductEdit::Delete { id, only_if }, None).await.map(drop)
    }

    async fn edit(&self, by: &Author, edit: ProductEdit, once: Option<Once>) -> Result<Saved, HandlerError> {
        let draft = Draft { at: now(), change: Change::Product { edit, keep: self.keep, once, key: by.key() } };
        match self.journal.append(draft).await?.committed().await? {
            Outcome::Product { product, duplicate } => Ok(Saved { product, duplicate }),
            _ => Err(HandlerError::Internal("a product was committed as something else")),
        }
    }
}
