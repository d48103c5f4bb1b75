//! Checks a template, notes what it reads, and rewrites it so that nothing is printed as a silent blank.

use std::mem;

use handlebars::template::{HelperTemplate, Parameter, Subexpression, TemplateElement};
use handlebars::{Path, PathSeg, Template};
use serde_json::{Number, Value};

use crate::checks;
use crate::context::{RECORD, ROOT};
use crate::delimited::TemplateSource;
use crate::error::TextFault;
use crate::known::{ArgumentNeed, HelperForm, Known};
use crate::nesting;
use crate::record_name::RecordName;
use crate::syntax;
use crate::uses::Uses;

/// Parses a template, finds every error that can be found without data, and rewrites it: every tag is printed
/// by a function that refuses what would be a blank, and `@record` leads to its place in the context.
pub(crate) fn compile(source: &TemplateSource) -> Result<(Template, Uses), TextFault> {
    nesting::check(source)?;
    let mut template =
        Template::compile(source.handlebars()).map_err(|error| syntax::explain(source, &error))?;
    let mut walk = Walk { source, uses: Uses::default() };
    walk.template(&mut template, Scope::default()).map_err(|fault| fault.in_source(source))?;
    Ok((template, walk.uses))
}

/// Where in the nest of blocks a tag stands.
#[derive(Clone, Copy, Default)]
struct Scope {
    /// How many blocks around it change what a name means.
    depth: usize,
    /// Whether one of them is `each`.
    in_each: bool,
    /// Whether what stands here may be passed over, or may be missing.
    is_optional: bool,
}

struct Fault {
    reason: String,
    position: Option<(usize, usize)>,
}

impl Fault {
    fn in_source(self, source: &TemplateSource) -> TextFault {
        let position = self.position.map(|(line, column)| source.position(source.offset(line, column)));
        TextFault { reason: self.reason, position }
    }
}

impl From<String> for Fault {
    fn from(reason: String) -> Self {
        Self { reason, position: None }
    }
}

struct Walk<'a> {
    source: &'a TemplateSource,
    uses: Uses,
}

