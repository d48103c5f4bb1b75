//! What the operators of jq do.
#![allow(clippy::arithmetic_side_effects, reason = "the operators are made here")]

use std::ops::{Add, Div, Mul, Neg, Rem, Sub};
use std::rc::Rc;

use jaq_core::ops::Math;
use jaq_core::{Error, ValR};

use super::meter;
use super::number::JqNumber;
use super::value::{JqNode, JqValue};

impl Add for JqValue {
    type Output = ValR<Self>;

    fn add(self, other: Self) -> Self::Output {
        Ok(match (self, other) {
            (Self::Null, other) | (other, Self::Null) => other,
            (Self::Number(a), Self::Number(b)) => Self::Number(a.with(&b, i64::checked_add, |a, b| a + b)),
            (Self::Text(a), Self::Text(b)) => {
                meter::make(a.len() + b.len());
                Self::text(&[&*a, &*b].concat())
            }
            (Self::Array(mut a), Self::Array(b)) => {
                meter::make((a.inner.len() + b.inner.len()) * size_of::<Self>());
                let node = Rc::make_mut(&mut a);
                for item in &b.inner {
                    node.hold(item);
                    node.inner.push(item.clone());
                }
                Self::Array(a)
            }
            (Self::Object(mut a), Self::Object(b)) => {
                meter::make((a.inner.len() + b.inner.len()) * 2 * size_of::<Self>());
                let node = Rc::make_mut(&mut a);
                for (name, value) in &b.inner {
                    node.hold(value);
                    node.inner.insert(Rc::clone(name), value.clone());
                }
                Self::Object(a)
            }
            (a, b) => return Err(Error::math(a, Math::Add, b)),
        })
    }
}

impl Sub for JqValue {
    type Output = ValR<Self>;

    fn sub(self, other: Self) -> Self::Output {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => {
                Ok(Self::Number(a.with(&b, i64::checked_sub, |a, b| a - b)))
            }
            (Self::Array(a), Self::Array(b)) => {
                let kept = a.inner.iter().filter(|item| !b.inner.contains(item)).cloned();
                Ok(Self::array(kept.collect()))
            }
            (a, b) => Err(Error::math(a, Math::Sub, b)),
        }
    }
}

impl Mul for JqValue {
    type Output = ValR<Self>;

    fn mul(self, other: Self) -> Self::Output {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => {
                Ok(Self::Number(a.with(&b, i64::checked_mul, |a, b| a * b)))
            }
            (Self::Text(text), Self::Number(times)) | (Self::Number(times), Self::Text(text)) => {
                Ok(repeated(&text, &times))
            }
            (Self::Object(a), Self::Object(b)) => Ok(Self::Object(merged(a, &b))),
            (a, b) => Err(Error::math(a, Math::Mul, b)),
        }
    }
}

/// A text that is repeated no time or less is null.
fn repeated(text: &str, times: &JqNumber) -> JqValue {
    let times = times.float();
    if times.is_nan() || times <= 0.0 {
        return JqValue::Null;
    }
    let count = JqNumber::Float(times.ceil())
        .int()
        .and_then(|count| usize::try_from(count).ok())
        .unwrap_or(usize::MAX);
    meter::make(text.len().saturating_mul(count));
    // What takes no bytes takes no time, either.
    let count = if text.is_empty() { 0 } else { count };
    JqValue::text(&text.repeat(count))
}

/// Merges objects within objects.
fn merged(
    mut a: Rc<JqNode<super::value::JqFields>>,
    b: &JqNode<super::value::JqFields>,
) -> Rc<JqNode<super::value::JqFields>> {
    meter::make((a.inner.len() + b.inner.len()) * 2 * size_of::<JqValue>());
    let node = Rc::make_mut(&mut a);
    for (name, value) in &b.inner {
        let value = match (node.inner.get(name), value) {
            (Some(JqValue::Object(old)), JqValue::Object(new)) => {
                JqValue::Object(merged(Rc::clone(old), new))
            }
            _ => value.clone(),
        };
        node.hold(&value);
        node.inner.insert(Rc::clone(name), value);
    }
    a
}

impl Div for JqValue {
    type Output = ValR<Self>;

    fn div(self, other: Self) -> Self::Output {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => {
                let exact = |a: i64, b: i64| {
                    a.checked_rem(b).filter(|rest| *rest == 0).and_then(|_| a.checked_div(b))
                };
                Ok(Self::Number(a.with(&b, exact, |a, b| a / b)))
            }
            (Self::Text(text), Self::Text(separator)) => Ok(split(&text, &separator)),
            (a, b) => Err(Error::math(a, Math::Div, b)),
        }
    }
}

fn split(text: &str, separator: &str) -> JqValue {
    if text.is_empty() {
        return JqValue::array(Vec::new());
    }
    if separator.is_empty() {
        let mut buffer = [0; 4];
        return text.chars().map(|char| JqValue::text(char.encode_utf8(&mut buffer))).collect();
    }
    text.split(separator).map(JqValue::text).collect()
}

impl Rem for JqValue {
    type Output = ValR<Self>;

    fn rem(self, other: Self) -> Self::Output {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) if b.int() != Some(0) => {
                Ok(Self::Number(a.with(&b, i64::checked_rem, |a, b| a % b)))
            }
            (a, b) => Err(Error::math(a, Math::Rem, b)),
        }
    }
}

impl Neg for JqValue {
    type Output = ValR<Self>;

    fn neg(self) -> Self::Output {
        match self {
            Self::Number(number) => {
                Ok(Self::Number(JqNumber::Int(0).with(&number, i64::checked_sub, |_, float| -float)))
            }
            other => Err(Error::typ(other, "number")),
        }
    }
}
