//! What can be wrong on purpose.

/// What a [`ServerEnd`](super::ServerEnd) does wrong on purpose, to see that a checker notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plant {
    /// Handles an item as often as it comes.
    HandlesAgain,
    /// Loses the replies that a session could not deliver.
    LosesReplies,
    /// Says that it took one item more than it did.
    OvercountsTaken,
    /// Says that an event was handled before it came.
    OvercountsHandled,
    /// Does not send again what was lost on the way, and says nothing of it.
    SkipsInSilence,
    /// Forgets what it sent at once, and says honestly that it is gone.
    ForgetsWhatItSent,
    /// Sends again what the client has, under new numbers.
    CountsAnew,
    /// Says that there is no reply to a request that is still to be answered.
    EndsReplies,
    /// Does not say that a reply will not come.
    HidesLostReplies,
}

impl Plant {
    /// All there are.
    pub const ALL: [Self; 9] = [
        Self::HandlesAgain,
        Self::LosesReplies,
        Self::OvercountsTaken,
        Self::OvercountsHandled,
        Self::SkipsInSilence,
        Self::ForgetsWhatItSent,
        Self::CountsAnew,
        Self::EndsReplies,
        Self::HidesLostReplies,
    ];
}
