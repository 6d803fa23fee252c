//! How long a page is that a client reads back.

use crate::manager::HandlerError;

/// Most entries on one page; a request for more gets so many.
const MAX_PAGE: u32 = 100;
const DEFAULT_PAGE: u32 = 50;

/// How many entries whoever asks for `limit` gets at most.
///
/// # Errors
/// [`HandlerError::BadField`] for none.
pub(crate) fn page_limit(limit: Option<u64>) -> Result<u32, HandlerError> {
    match limit {
        None => Ok(DEFAULT_PAGE),
        Some(0) => Err(HandlerError::BadField { field: "limit", problem: "must be at least 1" }),
        Some(limit) => Ok(u32::try_from(limit).unwrap_or(MAX_PAGE).min(MAX_PAGE)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_fifty_entries_or_what_is_asked_for_up_to_a_hundred() {
        let limits = [None, Some(1), Some(100), Some(101), Some(u64::MAX)].map(|limit| page_limit(limit).unwrap());
        assert_eq!(limits, [50, 1, 100, 100, 100]);
        assert!(page_limit(Some(0)).is_err());
    }
}
