//! Predicates made of predicates: `all`, `any` and `not`.

use sluice_connector_api::{FormNeed, Predicate, Record, Rejection, SettingsError};

/// How predicates are combined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Combination {
    /// Each has to hold.
    All,
    /// One has to hold.
    Any,
    /// None may hold; a connector file gives just one.
    Not,
}

impl Combination {
    const ALL: [Self; 3] = [Self::All, Self::Any, Self::Not];

    /// Finds a combination by its key in a connector file.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|combination| combination.name() == name)
    }

    /// Returns the key in a connector file.
    pub fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Any => "any",
            Self::Not => "not",
        }
    }
}

/// A predicate of predicates. They are asked in order, and no more of them than it takes.
pub struct CombinedPredicate {
    combination: Combination,
    parts: Vec<(&'static str, Box<dyn Predicate>)>,
}

impl CombinedPredicate {
    /// Combines predicates, each with its name.
    pub fn new(combination: Combination, parts: Vec<(&'static str, Box<dyn Predicate>)>) -> Self {
        Self { combination, parts }
    }
}

impl std::fmt::Debug for CombinedPredicate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.parts.iter().map(|(name, _)| name).collect();
        f.debug_struct("CombinedPredicate")
            .field("combination", &self.combination)
            .field("parts", &names)
            .finish()
    }
}

impl Predicate for CombinedPredicate {
    fn test(&self, record: &Record) -> Result<bool, Rejection> {
        // What one of them answers that settles it.
        let settling = self.combination != Combination::All;
        for (_, predicate) in &self.parts {
            if predicate.test(record)? == settling {
                return Ok(self.combination == Combination::Any);
            }
        }
        Ok(self.combination != Combination::Any)
    }

    /// Whether a later one is asked depends on the record; the first one always is.
    fn needs(&self) -> Vec<FormNeed> {
        let Some((name, first)) = self.parts.first() else { return Vec::new() };
        let index = if self.combination == Combination::Not { "" } else { "0." };
        let mut needs = first.needs();
        for need in &mut needs {
            let path = format!("{index}{name}.{}", need.why.path());
            need.why = SettingsError::at(path, need.why.reason());
        }
        needs
    }
}

#[cfg(test)]
mod tests {
    use sluice_connector_api::{Origin, PayloadForm, Side};

    use super::*;

    /// Answers the same for every record; without an answer it rejects.
    struct Fixed(Option<bool>);

    impl Predicate for Fixed {
        fn test(&self, _: &Record) -> Result<bool, Rejection> {
            self.0.ok_or_else(|| Rejection::new("asked"))
        }

        fn needs(&self) -> Vec<FormNeed> {
            vec![FormNeed::new(Side::Value, PayloadForm::Json, SettingsError::at("field", "reads"))]
        }
    }

    fn combined(combination: Combination, answers: &[Option<bool>]) -> CombinedPredicate {
        let part = |answer: &Option<bool>| ("fixed", Box::new(Fixed(*answer)) as Box<dyn Predicate>);
        CombinedPredicate::new(combination, answers.iter().map(part).collect())
    }

    #[test]
    fn they_are_asked_in_order_until_it_is_settled() {
        let (yes, no, never) = (Some(true), Some(false), None);
        for (combination, answers, expected) in [
            (Combination::All, vec![yes, yes], true),
            (Combination::All, vec![yes, no, never], false),
            (Combination::Any, vec![no, no], false),
            (Combination::Any, vec![no, yes, never], true),
            (Combination::Not, vec![yes], false),
            (Combination::Not, vec![no], true),
        ] {
            let answer = combined(combination, &answers).test(&Record::new(Origin::new("t", 0, 0)));
            assert_eq!(answer, Ok(expected), "{combination:?} {answers:?}");
        }
        assert!(
            combined(Combination::All, &[yes, never]).test(&Record::new(Origin::new("t", 0, 0))).is_err()
        );
    }

    #[test]
    fn what_the_first_one_needs_is_named_where_it_stands() {
        let path = |combination| combined(combination, &[Some(true), None]).needs()[0].why.path().to_owned();
        assert_eq!(path(Combination::All), "0.fixed.field");
        assert_eq!(path(Combination::Not), "fixed.field");
    }
}
