//! The results, for people and for machines.

use super::tally::Counts;
use super::{Finish, Tally, ms};
use crate::args::Bench;
use hdrhistogram::Histogram;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

const QUANTILES: [(&str, f64); 8] = [
    ("p50", 0.5),
    ("p75", 0.75),
    ("p90", 0.9),
    ("p95", 0.95),
    ("p99", 0.99),
    ("p999", 0.999),
    ("p9999", 0.9999),
    ("max", 1.0),
];
/// Rows of the histogram, at most.
const ROWS: usize = 16;
/// Characters of its longest bar.
const BAR: f64 = 40.0;

/// Everything that was found out; its JSON is described in cli/README.md.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    url: String,
    message: String,
    interrupted: bool,
    duration_s: f64,
    connections: Connections,
    rate: Rates,
    due: u64,
    sent: u64,
    answered: u64,
    unsent: u64,
    failed: u64,
    failures: BTreeMap<String, u64>,
    /// From when a message was due.
    latency_ms: Option<Latencies>,
    /// From when it was sent.
    sent_latency_ms: Option<Latencies>,
    histogram: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Connections {
    wanted: u32,
    opened: u64,
    lost: u64,
    refused: u64,
    refusals: BTreeMap<String, u64>,
    opening_ms: Option<Latencies>,
}

#[derive(Debug, Serialize)]
struct Rates {
    wanted: f64,
    answered: f64,
}

#[derive(Debug, Serialize)]
struct Latencies {
    min: f64,
    mean: f64,
    #[serde(flatten)]
    quantiles: BTreeMap<&'static str, f64>,
}

#[derive(Debug, Serialize)]
struct Row {
    from_ms: f64,
    to_ms: f64,
    count: u64,
}

impl Report {
    /// `ran` is for how long there was a load.
    pub(super) fn of(options: &Bench, tally: &Tally, ran: Duration, finish: Finish) -> Self {
        let Counts { sent, unsent, answered, from_due, from_sent, opening, failures, refusals, lost, .. } =
            tally.snapshot();
        let refused = refusals.values().sum();
        let connections = Connections {
            wanted: options.connections,
            opened: opening.len(),
            lost,
            refused,
            refusals,
            opening_ms: Latencies::of(&opening),
        };
        #[allow(clippy::cast_precision_loss, reason = "a run has fewer than 2^53 messages")]
        let rate = if ran.is_zero() { 0.0 } else { answered as f64 / ran.as_secs_f64() };
        Self {
            url: options.server.url.clone(),
            message: options.message.clone(),
            interrupted: finish == Finish::Interrupted,
            duration_s: ms(ran) / 1_000.0,
            connections,
            rate: Rates { wanted: options.rate, answered: (rate * 10.0).round() / 10.0 },
            due: sent + unsent,
            sent,
            answered,
            unsent,
            failed: failures.values().sum(),
            failures,
            latency_ms: Latencies::of(&from_due),
            sent_latency_ms: Latencies::of(&from_sent),
            histogram: rows(&from_due),
        }
    }

    /// Whether nothing failed, and nothing was missing.
    pub(super) fn is_clean(&self) -> bool {
        self.failed == 0 && self.unsent == 0 && self.connections.refused == 0
    }

