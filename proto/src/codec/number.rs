//! Numbers as EDN writes them, whose text other codecs carry too.

use crate::value::token::Token;
use std::borrow::Cow;
#[cfg(any(feature = "edn", feature = "transit"))]
use std::fmt::Write as _;

type What = &'static str;

/// An integer, a big integer, a float, a decimal or a ratio, as EDN writes them.
pub(super) fn number(text: &str) -> Result<Token<'_>, What> {
    const NOT: What = "not a number";
    let unsigned = text.strip_prefix('+').unwrap_or(text);
    let magnitude = text.strip_prefix(['+', '-']).unwrap_or(text);
    let whole = digits(magnitude);
    if whole.is_empty() {
        return Err(NOT);
    }
    if whole.len() > 1 && whole.starts_with('0') {
        return Err("a number with a leading zero");
    }
    match &magnitude.as_bytes()[whole.len()..] {
        [] => Ok(unsigned.parse().map_or(Token::BigInteger(Cow::Borrowed(unsigned)), Token::Integer)),
        [b'N'] => Ok(Token::BigInteger(Cow::Borrowed(&unsigned[..unsigned.len() - 1]))),
        [b'/', ..] if is_denominator(&magnitude[whole.len() + 1..]) => Ok(Token::Ratio(Cow::Borrowed(unsigned))),
        rest => match after_fraction(rest) {
            [] => unsigned.parse().map(Token::Float).map_err(|_| NOT),
            [b'M'] => Ok(Token::Decimal(Cow::Borrowed(&unsigned[..unsigned.len() - 1]))),
            _ => Err(NOT),
        },
    }
}

fn digits(text: &str) -> &str {
    &text[..text.bytes().take_while(u8::is_ascii_digit).count()]
}

fn is_denominator(text: &str) -> bool {
    !text.is_empty() && !text.starts_with('0') && digits(text).len() == text.len()
}

/// What follows `.5`, `e10` and `.5e10`, each of them optional.
fn after_fraction(mut rest: &[u8]) -> &[u8] {
    let skip = |rest: &mut &[u8]| {
        let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        *rest = &rest[length..];
        length
    };
    if let [b'.', after @ ..] = rest {
        rest = after;
        skip(&mut rest);
    }
    if let [b'e' | b'E', b'+' | b'-', after @ ..] | [b'e' | b'E', after @ ..] = rest {
        let mut exponent = after;
        if skip(&mut exponent) > 0 {
            rest = exponent;
        }
    }
    rest
}

/// Whether `text` is an integer of any size as `1N` has it, without the `N`.
pub(super) fn is_integer(text: &str) -> bool {
    matches!(number(text), Ok(Token::Integer(_) | Token::BigInteger(_))) && !text.ends_with('N')
}

/// Whether `text` is a decimal, without the `M`.
pub(super) fn is_decimal(text: &str) -> bool {
    let signless = text.strip_prefix(['+', '-']).unwrap_or(text);
    matches!(number(text), Ok(Token::Float(_) | Token::Integer(_) | Token::BigInteger(_)))
        && signless.starts_with(|first: char| first.is_ascii_digit())
        && !text.ends_with('N')
}

/// Whether `text` is a ratio.
pub(super) fn is_ratio(text: &str) -> bool {
    matches!(number(text), Ok(Token::Ratio(_)))
}

/// A finite number as `Double.toString` of Java 19 and later: shortest digits, a point always, an exponent from 10^7 and below 10^-3.
#[cfg(any(feature = "edn", feature = "transit"))]
pub(super) fn float(value: f64, out: &mut String) {
    if value == 0.0 || (1e-3..1e7).contains(&value.abs()) {
        // Debug, unlike Display, keeps the `.0`.
        let _ = write!(out, "{value:?}");
        return;
    }
    let start = out.len();
    let _ = write!(out, "{value:E}");
    if !out[start..].contains('.') {
        let exponent = out[start..].find('E').map_or(out.len(), |at| start + at);
        out.insert_str(exponent, ".0");
    }
}

/// Whether two decimals have the same value, without regard to how many digits they are written with.
#[cfg(feature = "msgpack")]
pub(super) fn same_decimal(a: &str, b: &str) -> bool {
    matches!((significant(a), significant(b)), (Some(a), Some(b)) if a == b)
}

/// Sign, digits without zeros at either end, and the power of ten of the last of them.
#[cfg(feature = "msgpack")]
fn significant(text: &str) -> Option<(bool, String, i64)> {
    let negative = text.starts_with('-');
    let magnitude = text.trim_start_matches(['+', '-']);
    let (mantissa, exponent) = magnitude.split_once(['e', 'E']).unwrap_or((magnitude, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let kept = digits.trim_end_matches('0');
    let last = exponent.parse::<i64>().ok()?.checked_sub(fraction.len() as i64)?;
    let last = last.checked_add((digits.len() - kept.len()) as i64)?;
    let kept = kept.trim_start_matches('0');
    // Zero has no power of ten.
    Some((negative, kept.to_owned(), if kept.is_empty() { 0 } else { last }))
}
