//! The helpers that compare: numbers by value and exactly, where Handlebars compares how they are written, or rounds.

use std::cmp::Ordering;

use handlebars::{
    Context, Handlebars, Helper, HelperDef, HelperResult, Output, RenderContext, RenderError, Renderable,
    ScopedJson,
};
use serde_json::Value;
use sluice_connector_api::{is_same_json, order_of_json};

/// Takes the place of Handlebars' own helpers of these names.
pub(crate) fn register(registry: &mut Handlebars<'_>) {
    let helpers: [(&str, Holds); 6] = [
        ("eq", is_same_json),
        ("ne", |a, b| !is_same_json(a, b)),
        ("gt", |a, b| order_of_json(a, b).is_some_and(Ordering::is_gt)),
        ("gte", |a, b| order_of_json(a, b).is_some_and(Ordering::is_ge)),
        ("lt", |a, b| order_of_json(a, b).is_some_and(Ordering::is_lt)),
        ("lte", |a, b| order_of_json(a, b).is_some_and(Ordering::is_le)),
    ];
    for (name, holds) in helpers {
        registry.register_helper(name, Box::new(Comparison(holds)));
    }
}

type Holds = fn(&Value, &Value) -> bool;

struct Comparison(Holds);

impl Comparison {
    fn holds(&self, tag: &Helper<'_>) -> bool {
        match (tag.param(0), tag.param(1)) {
            (Some(a), Some(b)) => (self.0)(a.value(), b.value()),
            _ => false,
        }
    }
}

impl HelperDef for Comparison {
    /// As a block.
    fn call<'reg: 'rc, 'rc>(
        &self,
        tag: &Helper<'rc>,
        registry: &'reg Handlebars<'reg>,
        context: &'rc Context,
        scope: &mut RenderContext<'reg, 'rc>,
        out: &mut dyn Output,
    ) -> HelperResult {
        let body = if self.holds(tag) { tag.template() } else { tag.inverse() };
        match body {
            Some(body) => body.render(registry, context, scope, out),
            None => Ok(()),
        }
    }

    /// Within another tag.
    fn call_inner<'reg: 'rc, 'rc>(
        &self,
        tag: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        _: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
    ) -> Result<ScopedJson<'rc>, RenderError> {
        Ok(ScopedJson::Derived(Value::Bool(self.holds(tag))))
    }
}
