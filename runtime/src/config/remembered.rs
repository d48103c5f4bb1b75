//! What secret stores answered: asked for once by all files that are loaded together, and the last good value while a store is
//! away. It is never shown, and lasts as long as the process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sluice_connector_api::{Failure, FailureKind, Provider};
use tokio::time::Instant;

/// How long an answer is as good as one that is asked for now, and how long a store that is away is not asked again.
const FRESH: Duration = Duration::from_secs(5);

/// The answers, by prefix and name. A process has one environment, and one of each store.
static ANSWERS: Mutex<BTreeMap<(String, String), SharedAnswer>> = Mutex::new(BTreeMap::new());

/// Whoever holds it asks, and all who want the same wait for what comes of that.
type SharedAnswer = Arc<tokio::sync::Mutex<Answer>>;

#[derive(Default)]
struct Answer {
    /// The last good value, and when it was that.
    known: Option<(String, Instant)>,
    /// When the store could not be reached, and why, if that came later.
    away: Option<(Instant, String)>,
}

/// Asks a provider for the value of a name, or takes what it answered just now. Where it cannot be reached, the last value
/// holds.
pub(super) async fn value_of(
    provider: &dyn Provider,
    prefix: &str,
    name: &str,
) -> Result<Option<String>, Failure> {
    let shared = shared_answer(prefix, name);
    let mut answer = shared.lock().await;
    if let Some(value) = answer.fresh() {
        return Ok(Some(value));
    }
    if let Some((since, why)) = &answer.away
        && since.elapsed() < FRESH
    {
        return answer.last(prefix, name, Failure::retriable(why.clone()));
    }
    match provider.value(name).await {
        Ok(Some(value)) => {
            *answer = Answer { known: Some((value.clone(), Instant::now())), away: None };
            Ok(Some(value))
        }
        Ok(None) => {
            *answer = Answer::default();
            Ok(None)
        }
        Err(failure) if failure.kind() == FailureKind::Retriable => {
            answer.away = Some((Instant::now(), failure.to_string()));
            answer.last(prefix, name, failure)
        }
        Err(failure) => Err(failure),
    }
}

impl Answer {
    fn fresh(&self) -> Option<String> {
        let (value, at) = self.known.as_ref()?;
        (self.away.is_none() && at.elapsed() < FRESH).then(|| value.clone())
    }

    /// Returns the last value of a store that is away.
    fn last(&self, prefix: &str, name: &str, failure: Failure) -> Result<Option<String>, Failure> {
        let Some((value, _)) = &self.known else { return Err(failure) };
        tracing::warn!("`${{{prefix}:{name}}}` keeps the value that it had: {failure}");
        Ok(Some(value.clone()))
    }
}

fn shared_answer(prefix: &str, name: &str) -> SharedAnswer {
    let mut answers = ANSWERS.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(answers.entry((prefix.to_owned(), name.to_owned())).or_default())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;
    use futures::future::join_all;

    use super::*;

    /// A store that takes its time, and says how often it was asked.
    #[derive(Debug, Default)]
    struct Slow {
        asked: AtomicUsize,
        is_away: bool,
    }

    #[async_trait]
    impl Provider for Slow {
        async fn value(&self, name: &str) -> Result<Option<String>, Failure> {
            self.asked.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_secs(10)).await;
            if self.is_away { Err(Failure::retriable("it is away")) } else { Ok(Some(format!("{name}!"))) }
        }

        fn missing(&self, _: &str) -> String {
            "there is none".to_owned()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn many_who_want_the_same_ask_once_and_wait_as_long_as_one_does() {
        let (store, begun) = (Slow::default(), Instant::now());
        let all = join_all((0..200).map(|_| value_of(&store, "slow", "once"))).await;
        assert!(all.into_iter().all(|answer| answer.unwrap().as_deref() == Some("once!")));
        assert_eq!((store.asked.into_inner(), begun.elapsed()), (1, Duration::from_secs(10)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_is_away_is_waited_for_once_by_all_and_asked_again_later() {
        let (store, begun) = (Slow { is_away: true, ..Slow::default() }, Instant::now());
        let all = join_all((0..200).map(|_| value_of(&store, "slow", "away"))).await;
        assert!(all.into_iter().all(|answer| answer.is_err()));
        assert_eq!(begun.elapsed(), Duration::from_secs(10));
        tokio::time::sleep(FRESH).await;
        assert!(value_of(&store, "slow", "away").await.is_err());
        assert_eq!(store.asked.into_inner(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_value_holds_while_the_store_is_away() {
        let good = Slow::default();
        assert_eq!(value_of(&good, "slow", "held").await.unwrap().as_deref(), Some("held!"));
        tokio::time::sleep(FRESH).await;
        let away = Slow { is_away: true, ..Slow::default() };
        for _ in 0..3 {
            assert_eq!(value_of(&away, "slow", "held").await.unwrap().as_deref(), Some("held!"));
        }
        assert_eq!(away.asked.into_inner(), 1);
        tokio::time::sleep(FRESH).await;
        value_of(&good, "slow", "held").await.unwrap();
        assert_eq!(good.asked.into_inner(), 2, "it is back");
    }
}
