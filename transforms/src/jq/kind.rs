//! What `jaq` works on: our values, and a table that counts how often it is looked into.

use jaq_core::data::HasLut;
use jaq_core::{DataT, Lut};

use super::meter;
use super::value::JqValue;

/// What `jaq` works on.
pub(super) struct JqKind;

impl DataT for JqKind {
    type V<'a> = JqValue;
    type Data<'a> = JqTable<'a>;
}

/// The table of a program, which is looked into at every step.
#[derive(Clone, Copy)]
pub(super) struct JqTable<'a>(&'a Lut<JqKind>);

impl<'a> JqTable<'a> {
    pub(super) fn new(table: &'a Lut<JqKind>) -> Self {
        Self(table)
    }
}

impl<'a> HasLut<'a, JqKind> for JqTable<'a> {
    fn lut(&self) -> &'a Lut<JqKind> {
        meter::step(1);
        self.0
    }
}
