//! Client tokens: the same over the retries of a call, and never again.
//!
//! Bedrock ignores a call whose token it has seen. That is what a retry after a lost answer wants, and no other call:
//! where records are read again, after a restart or a rebalance, an older version of a document may have been written
//! since, and to ignore the newer one would leave the older in place. So a token counts for as long as the answer is
//! outstanding and nothing else has written the same ids, and tokens of one sink are not those of another.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};

use crate::record::naming::hex;

/// Calls without an answer that are remembered. One that is forgotten gets another token, which is no harm.
const REMEMBERED: usize = 64;

/// Hands out tokens.
#[derive(Debug)]
pub(crate) struct ClientTokens {
    /// Tells this sink's tokens from those of all others.
    nonce: u128,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    calls: u64,
    open: VecDeque<Open>,
}

/// A call whose answer is not known.
#[derive(Debug)]
struct Open {
    request: String,
    ids: Vec<String>,
    token: String,
}

impl ClientTokens {
    pub(crate) fn new() -> Self {
        Self { nonce: fastrand::u128(..), state: Mutex::default() }
    }

    /// Returns the token of a request that names these ids: that of the call that it tries again, else a new one.
    pub(crate) fn of(&self, request: &str, ids: &[&str]) -> String {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = state.open.iter().find(|open| open.request == request) {
            return open.token.clone();
        }
        state.open.retain(|open| !open.ids.iter().any(|id| ids.contains(&id.as_str())));
        if state.open.len() == REMEMBERED {
            state.open.pop_front();
        }
        state.calls += 1;
        let token = hex(&Sha256::digest(format!("{} {} {request}", self.nonce, state.calls)));
        let ids = ids.iter().map(|id| (*id).to_owned()).collect();
        state.open.push_back(Open { request: request.to_owned(), ids, token: token.clone() });
        token
    }

    /// Takes note that the call with this token was taken.
    pub(crate) fn taken(&self, token: &str) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.open.retain(|open| open.token != token);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_stays_until_its_call_is_taken() {
        let tokens = ClientTokens::new();
        let first = tokens.of("a", &["x"]);
        assert_eq!(tokens.of("a", &["x"]), first, "a retry");
        assert_ne!(tokens.of("b", &["y"]), first);
        assert_eq!(tokens.of("a", &["x"]), first, "a call of other ids changes nothing");
        tokens.taken(&first);
        assert_ne!(tokens.of("a", &["x"]), first, "it was taken, so this is no retry");
    }

    #[test]
    fn a_token_is_void_once_another_call_has_named_one_of_its_ids() {
        let tokens = ClientTokens::new();
        let newer = tokens.of("newer", &["x", "y"]);
        tokens.of("older, read again", &["x"]);
        assert_ne!(tokens.of("newer", &["x", "y"]), newer, "or the older version would stay");
    }

    #[test]
    fn two_sinks_share_no_token_and_memory_is_bounded() {
        let (one, other) = (ClientTokens::new(), ClientTokens::new());
        let first = one.of("a", &["x"]);
        assert_ne!(first, other.of("a", &["x"]));
        (0..REMEMBERED).for_each(|number| drop(one.of(&number.to_string(), &[&number.to_string()])));
        assert_ne!(one.of("a", &["x"]), first, "the oldest is forgotten");
    }
}
