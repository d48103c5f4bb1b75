//! How a sink that can be asked answers.

use async_trait::async_trait;

use crate::Failure;

/// Answers questions from what a sink has stored, for a target that can search. A sink that is such returns one from
/// [`Sink::asking`](crate::Sink::asking); people ask through the worker's page. Nothing of the engine depends on it.
///
/// ```
/// use async_trait::async_trait;
/// use sluice_connector_api::{Ask, Failure, FoundText};
///
/// struct Shelf;
///
/// #[async_trait]
/// impl Ask for Shelf {
///     async fn ask(&self, question: &str, most: usize) -> Result<Vec<FoundText>, Failure> {
///         Ok([FoundText::new(format!("you asked: {question}"))].into_iter().take(most).collect())
///     }
/// }
/// ```
#[async_trait]
pub trait Ask: Send + Sync {
    /// Finds what answers a question, the best first, at most so many. Asked by a person who waits: nothing is tried again.
    ///
    /// The future may be dropped at any await.
    async fn ask(&self, question: &str, most: usize) -> Result<Vec<FoundText>, Failure>;
}

/// A piece of text that was found.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct FoundText {
    /// The text.
    pub text: String,
    /// The thing that it is from, as [`Sink::id`](crate::Sink::id) names it. Default: unknown.
    pub id: Option<String>,
    /// How well it answers; more is better, on a scale of the target's own. Default: unknown.
    pub score: Option<f64>,
    /// When the record was made that the text is from, in milliseconds since 1970. Default: unknown.
    pub made_at: Option<i64>,
}

impl FoundText {
    /// Makes one of which no more is known than its text.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), id: None, score: None, made_at: None }
    }

    /// Says which thing the text is from.
    #[must_use]
    pub fn with_id(mut self, id: Option<String>) -> Self {
        self.id = id;
        self
    }

    /// Says when the record was made that the text is from, in milliseconds since 1970.
    #[must_use]
    pub fn with_made_at(mut self, made_at: Option<i64>) -> Self {
        self.made_at = made_at;
        self
    }

    /// Says how well it answers.
    #[must_use]
    pub fn with_score(mut self, score: Option<f64>) -> Self {
        self.score = score;
        self
    }
}
