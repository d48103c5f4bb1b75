//! Numbers as jq has them: what is not calculated with keeps the digits that it was written with.
#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::float_cmp,
    reason = "jq calculates with floating-point numbers where integers do not do"
)]

use std::cmp::Ordering;
use std::rc::Rc;

use serde_json::Number;
use sluice_connector_api::Decimal;

/// The largest number up to which every whole one is told from its neighbours.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// A number.
#[derive(Clone, Debug)]
pub(super) enum JqNumber {
    Int(i64),
    Float(f64),
    /// As it was written, where neither of the others writes it like that.
    Digits(Rc<str>),
}

impl JqNumber {
    /// Reads a number as JSON writes it.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if let Ok(int) = text.parse::<i64>()
            && !(text.starts_with("-0") || text.starts_with('+'))
        {
            return Some(Self::Int(int));
        }
        Decimal::parse(text).map(|_| Self::Digits(text.into()))
    }

    pub(super) fn float(&self) -> f64 {
        match self {
            Self::Int(int) => *int as f64,
            Self::Float(float) => *float,
            Self::Digits(digits) => digits.parse().unwrap_or(f64::NAN),
        }
    }

    /// Returns the number if it is whole and not too large.
    pub(super) fn int(&self) -> Option<i64> {
        match self {
            Self::Int(int) => Some(*int),
            other => {
                let float = other.float();
                (float.trunc() == float && float.abs() <= EXACT).then_some(float as i64)
            }
        }
    }

    pub(super) fn is_int(&self) -> bool {
        self.int().is_some()
    }

    /// Calculates with integers where that is exact, else with floating-point numbers.
    pub(super) fn with(
        &self,
        other: &Self,
        ints: fn(i64, i64) -> Option<i64>,
        floats: fn(f64, f64) -> f64,
    ) -> Self {
        let exact = match (self.int(), other.int()) {
            (Some(a), Some(b)) => ints(a, b),
            _ => None,
        };
        exact.map_or_else(|| Self::Float(floats(self.float(), other.float())), Self::Int)
    }

    pub(super) fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => a.cmp(b),
            (Self::Digits(a), Self::Digits(b)) if a == b => Ordering::Equal,
            _ => self.order_of_digits(other).unwrap_or_else(|| order_of_floats(self.float(), other.float())),
        }
    }

    /// Compares exactly, where both are numbers that can be written.
    fn order_of_digits(&self, other: &Self) -> Option<Ordering> {
        let (a, b) = (self.to_json(), other.to_json());
        let are_finite = self.float().is_finite() && other.float().is_finite();
        are_finite.then_some(Decimal::parse(a.as_str())?.cmp(&Decimal::parse(b.as_str())?))
    }

    /// Writes the number for JSON: what is infinite as the largest there is. `None` would be no number at all.
    pub(super) fn to_json(&self) -> Number {
        match self {
            Self::Int(int) => (*int).into(),
            Self::Digits(digits) => Number::from_string_unchecked(digits.to_string()),
            Self::Float(float) if float.trunc() == *float && float.abs() <= EXACT => (*float as i64).into(),
            Self::Float(float) => {
                let finite = float.clamp(f64::MIN, f64::MAX);
                Number::from_f64(finite).unwrap_or_else(|| 0.into())
            }
        }
    }

    /// Says whether it is one that JSON has no word for.
    pub(super) fn is_nan(&self) -> bool {
        matches!(self, Self::Float(float) if float.is_nan())
    }
}

/// What is not a number is less than all others, as jq has it.
fn order_of_floats(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| b.is_nan().cmp(&a.is_nan()))
}
