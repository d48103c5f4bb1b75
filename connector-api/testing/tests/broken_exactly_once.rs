//! The suite of exactly once refuses sinks that are at fault, each in a way that a hurried author would find natural.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use sluice_connector_api::{
    ExactlyOnce, Failure, FencingToken, PositionStep, PutError, PutProgress, Record, StoredPosition,
    TakenOver, TopicPartition,
};
use sluice_plugin_testing::{ExactlyOnceContract, text};

/// What is wrong with a sink, if anything is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    /// Positions are not stored at all.
    ForgetsPositions,
    /// Positions are kept by the task, and not by the target.
    KeepsPositionsToItself,
    /// Positions are stored by themselves, once the records are.
    StoresPositionsAfter,
    /// Positions are stored by themselves, before the records are.
    StoresPositionsBefore,
    /// Positions are stored although the records were refused.
    StoresPositionsOfTheRefused,
    /// Records are stored one by one.
    StoresOneByOne,
    /// A put of a predecessor counts.
    LetsPredecessorsWrite,
    /// A put of a predecessor is stored, and then answered as it should be.
    StoresForPredecessorsAndSaysNo,
    /// A put of a predecessor without records counts.
    LetsPredecessorsMovePositions,
    /// A put of a predecessor that is stored already is called so.
    AnswersPredecessors,
    /// Every owner has the same token.
    GivesOneToken,
    /// The position is that of the topic.
    KeepsPositionsByTopic,
    /// The position is that of the partition's number.
    KeepsPositionsByNumber,
    /// What was asked for is partition 1, and what is answered is partition 0.
    AnswersForAnother,
    /// The answer has the first of the partitions alone.
    AnswersForTheFirst,
    /// A put may begin anywhere.
    LetsPutsJump,
    /// A batch whose answer was lost is stored again.
    StoresAgain,
    /// The parts of a record do not count.
    ForgetsParts,
    /// The mark does not count.
    ForgetsMarks,
    /// Offsets only rise.
    RefusesLowerOffsets,
    /// Of a batch with a lost partition the other one is stored.
    StoresWhatItStillOwns,
}

#[derive(Default)]
struct Target {
    records: Vec<Record>,
    owners: HashMap<String, (FencingToken, Option<StoredPosition>)>,
    tokens: u64,
}

/// A task's end of a target in memory. Between two statements it waits, as one does for an answer.
struct Faulty {
    fault: Fault,
    target: Arc<Mutex<Target>>,
    own: Mutex<HashMap<String, StoredPosition>>,
}

impl Faulty {
    fn new(fault: Fault, target: &Arc<Mutex<Target>>) -> Self {
        Self { fault, target: Arc::clone(target), own: Mutex::default() }
    }

    fn target(&self) -> MutexGuard<'_, Target> {
        self.target.lock().unwrap()
    }

    fn name_of(&self, partition: &TopicPartition) -> String {
        match self.fault {
            Fault::KeepsPositionsByTopic => partition.topic.to_string(),
            Fault::KeepsPositionsByNumber => partition.partition.to_string(),
            _ => partition.to_string(),
        }
    }

    fn position_of(&self, target: &Target, partition: &TopicPartition) -> Option<StoredPosition> {
        let name = self.name_of(partition);
        if self.fault == Fault::KeepsPositionsToItself {
            return self.own.lock().unwrap().get(&name).cloned();
        }
        target.owners.get(&name).and_then(|(_, position)| position.clone())
    }

    fn store_positions(&self, target: &mut Target, steps: &[&PositionStep]) {
        if self.fault == Fault::ForgetsPositions {
            return;
        }
        for step in steps {
            let mut to = step.to.clone();
            match self.fault {
                Fault::ForgetsParts => to.parts = 0,
                Fault::ForgetsMarks => to.mark = "".into(),
                _ => {}
            }
            let name = self.name_of(&step.partition);
            if self.fault == Fault::KeepsPositionsToItself {
                self.own.lock().unwrap().insert(name, to);
            } else if let Some(owner) = target.owners.get_mut(&name) {
                owner.1 = Some(to);
            }
        }
    }

    /// Returns the steps that count, or what is to be answered.
    fn judge<'a>(
        &self,
        batch: &[Record],
        progress: &'a PutProgress,
    ) -> Result<Vec<&'a PositionStep>, Result<(), Failure>> {
        let mut target = self.target();
        let (mut behind, mut owned) = (0, Vec::new());
        for step in &progress.steps {
            let owner = target.owners.get(&self.name_of(&step.partition));
            let is_owner = owner.is_some_and(|(token, _)| *token == step.token);
            let position = self.position_of(&target, &step.partition);
            let is_stored = position.as_ref() == Some(&step.to);
            let is_let_in = match self.fault {
                Fault::LetsPredecessorsWrite => true,
                Fault::LetsPredecessorsMovePositions => batch.is_empty(),
                Fault::AnswersPredecessors => is_stored,
                _ => false,
            };
            if !is_owner && !is_let_in {
                if self.fault == Fault::StoresForPredecessorsAndSaysNo {
                    target.records.extend_from_slice(batch);
                }
                if self.fault == Fault::StoresWhatItStillOwns && !owned.is_empty() {
                    self.store_positions(&mut target, &owned);
                }
                return Err(Err(Failure::fatal("somebody else's")));
            }
            if self.fault == Fault::RefusesLowerOffsets
                && position.as_ref().is_some_and(|position| position.offset > step.to.offset)
            {
                return Err(Err(Failure::fatal("offsets rise")));
            }
            let is_behind = position == step.from
                || self.fault == Fault::LetsPutsJump
                || self.fault == Fault::StoresAgain && is_stored;
            match (is_behind, is_stored) {
                (true, _) => behind += 1,
                (false, true) => {}
                (false, false) => return Err(Err(Failure::fatal("out of step"))),
            }
            owned.push(step);
        }
        if behind == 0 && !progress.steps.is_empty() { Err(Ok(())) } else { Ok(owned) }
    }
}