impl Walk<'_> {
    fn template(&mut self, template: &mut Template, scope: Scope) -> Result<(), Fault> {
        let mut places = template.mapping.iter();
        for element in &mut template.elements {
            let place = places.next().map(|place| (place.0, place.1));
            self.element(element, scope)
                .map_err(|fault| Fault { position: fault.position.or(place), ..fault })?;
        }
        Ok(())
    }

    fn element(&mut self, element: &mut TemplateElement, scope: Scope) -> Result<(), Fault> {
        match element {
            TemplateElement::RawString(text) => {
                self.source.restore(text);
                self.uses.add_literal(text);
                return Ok(());
            }
            TemplateElement::Comment(_) => return Ok(()),
            _ => self.uses.has_tags = true,
        }
        match element {
            TemplateElement::Expression(tag) | TemplateElement::HtmlExpression(tag) => {
                self.tag(tag, scope)?;
            }
            TemplateElement::HelperBlock(block) => self.block(block, scope)?,
            TemplateElement::PartialExpression(_) | TemplateElement::PartialBlock(_) => {
                return Err("partials (`>`) are not available".to_owned().into());
            }
            _ => {
                return Err("decorators and inline partials (`*`) are not available".to_owned().into());
            }
        }
        Ok(())
    }

    /// Rewrites `{{x}}` to `{{print x "field `x`"}}`, and `{{len x}}` to `{{print (len x) "`len x`"}}`.
    fn tag(&mut self, tag: &mut HelperTemplate, scope: Scope) -> Result<(), String> {
        let name = mem::replace(&mut tag.name, Parameter::Name(checks::PRINT.to_owned()));
        let (params, hash) = (mem::take(&mut tag.params), mem::take(&mut tag.hash));
        let is_field = params.is_empty() && hash.is_empty();
        let shown =
            if is_field { name } else { Parameter::Subexpression(Subexpression::new(name, params, hash)) };
        let subject = Parameter::Literal(subject(&shown).into());
        tag.params = vec![self.parameter(shown, scope)?, subject];
        Ok(())
    }

    fn block(&mut self, block: &mut HelperTemplate, scope: Scope) -> Result<(), Fault> {
        let inner = match block.name.as_name() {
            Some("each") => Scope { depth: scope.depth + 1, in_each: true, is_optional: true },
            Some("with") => Scope { depth: scope.depth + 1, is_optional: true, ..scope },
            _ => Scope { is_optional: true, ..scope },
        };
        let otherwise = Scope { is_optional: true, ..scope };
        self.call(block, HelperForm::Block, scope)?;
        for (template, scope) in [(&mut block.template, inner), (&mut block.inverse, otherwise)] {
            template.as_mut().map_or(Ok(()), |template| self.template(template, scope))?;
        }
        Ok(())
    }

    /// Checks a helper and its arguments.
    fn call(&mut self, call: &mut HelperTemplate, form: HelperForm, scope: Scope) -> Result<(), String> {
        let known = Known::find(call.name.as_name().unwrap_or_default())?;
        known.check(form, call.params.len(), call.hash.keys())?;
        // Where there is an `else`, the author has seen to it.
        let has_else =
            call.inverse.is_some() && matches!(known.need, ArgumentNeed::Items | ArgumentNeed::Truthy);
        let need = if has_else { ArgumentNeed::Nothing } else { known.need };
        let is_optional = scope.is_optional || need == ArgumentNeed::Nothing;
        for param in &mut call.params {
            let subject = subject(param);
            let parameter = self.parameter(number(take(param)), Scope { is_optional, ..scope })?;
            *param = checked(parameter, need, subject);
        }
        for value in call.hash.values_mut() {
            *value = self.parameter(take(value), Scope { is_optional: true, ..scope })?;
        }
        Ok(())
    }

    fn parameter(&mut self, parameter: Parameter, scope: Scope) -> Result<Parameter, String> {
        match parameter {
            Parameter::Path(path) => self.path(path, scope).map(Parameter::Path),
            Parameter::Subexpression(mut inner) => {
                if let TemplateElement::Expression(call) = &mut *inner.element {
                    self.call(call, HelperForm::Inline, scope)?;
                }
                Ok(Parameter::Subexpression(inner))
            }
            other => Ok(other),
        }
    }

    fn path(&mut self, path: Path, scope: Scope) -> Result<Path, String> {
        match path {
            Path::Relative((segments, raw)) => self.field(segments, raw, scope),
            Path::Local((_, name, raw)) if name == "record" => self.record_field(raw, scope),
            Path::Local((_, name, raw)) if name == "root" => self.field(from_root("")?, raw, scope),
            Path::Local((level, name, raw)) => local(level, name, raw, scope),
        }
    }

    /// Notes a field of the value. The value is not the root of the context, so `@root` has to lead to it.
    fn field(&mut self, mut segments: Vec<PathSeg>, raw: String, scope: Scope) -> Result<Path, String> {
        let ups = segments.iter().take_while(|segment| is_ruled(segment, "path_up")).count();
        let from_root = segments.first().is_some_and(|segment| is_ruled(segment, "path_root"));
        if ups > scope.depth {
            return Err(format!("`{raw}` leads out of the value"));
        }
        // Within `each` and `with`, a name is one of what they go through, which was noted there.
        if from_root || ups == scope.depth {
            let names: Vec<String> = segments.iter().filter_map(name).map(str::to_owned).collect();
            if let Some(PathSeg::Named(name)) = segments.get(if from_root { 1 } else { ups }) {
                self.uses.value_field.get_or_insert_with(|| name.clone());
            }
            if !scope.is_optional {
                self.uses.always.push((RecordName::Value, names));
            }
            self.uses.add(RecordName::Value, &raw);
        }
        if from_root {
            segments.insert(1, PathSeg::Named(ROOT.to_owned()));
        }
        Ok(Path::Relative((segments, raw)))
    }

    /// Turns `@record.offset`, which Handlebars would read as the variable `@record`, into a path from the
    /// root.
    fn record_field(&mut self, raw: String, scope: Scope) -> Result<Path, String> {
        let (_, rest) = raw.split_once("record").unwrap_or_default();
        let mut segments = from_root(rest)?;
        let names: Vec<_> = segments.iter().filter_map(name).collect();
        let found = RecordName::find(&names, &raw)?;
        let field = names.get(1).map(|field| (*field).to_owned());
        if !scope.is_optional {
            let below = names.iter().skip(1).map(|name| (*name).to_owned()).collect();
            self.uses.always.push((found.clone(), below));
        }
        match (&found, field) {
            (RecordName::Value, Some(field)) => drop(self.uses.value_field.get_or_insert(field)),
            (RecordName::Key, Some(field)) => drop(self.uses.key_field.get_or_insert(field)),
            _ => {}
        }
        if found != RecordName::Value {
            segments.insert(1, PathSeg::Named(RECORD.to_owned()));
        }
        self.uses.add(found, &raw);
        Ok(Path::Relative((segments, raw)))
    }
}

