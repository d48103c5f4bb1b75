//! How a program reaches into values and changes them.

use std::rc::Rc;

use jaq_core::box_iter::{BoxIter, box_once};
use jaq_core::path::Opt;
use jaq_core::val::Range;
use jaq_core::{Error, Exn, ValR, ValT, ValX};

use super::meter;
use super::number::JqNumber;
use super::value::{JqFields, JqValue};

impl From<Range<Self>> for JqValue {
    fn from(range: Range<Self>) -> Self {
        let mut fields = JqFields::new();
        for (name, bound) in [("start", range.start), ("end", range.end)] {
            if let Some(bound) = bound {
                fields.insert(name.into(), bound);
            }
        }
        Self::object(fields)
    }
}

impl ValT for JqValue {
    fn from_num(digits: &str) -> ValR<Self> {
        let number = JqNumber::parse(digits).or_else(|| digits.parse().ok().map(JqNumber::Float));
        number.map(Self::Number).ok_or_else(|| Error::str(format!("{digits} is not a number")))
    }

    fn from_map<I: IntoIterator<Item = (Self, Self)>>(pairs: I) -> ValR<Self> {
        let mut fields = JqFields::new();
        for (name, value) in pairs {
            match name {
                Self::Text(name) => fields.insert(name, value),
                other => return Err(Error::typ(other, "string")),
            };
        }
        Ok(Self::object(fields))
    }

    fn key_values(self) -> BoxIter<'static, ValR<(Self, Self), Self>> {
        match self {
            Self::Array(items) => {
                let items = items.inner.clone().into_iter().enumerate();
                Box::new(items.map(|(index, item)| Ok((Self::count(index), item))))
            }
            Self::Object(fields) => {
                Box::new(fields.inner.clone().into_iter().map(|(name, value)| Ok((Self::Text(name), value))))
            }
            other => box_once(Err(Error::typ(other, "iterable (array or object)"))),
        }
    }

    fn values(self) -> Box<dyn Iterator<Item = ValR<Self>>> {
        match self {
            Self::Array(items) => Box::new(items.inner.clone().into_iter().map(Ok)),
            Self::Object(fields) => Box::new(fields.inner.clone().into_values().map(Ok)),
            other => box_once(Err(Error::typ(other, "iterable (array or object)"))),
        }
    }

    fn index(self, index: &Self) -> ValR<Self> {
        meter::step(1);
        match (self, index) {
            (Self::Null, Self::Null | Self::Number(_) | Self::Text(_)) => Ok(Self::Null),
            (Self::Object(fields), Self::Text(name)) => {
                Ok(fields.inner.get(name).cloned().unwrap_or(Self::Null))
            }
            (Self::Array(items), Self::Number(number)) => {
                let place = place(number, items.inner.len());
                Ok(place.and_then(|place| items.inner.get(place).cloned()).unwrap_or(Self::Null))
            }
            (Self::Array(items), Self::Array(wanted)) => Ok(places_of(&items.inner, &wanted.inner)),
            (value @ (Self::Null | Self::Array(_) | Self::Text(_)), Self::Object(range)) => {
                value.range(range.inner.get("start")..range.inner.get("end"))
            }
            (value, index) => Err(Error::index(value, index.clone())),
        }
    }

    fn range(self, range: Range<&Self>) -> ValR<Self> {
        match self {
            Self::Null => Ok(Self::Null),
            Self::Array(items) => {
                let (start, end) = bounds(&range, items.inner.len())?;
                let taken = items.inner.get(start..end).unwrap_or_default();
                Ok(Self::array(taken.to_vec()))
            }
            Self::Text(text) => {
                meter::step(u64::try_from(text.len() / 64).unwrap_or(0));
                let (start, end) = bounds(&range, text.chars().count())?;
                let taken: String = text.chars().skip(start).take(end.saturating_sub(start)).collect();
                Ok(Self::text(&taken))
            }
            other => Err(Error::typ(other, "rangeable (array or string)")),
        }
    }

    fn map_values<'a, I: Iterator<Item = ValX<'a, Self>>>(
        self,
        opt: Opt,
        change: impl Fn(Self) -> I,
    ) -> ValX<'a, Self> {
        match self {
            Self::Array(items) => {
                let mut changed = Vec::new();
                for item in &items.inner {
                    for new in change(item.clone()) {
                        meter::make(size_of::<Self>());
                        changed.push(new?);
                    }
                }
                Ok(Self::array(changed))
            }
            Self::Object(fields) => {
                let mut changed = JqFields::new();
                for (name, value) in &fields.inner {
                    if let Some(new) = change(value.clone()).next() {
                        changed.insert(Rc::clone(name), new?);
                    }
                }
                Ok(Self::object(changed))
            }
            other => opt.fail(other, |other| Exn::from(Error::typ(other, "iterable (array or object)"))),
        }
    }

    fn map_index<'a, I: Iterator<Item = ValX<'a, Self>>>(
        self,
        index: &Self,
        opt: Opt,
        change: impl Fn(Self) -> I,
    ) -> ValX<'a, Self> {
        match (self, index) {
            (Self::Null, Self::Text(_)) => Self::object(JqFields::new()).map_index(index, opt, change),
            (Self::Null, Self::Number(_)) => Self::array(Vec::new()).map_index(index, opt, change),
            (Self::Object(mut fields), Self::Text(name)) => {
                meter::make(fields.inner.len() * size_of::<Self>());
                let node = Rc::make_mut(&mut fields);
                let old = node.inner.get_mut(name).map(|old| std::mem::replace(old, Self::Null));
                match change(old.unwrap_or(Self::Null)).next() {
                    Some(new) => {
                        let new = new?;
                        node.hold(&new);
                        node.inner.insert(Rc::clone(name), new);
                    }
                    None => {
                        node.inner.shift_remove(name);
                    }
                }
                Ok(Self::Object(fields))
            }
            (Self::Array(items), Self::Number(number)) => {
                let array = Self::Array(items);
                match array.change_item(number, &change) {
                    Ok(changed) => changed,
                    Err(array) => opt.fail(array, |array| Exn::from(Error::index(array, index.clone()))),
                }
            }
            (value @ (Self::Null | Self::Array(_)), Self::Object(range)) => {
                value.map_range(range.inner.get("start")..range.inner.get("end"), opt, change)
            }
            (value, _) => opt.fail(value, |value| Exn::from(Error::index(value, index.clone()))),
        }
    }

    fn map_range<'a, I: Iterator<Item = ValX<'a, Self>>>(
        self,
        range: Range<&Self>,
        opt: Opt,
        change: impl Fn(Self) -> I,
    ) -> ValX<'a, Self> {
        let items = match self {
            Self::Null => Vec::new(),
            Self::Array(items) => items.inner.clone(),
            other => return opt.fail(other, |other| Exn::from(Error::typ(other, "array"))),
        };
        let (start, end) = bounds(&range, items.len()).map_err(Exn::from)?;
        let (before, rest) = items.split_at(start);
        let (taken, after) = rest.split_at(end.saturating_sub(start));
        let mut changed = before.to_vec();
        if let Some(new) = change(Self::array(taken.to_vec())).next() {
            match new? {
                Self::Array(new) => changed.extend(new.inner.iter().cloned()),
                other => return Err(Exn::from(Error::typ(other, "array"))),
            }
        }
        changed.extend(after.iter().cloned());
        Ok(Self::array(changed))
    }

    fn as_bool(&self) -> bool {
        !matches!(self, Self::Null | Self::Bool(false))
    }

    fn into_string(self) -> Self {
        match self {
            Self::Text(_) => self,
            other => Self::text(&other.to_json().to_string()),
        }
    }
}

