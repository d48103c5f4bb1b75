//! Looks at the target before the first put, so that a wrong set-up stores nothing, rejects nothing and commits nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;
use sluice_connector_api::{
    Ask, BatchKey, Blanks, Confirm, ExactlyOnce, Failure, FailureKind, Finding, FindingKind, FormNeed, Hold,
    Limits, PutError, PutProgress, ReadingTask, Record, Repetition, SettingsError, Sink, TakenOver,
    TombstoneFate, TopicPartition, Trouble,
};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::guard;
use crate::meter::log_throttle::{LogLine, LogThrottle};
use crate::meter::put_meter::PutMeter;
use crate::retry::backoff::Backoff;

/// How long one look may take.
const LONGEST: Duration = Duration::from_secs(10);
/// How long one at the dead letter queue may take: brokers are asked for the topic, and then whether they would make it.
const LONGEST_AT_LETTERS: Duration = Duration::from_secs(15);
/// For how long a look that failed stands for those that come after it, as of other tasks.
const STANDS: Duration = Duration::from_secs(1);
/// The waits between looks while nothing is there to put.
const AGAIN: Backoff = Backoff { base: Duration::from_secs(2), cap: Duration::from_mins(1) };

/// A sink that puts nothing before its target was looked at. It is shared by the tasks of a connector, of which one looks.
pub struct FirstLook {
    looking: Arc<Looking>,
}

/// What the sink and what it stores exactly once with share.
struct Looking {
    sink: Arc<dyn Sink>,
    /// The dead letter queue: where it takes no letter, what is behind a record at fault would be put at each start again.
    letters: Option<Arc<dyn Sink>>,
    /// The secrets of the settings, which a target may echo.
    blanks: Blanks,
    passed: AtomicBool,
    /// The dead letter queue was looked at, or is not waited for any more.
    letters_passed: AtomicBool,
    last: Mutex<Option<FailedLook>>,
}

/// A look that failed, and when.
struct FailedLook {
    at: Instant,
    kind: FailureKind,
    reason: String,
}

impl std::fmt::Debug for FirstLook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FirstLook").field("passed", &self.looking.passed).finish_non_exhaustive()
    }
}

impl FirstLook {
    /// Puts a look at the target, and at the dead letter queue, before a sink.
    pub fn new(sink: Arc<dyn Sink>, letters: Option<Arc<dyn Sink>>, blanks: Blanks) -> Self {
        let (passed, letters_passed) = (AtomicBool::new(false), AtomicBool::new(false));
        let last = Mutex::default();
        Self { looking: Arc::new(Looking { sink, letters, blanks, passed, letters_passed, last }) }
    }

    /// Looks anew, and has the next start look as well. Says whether something contradicts the settings.
    pub async fn sees_now_what_is_wrong(&self) -> bool {
        self.looking.forget().await;
        self.look().await.is_err_and(|failure| failure.kind() == FailureKind::Fatal)
    }

    fn sink(&self) -> &dyn Sink {
        &*self.looking.sink
    }

    /// Looks at the target, unless that was done. The failure is retriable in an outage, and fatal where what was seen
    /// contradicts the settings.
    pub async fn look(&self) -> Result<(), Failure> {
        self.looking.look().await
    }

    /// Looks again and again while the target cannot be reached, and notes that in `meter`. Returns what contradicts the
    /// settings; where nothing does, it never returns.
    pub async fn contradiction(&self, meter: &PutMeter) -> Failure {
        let (throttle, mut failures) = (LogThrottle::new(1), 0);
        loop {
            match self.look().await {
                Ok(()) => {
                    if failures > 0 {
                        meter.goes_on();
                        tracing::info!("the target is reached");
                    }
                    return std::future::pending().await;
                }
                Err(failure) if failure.kind() == FailureKind::Retriable => {
                    failures += 1;
                    meter.stands_still(&failure);
                    let wait = AGAIN.wait(failures, Some(AGAIN.longest(failures) / 2));
                    if let LogLine::Full = throttle.note(&failure.to_string()) {
                        tracing::warn!(
                            "nothing is put before the target is reached, which is tried again: {failure}"
                        );
                    }
                    tokio::time::sleep(wait).await;
                }
                Err(failure) => return failure,
            }
        }
    }
}

