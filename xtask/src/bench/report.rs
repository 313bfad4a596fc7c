//! The results: medians and spreads, as one page of Markdown with plots.

use super::catalogue::{JOBS, Job, Kind, SERVERS, Server};
use super::plot::{Bar, Line, bars, lines};
use super::sample::{Latency, Memory, Sample, Work, keep_alive};
use crate::shell::Outcome;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

/// All samples, by where job and server stand in the catalogue.
pub(crate) struct Results {
    machine: Vec<(String, String)>,
    quick: bool,
    samples: BTreeMap<(usize, usize), Vec<Sample>>,
    failed: Vec<String>,
}

/// The middle of several measurements, and how far they lie apart.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Spread {
    least: f64,
    median: f64,
    most: f64,
}

impl Spread {
    fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let (least, most) = (*values.first()?, *values.last()?);
        let half = values.len() / 2;
        let median = if values.len() % 2 == 1 { values[half] } else { f64::midpoint(values[half - 1], values[half]) };
        Some(Self { least, median, most })
    }
}

/// The load was the limit, not the server, when it used more of its core than this.
const LOAD_IS_THE_LIMIT: f64 = 0.92;
/// Others disturbed a measurement when they used more of a core than this.
const DISTURBED: f64 = 0.10;

impl Results {
    pub(crate) fn begin(machine: Vec<(String, String)>, quick: bool) -> Self {
        Self { machine, quick, samples: BTreeMap::new(), failed: Vec::new() }
    }

    pub(crate) fn add(&mut self, job: &Job, server: &Server, sample: Sample) {
        self.samples.entry(place(job, server)).or_default().push(sample);
    }

    pub(crate) fn fail(&mut self, job: &Job, server: &Server, error: &str) {
        self.failed.push(format!("{} with {}: {error}", job.name, server.name));
    }

    /// An error when anything failed.
    pub(crate) fn failures(&self) -> Outcome {
        if self.failed.is_empty() {
            return Ok(());
        }
        Err(format!("{} of the measurements failed:\n  {}", self.failed.len(), self.failed.join("\n  ")))
    }

