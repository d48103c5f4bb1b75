//! One round: both in turn.

use std::fmt;
use std::path::Path;

use sluice_tests::benchmark::BenchmarkStage;

use crate::place::TargetPlaces;
use crate::rate::SinkRate;
use crate::{bare, subject};

/// Both of a round.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SinkRound {
    pub(crate) bare: SinkRate,
    pub(crate) sluice: SinkRate,
}

impl fmt::Display for SinkRound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bare, sluice } = self;
        write!(
            f,
            "bare {:.0}/s, Sluice {:.0}/s, ratio {:.2}",
            bare.rate,
            sluice.rate,
            sluice.rate / bare.rate
        )
    }
}

/// Which goes first changes, so that none always finds the warmer machine.
pub(crate) fn play(
    stage: &BenchmarkStage,
    places: &TargetPlaces,
    number: usize,
    program: Option<&Path>,
) -> SinkRound {
    let first = number.is_multiple_of(2).then(|| subject::measure(stage, places, program));
    let bare = bare::measure(stage, places);
    SinkRound { bare, sluice: first.unwrap_or_else(|| subject::measure(stage, places, program)) }
}
