//! Whether the peer is still there.

use super::Session;
use super::profile::Rhythm;
use super::queue::Item;
use super::timer::Timer;
use crate::time::Instant;

impl Session {
    pub(super) fn heard(&mut self, now: Instant) {
        let Some(attached) = &mut self.attached else { return };
        attached.heard = true;
        attached.heard_at = now;
        if !self.timers.is_set(Timer::Pong) {
            return;
        }
        if let Some(heartbeat) = &attached.profile.heartbeat
            && heartbeat.rhythm == Rhythm::AfterSilence
        {
            self.timers.stop(Timer::Pong);
            self.timers.set(Timer::Heartbeat, now + heartbeat.every);
        }
    }

    pub(super) fn heartbeat(&mut self, now: Instant) {
        let Some(attached) = &mut self.attached else { return };
        let Some(heartbeat) = &attached.profile.heartbeat else { return };
        match (heartbeat.rhythm, heartbeat.timeout) {
            // The timer is not moved whenever something is heard: it sees to that itself.
            (Rhythm::AfterSilence, _) if attached.heard_at + heartbeat.every > now => {
                return self.timers.set(Timer::Heartbeat, attached.heard_at + heartbeat.every);
            }
            (Rhythm::WhenIdle, _) if std::mem::take(&mut attached.heard) => {
                return self.timers.set(Timer::Heartbeat, now + heartbeat.every);
            }
            (Rhythm::AfterSilence | Rhythm::WhenIdle, Some(timeout)) => self.timers.set(Timer::Pong, now + timeout),
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

    /// The time for an answer is over. In Sente's rhythm a new window begins only now (sente.md 9.5).
    pub(super) fn pong_due(&mut self, now: Instant) {
        let Some(attached) = &mut self.attached else { return };
        let Some(heartbeat) = &attached.profile.heartbeat else { return };
        // After a silence, what is heard stops this timer.
        if heartbeat.rhythm != Rhythm::AfterSilence && std::mem::take(&mut attached.heard) {
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
