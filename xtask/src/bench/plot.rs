//! Plots as SVG, readable on a light page and on a dark one.

use std::fmt::Write as _;

/// One server at one job.
pub(crate) struct Bar {
    pub(crate) name: &'static str,
    pub(crate) value: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
    pub(crate) label: String,
}

/// One server at several sizes.
pub(crate) struct Line {
    pub(crate) name: &'static str,
    pub(crate) points: Vec<(f64, f64)>,
}

const WIDTH: f64 = 760.0;
/// Where bars begin, and where the longest ends.
const LEFT: f64 = 150.0;
const RIGHT: f64 = 660.0;
const ROW: f64 = 26.0;
const TOP: f64 = 64.0;

const STYLE: &str = "<style>\
    text{font:13px sans-serif;fill:#222}.title{font-size:15px;font-weight:600}.quiet{fill:#666;font-size:12px}\
    .page{fill:#fff}.axis{stroke:#bbb;fill:none}.spread{stroke:#222;stroke-width:1.5}\
    @media (prefers-color-scheme:dark){text{fill:#ddd}.quiet{fill:#999}.page{fill:#161616}.axis{stroke:#555}.spread{stroke:#ddd}}\
    </style>";

fn begin(title: &str, subtitle: &str, height: f64) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\">\
         {STYLE}<rect class=\"page\" width=\"100%\" height=\"100%\"/>\n\
         <text class=\"title\" x=\"16\" y=\"26\">{}</text><text class=\"quiet\" x=\"16\" y=\"46\">{}</text>\n",
        escaped(title),
        escaped(subtitle)
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

/// Ours stand out, the bare limit stays back.
fn colour(name: &str) -> &'static str {
    match name {
        "bare" => "#8a8f98",
        name if name.starts_with("tsugi") => "#d9622b",
        _ => "#4c7fb8",
    }
}

/// Bars from zero, each with a line from its least to its most.
pub(crate) fn bars(title: &str, unit: &str, bars: &[Bar]) -> Option<String> {
    let most = bars.iter().map(|bar| bar.most).fold(0.0, f64::max);
    if bars.is_empty() || most <= 0.0 {
        return None;
    }
    let height = TOP + ROW * bars.len() as f64 + 12.0;
    let mut plot = begin(title, &format!("{unit}; the bar is the median, the line the spread"), height);
    let x = |value: f64| LEFT + (RIGHT - LEFT) * value / most;
    for (index, bar) in bars.iter().enumerate() {
        let y = TOP + ROW * index as f64;
        let _ = writeln!(
            plot,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\
             <rect x=\"{LEFT}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"18\" fill=\"{}\"/>\
             <line class=\"spread\" x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{mid:.1}\" y2=\"{mid:.1}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            LEFT - 8.0,
            y + 14.0,
            bar.name,
            x(bar.value) - LEFT,
            colour(bar.name),
            x(bar.least),
            x(bar.most),
            x(bar.most) + 8.0,
            y + 14.0,
            bar.label,
            mid = y + 9.0,
        );
    }
    plot.push_str("</svg>\n");
    Some(plot)
}

/// Lines over a common axis. Both axes begin at zero.
pub(crate) fn lines(title: &str, across: &str, up: &str, series: &[Line]) -> Option<String> {
    const LOW: f64 = 380.0;
    const NEAR: f64 = 60.0;
    const FAR: f64 = 600.0;
    let all = || series.iter().flat_map(|line| line.points.iter());
    let (widest, highest) =
        (all().map(|point| point.0).fold(0.0, f64::max), all().map(|point| point.1).fold(0.0, f64::max));
    if widest <= 0.0 || highest <= 0.0 {
        return None;
    }
    let mut plot = begin(title, &format!("{up}, by {across}"), LOW + 40.0);
    let x = |value: f64| NEAR + (FAR - NEAR) * value / widest;
    let y = |value: f64| LOW - (LOW - TOP) * value / highest;
    let _ = writeln!(plot, "<path class=\"axis\" d=\"M{NEAR} {TOP}V{LOW}H{FAR}\"/>");
    for part in [0.25, 0.5, 0.75, 1.0] {
        let _ = writeln!(
            plot,
            "<text class=\"quiet\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{:.0}</text>\
             <text class=\"quiet\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{:.0}</text>",
            x(widest * part),
            LOW + 18.0,
            widest * part,
            NEAR - 6.0,
            y(highest * part) + 4.0,
            highest * part,
        );
    }
    let mut ends: Vec<(f64, &Line)> = Vec::new();
    for line in series {
        let path: Vec<_> = line.points.iter().map(|point| format!("{:.1} {:.1}", x(point.0), y(point.1))).collect();
        let _ = writeln!(
            plot,
            "<path d=\"M{NEAR} {LOW}L{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\"/>",
            path.join("L"),
            colour(line.name)
        );
        ends.extend(line.points.last().map(|point| (y(point.1), line)));
    }
    label(&mut plot, ends, FAR + 8.0);
    plot.push_str("</svg>\n");
    Some(plot)
}

/// Writes the names at the ends of lines, below one another where the lines end close together.
fn label(plot: &mut String, mut ends: Vec<(f64, &Line)>, x: f64) {
    const APART: f64 = 15.0;
    // From the lowest upwards, since many lines end near the axis.
    ends.sort_by(|one, other| other.0.total_cmp(&one.0));
    let mut free = f64::INFINITY;
    for (y, line) in ends {
        let at = (y + 4.0).min(free);
        free = at - APART;
        let _ = writeln!(plot, "<text x=\"{x:.1}\" y=\"{at:.1}\">{}</text>", line.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_as_long_as_their_values() {
        let bar = |name, value| Bar { name, value, least: value, most: value, label: value.to_string() };
        let plot = bars("A & B", "each", &[bar("bare", 4.0), bar("ws", 1.0)]).expect("there are bars");
        assert!(plot.contains("A &amp; B"));
        assert!(plot.contains("width=\"510.0\"") && plot.contains("width=\"127.5\""), "{plot}");
        assert!(bars("none", "each", &[]).is_none());
    }

    #[test]
    fn names_at_the_ends_of_lines_do_not_cover_one_another() {
        let line = |name| Line { name, points: vec![(10.0, 5.0)] };
        let plot = lines("memory", "connections", "MiB", &[line("one"), line("two")]).expect("there are lines");
        assert!(plot.contains("y=\"68.0\">") && plot.contains("y=\"53.0\">"), "{plot}");
    }
}
