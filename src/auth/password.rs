//! Which passwords are accepted: long ones that are not just a pattern or a common word.
//!
//! NIST SP 800-63B-4 section 3.1.1.2: a minimum length and a blocklist, no rules of composition, nothing trimmed. With
//! 15 characters most lists of common passwords are too short to matter; what people type instead is a word filled up
//! with digits, a repetition or a walk over the keyboard, so those are looked for by their shape.

use super::common_words;
use crate::{model::UserName, settings::Settings};
use std::collections::HashSet;
use unicode_normalization::UnicodeNormalization;

/// Longest password, in characters.
const MAX_CHARS: usize = 256;
/// Shortest run that counts as one: `abc`, `321`, `qwe`.
const MIN_RUN: usize = 3;
/// Different characters a password must have at least.
const MIN_DIFFERENT: usize = 5;
/// Shortest name that is looked for, in letters.
const MIN_NAME: usize = 3;
/// Two common words are too few with at most so many other characters beside them.
const MAX_PADDING_OF_TWO_WORDS: usize = 4;
/// Lines of common keyboards, rows and columns.
const KEYBOARD: &[&str] = &[
    "1234567890-=",
    "qwertyuiop[]",
    "asdfghjkl;'",
    "zxcvbnm,./",
    "qwertzuiop",
    "yxcvbnm",
    "azertyuiop",
    "qsdfghjklm",
    "1qaz",
    "2wsx",
    "3edc",
    "4rfv",
    "5tgb",
    "6yhn",
    "7ujm",
    "8ik,",
    "9ol.",
    "0p;/",
    "qaz",
    "wsx",
    "edc",
    "rfv",
    "tgb",
];

/// Why a password is refused. The texts are for the person who chose it and do not repeat it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WeakPassword {
    /// Shorter than the setting.
    #[error("the password must have at least {0} characters; a few random words are easy to remember")]
    TooShort(usize),
    /// Longer than 256.
    #[error("the password must have at most {0} characters")]
    TooLong(usize),
    /// One short unit again and again.
    #[error("the password repeats the same few characters")]
    Repeated,
    /// Mostly runs like `abcd`, `4321` or `qwerty`.
    #[error("the password follows the alphabet, the digits or the keyboard")]
    Run,
    /// One or two common words with little else.
    #[error("the password is too common: use several words that have nothing to do with each other")]
    Common,
    /// The user's or the server's name with little else.
    #[error("the password is little more than your user name or the name of this server")]
    Name,
}

/// NFKC, so that every keyboard's way to write a text gives the same bytes. Nothing is trimmed or folded.
pub(super) fn normalise(password: &str) -> String {
    password.nfkc().collect()
}

/// The rules for new passwords.
#[derive(Debug, Clone)]
pub struct Policy {
    min_chars: usize,
    server_name: String,
}

impl Policy {
    /// The rules of these settings.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        Self { min_chars: settings.auth.password_min_chars, server_name: letters(&settings.server.name) }
    }

    /// Checks a password that `user` wants to have.
    ///
    /// # Errors
    /// The first reason to refuse it.
    pub fn check(&self, password: &str, user: &UserName) -> Result<(), WeakPassword> {
        // NFKC never makes fewer characters out of more than so many bytes; refuse before doing the work.
        if password.len() > MAX_CHARS * 4 * 18 {
            return Err(WeakPassword::TooLong(MAX_CHARS));
        }
        let normalised = normalise(password);
        let length = normalised.chars().count();
        if length < self.min_chars {
            return Err(WeakPassword::TooShort(self.min_chars));
        }
        if length > MAX_CHARS {
            return Err(WeakPassword::TooLong(MAX_CHARS));
        }
        let lower: Vec<char> = normalised.to_lowercase().chars().collect();
        let different = lower.iter().collect::<HashSet<_>>().len();
        // A repetition adds nothing: what counts is the unit, and that must be long enough itself.
        if unit(&lower).len() < self.min_chars.min(lower.len()) || different < MIN_DIFFERENT.min(self.min_chars) {
            return Err(WeakPassword::Repeated);
        }
        if length_without_runs(&lower) * 2 < self.min_chars {
            return Err(WeakPassword::Run);
        }
        self.check_words(&lower, user)
    }

    fn check_words(&self, lower: &[char], user: &UserName) -> Result<(), WeakPassword> {
        let text: String = lower.iter().collect();
        if common_words::contains(&text) {
            return Err(WeakPassword::Common);
        }
        let user_name = letters(&user.key());
        let is_name = |word: &str| word.len() >= MIN_NAME && (word == user_name || word == self.server_name);
        let is_word = |word: &str| is_name(word) || common_words::contains(word);
        for letters in [letters(&text), letters(&plain_spelling(&text))] {
            let unit: String = unit(&letters.chars().collect::<Vec<_>>()).iter().collect();
            if is_name(&letters) || is_name(&unit) {
                return Err(WeakPassword::Name);
            }
            let padding = lower.len().saturating_sub(letters.chars().count());
            let two_words = || {
                let mut cuts = letters.char_indices().skip(1).map(|(place, _)| letters.split_at(place));
                padding <= MAX_PADDING_OF_TWO_WORDS && cuts.any(|(one, other)| is_word(one) && is_word(other))
            };
            if is_word(&letters) || is_word(&unit) || two_words() {
                return Err(WeakPassword::Common);
            }
        }
        Ok(())
    }
}