#[async_trait]
impl ExactlyOnce for Faulty {
    fn how(&self) -> String {
        "positions are somewhere".to_owned()
    }

    async fn take_over(&self, partitions: &[TopicPartition]) -> Result<Vec<TakenOver>, Failure> {
        let mut target = self.target();
        let mut taken = Vec::new();
        for partition in partitions {
            target.tokens += u64::from(self.fault != Fault::GivesOneToken);
            let token = FencingToken::new(format!("token {}", target.tokens));
            let position = self.position_of(&target, partition);
            target.owners.insert(self.name_of(partition), (token.clone(), position.clone()));
            let partition = match self.fault {
                Fault::AnswersForAnother => TopicPartition::new(&*partition.topic, 0),
                _ => partition.clone(),
            };
            taken.push(TakenOver { partition, token, position });
        }
        if self.fault == Fault::AnswersForTheFirst {
            taken.truncate(1);
        }
        Ok(taken)
    }

    async fn put(&self, batch: &[Record], progress: &PutProgress) -> Result<(), PutError> {
        tokio::task::yield_now().await;
        let steps = match self.judge(batch, progress) {
            Ok(steps) => steps,
            Err(answer) => return answer.map_err(PutError::from),
        };
        let is_refused = batch.iter().any(|record| record.value_text() == Some("bad"));
        if is_refused {
            if self.fault == Fault::StoresPositionsOfTheRefused {
                self.store_positions(&mut self.target(), &steps);
            }
            return Err(Failure::rejected("bad").into());
        }
        match self.fault {
            Fault::StoresPositionsAfter => {
                self.target().records.extend_from_slice(batch);
                tokio::task::yield_now().await;
                self.store_positions(&mut self.target(), &steps);
            }
            Fault::StoresPositionsBefore => {
                self.store_positions(&mut self.target(), &steps);
                tokio::task::yield_now().await;
                self.target().records.extend_from_slice(batch);
            }
            Fault::StoresOneByOne => {
                for record in batch {
                    self.target().records.push(record.clone());
                    tokio::task::yield_now().await;
                }
                self.store_positions(&mut self.target(), &steps);
            }
            _ => {
                let mut target = self.target();
                target.records.extend_from_slice(batch);
                self.store_positions(&mut target, &steps);
            }
        }
        tokio::task::yield_now().await;
        Ok(())
    }
}

/// Says what the suite says of a sink, if it says anything.
fn verdict(fault: Fault) -> Option<String> {
    let held = std::thread::spawn(move || {
        let target = Arc::default();
        let [first, second] = [Faulty::new(fault, &target), Faulty::new(fault, &target)];
        let count = async || target.lock().unwrap().records.len();
        let record = |offset: i64| text(offset, &format!("{offset}"));
        let contract = ExactlyOnceContract::new([&first, &second], record, count);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(contract.refused(|offset| text(offset, "bad")).holds());
    });
    let panic = held.join().err()?;
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
}

#[test]
fn each_way_to_break_exactly_once_is_found_and_named() {
    assert_eq!(verdict(Fault::None), None);
    for (fault, said) in [
        (Fault::ForgetsPositions, "a position is stored with the batch"),
        (Fault::KeepsPositionsToItself, "a successor goes on where it ended"),
        (Fault::StoresPositionsAfter, "with its position, or not at all"),
        (Fault::StoresPositionsBefore, "with its position, or not at all"),
        (Fault::StoresPositionsOfTheRefused, "a batch that is refused moves no position"),
        (Fault::StoresOneByOne, "with its position, or not at all"),
        (Fault::LetsPredecessorsWrite, "a put of a predecessor fails as fatal"),
        (Fault::StoresForPredecessorsAndSaysNo, "a predecessor stores nothing"),
        (Fault::LetsPredecessorsMovePositions, "a put of a predecessor without records"),
        (Fault::AnswersPredecessors, "a put of a predecessor that begins behind it"),
        (Fault::GivesOneToken, "a new owner has a new token"),
        (Fault::KeepsPositionsByTopic, "each partition has a position of its own"),
        (Fault::KeepsPositionsByNumber, "each topic has positions of its own"),
        (Fault::AnswersForAnother, "the partition asked for is taken over"),
        (Fault::AnswersForTheFirst, "every partition asked for"),
        (Fault::LetsPutsJump, "a batch whose answer was lost is not stored again"),
        (Fault::StoresAgain, "a batch whose answer was lost is not stored again"),
        (Fault::ForgetsParts, "the parts of a record and the mark are kept"),
        (Fault::ForgetsMarks, "given back as it was"),
        (Fault::RefusesLowerOffsets, "offsets rise"),
        (Fault::StoresWhatItStillOwns, "nor does it move the position of any"),
    ] {
        let found = verdict(fault).unwrap_or_else(|| panic!("{fault:?} was not found"));
        assert!(found.contains(said), "{fault:?}: {found}");
    }
}

/// Without a record that the target refuses, the suite says the same of all that is not about one.
#[tokio::test]
async fn a_sink_in_order_keeps_the_contract_without_a_record_that_is_refused() {
    let target = Arc::default();
    let sink = Faulty::new(Fault::None, &target);
    let count = async || target.lock().unwrap().records.len();
    sluice_plugin_testing::exactly_once_contract([&sink, &sink], |offset| text(offset, "a"), count).await;
}