/// Checks a variable that `each` sets.
fn local(level: usize, name: String, raw: String, scope: Scope) -> Result<Path, String> {
    if !["index", "key", "first", "last"].contains(&name.as_str()) {
        let known = "@record, @root, and inside `each` @index, @key, @first, @last";
        return Err(format!("unknown `{raw}`; known are: {known}"));
    }
    if !raw.ends_with(&name) {
        return Err(format!("`{raw}`: `@{name}` has no fields"));
    }
    if !scope.in_each {
        return Err(format!("`{raw}` is known inside `each` only"));
    }
    Ok(Path::Local((level, name, raw)))
}

/// Parses what follows `@root`, from its separator on.
fn from_root(rest: &str) -> Result<Vec<PathSeg>, String> {
    // A name has to follow, and `this` is one that leaves nothing.
    let rest = if rest.is_empty() { "/this" } else { rest };
    match Path::parse(&format!("@root{rest}")) {
        Ok(Path::Relative((segments, _))) => Ok(segments),
        _ => Err(format!("`{rest}` is not a path")),
    }
}

fn name(segment: &PathSeg) -> Option<&str> {
    match segment {
        PathSeg::Named(name) => Some(name),
        _ => None,
    }
}

/// Compares a segment with a rule of Handlebars' grammar, whose type it keeps to itself.
pub(crate) fn is_ruled(segment: &PathSeg, rule: &str) -> bool {
    matches!(segment, PathSeg::Ruled(found) if format!("{found:?}") == rule)
}

/// Has an argument checked before its helper sees it.
fn checked(argument: Parameter, need: ArgumentNeed, subject: String) -> Parameter {
    let Some(check) = checks::name_of(need) else {
        return argument;
    };
    let params = vec![argument, Parameter::Literal(subject.into())];
    Parameter::Subexpression(Subexpression::new(Parameter::Name(check.to_owned()), params, [].into()))
}

/// Turns a number with an exponent into one: Handlebars takes `1e3` for a field's name.
fn number(parameter: Parameter) -> Parameter {
    let written = match &parameter {
        Parameter::Path(Path::Relative((_, raw))) => raw.as_str(),
        _ => return parameter,
    };
    let begins_with_digit = written.trim_start_matches('-').starts_with(|c: char| c.is_ascii_digit());
    match serde_json::from_str::<Number>(written) {
        Ok(number) if begins_with_digit && written.contains(['e', 'E']) => {
            Parameter::Literal(Value::Number(number))
        }
        _ => parameter,
    }
}

fn take(parameter: &mut Parameter) -> Parameter {
    mem::replace(parameter, Parameter::Literal(Value::Null))
}

/// Names what a tag prints, as error texts begin.
fn subject(parameter: &Parameter) -> String {
    match parameter {
        Parameter::Subexpression(call) => format!("`{}`", written(call)),
        other => format!("field `{}`", argument(other)),
    }
}

fn argument(parameter: &Parameter) -> String {
    match parameter {
        Parameter::Subexpression(call) => format!("({})", written(call)),
        Parameter::Literal(value) => value.to_string(),
        other => other.as_name().unwrap_or_default().to_owned(),
    }
}

fn written(call: &Subexpression) -> String {
    let TemplateElement::Expression(call) = call.as_element() else {
        return String::new();
    };
    let name = argument(&call.name);
    call.params.iter().fold(name, |text, param| format!("{text} {}", argument(param)))
}
