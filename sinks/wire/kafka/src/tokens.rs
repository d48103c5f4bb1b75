//! Keeps a token fresh in the background, so that whoever asks for it never waits.

use std::error::Error;
use std::future::Future;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rdkafka::client::OAuthToken;
use sluice_connector_api::BoxError;
use tokio::sync::watch;
use tracing::Instrument;

/// The longest wait after a token could not be fetched for the first time, and the longest of all.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LAST_RETRY: Duration = Duration::from_secs(30);
/// How long a fetch may take.
const FETCH: Duration = Duration::from_secs(30);
/// The part of its life after which a token is replaced. librdkafka asks for a new one after four fifths.
const FRESH: f64 = 0.6;

/// A token and when it ends.
#[derive(Clone)]
pub(crate) struct Token {
    pub(crate) value: String,
    pub(crate) expires: SystemTime,
}

impl Token {
    fn left(&self) -> Duration {
        self.expires.duration_since(SystemTime::now()).unwrap_or_default()
    }
}

/// The newest token, for as long as somebody holds this.
#[derive(Clone)]
pub(crate) struct Tokens(watch::Receiver<Option<Token>>);

impl Tokens {
    /// Replaces a token ahead of its end, or fetches the first one, until nobody holds the result any more.
    pub(crate) fn keep<F, Fut>(first: Option<Token>, fetch: F) -> Self
    where
        F: Fn() -> Fut + Send + 'static,
        Fut: Future<Output = Result<Token, BoxError>> + Send + 'static,
    {
        let (place, newest) = watch::channel(first);
        tokio::spawn(refresh(place, fetch).in_current_span());
        Self(newest)
    }

    /// Says whether there has been a token yet.
    pub(crate) fn are_there(&self) -> bool {
        self.0.borrow().is_some()
    }

    /// Returns the newest token as librdkafka takes it.
    pub(crate) fn newest(&self) -> Result<OAuthToken, Box<dyn Error>> {
        let token = self.0.borrow().clone().ok_or("there is no token yet")?;
        if token.left().is_zero() {
            return Err("the token has expired, and there is no new one yet".into());
        }
        let expires = token.expires.duration_since(UNIX_EPOCH)?.as_millis();
        // The brokers take the principal from the token itself.
        let principal_name = "msk-iam".to_owned();
        Ok(OAuthToken { token: token.value, principal_name, lifetime_ms: i64::try_from(expires)? })
    }
}

async fn refresh<F, Fut>(place: watch::Sender<Option<Token>>, fetch: F)
where
    F: Fn() -> Fut,
    Fut: Future<Output = Result<Token, BoxError>>,
{
    let mut failures = 0;
    let mut wait = place.borrow().as_ref().map_or(Duration::ZERO, fresh_for);
    loop {
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = place.closed() => return,
        }
        match in_time(fetch()).await {
            Ok(token) => {
                wait = fresh_for(&token);
                failures = 0;
                place.send_replace(Some(token));
            }
            Err(error) => {
                failures += 1;
                wait = retry(failures);
                // An outage is logged once.
                if failures == 1 {
                    tracing::warn!("no new token for the brokers: {error}; tried again until it passes");
                }
            }
        }
    }
}

/// Returns the wait after so many failures, from 1: a random part of one that doubles.
fn retry(failures: u32) -> Duration {
    let longest = FIRST_RETRY.saturating_mul(1 << (failures - 1).min(31)).min(LAST_RETRY);
    longest.mul_f64(fastrand::f64())
}

fn fresh_for(token: &Token) -> Duration {
    token.left().mul_f64(FRESH)
}

/// Awaits a token, but not for ever.
pub(crate) async fn in_time(fetch: impl Future<Output = Result<Token, BoxError>>) -> Result<Token, BoxError> {
    let late = |_| Err(format!("no answer within {FETCH:?}").into());
    tokio::time::timeout(FETCH, fetch).await.unwrap_or_else(late)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    const LIFE: Duration = Duration::from_mins(15);

    /// Counts the fetches; those in `failing` fail. Each token says which fetch made it.
    fn counted(
        failing: std::ops::Range<u32>,
    ) -> (Arc<AtomicU32>, impl Fn() -> std::future::Ready<Result<Token, BoxError>>) {
        let count = Arc::<AtomicU32>::default();
        let counter = Arc::clone(&count);
        let fetch = move || {
            let number = counter.fetch_add(1, Ordering::Relaxed) + 1;
            let token = Token { value: number.to_string(), expires: SystemTime::now() + LIFE };
            std::future::ready(if failing.contains(&number) { Err("refused".into()) } else { Ok(token) })
        };
        (count, fetch)
    }

    fn value(tokens: &Tokens) -> String {
        tokens.newest().unwrap().token
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_replaced_well_before_it_ends() {
        let (_, fetch) = counted(0..0);
        let tokens = Tokens::keep(None, fetch);
        assert!(!tokens.are_there());
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(value(&tokens), "1");
        tokio::time::sleep(LIFE.mul_f64(0.5)).await;
        assert_eq!(value(&tokens), "1", "half its life is no reason to replace it");
        tokio::time::sleep(LIFE.mul_f64(0.2)).await;
        assert_eq!(value(&tokens), "2", "before four fifths of its life have passed");
    }

    #[tokio::test(start_paused = true)]
    async fn a_fetch_that_fails_is_tried_again_while_the_old_token_serves() {
        let (count, fetch) = counted(2..5);
        let tokens = Tokens::keep(None, fetch);
        tokio::time::sleep(LIFE.mul_f64(FRESH) + Duration::from_millis(500)).await;
        assert_eq!(value(&tokens), "1");
        tokio::time::sleep(Duration::from_mins(1)).await;
        assert_eq!((value(&tokens).as_str(), count.load(Ordering::Relaxed)), ("5", 5));
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_fetched_when_nobody_holds_it() {
        let (count, fetch) = counted(0..0);
        let tokens = Tokens::keep(None, fetch);
        tokio::time::sleep(Duration::from_secs(1)).await;
        drop(tokens);
        tokio::time::sleep(LIFE * 10).await;
        assert_eq!(count.load(Ordering::Relaxed), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn an_expired_token_is_not_handed_out() {
        let first = Token { value: "old".to_owned(), expires: SystemTime::now() - LIFE };
        let tokens = Tokens::keep(Some(first), std::future::pending);
        assert!(tokens.are_there());
        assert!(tokens.newest().is_err_and(|error| error.to_string().contains("expired")));
    }

    #[tokio::test(start_paused = true)]
    async fn a_fetch_that_hangs_is_given_up() {
        let given_up = in_time(std::future::pending()).await;
        assert!(given_up.is_err_and(|error| error.to_string().contains("no answer within 30s")));
    }
}
