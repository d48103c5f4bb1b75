//! What [`compile`](crate::compile) puts into a template, and the helpers that Handlebars lacks.

use handlebars::{
    Context, Handlebars, Helper, HelperDef, HelperResult, JsonTruthy, Output, PathAndJson, RenderContext,
    RenderError, RenderErrorReason, ScopedJson,
};
use serde_json::Value;
use sluice_connector_api::field_at;

use crate::compare;
use crate::context::ROOT;
use crate::error::Unprintable;
use crate::field;
use crate::known::ArgumentNeed;
use crate::shape;

/// The function that prints every tag. A blank in its name keeps users from writing it.
pub(crate) const PRINT: &str = "% print";

/// Names the function that checks an argument, if it needs one.
pub(crate) fn name_of(need: ArgumentNeed) -> Option<&'static str> {
    match need {
        ArgumentNeed::Nothing => None,
        ArgumentNeed::Given => Some("% given"),
        ArgumentNeed::Filled => Some("% filled"),
        ArgumentNeed::Items => Some("% items"),
        ArgumentNeed::Truthy => Some("% truthy"),
    }
}

/// Makes the registry of helpers. Nothing is escaped: the text is no HTML.
pub(crate) fn registry() -> Handlebars<'static> {
    let mut registry = Handlebars::new();
    registry.register_escape_fn(handlebars::no_escape);
    registry.register_helper(PRINT, Box::new(Print));
    for need in [ArgumentNeed::Given, ArgumentNeed::Filled, ArgumentNeed::Items, ArgumentNeed::Truthy] {
        registry.register_helper(name_of(need).unwrap_or_default(), Box::new(Check(need)));
    }
    compare::register(&mut registry);
    registry.register_helper("default", Box::new(Fallback));
    registry.register_helper("json", Box::new(Json));
    registry
}

/// Turns an error of Handlebars into a reason.
pub(crate) fn reason(error: &RenderError) -> Unprintable {
    match error.reason() {
        RenderErrorReason::NestedError(inner) if let Some(reason) = inner.downcast_ref::<Unprintable>() => {
            reason.clone()
        }
        RenderErrorReason::InvalidJsonIndex(name) => field::no_index(name),
        other => Unprintable::unfit(format!("the template cannot be printed: {other}")),
    }
}

/// Prints its first argument; its second is the subject that error texts begin with.
struct Print;

impl HelperDef for Print {
    fn call<'reg: 'rc, 'rc>(
        &self,
        tag: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        _: &'rc Context,
        scope: &mut RenderContext<'reg, 'rc>,
        out: &mut dyn Output,
    ) -> HelperResult {
        let text = field::text(subject(tag), given(tag)).map_err(|reason| refusal(reason, scope))?;
        // Not `write`: the output tells by that what a tag prints.
        out.write_fmt(format_args!("{text}"))
            .map_err(|wrong| refusal(Unprintable::unfit(format!("{} {wrong}", subject(tag))), scope))
    }
}

/// Hands its first argument on if it is what a helper needs.
struct Check(ArgumentNeed);

impl Check {
    fn check(&self, subject: &str, value: Option<&Value>) -> Result<(), Unprintable> {
        match (self.0, value) {
            (ArgumentNeed::Nothing, _) | (ArgumentNeed::Given, Some(_)) => Ok(()),
            (_, None | Some(Value::Null)) => Err(field::absent(subject, value)),
            (ArgumentNeed::Items, Some(value)) if !(value.is_array() || value.is_object()) => {
                let shape = shape::of_json(value);
                Err(Unprintable::unfit(format!("{subject} is {shape}, not an array or an object")))
            }
            (ArgumentNeed::Truthy, Some(value)) if !value.is_truthy(false) => {
                Err(Unprintable::unfit(format!("{subject} is {value}, which is empty")))
            }
            (_, Some(_)) => Ok(()),
        }
    }
}

impl HelperDef for Check {
    fn call_inner<'reg: 'rc, 'rc>(
        &self,
        tag: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        context: &'rc Context,
        scope: &mut RenderContext<'reg, 'rc>,
    ) -> Result<ScopedJson<'rc>, RenderError> {
        self.check(subject(tag), given(tag)).map_err(|reason| refusal(reason, scope))?;
        Ok(tag.param(0).map_or(ScopedJson::Missing, |argument| scoped(argument, context)))
    }
}

/// Takes its second argument where the first is missing or null.
struct Fallback;

impl HelperDef for Fallback {
    fn call_inner<'reg: 'rc, 'rc>(
        &self,
        tag: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        context: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
    ) -> Result<ScopedJson<'rc>, RenderError> {
        let index = usize::from(given(tag).is_none_or(Value::is_null));
        Ok(tag.param(index).map_or(ScopedJson::Missing, |argument| scoped(argument, context)))
    }
}

/// Prints any value as compact JSON.
struct Json;

impl HelperDef for Json {
    fn call_inner<'reg: 'rc, 'rc>(
        &self,
        tag: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        _: &'rc Context,
        _: &mut RenderContext<'reg, 'rc>,
    ) -> Result<ScopedJson<'rc>, RenderError> {
        Ok(given(tag).map_or(ScopedJson::Missing, |value| Value::String(value.to_string()).into()))
    }
}

/// Returns a tag's first argument; `None` if it is missing.
fn given<'a>(tag: &'a Helper<'_>) -> Option<&'a Value> {
    tag.param(0).filter(|argument| !argument.is_value_missing()).map(PathAndJson::value)
}

fn subject<'a>(tag: &'a Helper<'_>) -> &'a str {
    tag.param(1).and_then(|subject| subject.value().as_str()).unwrap_or_default()
}

/// Keeps the place of a value, so that `each` and `with` can tell where they are.
fn scoped<'rc>(argument: &PathAndJson<'rc>, context: &'rc Context) -> ScopedJson<'rc> {
    let place = argument.context_path();
    let found = place.and_then(|path| Some((field_at(context.data(), path)?, path.clone())));
    match found {
        Some((value, path)) => ScopedJson::Context(value, path),
        None if argument.is_value_missing() => ScopedJson::Missing,
        None => argument.value().clone().into(),
    }
}

/// Adds the item of the list, or the part of the value, that a block is at.
fn refusal(reason: Unprintable, scope: &RenderContext<'_, '_>) -> RenderError {
    let path = scope.block().map(handlebars::BlockContext::base_path);
    let inner = path.and_then(|path| path.strip_prefix(&[ROOT.to_owned()])).unwrap_or_default();
    let place = if inner.is_empty() { String::new() } else { format!(", at `{}`", inner.join(".")) };
    RenderErrorReason::NestedError(Box::new(reason.at(&place))).into()
}
