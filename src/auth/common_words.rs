//! The words that common passwords are made of; the file says where they come from.

use std::{collections::HashSet, sync::LazyLock};

static WORDS: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    let lines = include_str!("common_words.txt").lines();
    lines.filter(|line| !line.starts_with('#') && !line.is_empty()).collect()
});

/// Whether `word`, in lower case, is one of them.
pub(super) fn contains(word: &str) -> bool {
    WORDS.contains(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_whole() {
        assert!(WORDS.len() > 9_000, "{}", WORDS.len());
        assert!(contains("password") && contains("1qaz2wsx3edc4rfv") && !contains("switchboard"));
    }
}