    pub(crate) fn write(&self, out: &Path) -> Outcome {
        let save = |name: &str, text: &str| {
            let path = out.join(name);
            std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))
        };
        for job in &JOBS {
            if let Some(plot) = self.plot(job) {
                save(&format!("{}.svg", job.name), &plot)?;
            }
        }
        save("results.md", &self.page())
    }

    /// The servers that were measured at a job, in the order of the catalogue.
    fn of(&self, job: &Job) -> Vec<(&'static Server, &[Sample])> {
        let at = |server: &Server| self.samples.get(&place(job, server)).map(Vec::as_slice);
        SERVERS.iter().filter_map(|server| Some((server, at(server)?))).collect()
    }

    fn page(&self) -> String {
        let mut page = "# Results\n\nWritten by `cargo xtask bench`; [how to read this](README.md).\n\n".to_owned();
        if self.quick {
            page.push_str("**A quick run: a first look, too short to be quoted.**\n\n");
        }
        if let Some(warning) = self.disturbed() {
            let _ = writeln!(page, "**{warning}**\n");
        }
        for (name, value) in &self.machine {
            let _ = writeln!(page, "* {name}: {value}");
        }
        page.push('\n');
        self.overview(&mut page);
        for job in &JOBS {
            self.section(job, &mut page);
        }
        if !self.failed.is_empty() {
            page.push_str("\n## Failed\n\n");
            for failed in &self.failed {
                let _ = writeln!(page, "* {failed}");
            }
        }
        page
    }

    /// What to say when the machine was not quiet.
    fn disturbed(&self) -> Option<String> {
        let works = self.samples.values().flatten().filter_map(work);
        let (mut all, mut disturbed) = (0_usize, 0_usize);
        for work in works {
            all += 1;
            disturbed += usize::from(work.share(work.others) > DISTURBED);
        }
        (disturbed * 10 > all).then(|| {
            format!(
                "The machine was not quiet: in {disturbed} of {all} measurements other processes used more than {:.0} % \
                 of a core. These figures are rough.",
                DISTURBED * 100.0
            )
        })
    }

    /// One table with the median of everything.
    fn overview(&self, page: &mut String) {
        let jobs: Vec<&Job> = JOBS.iter().filter(|job| !self.of(job).is_empty()).collect();
        page.push_str(
            "## Overview\n\nMedians. What each column is and how far the measurements lie apart stands below.\n\n",
        );
        page.push_str("| server |");
        for job in &jobs {
            let _ = write!(page, " [{0}](#{0})<br>{1} |", job.name, overview_unit(job));
        }
        page.push_str("\n|---|");
        jobs.iter().for_each(|_| page.push_str("--:|"));
        page.push('\n');
        for (index, server) in SERVERS.iter().enumerate() {
            let place = |job: &Job| JOBS.iter().position(|other| other.name == job.name);
            let of = |job: &Job| self.samples.get(&(place(job)?, index));
            if jobs.iter().all(|job| of(job).is_none()) {
                continue;
            }
            let _ = write!(page, "| {} |", server.name);
            for job in &jobs {
                let median = of(job).and_then(|samples| spread(job.kind, samples));
                let figure = median.map_or_else(|| "–".to_owned(), |spread| written(spread.median));
                let _ = write!(page, " {figure} |");
            }
            page.push('\n');
        }
    }

    fn section(&self, job: &Job, page: &mut String) {
        let rows = self.of(job);
        if rows.is_empty() {
            return;
        }
        let _ = writeln!(page, "\n## {}\n\n{}.\n\n![{0}]({0}.svg)\n", job.name, job.title);
        match job.kind {
            Kind::Throughput => throughput(job, &rows, page),
            Kind::Latency => latency(&rows, page),
            Kind::Idle => idle(&rows, page),
            Kind::Memory => memory(&rows, page),
        }
    }

    fn plot(&self, job: &Job) -> Option<String> {
        let rows = self.of(job);
        if job.kind == Kind::Memory {
            let series = rows.iter().map(|(server, samples)| Line { name: server.name, points: totals(samples) });
            return lines(job.title, "connections", "MiB above the empty server", &series.collect::<Vec<_>>());
        }
        let bar = |(server, samples): &(&'static Server, &[Sample])| {
            let spread = spread(job.kind, samples)?;
            Some(Bar {
                name: server.name,
                value: spread.median,
                least: spread.least,
                most: spread.most,
                label: written(spread.median),
            })
        };
        bars(job.title, overview_unit(job), &rows.iter().filter_map(bar).collect::<Vec<_>>())
    }
}

fn place(job: &Job, server: &Server) -> (usize, usize) {
    let job = JOBS.iter().position(|other| other.name == job.name);
    let server = SERVERS.iter().position(|other| other.name == server.name);
    (job.unwrap_or(JOBS.len()), server.unwrap_or(SERVERS.len()))
}

fn work(sample: &Sample) -> Option<&Work> {
    match sample {
        Sample::Work(work) => Some(work),
        Sample::Memory(_) => None,
    }
}

fn memories(samples: &[Sample]) -> impl Iterator<Item = &Memory> + Clone {
    samples.iter().filter_map(|sample| match sample {
        Sample::Memory(memory) => Some(memory),
        Sample::Work(_) => None,
    })
}

fn overview_unit(job: &Job) -> &'static str {
    match job.kind {
        Kind::Throughput => "thousands a second",
        Kind::Latency => "p99, ms",
        Kind::Idle => "% of a core",
        Kind::Memory => "KiB each",
    }
}