/// The letters of `text`, in lower case.
fn letters(text: &str) -> String {
    text.nfkc().filter(|c| c.is_alphabetic()).flat_map(char::to_lowercase).collect()
}

/// `p@ssw0rd99` as `password`: without what stands before and after, and with the letters that digits stand for.
fn plain_spelling(text: &str) -> String {
    let is_padding = |c: char| !c.is_alphabetic() && !matches!(c, '@' | '$');
    let core = text.trim_matches(is_padding);
    let plain = |c| match c {
        '0' => 'o',
        '1' | '!' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        other => other,
    };
    core.chars().map(plain).collect()
}

/// The shortest beginning that, repeated and cut, gives the whole.
fn unit(text: &[char]) -> &[char] {
    let is_unit = |length: &usize| text.iter().zip(&text[*length..]).all(|(one, other)| one == other);
    let length = (1..text.len()).find(is_unit).unwrap_or(text.len());
    &text[..length]
}

/// How many characters remain when every run counts as one.
fn length_without_runs(text: &[char]) -> usize {
    let (mut place, mut length) = (0, 0);
    while place < text.len() {
        let run = run_length(&text[place..]);
        place += if run >= MIN_RUN { run } else { 1 };
        length += 1;
    }
    length
}

/// The longest run at the beginning of `text`: equal steps of -1, 0 or 1, or a stretch of a keyboard line.
fn run_length(text: &[char]) -> usize {
    let steps = |step: i64| 1 + text.windows(2).take_while(|pair| pair[1] as i64 - pair[0] as i64 == step).count();
    let along = |line: &mut dyn Iterator<Item = char>| {
        let mut line = line.skip_while(|c| Some(c) != text.first());
        text.iter().take_while(|c| line.next() == Some(**c)).count()
    };
    let keyboard = KEYBOARD.iter().map(|line| along(&mut line.chars()).max(along(&mut line.chars().rev())));
    [-1, 0, 1].into_iter().map(steps).chain(keyboard).max().unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::testing;
    use proptest::prelude::*;

    fn check(password: &str) -> Result<(), WeakPassword> {
        Policy::new(&testing::settings()).check(password, &UserName::parse("Rosalind-42").unwrap())
    }

    #[test]
    fn good_passwords_pass() {
        for password in [
            "correct horse battery staple",
            "correcthorsebatterystaple",
            "vK3#m9!xQz7@Lp2w",
            "the quick brown fox is late",
            "Füchse jagen nachts Hühner",
            "пароль из пяти слов",
            "  spaces count too ",
            "長い合言葉は安全ですから使いましょう",
            "839201847561029",
            "rosalind paints blue doors",
        ] {
            assert_eq!(check(password), Ok(()), "{password:?}");
        }
    }

    #[test]
    fn length_is_counted_in_characters_after_nfkc() {
        assert_eq!(check("vK3#m9!xQz7@Lp"), Err(WeakPassword::TooShort(15)));
        assert_eq!(check("ﬁ3#m9!xQz7@Lp2"), Ok(()), "the ligature is two characters");
        let long: String = "vK3#m9!xQz7@Lp2w ".chars().cycle().take(257).collect();
        assert_eq!(check(&long), Err(WeakPassword::TooLong(256)));
        assert_eq!(check(&"ab".repeat(1 << 20)), Err(WeakPassword::TooLong(256)));
    }

    #[test]
    fn patterns_are_refused() {
        use WeakPassword::{Common, Name, Repeated, Run};
        for (password, reason) in [
            ("aaaaaaaaaaaaaaaa", Repeated),
            ("abc123abc123abc123", Repeated),
            ("PasswordPassword", Repeated),
            ("10101010101010101", Repeated),
            ("abcdefghijklmnopq", Run),
            ("987654321zyxwvuts", Run),
            ("qwertyuiop123456", Run),
            ("qwertzuiop123456", Run),
            ("1qaz2wsx3edc4rfv5tgb", Run),
            ("aaabbbcccdddeee", Run),
            ("password1234567", Common),
            ("Password!2024!2024", Common),
            ("P@ssw0rd11223344", Common),
            ("$$$$dragon$$$$2099", Common),
            ("password1password2", Common),
            ("iloveyoumonkey!", Common),
            ("q1w2e3r4t5y6u7i8", Common),
            ("Rosalind-42-1905", Name),
            ("rosalindrosalind1", Name),
            ("Switchboard-2031", Name),
            ("Sw1tchb0ard-2031!", Name),
        ] {
            assert_eq!(check(password), Err(reason), "{password:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_gets_an_answer(text in "\\PC{0,300}") {
            let _ = check(&text);
        }

        #[test]
        fn random_letters_pass(text in "[a-z]{6}[A-Z]{6}[0-9]{6}[ !#%&]{3}") {
            // Of 26^12 · 10^6 such texts hardly any is a pattern, but one drawn by shrinking towards `a` is.
            prop_assume!(text.chars().collect::<HashSet<_>>().len() > 15);
            prop_assume!(length_without_runs(&text.to_lowercase().chars().collect::<Vec<_>>()) > 14);
            prop_assert_eq!(check(&text), Ok(()));
        }
    }
}