    pub(super) fn json(&self) -> String {
        // Numbers and text: there is nothing that cannot be written.
        serde_json::to_string(self).unwrap_or_default()
    }

    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = self.write(&mut text);
        text.truncate(text.trim_end().len());
        text
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        let Self { connections, rate, .. } = self;
        let opening = connections.opening_ms.as_ref();
        let opening =
            opening.map_or_else(String::new, |took| format!(", in {} ms (median)", number(took.quantiles["p50"])));
        writeln!(text, "connections  {} of {}{opening}", connections.opened, connections.wanted)?;
        for (why, count) in &connections.refusals {
            writeln!(text, "  {count} × {why}")?;
        }
        if connections.opened == 0 {
            return Ok(());
        }
        if connections.lost > 0 {
            writeln!(text, "lost         {} connections on the way", connections.lost)?;
        }
        let early = if self.interrupted { ", interrupted" } else { "" };
        writeln!(text, "due          {}, {} a second{early}", self.due, rate.wanted)?;
        if self.unsent > 0 {
            writeln!(
                text,
                "never sent   {}: too many were unanswered, or the connection was gone; their wait is in no figure",
                self.unsent
            )?;
        }
        writeln!(text, "answered     {}, {} a second over {:.1} s", self.answered, rate.answered, self.duration_s)?;
        writeln!(text, "failed       {}", self.failed)?;
        for (why, count) in &self.failures {
            writeln!(text, "  {count} × {}", crate::show::harmless(why))?;
        }
        let (Some(due), Some(sent)) = (&self.latency_ms, &self.sent_latency_ms) else { return Ok(()) };
        writeln!(text, "\nlatency in ms   from due  from sent")?;
        writeln!(text, "  mean        {:>10} {:>10}", number(due.mean), number(sent.mean))?;
        // With few answers the higher ones are all the same as the highest.
        #[allow(clippy::cast_precision_loss, reason = "a run has fewer than 2^53 messages")]
        let says_something = |at: f64| at >= 1.0 || self.answered as f64 * (1.0 - at) > 0.999;
        for (name, _) in QUANTILES.into_iter().filter(|(_, at)| says_something(*at)) {
            let label = if name.len() > 3 && name != "max" {
                format!("{}.{}", &name[..3], &name[3..])
            } else {
                name.to_owned()
            };
            writeln!(text, "  {label:<11} {:>10} {:>10}", number(due.quantiles[name]), number(sent.quantiles[name]))?;
        }
        writeln!(text, "\nmessages by latency from due, in ms")?;
        let most = self.histogram.iter().map(|row| row.count).max().unwrap_or(1);
        for Row { from_ms, to_ms, count } in &self.histogram {
            #[allow(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a bar"
            )]
            let width = (*count as f64 / most as f64 * BAR).ceil() as usize;
            writeln!(text, "  {:>8} – {:<8} {:<40} {count}", number(*from_ms), number(*to_ms), "█".repeat(width))?;
        }
        Ok(())
    }
}

impl Latencies {
    fn of(histogram: &Histogram<u64>) -> Option<Self> {
        let quantile = |(name, at)| (name, millis(histogram.value_at_quantile(at)));
        (!histogram.is_empty()).then(|| Self {
            min: millis(histogram.min()),
            mean: (histogram.mean()).round() / 1_000.0,
            quantiles: QUANTILES.into_iter().map(quantile).collect(),
        })
    }
}

/// Rows of equal ratio from the least to the most, as many as it takes but no more than [`ROWS`].
fn rows(histogram: &Histogram<u64>) -> Vec<Row> {
    if histogram.is_empty() {
        return Vec::new();
    }
    #[allow(clippy::cast_precision_loss, reason = "microseconds of an hour")]
    let (least, most) = (histogram.min().max(1) as f64, histogram.max().max(1) as f64);
    let ratio = (most / least).powf(1.0 / 16.0).max(1.25);
    let mut rows: Vec<Row> = Vec::new();
    let mut end = 0.0;
    for step in histogram.iter_recorded() {
        #[allow(clippy::cast_precision_loss, reason = "microseconds of an hour")]
        let value = step.value_iterated_to() as f64;
        while rows.is_empty() || (value > end && rows.len() < ROWS) {
            let begin = if rows.is_empty() { least } else { end };
            end = begin * ratio;
            rows.push(Row { from_ms: begin / 1_000.0, to_ms: end / 1_000.0, count: 0 });
        }
        if let Some(row) = rows.last_mut() {
            row.count += step.count_since_last_iteration();
            row.to_ms = row.to_ms.max(value / 1_000.0);
        }
    }
    for row in &mut rows {
        (row.from_ms, row.to_ms) = ((row.from_ms * 1e3).round() / 1e3, (row.to_ms * 1e3).round() / 1e3);
    }
    rows
}

fn millis(micros: u64) -> f64 {
    ms(Duration::from_micros(micros))
}

/// As many digits as say something.
fn number(ms: f64) -> String {
    match ms {
        _ if ms >= 100.0 => format!("{ms:.0}"),
        _ if ms >= 10.0 => format!("{ms:.1}"),
        _ => format!("{ms:.2}"),
    }
}