/// The one figure of a kind of job, in the unit of [`overview_unit`].
fn spread(kind: Kind, samples: &[Sample]) -> Option<Spread> {
    let works = samples.iter().filter_map(work);
    match kind {
        Kind::Throughput => Spread::of(works.map(|work| work.rate() / 1e3)),
        Kind::Latency => Spread::of(works.filter_map(|work| work.latency.as_ref()).map(|latency| latency.p99 / 1e3)),
        Kind::Idle => Spread::of(works.map(|work| 100.0 * work.share(work.server))),
        Kind::Memory => Spread::of(memories(samples).map(|memory| memory.slope / 1024.0)),
    }
}

/// Three digits that matter, or all before the point.
fn written(value: f64) -> String {
    let digits = match value {
        value if value >= 100.0 => 0,
        value if value >= 10.0 => 1,
        _ => 2,
    };
    format!("{value:.digits$}")
}

fn throughput(job: &Job, rows: &[(&Server, &[Sample])], page: &mut String) {
    let bare = rows.iter().find(|(server, _)| server.name == "bare");
    let bare = bare.and_then(|(_, samples)| Spread::of(samples.iter().filter_map(work).map(Work::cost)));
    let _ = writeln!(
        page,
        "| server | thousands a second | from – to | server CPU for each {}, µs | of the bare limit | server's core | load's core |",
        job.unit
    );
    page.push_str("|---|--:|--:|--:|--:|--:|--:|\n");
    for (server, samples) in rows {
        let works: Vec<&Work> = samples.iter().filter_map(work).collect();
        let of = |figure: fn(&Work) -> f64| Spread::of(works.iter().map(|work| figure(work)));
        let (Some(rate), Some(cost)) = (of(|work| work.rate() / 1e3), of(Work::cost)) else { continue };
        let (Some(own), Some(load)) = (of(|work| work.share(work.server)), of(|work| work.share(work.load))) else {
            continue;
        };
        let _ = writeln!(
            page,
            "| {} | {} | {} – {} | {:.2} | {} | {:.0} % | {:.0} %{} |",
            server.name,
            written(rate.median),
            written(rate.least),
            written(rate.most),
            cost.median / 1e3,
            bare.map_or_else(|| "–".to_owned(), |bare| format!("{:.2}", bare.median / cost.median)),
            100.0 * own.median,
            100.0 * load.median,
            if load.median > LOAD_IS_THE_LIMIT { " (the limit)" } else { "" },
        );
    }
}

fn latency(rows: &[(&Server, &[Sample])], page: &mut String) {
    page.push_str(
        "Medians of the rounds, in milliseconds from the moment at which a message was meant to be sent.\n\n",
    );
    page.push_str(
        "| server | p50 | p99 | p99.9 | longest | lost | load was late by, p99 |\n|---|--:|--:|--:|--:|--:|--:|\n",
    );
    for (server, samples) in rows {
        let all = samples.iter().filter_map(work).filter_map(|work| work.latency.as_ref());
        let all: Vec<&Latency> = all.collect();
        let of = |figure: fn(&Latency) -> f64| {
            let spread = Spread::of(all.iter().map(|latency| figure(latency)));
            spread.map_or(0.0, |spread| spread.median)
        };
        let _ = writeln!(
            page,
            "| {} | {:.2} | {:.2} | {:.2} | {:.2} | {:.0} | {:.2} |",
            server.name,
            of(|latency| latency.p50) / 1e3,
            of(|latency| latency.p99) / 1e3,
            of(|latency| latency.p999) / 1e3,
            of(|latency| latency.max) / 1e3,
            all.iter().map(|latency| latency.lost).sum::<f64>(),
            of(|latency| latency.late) / 1e3,
        );
    }
}

fn idle(rows: &[(&Server, &[Sample])], page: &mut String) {
    page.push_str("| server | keep-alive | % of a core | from – to |\n|---|---|--:|--:|\n");
    for (server, samples) in rows {
        let Some(share) = spread(Kind::Idle, samples) else { continue };
        let _ = writeln!(
            page,
            "| {} | {} | {:.2} | {:.2} – {:.2} |",
            server.name,
            keep_alive(server),
            share.median,
            share.least,
            share.most
        );
    }
}