impl Looking {
    async fn look(&self) -> Result<(), Failure> {
        if self.passed.load(Ordering::Acquire) {
            return Ok(());
        }
        let mut last = self.last.lock().await;
        // Others may have looked while this one waited.
        if self.passed.load(Ordering::Acquire) {
            return Ok(());
        }
        if let Some(failed) = last.as_ref().filter(|failed| failed.at.elapsed() < STANDS) {
            return Err(failed.to_failure());
        }
        let begun = Instant::now();
        let (findings, letters) = tokio::join!(self.findings(), self.look_at_letters());
        let failed = letters.or_else(|| judge(&findings));
        tracing::debug!(took = ?begun.elapsed(), "looked at the target before the first put");
        *last = failed.map(|(kind, reason)| {
            let reason = self.blanks.apply(&reason).into_owned();
            FailedLook { at: Instant::now(), kind, reason }
        });
        if let Some(failed) = &*last {
            return Err(failed.to_failure());
        }
        self.passed.store(true, Ordering::Release);
        Ok(())
    }

    async fn forget(&self) {
        *self.last.lock().await = None;
        self.passed.store(false, Ordering::Release);
        self.letters_passed.store(false, Ordering::Release);
    }

    /// Says what contradicts the settings of the dead letter queue. One that is away is none: no letter may be needed before it is
    /// back, and so a look that somebody cut short, as the deadline of a function does, is not begun again.
    async fn look_at_letters(&self) -> Option<(FailureKind, String)> {
        let letters = self.letters.as_ref()?;
        if self.letters_passed.swap(true, Ordering::AcqRel) {
            return None;
        }
        let looked = tokio::time::timeout(LONGEST_AT_LETTERS, guard::wait_for(letters.check())).await;
        let findings = looked.ok()?.ok()?;
        for unseen in findings.iter().filter(|finding| finding.kind == FindingKind::Unseen) {
            tracing::warn!("the dead letter queue: {}", self.blanks.apply(&said(unseen)));
        }
        let wrong = findings.into_iter().find(|finding| finding.kind == FindingKind::Wrong)?;
        self.letters_passed.store(false, Ordering::Release);
        let reason = format!("the dead letter queue is not as the file has it: {}", said(&wrong));
        Some((FailureKind::Fatal, reason))
    }

    async fn findings(&self) -> Vec<Finding> {
        const SUBJECT: &str = "target";
        match tokio::time::timeout(LONGEST, guard::wait_for(self.sink.check())).await {
            Ok(Ok(findings)) => findings,
            Ok(Err(panicked)) => vec![Finding::unseen(SUBJECT, format!("the look {panicked}"))],
            Err(_) => vec![Finding::unreachable(SUBJECT, format!("did not answer within {LONGEST:?}"))],
        }
    }
}

impl FailedLook {
    fn to_failure(&self) -> Failure {
        match self.kind {
            FailureKind::Retriable => Failure::retriable(&self.reason).because(Trouble::Unreachable),
            FailureKind::Rejected | FailureKind::Fatal => Failure::fatal(&self.reason),
        }
    }
}

fn said(finding: &Finding) -> String {
    format!("{}: {}", finding.subject, finding.text)
}

/// Says why nothing may be put: a contradiction rather than an outage. What could not be looked at is logged.
fn judge(findings: &[Finding]) -> Option<(FailureKind, String)> {
    let first = |kind| findings.iter().find(|finding| finding.kind == kind);
    if let Some(wrong) = first(FindingKind::Wrong) {
        return Some((FailureKind::Fatal, format!("the target is not as the file has it: {}", said(wrong))));
    }
    if let Some(away) = first(FindingKind::Unreachable) {
        return Some((FailureKind::Retriable, said(away)));
    }
    for unseen in findings.iter().filter(|finding| finding.kind == FindingKind::Unseen) {
        tracing::warn!("{}", said(unseen));
    }
    None
}

#[async_trait]
impl Sink for FirstLook {
    async fn put(&self, batch: &[Record]) -> Result<(), PutError> {
        self.look().await?;
        self.sink().put(batch).await
    }

    async fn claim(&self) -> Result<(), Failure> {
        self.sink().claim().await
    }

    fn limits(&self) -> Limits {
        self.sink().limits()
    }

    fn size_of(&self, record: &Record) -> usize {
        self.sink().size_of(record)
    }

    fn id(&self, record: &Record) -> Option<String> {
        self.sink().id(record)
    }

