//! Whether the peer is still there.

use super::Session;
use super::profile::Rhythm;
use super::queue::Item;
use super::timer::Timer;
use crate::time::Instant;

impl Session {
    pub(super) fn heartbeat(&mut self, now: Instant) {
        let Some(attached) = &mut self.attached else { return };
        let Some(heartbeat) = &attached.profile.heartbeat else { return };
        match (heartbeat.rhythm, heartbeat.timeout) {
            (Rhythm::WhenIdle, _) if std::mem::take(&mut attached.heard) => {
                return self.timers.set(Timer::Heartbeat, now + heartbeat.every);
            }
            (Rhythm::WhenIdle, Some(timeout)) => self.timers.set(Timer::Pong, now + timeout),
            (_, None) => self.timers.set(Timer::Heartbeat, now + heartbeat.every),
            (Rhythm::Always, Some(timeout)) => {
                self.timers.set(Timer::Heartbeat, now + heartbeat.every);
                if !self.timers.is_set(Timer::Pong) {
                    attached.heard = false;
                    self.timers.set(Timer::Pong, now + timeout);
                }
            }
        }
        // One that waits already, since the carrier cannot write, is enough: heartbeats must not heap up. What else waits is no
        // heartbeat: a peer that was not asked does not answer.
        if !self.queue.has_control() {
            self.queue.extend(heartbeat.frames.iter().cloned().map(Item::Control));
            self.due = true;
        }
    }

    /// Sente's rhythm: after a ping the whole timeout is waited for, then a new window begins (sente.md 9.5).
    pub(super) fn pong_due(&mut self, now: Instant) {
        let Some(attached) = &mut self.attached else { return };
        let Some(heartbeat) = &attached.profile.heartbeat else { return };
        if std::mem::take(&mut attached.heard) {
            if heartbeat.rhythm == Rhythm::WhenIdle {
                self.timers.set(Timer::Heartbeat, now + heartbeat.every);
            }
            return;
        }
        // The peer may only be unreachable on this carrier: the carrier ends, the session goes on without one.
        let close = heartbeat.close.clone();
        self.drop_carrier(now, close);
    }
}
