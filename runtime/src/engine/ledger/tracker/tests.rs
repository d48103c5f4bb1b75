//! Watermarks, whatever the order in which records are done.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

fn origin(offset: i64) -> Origin {
    Origin::new("t", 0, offset)
}

fn partition() -> TopicPartition {
    TopicPartition::new("t", 0)
}

/// A tracker that has the partition.
fn ours() -> Tracker {
    let mut tracker = Tracker::new();
    tracker.assign(&partition());
    tracker
}

fn read(tracker: &mut Tracker, offset: i64, bytes: usize) -> Ticket {
    tracker.read(&origin(offset), bytes).unwrap()
}

fn finish(tracker: &mut Tracker, ticket: Ticket) -> Option<Done> {
    tracker.done(ticket, Verdict::Delivered)
}

fn watermark(tracker: &mut Tracker) -> Option<i64> {
    tracker.commits().first().map(|(_, watermark)| *watermark)
}

#[test]
fn the_watermark_waits_for_the_lowest_record() {
    let mut tracker = ours();
    let tickets: Vec<_> = (10..13).map(|offset| read(&mut tracker, offset, 1)).collect();
    finish(&mut tracker, tickets[1]);
    finish(&mut tracker, tickets[2]);
    assert_eq!(watermark(&mut tracker), Some(10), "10 itself is not done");
    finish(&mut tracker, tickets[0]);
    assert_eq!(watermark(&mut tracker), Some(13));
    assert_eq!(watermark(&mut tracker), None, "there is nothing new");
}

#[test]
fn gaps_in_the_offsets_are_passed_over() {
    let mut tracker = ours();
    let tickets: Vec<_> = [3, 7, 20].map(|offset| read(&mut tracker, offset, 1)).into();
    finish(&mut tracker, tickets[0]);
    assert_eq!(watermark(&mut tracker), Some(7));
}

#[test]
fn a_split_record_is_done_with_its_last_part() {
    let mut tracker = ours();
    let ticket = read(&mut tracker, 0, 5);
    tracker.split(ticket, 2);
    assert_eq!((tracker.done(ticket, Verdict::Skipped), watermark(&mut tracker)), (None, Some(0)));
    let done = Done { bytes: 5, verdict: Verdict::Skipped, is_held: false };
    assert_eq!((tracker.done(ticket, Verdict::Delivered), watermark(&mut tracker)), (Some(done), Some(1)));
}

#[test]
fn a_ticket_from_before_a_revoke_does_nothing_after_it() {
    let mut tracker = ours();
    let late = read(&mut tracker, 0, 7);
    assert_eq!(tracker.revoke(&[partition()]), (vec![(partition(), 0)], 7));
    assert_eq!(tracker.read(&origin(0), 7), None, "it is not ours");
    tracker.assign(&partition());
    let fresh = read(&mut tracker, 0, 7);
    assert_eq!(tracker.done(late, Verdict::Delivered), None);
    assert!(!tracker.is_ours(late) && tracker.is_ours(fresh));
    assert_eq!(watermark(&mut tracker), Some(0), "the record read anew is not done");
}

#[test]
fn a_refused_commit_is_made_again() {
    let mut tracker = ours();
    let ticket = read(&mut tracker, 4, 1);
    finish(&mut tracker, ticket);
    assert_eq!(watermark(&mut tracker), Some(5));
    tracker.commit_failed(&partition());
    assert_eq!(watermark(&mut tracker), Some(5));
}

#[test]
fn a_record_is_done_once() {
    let mut tracker = ours();
    let (first, second) = (read(&mut tracker, 0, 3), read(&mut tracker, 1, 4));
    assert!(finish(&mut tracker, second).is_some());
    assert_eq!((finish(&mut tracker, second), tracker.pending_bytes()), (None, 3));
    assert!(finish(&mut tracker, first).is_some());
    assert_eq!((finish(&mut tracker, first), tracker.pending_bytes()), (None, 0));
}

#[test]
fn offsets_that_go_back_are_committed_as_low_as_they_are() {
    let mut tracker = ours();
    let (old, new) = (read(&mut tracker, 100, 1), read(&mut tracker, 0, 1));
    assert_eq!(watermark(&mut tracker), Some(0));
    finish(&mut tracker, old);
    assert_eq!(watermark(&mut tracker), None, "101 would pass over the new record");
    finish(&mut tracker, new);
    assert_eq!(watermark(&mut tracker), Some(1));
}

#[test]
fn offsets_that_hold_no_record_are_passed_when_what_was_read_before_is_done() {
    let mut tracker = ours();
    tracker.passed(&partition(), 4);
    assert_eq!(tracker.first_commits(), [(partition(), 4)], "a start is pinned before anything is read");
    let ticket = read(&mut tracker, 4, 1);
    tracker.passed(&partition(), 9);
    assert_eq!(watermark(&mut tracker), None, "4 is not done");
    finish(&mut tracker, ticket);
    assert_eq!(watermark(&mut tracker), Some(9));
    tracker.passed(&partition(), 7);
    assert_eq!(watermark(&mut tracker), None, "it never goes back");
}

#[test]
fn what_was_read_before_a_restart_moves_no_watermark() {
    let mut tracker = ours();
    let old: Vec<_> = [14, 15].map(|offset| read(&mut tracker, offset, 1)).into();
    tracker.restart(&partition(), 0);
    assert_eq!(watermark(&mut tracker), Some(0));
    finish(&mut tracker, old[0]);
    let new = read(&mut tracker, 0, 1);
    finish(&mut tracker, new);
    assert_eq!((watermark(&mut tracker), tracker.pending_records()), (None, 1), "15 is not done");
    finish(&mut tracker, old[1]);
    assert_eq!(watermark(&mut tracker), Some(1));
}

#[test]
fn only_the_first_offset_of_a_partition_is_committed_at_once() {
    let mut tracker = ours();
    assert!(tracker.first_commits().is_empty(), "nothing is read");
    let ticket = read(&mut tracker, 4, 1);
    assert_eq!(tracker.first_commits(), [(partition(), 4)]);
    finish(&mut tracker, ticket);
    tracker.commit_failed(&partition());
    assert!(tracker.first_commits().is_empty());
    assert_eq!(watermark(&mut tracker), Some(5));
}

proptest! {
    /// Whatever the order in which records are done, and whenever a commit is asked for, the offset
    /// committed is the lowest that is not done (invariant 1).
    #[test]
    fn the_watermark_never_passes_a_record_that_is_not_done(
        gaps in prop::collection::vec(1_i64..4, 1..40),
        start in 0_i64..100,
        seed in prop::collection::vec(any::<prop::sample::Index>(), 40),
    ) {
        let mut tracker = ours();
        let mut offset = start;
        let mut open = Vec::new();
        for gap in gaps {
            offset += gap;
            open.push((offset, read(&mut tracker, offset, 1)));
        }
        let end = offset + 1;
        let mut left: BTreeSet<i64> = open.iter().map(|(offset, _)| *offset).collect();
        let mut last = i64::MIN;
        for pick in seed {
            if let Some(watermark) = watermark(&mut tracker) {
                prop_assert_eq!(watermark, left.first().copied().unwrap_or(end));
                prop_assert!(watermark > last);
                last = watermark;
            }
            if open.is_empty() { break }
            let (offset, ticket) = open.swap_remove(pick.index(open.len()));
            prop_assert!(finish(&mut tracker, ticket).is_some());
            left.remove(&offset);
        }
        prop_assert_eq!(tracker.pending_records(), left.len());
    }
}