impl JqValue {
    /// Changes an item; one that is not there yet is null, and so are those before it. Returns the array where there is no
    /// such place.
    fn change_item<'a, I: Iterator<Item = ValX<'a, Self>>>(
        self,
        number: &JqNumber,
        change: &impl Fn(Self) -> I,
    ) -> Result<ValX<'a, Self>, Self> {
        let Self::Array(mut items) = self else { return Err(self) };
        let Some(place) = place(number, items.inner.len()) else { return Err(Self::Array(items)) };
        meter::make(items.inner.len().max(place).saturating_mul(size_of::<Self>()));
        let node = Rc::make_mut(&mut items);
        let is_there = place < node.inner.len();
        let old = node.inner.get_mut(place).map(|old| std::mem::replace(old, Self::Null));
        let new = match change(old.unwrap_or(Self::Null)).next() {
            Some(Ok(new)) => new,
            Some(Err(error)) => return Ok(Err(error)),
            None => {
                if is_there {
                    node.inner.remove(place);
                }
                return Ok(Ok(Self::Array(items)));
            }
        };
        if !is_there {
            node.inner.resize(place + 1, Self::Null);
        }
        node.hold(&new);
        if let Some(slot) = node.inner.get_mut(place) {
            *slot = new;
        }
        Ok(Ok(Self::Array(items)))
    }
}

/// Finds the place that an index means; a negative one counts from the end. `None` where it is before the beginning.
fn place(number: &JqNumber, length: usize) -> Option<usize> {
    let index = JqNumber::Float(number.float().floor()).int()?;
    let from_end = i64::try_from(length).ok()?.checked_add(index)?;
    usize::try_from(if index < 0 { from_end } else { index }).ok()
}

/// Finds where a range begins and ends among so many.
fn bounds(range: &Range<&JqValue>, length: usize) -> Result<(usize, usize), Error<JqValue>> {
    let start = bound(range.start, 0, length, f64::floor)?;
    let end = bound(range.end, length, length, f64::ceil)?;
    Ok((start, end.max(start)))
}

fn bound(
    value: Option<&JqValue>,
    default: usize,
    length: usize,
    round: fn(f64) -> f64,
) -> Result<usize, Error<JqValue>> {
    match value {
        None | Some(JqValue::Null) => Ok(default),
        Some(JqValue::Number(number)) => {
            let rounded = JqNumber::Float(round(number.float()));
            let beyond = if rounded.float() < 0.0 { 0 } else { length };
            Ok(place(&rounded, length).unwrap_or(beyond).min(length))
        }
        Some(other) => Err(Error::typ(other.clone(), "number")),
    }
}

/// Finds where an array stands within another.
pub(super) fn places_of(items: &[JqValue], wanted: &[JqValue]) -> JqValue {
    if wanted.is_empty() {
        return JqValue::Null;
    }
    let windows = items.windows(wanted.len()).enumerate();
    windows.filter(|(_, window)| *window == wanted).map(|(index, _)| JqValue::count(index)).collect()
}
