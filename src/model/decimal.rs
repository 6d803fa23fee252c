//! Numbers as JSON writes them, read exactly: no floats.

/// Why a number was refused; the text is for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum InvalidNumber {
    #[error("must be a number")]
    NotANumber,
    #[error("must not be negative")]
    Negative,
    #[error("must have at most {0} decimals")]
    TooPrecise(u8),
    #[error("must be a whole number")]
    NotWhole,
    #[error("is too large")]
    TooLarge,
}

/// The value of a JSON number (RFC 8259 section 6) in units of its last place: with two places, `12.5` is 1250, and so are
/// `12.500` and `1.25e1`. From zero to `most`.
pub(super) fn exact(text: &str, places: u8, most: i64) -> Result<i64, InvalidNumber> {
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (mantissa, exponent) = text.split_once(['e', 'E']).map_or((text, None), |(mantissa, e)| (mantissa, Some(e)));
    let (whole, fraction) = mantissa.split_once('.').map_or((mantissa, None), |(whole, f)| (whole, Some(f)));
    let is_whole = is_digits(whole) && (whole.len() == 1 || !whole.starts_with('0'));
    let exponent_digits = exponent.map(|text| text.strip_prefix(['+', '-']).unwrap_or(text));
    if !is_whole || !fraction.is_none_or(is_digits) || !exponent_digits.is_none_or(is_digits) {
        return Err(InvalidNumber::NotANumber);
    }
    let digits = format!("{whole}{}", fraction.unwrap_or_default());
    let significant = digits.trim_start_matches('0').trim_end_matches('0');
    if significant.is_empty() {
        return Ok(0); // -0 too
    }
    if negative {
        return Err(InvalidNumber::Negative);
    }
    // How many zeros follow the significant digits, in units of the last place.
    let shift = power(exponent.unwrap_or("0"))
        .saturating_add(i64::from(places))
        .saturating_sub_unsigned(fraction.map_or(0, str::len) as u64)
        .saturating_add_unsigned((digits.len() - digits.trim_end_matches('0').len()) as u64);
    let zeros = usize::try_from(shift)
        .map_err(|_| if places == 0 { InvalidNumber::NotWhole } else { InvalidNumber::TooPrecise(places) })?;
    if significant.len().saturating_add(zeros) > 18 {
        return Err(InvalidNumber::TooLarge); // more than any `most`
    }
    let value = format!("{significant}{}", "0".repeat(zeros)).parse().map_err(|_| InvalidNumber::TooLarge)?;
    if value > most { Err(InvalidNumber::TooLarge) } else { Ok(value) }
}

/// An exponent; one beyond all integers is as good as the greatest.
fn power(exponent: &str) -> i64 {
    exponent.parse().unwrap_or(if exponent.starts_with('-') { i64::MIN } else { i64::MAX })
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_number_is_its_value_however_it_is_written() {
        for text in ["12.5", "12.50", "12.500", "1.25e1", "1.25E+1", "125e-1", "0.00125e4", "12500e-3"] {
            assert_eq!(exact(text, 2, 10_000), Ok(1250), "{text}");
        }
        for text in ["0", "-0", "0.00", "0e99", "0e-99999999999999999999", "-0.0e7"] {
            assert_eq!(exact(text, 2, 10_000), Ok(0), "{text}");
        }
        assert_eq!(exact("9007199254740991", 0, 9_007_199_254_740_991), Ok(9_007_199_254_740_991));
        assert_eq!(exact("3.0", 0, 10), Ok(3));
    }

    #[test]
    fn what_is_no_such_number_is_told_why() {
        use InvalidNumber::*;
        for (text, why) in [
            ("12.345", TooPrecise(2)),
            ("1e-3", TooPrecise(2)),
            ("1e-99999999999999999999", TooPrecise(2)),
            ("-1", Negative),
            ("-0.01", Negative),
            ("100.01", TooLarge),
            ("1e99999999999999999999", TooLarge),
            ("99999999999999999999", TooLarge),
        ] {
            assert_eq!(exact(text, 2, 10_000), Err(why), "{text}");
        }
        assert_eq!(exact("1.5", 0, 10), Err(NotWhole));
        for text in ["", "-", "+1", ".5", "5.", "01", "1e", "1e+", "1.e5", "0x1", "1 ", "NaN", "\"1\"", "null", "1_0"] {
            assert_eq!(exact(text, 2, 10_000), Err(NotANumber), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_value_is_read_as_it_was_written(value in 0..1_000_000_000_000_i64, zeros in 0..4_usize, power in -6..6_i64) {
            let written = format!("{}.{:02}{}", value / 100, value % 100, "0".repeat(zeros));
            prop_assert_eq!(exact(&written, 2, i64::MAX), Ok(value));
            let moved = format!("{value}e{}", power - 2);
            let expected = 10_i64.checked_pow(power.unsigned_abs() as u32).and_then(|factor| match power {
                0.. => value.checked_mul(factor).filter(|moved| *moved < 1_000_000_000_000_000_000),
                _ => (value % factor == 0).then_some(value / factor),
            });
            prop_assert_eq!(exact(&moved, 2, i64::MAX).ok(), expected);
        }

        #[test]
        fn it_never_panics(text in "[-+0-9.eE]{0,30}") {
            let _ = exact(&text, 2, 1_000);
        }
    }
}
