//! What is to be seen meanwhile, on standard error and only in a terminal.

use super::schedule::Schedule;
use super::tally::Tally;
use crate::args::Bench;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::sync::Arc;
use std::time::{Duration, Instant};

const TICK: Duration = Duration::from_millis(100);

pub(super) struct Progress {
    bar: ProgressBar,
    ticking: tokio::sync::watch::Sender<Option<Schedule>>,
}

impl Progress {
    pub(super) fn begin(options: &Bench, tally: Arc<Tally>) -> Self {
        let target = if options.server.json { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(Some(u64::from(options.connections)), target);
        bar.set_style(style("{bar:30} {pos} of {len} connections {msg}"));
        let (ticking, schedule) = tokio::sync::watch::channel(None);
        if !bar.is_hidden() {
            tokio::spawn(tick(bar.clone(), tally, schedule));
        }
        Self { bar, ticking }
    }

    /// The connections are open: from now on messages become due.
    pub(super) fn load(&self, schedule: &Schedule) {
        self.bar.set_style(style("{bar:30} {pos} of {len} due, {msg}"));
        self.bar.set_position(0);
        self.bar.set_length(schedule.total());
        self.ticking.send_replace(Some(*schedule));
    }

    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }
}

/// Ends with the [`Progress`].
async fn tick(bar: ProgressBar, tally: Arc<Tally>, mut schedule: tokio::sync::watch::Receiver<Option<Schedule>>) {
    loop {
        let (connections, sent, answered, failed) = tally.glance();
        match *schedule.borrow_and_update() {
            None => bar.set_position(connections),
            Some(schedule) => {
                bar.set_position(schedule.due(Instant::now()));
                bar.set_message(format!("{sent} sent, {answered} answered, {failed} failed"));
            }
        }
        if let Ok(Err(_)) = tokio::time::timeout(TICK, schedule.changed()).await {
            return;
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
