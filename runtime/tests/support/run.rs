//! A pipeline that is about to run, and one that runs.

use std::ops::Deref;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sluice_connector_api::{ConfirmLimits, Converter, ExactlyOnce, Limits, Record, StoreReach};
use sluice_runtime::engine::batch::batcher::BatchLimits;
use sluice_runtime::engine::lane::settings::LaneSettings;
use sluice_runtime::engine::letters::tolerance::{FaultSettings, Tolerance};
use sluice_runtime::engine::{
    Counters, DeadLetterQueue, Failed, LetterSender, Pipeline, PipelineSettings, Tally, Window,
};
use sluice_runtime::pace::pacer::Pacers;
use sluice_runtime::retry::backoff::Backoff;
use sluice_runtime::retry::policy::RetryPolicy;
use sluice_runtime::source::budget::Budget;
use sluice_runtime::transform::chain::Chain;
use tokio::task::{JoinError, JoinHandle};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::hold::HoldScript;
use super::journal::Journal;
use super::sink::{ConfirmScript, Script, ScriptedSink, confirmations};
use super::source::{Hand, ScriptedSource};
use super::transform::{Door, steps};

/// Longer than any pipeline here may take to end.
const HUNG: Duration = Duration::from_hours(2);

/// A pipeline that is about to run.
pub(crate) struct Setup {
    script: Script,
    confirmations: ConfirmScript,
    hold: Option<HoldScript>,
    settings: PipelineSettings,
    value: Option<Box<dyn Converter>>,
    queue: Option<(Script, LaneSettings)>,
    window: Option<Window>,
    letters_first: bool,
    exactly_once: Option<Arc<dyn ExactlyOnce>>,
}

/// A pipeline that runs, and both of its ends.
pub(crate) struct Run {
    pub(crate) hand: Hand,
    pub(crate) journal: Journal,
    /// What the dead letter queue saw.
    pub(crate) letters: Journal,
    pub(crate) budget: Budget,
    /// Where transforms wait that are told to.
    pub(crate) door: Door,
    pub(crate) stop: CancellationToken,
    /// What the sink was asked to store of what it holds.
    reaches: Arc<Mutex<Vec<StoreReach>>>,
    counters: Arc<Counters>,
    task: JoinHandle<Result<(), Failed>>,
}

impl Setup {
    /// Batches of up to 10 records, a linger of 10ms, one put in flight, a commit every 50ms, a first backoff
    /// of up to 100ms that grows up to 1s, and 60s for a batch.
    pub(crate) fn new(script: Script) -> Self {
        let limits = Limits::default().with_max_records(10);
        let batch = BatchLimits {
            max_records: limits.max_records,
            max_bytes: limits.max_batch_bytes,
            linger: Duration::from_millis(10),
        };
        let retry = RetryPolicy {
            backoff: Backoff { base: Duration::from_millis(100), cap: Duration::from_secs(1) },
            timeout: Duration::from_mins(1),
            retry_after_max: Duration::from_hours(1),
        };
        let settings = PipelineSettings {
            lane: LaneSettings::new(limits, batch, retry, &Pacers::default()),
            faults: FaultSettings { tolerance: Tolerance::None, threshold: None },
            commit_interval: Duration::from_millis(50),
        };
        let confirmations = confirmations([]);
        let (value, queue, window, exactly_once, letters_first) = (None, None, None, None, false);
        Self {
            script,
            confirmations,
            hold: None,
            settings,
            value,
            queue,
            window,
            letters_first,
            exactly_once,
        }
    }

    /// Changes what the pipeline keeps to.
    pub(crate) fn with(mut self, change: impl FnOnce(&mut PipelineSettings)) -> Self {
        change(&mut self.settings);
        self
    }

    /// Skips records at fault.
    pub(crate) fn tolerant(self) -> Self {
        self.with(|settings| settings.faults.tolerance = Tolerance::All)
    }

    /// Reads values like this.
    pub(crate) fn value(mut self, converter: Box<dyn Converter>) -> Self {
        self.value = Some(converter);
        self
    }

    /// Sends records at fault to a dead letter queue that answers like this.
    pub(crate) fn letters(self, queue: Script) -> Self {
        self.letters_with(queue, |_| {})
    }

    /// Does so to a queue with limits of its own.
    pub(crate) fn letters_with(self, queue: Script, change: impl FnOnce(&mut Limits)) -> Self {
        let mut tolerant = self.tolerant();
        let mut limits = tolerant.settings.lane.limits.clone();
        change(&mut limits);
        let retry = tolerant.settings.lane.retry;
        tolerant.queue = Some((queue, DeadLetterQueue::lane_settings(limits, retry, &Pacers::default())));
        tolerant
    }

    /// Has records stored exactly once here, whatever the script says.
    pub(crate) fn exactly_once(mut self, sink: impl ExactlyOnce + 'static) -> Self {
        self.exactly_once = Some(Arc::new(sink));
        self
    }

    /// Puts nothing while letters are on their way, until the queue has taken one.
    pub(crate) fn letters_first(mut self) -> Self {
        self.letters_first = true;
        self
    }

    /// Goes on with a window of an earlier run.
    pub(crate) fn window(mut self, window: &Window) -> Self {
        self.window = Some(window.clone());
        self
    }

    /// Lets puts only accept records; the sink answers confirmations like this. 10 records a confirmation, 100ms after the put
    /// and after each answer, and 1s until a record counts as lost.
    pub(crate) fn confirm(mut self, confirmations: ConfirmScript) -> Self {
        let (interval, timeout) = (Duration::from_millis(100), Duration::from_secs(1));
        self.confirmations = confirmations;
        self.settings.lane.confirm = Some(ConfirmLimits::new(10, interval, timeout));
        self
    }

