//! Reading what was given: times, headers, and secrets from files.

use std::time::Duration;

/// Bytes of a file that holds a secret or headers.
const MAX_FILE: u64 = 64 * 1024;

/// `500ms`, `10s`, `2m`, `1h`, or a number of seconds.
pub(crate) fn time(text: &str) -> Result<Duration, String> {
    let digits = text.find(|character: char| !character.is_ascii_digit() && character != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3_600.0,
        _ => return Err("write it like 500ms, 10s or 2m".to_owned()),
    };
    let number: f64 = number.parse().map_err(|_| "write it like 500ms, 10s or 2m".to_owned())?;
    Duration::try_from_secs_f64(number * factor).map_err(|error| error.to_string())
}

/// As [`time`], with `forever`.
pub(crate) fn time_or_forever(text: &str) -> Result<Duration, String> {
    if text == "forever" { Ok(Duration::MAX) } else { time(text) }
}

/// A value as it is, or `@FILE`: what a file holds, without the newline at its end.
pub(crate) fn secret(value: &str) -> Result<String, String> {
    match value.strip_prefix('@') {
        None => Ok(value.to_owned()),
        Some(path) => Ok(read(path)?.trim_end_matches(['\n', '\r']).to_owned()),
    }
}

/// `Name: value`, or `@FILE` with one of them a line.
pub(crate) fn headers(given: &[String]) -> Result<Vec<(String, String)>, String> {
    let mut headers = Vec::new();
    for value in given {
        let text = if value.starts_with('@') { secret(value)? } else { value.clone() };
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let (name, value) = line.split_once(':').ok_or("a header is written like 'Name: value'")?;
            headers.push((name.trim().to_owned(), value.trim().to_owned()));
        }
    }
    Ok(headers)
}

fn read(path: &str) -> Result<String, String> {
    use std::io::Read;
    let failed = |error: std::io::Error| format!("{path}: {error}");
    let mut text = String::new();
    std::fs::File::open(path).map_err(failed)?.take(MAX_FILE).read_to_string(&mut text).map_err(failed)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::{headers, secret, time, time_or_forever};
    use std::time::Duration;

    #[test]
    fn times_have_a_unit_or_are_seconds() {
        for (text, millis) in
            [("500ms", 500), ("10s", 10_000), ("2m", 120_000), ("1h", 3_600_000), ("3", 3_000), ("1.5s", 1_500)]
        {
            assert_eq!(time(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for wrong in ["", "s", "10 s", "-1s", "1d", "1.2.3s", "99999999999999999999h"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
        assert_eq!(time_or_forever("forever"), Ok(Duration::MAX));
    }

    #[test]
    fn secrets_and_headers_come_from_files_too() {
        let path = std::env::temp_dir().join(format!("tsugi-cli-given-{}", std::process::id()));
        std::fs::write(&path, "Cookie: a=b\n\nX-Two: 2\r\n").unwrap();
        let at = format!("@{}", path.display());
        let read = headers(&["X-One:1".to_owned(), at.clone()]);
        assert_eq!(secret(&at).as_deref(), Ok("Cookie: a=b\n\nX-Two: 2"));
        std::fs::remove_file(&path).unwrap();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(read, Ok(vec![pair("X-One", "1"), pair("Cookie", "a=b"), pair("X-Two", "2")]));
        assert!(secret(&at).is_err());
        assert!(headers(&["nonsense".to_owned()]).is_err());
    }
}