/// The steps of a job, and the median of something at each.
fn at_steps(samples: &[Sample], figure: fn(usize, f64) -> f64) -> Vec<(usize, f64)> {
    let Some(first) = memories(samples).next() else { return Vec::new() };
    let at =
        |index: usize| Spread::of(memories(samples).filter_map(|memory| memory.each.get(index).map(|each| each.1)));
    let steps = first.each.iter().enumerate();
    steps.filter_map(|(index, (count, _))| Some((*count, figure(*count, at(index)?.median)))).collect()
}

/// Connections, and MiB above the empty server.
fn totals(samples: &[Sample]) -> Vec<(f64, f64)> {
    let totals = at_steps(samples, |count, bytes| count as f64 * bytes / 1024.0 / 1024.0);
    totals.into_iter().map(|(count, total)| (count as f64, total)).collect()
}

fn memory(rows: &[(&Server, &[Sample])], page: &mut String) {
    page.push_str("KiB of resident memory above the empty server, for each connection. \"Each further\" is the slope from the \
                   first step to the last: what is allocated once does not count. The kernel's memory is for both ends.\n\n");
    let Some((_, first)) = rows.first() else { return };
    let steps = at_steps(first, |_, _| 0.0);
    page.push_str("| server | keep-alive |");
    for (count, _) in &steps {
        let _ = write!(page, " at {count} |");
    }
    page.push_str(" each further | kernel |\n|---|---|");
    steps.iter().for_each(|_| page.push_str("--:|"));
    page.push_str("--:|--:|\n");
    for (server, samples) in rows {
        let _ = write!(page, "| {} | {} |", server.name, keep_alive(server));
        for (_, each) in at_steps(samples, |_, bytes| bytes / 1024.0) {
            let _ = write!(page, " {each:.2} |");
        }
        let of = |figure: fn(&Memory) -> f64| {
            Spread::of(memories(samples).map(figure)).map_or(0.0, |spread| spread.median / 1024.0)
        };
        let _ = writeln!(page, " {:.2} | {:.2} |", of(|memory| memory.slope), of(|memory| memory.kernel));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_or_between_the_two_in_the_middle() {
        let of = |values: &[f64]| Spread::of(values.iter().copied());
        assert_eq!(of(&[3.0, 1.0, 2.0]), Some(Spread { least: 1.0, median: 2.0, most: 3.0 }));
        assert_eq!(of(&[4.0, 1.0, 2.0, 3.0]), Some(Spread { least: 1.0, median: 2.5, most: 4.0 }));
        assert_eq!(of(&[]), None);
    }

    fn work(server: f64, others: f64) -> Sample {
        let (count, seconds, load) = (1e6, 1.0, 0.95e9);
        Sample::Work(Work { count, seconds, server, load, others, latency: None })
    }

    #[test]
    fn the_page_compares_with_the_bare_limit_and_says_what_was_not_clean() {
        let mut results = Results::begin(vec![("Machine".to_owned(), "a small one".to_owned())], true);
        let (job, bare, json) = (&JOBS[0], &SERVERS[0], &SERVERS[4]);
        results.add(job, bare, work(0.5e9, 0.5e9));
        results.add(job, json, work(1e9, 0.0));
        results.fail(job, json, "it broke");
        let page = results.page();
        assert!(
            page.contains("| tsugi-json | 1000 | 1000 – 1000 | 1.00 | 0.50 | 100 % | 95 % (the limit) |"),
            "{page}"
        );
        assert!(page.contains("in 1 of 2 measurements other processes"), "{page}");
        assert!(page.contains("* requests-16x64 with tsugi-json: it broke"), "{page}");
        assert!(page.contains("A quick run"));
        assert!(results.failures().is_err());
    }
}
