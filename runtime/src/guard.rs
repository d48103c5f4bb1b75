//! Calls plug-ins so that a panic in one is an answer, and not the end of whoever called it.
//!
//! A panic is not printed where it happens: its text goes into the answer, and whoever gets that logs it once. So a
//! panic text with something of a record in it is in the log no more often than the reason of a rejection.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook, take_hook};
use std::pin::pin;
use std::sync::Once;
use std::task::Poll;

/// The most characters of a panic's text that are kept.
const MAX_TEXT: usize = 500;

thread_local! {
    /// Whether the thread is within a call of a plug-in.
    static IN_PLUG_IN: Cell<bool> = const { Cell::new(false) };
    /// Where the plug-in that panicked last did so.
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// A plug-in panicked instead of answering.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Panicked(String);

impl fmt::Display for Panicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Calls a plug-in.
///
/// Its state may be half changed after a panic, as it may be after an error. A plug-in owes the engine no more than
/// that its next call does not answer for an earlier one.
pub(crate) fn call<T>(plug_in: impl FnOnce() -> T) -> Result<T, Panicked> {
    static HOOK: Once = Once::new();
    HOOK.call_once(keep_quiet);
    let before = IN_PLUG_IN.replace(true);
    let answer = catch_unwind(AssertUnwindSafe(plug_in));
    IN_PLUG_IN.set(before);
    answer.map_err(|payload| {
        let text = text(&*payload);
        match PLACE.take() {
            Some(place) => Panicked(format!("panicked at {place}: {text}")),
            None => Panicked(format!("panicked: {text}")),
        }
    })
}

/// Waits for a plug-in. Once it has panicked its future is not polled any more.
pub(crate) async fn wait_for<T>(plug_in: impl Future<Output = T>) -> Result<T, Panicked> {
    let mut plug_in = pin!(plug_in);
    poll_fn(|context| match call(|| plug_in.as_mut().poll(context)) {
        Ok(Poll::Ready(answer)) => Poll::Ready(Ok(answer)),
        Ok(Poll::Pending) => Poll::Pending,
        Err(panicked) => Poll::Ready(Err(panicked)),
    })
    .await
}

/// Keeps the hook of the process from printing panics that are caught here, and notes where they happened.
fn keep_quiet() {
    let print = take_hook();
    set_hook(Box::new(move |info| {
        if !is_caught(info) {
            print(info);
        }
    }));
}

fn is_caught(info: &PanicHookInfo<'_>) -> bool {
    // A thread that is ending has lost its notes, and calls no plug-in.
    if !IN_PLUG_IN.try_with(Cell::get).unwrap_or(false) {
        return false;
    }
    let place = info.location().map(|place| format!("{}:{}", place.file(), place.line()));
    PLACE.try_with(|noted| noted.replace(place)).is_ok()
}

fn text(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("it did not say why").chars().take(MAX_TEXT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_passed_on() {
        assert_eq!(call(|| 7), Ok(7));
    }

    #[test]
    fn a_panic_is_an_answer_with_its_text_and_place() {
        let panicked = call(|| panic!("no such field: {}", 7)).unwrap_err().to_string();
        assert!(panicked.starts_with("panicked at runtime/src/guard.rs:"), "{panicked}");
        assert!(panicked.ends_with(": no such field: 7"), "{panicked}");
        let other = call(|| std::panic::panic_any(7)).unwrap_err().to_string();
        assert!(other.ends_with(": it did not say why"), "{other}");
    }

    #[test]
    fn the_text_of_a_panic_is_bounded() {
        let panicked = call(|| panic!("{}", "ż".repeat(10_000))).unwrap_err().to_string();
        assert!(panicked.chars().count() < MAX_TEXT + 100, "{}", panicked.len());
    }

    #[tokio::test]
    async fn a_panic_behind_an_await_is_one_too() {
        let panicked = wait_for(async {
            tokio::task::yield_now().await;
            panic!("late");
        });
        assert!(panicked.await.unwrap_err().to_string().ends_with(": late"));
        assert_eq!(wait_for(async { 7 }).await, Ok(7));
    }

    #[test]
    fn a_call_within_a_call_ends_by_itself() {
        let outer = call(|| {
            let inner = call(|| panic!("inner"));
            assert!(inner.is_err());
            panic!("outer");
        });
        assert!(outer.unwrap_err().to_string().ends_with(": outer"));
        assert!(!IN_PLUG_IN.get());
    }
}