    fn batch_key<'a>(&'a self, record: &'a Record) -> BatchKey<'a> {
        self.sink().batch_key(record)
    }

    fn confirmation(&self) -> Option<Arc<dyn Confirm>> {
        self.sink().confirmation()
    }

    fn exactly_once(&self, task: &ReadingTask) -> Result<Arc<dyn ExactlyOnce>, String> {
        let sink = self.sink().exactly_once(task)?;
        Ok(Arc::new(ExactlyOnceAfterLook { looking: Arc::clone(&self.looking), sink }))
    }

    fn repetition(&self) -> Repetition {
        self.sink().repetition()
    }

    fn on_tombstone(&self) -> TombstoneFate {
        self.sink().on_tombstone()
    }

    fn asking(&self) -> Option<Arc<dyn Ask>> {
        self.sink().asking()
    }

    fn hold(&self) -> Option<Arc<dyn Hold>> {
        self.sink().hold()
    }

    fn preview(&self, batch: &[Record]) -> Result<Value, PutError> {
        self.sink().preview(batch)
    }

    fn needs(&self) -> Vec<FormNeed> {
        self.sink().needs()
    }

    fn warnings(&self) -> Vec<SettingsError> {
        self.sink().warnings()
    }

    async fn check(&self) -> Vec<Finding> {
        self.sink().check().await
    }
}

/// What a sink stores exactly once with, behind the same look.
struct ExactlyOnceAfterLook {
    looking: Arc<Looking>,
    sink: Arc<dyn ExactlyOnce>,
}

#[async_trait]
impl ExactlyOnce for ExactlyOnceAfterLook {
    fn how(&self) -> String {
        self.sink.how()
    }

    fn keeps_group_offsets(&self) -> bool {
        self.sink.keeps_group_offsets()
    }

    async fn take_over(&self, partitions: &[TopicPartition]) -> Result<Vec<TakenOver>, Failure> {
        self.looking.look().await?;
        self.sink.take_over(partitions).await
    }

    async fn put(&self, batch: &[Record], progress: &PutProgress) -> Result<(), PutError> {
        self.looking.look().await?;
        self.sink.put(batch, progress).await
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]
mod tests {
    use std::collections::VecDeque;
    use std::sync::Mutex;
    use std::sync::atomic::AtomicUsize;

    use super::*;

    /// A sink whose looks see what they are told to, the last of it for ever, and which counts looks and puts.
    #[derive(Default)]
    struct Target {
        seen: Mutex<VecDeque<Option<Finding>>>,
        looks: AtomicUsize,
        puts: AtomicUsize,
    }

    #[async_trait]
    impl Sink for Target {
        fn limits(&self) -> Limits {
            Limits::default().with_max_records(7)
        }

        async fn put(&self, _: &[Record]) -> Result<(), PutError> {
            self.puts.fetch_add(1, Ordering::Relaxed);
            Ok(())
        }

        async fn check(&self) -> Vec<Finding> {
            self.looks.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(10)).await;
            let next = {
                let mut seen = self.seen.lock().unwrap();
                if seen.len() > 1 { seen.pop_front().unwrap() } else { seen.front().cloned().unwrap() }
            };
            match next {
                Some(finding) => vec![Finding::good("region", "is set"), finding],
                None => panic!("looked and fell"),
            }
        }
    }

    fn target(seen: impl IntoIterator<Item = Option<Finding>>) -> (Arc<Target>, FirstLook) {
        let target = Arc::new(Target { seen: Mutex::new(seen.into_iter().collect()), ..Target::default() });
        (Arc::clone(&target), FirstLook::new(target, None, Blanks::default()))
    }

    fn away() -> Finding {
        Finding::unreachable("target", "is away")
    }

    fn counts(target: &Target) -> (usize, usize) {
        (target.looks.load(Ordering::Relaxed), target.puts.load(Ordering::Relaxed))
    }

