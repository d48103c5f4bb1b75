//! Random records, random rebalances, stops and restarts, and a sink of random moods.

use proptest::prelude::*;
use proptest::test_runner::Config;
use sluice_connector_api::Order;

use crate::world::{Case, Doubt, Kind, Mood, Op, PARTITIONS, World};

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        12 => Just(Kind::Plain),
        3 => Just(Kind::Dropped),
        2 => (0_usize..4).prop_map(Kind::Split),
        1 => Just(Kind::Foul),
        1 => Just(Kind::Bad),
        1 => Just(Kind::Huge),
    ]
}

fn mood() -> impl Strategy<Value = Mood> {
    prop_oneof![
        6 => Just(Mood::Good),
        3 => Just(Mood::Vague),
        2 => Just(Mood::Down),
        4 => any::<u8>().prop_map(Mood::DownAt),
        4 => (0_u64..400).prop_map(Mood::Slow),
        1 => (4000_u64..9000).prop_map(Mood::Slow),
        1 => Just(Mood::Fatal),
    ]
}

fn doubt() -> impl Strategy<Value = Doubt> {
    prop_oneof![
        6 => Just(Doubt::None),
        4 => Just(Doubt::Pending),
        4 => any::<u8>().prop_map(Doubt::LostAt),
        2 => Just(Doubt::Down),
        2 => (0_u64..400).prop_map(Doubt::Slow),
        1 => (4000_u64..9000).prop_map(Doubt::Slow),
        1 => Just(Doubt::Fatal),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let partition = 0..PARTITIONS;
    prop_oneof![
        8 => (partition.clone(), 1_usize..12).prop_map(|(partition, count)| Op::Read(partition, count)),
        4 => (0_u64..500).prop_map(Op::Pass),
        2 => (partition.clone(), any::<bool>()).prop_map(|(partition, lost)| Op::TakeAway(partition, lost)),
        3 => partition.clone().prop_map(Op::Assign),
        1 => partition.prop_map(Op::RefuseCommit),
        1 => Just(Op::Stop),
    ]
}

fn case() -> impl Strategy<Value = Case> {
    let ordered_by = prop::sample::select(vec![
        Order::Partition,
        Order::Key,
        Order::KeyOrPartition,
        Order::Id { newest_wins: false },
    ]);
    let log = prop::collection::vec((kind(), 0_usize..4, 1_i64..3), 0..30);
    let logs = prop::collection::vec(log, PARTITIONS);
    let moods = prop::collection::vec(mood(), 1..12);
    let doubts = prop::option::of(prop::collection::vec(doubt(), 0..12));
    let limits = (ordered_by, 1_usize..5, 1_usize..6, any::<bool>(), any::<bool>(), any::<(bool, bool)>());
    (limits, logs, moods, doubts, prop::collection::vec(op(), 0..25)).prop_map(
        |(
            (ordered_by, max_in_flight, max_records, tolerant, newest_wins, (at_once, striped)),
            logs,
            moods,
            doubts,
            ops,
        )| Case {
            ordered_by,
            max_in_flight,
            max_records,
            tolerant,
            newest_wins,
            at_once,
            striped,
            doubts,
            logs,
            moods,
            ops,
        },
    )
}

proptest! {
    #![proptest_config(Config { failure_persistence: None, ..Config::default() })]

    /// Invariants 1, 2, 3, 6, 7 and 9 together, as [`World`] and its witness check them at every step:
    /// whatever is committed is done; every record read ends in exactly one counter and gives its bytes back;
    /// records that share an ordering key never overtake each other; a rebalance is answered in time; and in
    /// the end nothing is missing.
    #[test]
    fn every_record_read_ends_in_exactly_one_counter(case in case()) {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_time().start_paused(true).build().unwrap();
        runtime.block_on(World::live(case));
    }
}
