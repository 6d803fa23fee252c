//! How names and values are written in a watched database.

/// What makes the text of a value the same whoever writes it, in a trigger as in a snapshot.
pub(super) const TEXTS: [(&str, &str); 5] = [
    ("TimeZone", "UTC"),
    ("DateStyle", "ISO"),
    ("IntervalStyle", "postgres"),
    ("bytea_output", "hex"),
    ("extra_float_digits", "1"),
];

/// The same for our own connection.
pub(super) const SAME_TEXTS: &str = "SET TimeZone = 'UTC'; SET DateStyle = 'ISO'; SET IntervalStyle = 'postgres'; \
    SET bytea_output = 'hex'; SET extra_float_digits = 1;";

/// A name as it stands in a statement.
pub(super) fn name(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

/// A text as it stands in a statement; `standard_conforming_strings` is on.
pub(super) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_texts_are_quoted() {
        assert_eq!(name(r#"a"b.c"#), r#""a""b.c""#);
        assert_eq!(literal("it's"), "'it''s'");
    }

    #[test]
    fn what_the_triggers_set_the_connection_sets_too() {
        for (setting, value) in TEXTS {
            assert!(SAME_TEXTS.contains(&format!("SET {setting} = ")), "{setting}");
            assert!(SAME_TEXTS.contains(value), "{setting}");
        }
    }
}
