//! Positions that stopped to mean what they meant.

use serde::Serialize;

/// Why a position stopped to mean what it meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PositionLoss {
    /// The topic was deleted and made again.
    TopicRecreated,
    /// The log begins behind it: retention, or somebody who deleted records.
    LogTrimmed,
    /// The log ends before it: the topic was made again, or its end was lost with a broker.
    LogTruncated,
}

impl PositionLoss {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::TopicRecreated, Self::LogTrimmed, Self::LogTruncated];

    /// Returns the name as metrics and the log have it, such as `log_trimmed`.
    pub fn name(self) -> &'static str {
        match self {
            Self::TopicRecreated => "topic_recreated",
            Self::LogTrimmed => "log_trimmed",
            Self::LogTruncated => "log_truncated",
        }
    }

    /// Says what happened.
    pub fn reason(self) -> &'static str {
        match self {
            Self::TopicRecreated => "the topic was deleted and made again",
            Self::LogTrimmed => "the records in between were removed by retention, or by somebody",
            Self::LogTruncated => "the log ends before it: the topic was made again, or its end was lost",
        }
    }
}

/// A position that was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LostPosition {
    /// The offset that was to be read next.
    pub from: i64,
    /// Where reading went on.
    pub to: i64,
    /// Why.
    pub why: PositionLoss,
}
