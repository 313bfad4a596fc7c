//! Moments as text: RFC 3339, and the prefixes of it that Clojure reads.

const DAY: i64 = 86_400_000;
/// The years that RFC 3339 can write: 0000 to 9999.
const RANGE: std::ops::RangeInclusive<i64> = -62_167_219_200_000..=253_402_300_799_999;

/// A moment as `2020-01-02T03:04:05.678Z`. Outside the years 0 to 9999 it is cut to the nearest that can be written.
pub(crate) fn text(millis: i64) -> String {
    format!("{}Z", local(millis))
}

/// Whether a moment has a form as text.
#[cfg(any(feature = "edn", feature = "json", feature = "transit"))]
pub(crate) fn is_writable(millis: i64) -> bool {
    RANGE.contains(&millis)
}

/// A moment without its offset: `2020-01-02T03:04:05.678`.
pub(crate) fn local(millis: i64) -> String {
    let millis = millis.clamp(*RANGE.start(), *RANGE.end());
    let (year, month, day) = civil(millis.div_euclid(DAY));
    let time = millis.rem_euclid(DAY);
    let (hour, minute, second) = (time / 3_600_000, time / 60_000 % 60, time / 1000 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}", time % 1000)
}

/// Reads a moment from any prefix of RFC 3339 down to the year, with any offset; without one it is UTC.
/// Digits beyond milliseconds are cut off.
#[cfg(any(feature = "edn", feature = "transit"))]
pub(crate) fn parse(text: &str) -> Option<i64> {
    let mut rest = Rest(text.as_bytes());
    let year = rest.digits(4)?;
    let (mut month, mut day, mut time) = (1, 1, 0);
    if rest.take(b'-') {
        month = rest.digits(2).filter(|month| (1..=12).contains(month))?;
        if rest.take(b'-') {
            day = rest.digits(2).filter(|day| (1..=days_in(year, month)).contains(day))?;
            if rest.take(b'T') {
                time = rest.time()?;
            }
        }
    }
    let offset = rest.offset()?;
    let millis = days(year, month, day) * DAY + time - offset;
    (rest.0.is_empty() && is_writable(millis)).then_some(millis)
}

#[cfg(any(feature = "edn", feature = "transit"))]
struct Rest<'a>(&'a [u8]);

#[cfg(any(feature = "edn", feature = "transit"))]
impl Rest<'_> {
    fn take(&mut self, byte: u8) -> bool {
        let there = self.0.first() == Some(&byte);
        if there {
            self.0 = &self.0[1..];
        }
        there
    }

    fn digits(&mut self, count: usize) -> Option<i64> {
        let (digits, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        digits.iter().try_fold(0, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0')))
    }

    /// `hh[:mm[:ss[.fraction]]]` in milliseconds. A leap second is the first of the next minute.
    fn time(&mut self) -> Option<i64> {
        let hour = self.digits(2).filter(|hour| *hour < 24)?;
        let (mut minute, mut second, mut millis) = (0, 0, 0);
        if self.take(b':') {
            minute = self.digits(2).filter(|minute| *minute < 60)?;
            if self.take(b':') {
                second = self.digits(2).filter(|second| *second < 60 || (*second == 60 && minute == 59))?;
                if self.take(b'.') {
                    millis = self.fraction()?;
                }
            }
        }
        Some(((hour * 60 + minute) * 60 + second) * 1000 + millis)
    }

    fn fraction(&mut self) -> Option<i64> {
        let length = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.0.split_at(length);
        self.0 = rest;
        let digit = |at: usize| digits.get(at).map_or(0, |byte| i64::from(byte - b'0'));
        (length > 0).then(|| digit(0) * 100 + digit(1) * 10 + digit(2))
    }

    fn offset(&mut self) -> Option<i64> {
        let sign = match self.0.first() {
            None => return Some(0),
            Some(b'Z') => return self.take(b'Z').then_some(0),
            Some(b'+') => 1,
            Some(b'-') => -1,
            Some(_) => return None,
        };
        self.0 = &self.0[1..];
        let hours = self.digits(2).filter(|hours| *hours < 24)?;
        let minutes = if self.take(b':') { self.digits(2).filter(|minutes| *minutes < 60)? } else { return None };
        Some(sign * (hours * 60 + minutes) * 60_000)
    }
}

#[cfg(any(feature = "edn", feature = "transit"))]
fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a date in the Gregorian calendar. Years begin in March here, so that a leap day is last.
#[cfg(any(feature = "edn", feature = "transit"))]
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + of_year - 719_468
}

/// The reverse of [`days`]: year, month and day.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, of_year - (153 * shifted + 2) / 5 + 1)
}
