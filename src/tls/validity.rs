//! When a certificate ends: the one field of X.509 that we want, read without a parser for
//! the rest (RFC 5280 section 4.1).

use std::time::{Duration, SystemTime};

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;

/// `notAfter`; `None` for what is not a certificate.
pub(super) fn not_after(der: &[u8]) -> Option<SystemTime> {
    let (SEQUENCE, certificate, _) = element(der)? else { return None };
    let (SEQUENCE, mut fields, _) = element(certificate)? else { return None };
    // version (absent in version 1), serialNumber, signature, issuer, validity
    let mut next = || {
        let (tag, content, rest) = element(fields)?;
        fields = rest;
        Some((tag, content))
    };
    let mut first = next()?;
    if first.0 == VERSION {
        first = next()?;
    }
    let (INTEGER, (SEQUENCE, _), (SEQUENCE, _), (SEQUENCE, validity)) = (first.0, next()?, next()?, next()?) else {
        return None;
    };
    let (_, _not_before, rest) = element(validity)?;
    let (tag, text, _) = element(rest)?;
    time(tag, text)
}

/// Tag, content and what follows. Indefinite lengths are not DER.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&length, rest) = rest.split_first()?;
    let (length, rest) = match length {
        0..=0x7f => (usize::from(length), rest),
        0x81..=0x83 => {
            let (digits, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
            (digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ`, always UTC (RFC 5280 section 4.1.2.5).
fn time(tag: u8, text: &[u8]) -> Option<SystemTime> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let (year, rest) = text.split_at_checked(if tag == GENERALIZED_TIME { 4 } else { 2 })?;
    let year: i32 = year.parse().ok()?;
    let year = match tag {
        GENERALIZED_TIME => year,
        UTC_TIME if year < 50 => 2000 + year,
        UTC_TIME => 1900 + year,
        _ => return None,
    };
    let number = |at: usize| rest.get(at..at + 2)?.parse::<u8>().ok();
    let month = time::Month::try_from(number(0)?).ok()?;
    let day = time::Date::from_calendar_date(year, month, number(2)?).ok()?;
    let moment = day.with_hms(number(4)?, number(6)?, number(8)?).ok()?.assume_utc();
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(moment.unix_timestamp().try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end_of(year: i32) -> u64 {
        let mut params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(year, 2, 3);
        let certificate = params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap();
        not_after(certificate.der()).unwrap().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
    }

    #[test]
    fn both_ways_to_write_a_time_are_read() {
        assert_eq!(end_of(2030), 1_896_307_200); // UTCTime
        assert_eq!(end_of(2060), 2_842_992_000); // GeneralizedTime
    }

    #[test]
    fn what_is_no_certificate_has_no_end() {
        let certificate = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap().cert;
        let der = certificate.der();
        for length in 0..der.len() {
            let _ = not_after(&der[..length]);
        }
        assert_eq!(not_after(b""), None);
        assert_eq!(not_after(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]), None);
    }
}