    /// Lets the sink hold what is put, until this says that it is stored.
    pub(crate) fn hold(mut self, hold: HoldScript) -> Self {
        self.hold = Some(hold);
        self
    }

    /// Lets so many puts be in flight.
    pub(crate) fn in_flight(self, puts: usize) -> Self {
        self.with(|settings| settings.lane.limits.max_in_flight = puts)
    }

    /// Starts it without a partition.
    pub(crate) fn start(self) -> Run {
        let (journal, budget) = (Journal::default(), Budget::new(1 << 20));
        let (source, hand) = ScriptedSource::new(journal.clone(), budget.clone());
        let sink = ScriptedSink::new(self.script, self.settings.lane.limits.clone(), journal.clone());
        let sink = sink.answering(self.confirmations).accepting(self.settings.lane.confirm.is_some());
        let reaches = Arc::default();
        let sink = sink.holding(self.hold, &reaches);
        let door = Door::default();
        let chain = Chain::new(None, self.value, steps(door.clone()));
        let (counters, stop) = (Arc::<Counters>::default(), CancellationToken::new());
        let letters = Journal::default();
        let queue = self.queue.map(|(script, settings)| {
            let queue = ScriptedSink::new(script, settings.limits.clone(), letters.clone());
            let sender =
                LetterSender { connector: "prices".into(), task: 1, sink_name: "scripted".to_owned() };
            DeadLetterQueue::new(Arc::new(queue), settings, &counters, sender)
        });
        let mut pipeline = Pipeline::new(
            source,
            Arc::new(chain),
            Arc::new(sink),
            self.settings,
            budget.clone(),
            Arc::clone(&counters),
        );
        pipeline = pipeline.with_exactly_once(self.exactly_once).with_letters_first(self.letters_first);
        if let Some(window) = self.window {
            pipeline = pipeline.with_window(window);
        }
        if let Some(queue) = queue {
            pipeline = pipeline.with_letters(queue);
        }
        let task = tokio::spawn(pipeline.run(stop.clone()));
        Run { hand, journal, letters, budget, door, stop, reaches, counters, task }
    }

    /// Starts it with partition 0 and these records of it.
    pub(crate) fn start_with(self, records: Vec<Record>) -> Run {
        let run = self.start();
        run.assign([0]);
        run.read(records);
        run
    }
}

/// What a test does to the source it does to the run.
impl Deref for Run {
    type Target = Hand;

    fn deref(&self) -> &Hand {
        &self.hand
    }
}

impl Run {
    /// Lets time pass.
    pub(crate) async fn pass(&self, millis: u64) {
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }

    /// Tells the source to end and waits for the pipeline.
    pub(crate) async fn finish(&mut self) -> Result<(), Failed> {
        self.hand.end();
        self.ended().await
    }

    /// Stops the pipeline and waits for it.
    pub(crate) async fn stop(&mut self) -> Result<(), Failed> {
        self.stop.cancel();
        self.ended().await
    }

    /// Takes the partition away in the middle of a wait, gives it back for these records to be read again, and stops:
    /// neither waits along (invariant 6).
    pub(crate) async fn is_cut_short(&mut self, again: Vec<Record>) {
        self.pass(100).await;
        let asked = Instant::now();
        let ack = self.revoke([0]);
        self.pass(2).await;
        assert!(ack.try_recv().is_ok());
        self.assign([0]);
        self.read(again);
        self.pass(100).await;
        self.stop().await.unwrap();
        assert!(asked.elapsed() < Duration::from_millis(200), "{:?}", asked.elapsed());
    }

    /// Waits for the pipeline to end by itself.
    pub(crate) async fn ended(&mut self) -> Result<(), Failed> {
        self.join().await.unwrap()
    }

    /// Ends the pipeline where it stands, as the end of the process would.
    pub(crate) async fn kill(mut self) -> Self {
        self.task.abort();
        assert!(self.join().await.is_err(), "it was killed");
        self
    }

    /// Waits for the pipeline's task.
    pub(crate) async fn join(&mut self) -> Result<Result<(), Failed>, JoinError> {
        tokio::time::timeout(HUNG, &mut self.task).await.expect("the pipeline does not end")
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.task.is_finished()
    }

    pub(crate) fn tally(&self) -> Tally {
        self.counters.tally()
    }

    /// How the sink was asked to store what it holds.
    pub(crate) fn reaches(&self) -> Vec<StoreReach> {
        self.reaches.lock().unwrap().clone()
    }

    /// The offsets of each put, in the order the puts began.
    pub(crate) fn puts(&self) -> Vec<Vec<i64>> {
        let offsets = |put: Vec<Record>| put.iter().map(|record| record.origin().offset()).collect();
        self.journal.puts().into_iter().map(offsets).collect()
    }

    /// The offsets of each confirmation.
    pub(crate) fn asked(&self) -> Vec<Vec<i64>> {
        let offsets =
            |(_, asked): (_, Vec<Record>)| asked.iter().map(|record| record.origin().offset()).collect();
        self.journal.confirmations().into_iter().map(offsets).collect()
    }

    /// The offsets stored, in order, each as often as it was stored.
    pub(crate) fn stored(&self) -> Vec<i64> {
        self.journal.stored().iter().map(|record| record.origin().offset()).collect()
    }

    /// The offset that partition 0 would be read from next.
    pub(crate) fn committed(&self) -> Option<i64> {
        self.journal.commits(0).last().copied()
    }
}
