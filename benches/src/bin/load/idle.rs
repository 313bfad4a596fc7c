//! Clients that only listen.

use crate::Outcome;
use crate::jobs::{Pings, attend, failing};
use crate::link::open_all;
use crate::meter::Moment;
use crate::plan::Plan;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};

/// Time for the last handshakes to leave the server's hands.
const SETTLE: Duration = Duration::from_millis(500);

async fn add(plan: &'static Plan, range: std::ops::Range<usize>) -> Outcome {
    for stream in open_all(plan, range, false).await? {
        tokio::spawn(failing(attend(plan.dialect, Pings::Alone, stream, |_| ())));
    }
    tokio::time::sleep(SETTLE).await;
    Ok(())
}

/// What keep-alive costs: the server's CPU time while nothing happens.
pub(crate) async fn idle(plan: &'static Plan) -> Outcome {
    add(plan, 0..plan.connections()).await?;
    let before = Moment::now(plan, 0)?;
    tokio::time::sleep(plan.length()).await;
    before.report(plan, plan.connections() as u64, "")
}

/// Says `{"held":n}` at each step, and goes on when asked by a line of input. Whoever asked reads the server's memory.
pub(crate) async fn hold(plan: &'static Plan) -> Outcome {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut have = 0;
    for &step in &plan.steps {
        let step = usize::from(step);
        add(plan, have..step).await?;
        have = step;
        println!("{{\"held\":{have}}}");
        if lines.next_line().await?.is_none() {
            return Ok(());
        }
    }
    Ok(())
}