    #[tokio::test(start_paused = true)]
    async fn a_target_is_looked_at_once_and_by_one_before_anything_is_put() {
        for finding in [Finding::good("target", "answers"), Finding::unseen("target", "no right to look")] {
            let (target, sink) = target([Some(finding)]);
            let puts = [sink.put(&[]), sink.put(&[]), sink.put(&[])];
            assert!(futures::future::join_all(puts).await.into_iter().all(|put| put.is_ok()));
            assert_eq!((counts(&target), sink.limits().max_records), ((1, 3), 7));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_contradiction_is_fatal_and_nothing_is_put() {
        let (target, sink) = target([Some(Finding::wrong("data source X", "is of the type S3"))]);
        let PutError::Batch(failure) = sink.put(&[]).await.unwrap_err() else { panic!() };
        assert_eq!(failure.kind(), FailureKind::Fatal);
        assert!(failure.to_string().ends_with("data source X: is of the type S3"), "{failure}");
        assert_eq!(sink.contradiction(&PutMeter::default()).await.kind(), FailureKind::Fatal);
        assert_eq!(counts(&target).1, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_is_waited_for_and_shown_meanwhile() {
        let (target, sink) = target([Some(away()), Some(away()), Some(Finding::good("target", "answers"))]);
        let PutError::Batch(failure) = sink.put(&[]).await.unwrap_err() else { panic!() };
        assert_eq!((failure.kind(), failure.trouble()), (FailureKind::Retriable, Trouble::Unreachable));
        assert!(sink.put(&[]).await.is_err(), "the look that failed stands for a moment");
        assert_eq!(counts(&target), (1, 0));
        let meter = PutMeter::default();
        let looking = sink.contradiction(&meter);
        tokio::pin!(looking);
        assert!(tokio::time::timeout(Duration::from_millis(1500), &mut looking).await.is_err());
        assert!(meter.failing().is_some_and(|failing| failing.reason.contains("is away")));
        assert!(tokio::time::timeout(Duration::from_mins(5), &mut looking).await.is_err());
        assert!(meter.failing().is_none());
        sink.put(&[]).await.unwrap();
        assert_eq!(counts(&target), (3, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_that_panics_stands_in_the_way_of_nothing() {
        let (target, sink) = target([None]);
        sink.put(&[]).await.unwrap();
        assert_eq!(counts(&target), (1, 1));
    }

    /// Else each deadline of a function that does not reach the brokers would come before its first put.
    #[tokio::test(start_paused = true)]
    async fn a_look_at_the_dead_letter_queue_that_is_cut_short_is_not_begun_again() {
        let good = || Some(Finding::good("topic", "is there"));
        let (into, _) = target([good()]);
        let (queue, _) = target([good()]);
        let (sink, letters): (Arc<dyn Sink>, Arc<dyn Sink>) = (into.clone(), queue.clone());
        let sink = FirstLook::new(sink, Some(letters), Blanks::default());
        assert!(tokio::time::timeout(Duration::from_millis(1), sink.look()).await.is_err());
        sink.put(&[]).await.unwrap();
        assert_eq!((counts(&into), counts(&queue).0), ((2, 1), 1));
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_put_while_the_dead_letter_queue_contradicts_its_settings_and_it_need_not_answer() {
        let wrong = || Some(Finding::wrong("dead letter topic q", "may not be written"));
        let good = || Some(Finding::good("topic", "is there"));
        let (into, _) = target([good()]);
        let (queue, _) = target([wrong(), good(), wrong()]);
        let (sink, letters): (Arc<dyn Sink>, Arc<dyn Sink>) = (into.clone(), queue.clone());
        let sink = FirstLook::new(sink, Some(letters), Blanks::default());
        let PutError::Batch(failure) = sink.put(&[]).await.unwrap_err() else { panic!() };
        assert_eq!((failure.kind(), counts(&into).1), (FailureKind::Fatal, 0));
        assert!(failure.to_string().contains("dead letter topic q: may not be written"), "{failure}");
        tokio::time::sleep(STANDS).await;
        sink.put(&[]).await.unwrap();
        sink.put(&[]).await.unwrap();
        assert_eq!(counts(&queue), (2, 0), "seen once, it is not looked at again");
        assert!(sink.sees_now_what_is_wrong().await);
        tokio::time::sleep(STANDS).await;
        assert!(sink.put(&[]).await.is_err(), "and looked at by each start from then on");

        for queue in
            [away(), Finding::unseen("queue", "no right to look")].map(Some).into_iter().chain([None])
        {
            let (into, _) = target([good()]);
            let (queue, _) = target([queue]);
            let sink = FirstLook::new(into, Some(queue), Blanks::default());
            sink.put(&[]).await.unwrap();
            assert!(!sink.sees_now_what_is_wrong().await);
        }
    }
}
