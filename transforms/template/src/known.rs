//! The helpers that a template can use.

/// How a helper is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// `{{#if x}} {{/if}}`
    Block,
    /// `{{len x}}` or `(len x)`
    Inline,
    /// Either.
    Both,
}

/// What a helper asks of its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Nothing: missing counts as false, or the helper sees to it.
    Nothing,
    /// They are there, if only as null.
    Given,
    /// They are there and not null.
    Filled,
    /// They are an array or an object, to go through.
    Items,
    /// They are not null, false, 0 or empty, which Handlebars would pass over in silence.
    Truthy,
}

/// A helper that templates can use: Handlebars' own, less `log`, and `default` and `json`.
pub(crate) struct Known {
    pub(crate) name: &'static str,
    pub(crate) form: Form,
    /// The fewest and the most arguments.
    pub(crate) arguments: (usize, usize),
    pub(crate) need: Need,
    /// The named argument that it takes, if any.
    pub(crate) option: Option<&'static str>,
}

const fn known(name: &'static str, form: Form, arguments: (usize, usize), need: Need) -> Known {
    Known { name, form, arguments, need, option: None }
}

const KNOWN: [Known; 18] = [
    known("and", Form::Both, (1, usize::MAX), Need::Nothing),
    known("default", Form::Inline, (2, 2), Need::Nothing),
    known("each", Form::Block, (1, 1), Need::Items),
    known("eq", Form::Both, (2, 2), Need::Given),
    known("gt", Form::Both, (2, 2), Need::Filled),
    known("gte", Form::Both, (2, 2), Need::Filled),
    Known { option: Some("includeZero"), ..known("if", Form::Block, (1, 1), Need::Nothing) },
    known("json", Form::Inline, (1, 1), Need::Given),
    known("len", Form::Inline, (1, 1), Need::Items),
    known("lookup", Form::Inline, (2, 2), Need::Nothing),
    known("lt", Form::Both, (2, 2), Need::Filled),
    known("lte", Form::Both, (2, 2), Need::Filled),
    known("ne", Form::Both, (2, 2), Need::Given),
    known("not", Form::Both, (1, 1), Need::Nothing),
    known("or", Form::Both, (1, usize::MAX), Need::Nothing),
    known("raw", Form::Block, (0, 0), Need::Nothing),
    Known { option: Some("includeZero"), ..known("unless", Form::Block, (1, 1), Need::Nothing) },
    known("with", Form::Block, (1, 1), Need::Truthy),
];

impl Known {
    /// Finds a helper, or says which there are.
    pub(crate) fn find(name: &str) -> Result<&'static Self, String> {
        let known = KNOWN.iter().find(|known| known.name == name);
        known.ok_or_else(|| {
            let names: Vec<_> = KNOWN.iter().map(|known| known.name).collect();
            format!("unknown helper `{name}`; known are: {}", names.join(", "))
        })
    }

    /// Checks how a helper is used.
    pub(crate) fn check<'a>(
        &self,
        form: Form,
        arguments: usize,
        mut options: impl Iterator<Item = &'a String>,
    ) -> Result<(), String> {
        let name = self.name;
        let (fewest, most) = self.arguments;
        match (self.form, form) {
            (Form::Block, Form::Inline) => {
                return Err(format!("`{name}` is a block: it starts with # and ends with /{name}"));
            }
            (Form::Inline, Form::Block) => {
                return Err(format!("`{name}` is no block: it is written without #"));
            }
            _ => {}
        }
        if arguments < fewest || arguments > most {
            return Err(format!("`{name}` takes {}, not {arguments}", wanted(fewest, most)));
        }
        match options.find(|option| self.option != Some(option.as_str())) {
            Some(option) => Err(format!("`{name}` takes no `{option}=`")),
            None => Ok(()),
        }
    }
}

fn wanted(fewest: usize, most: usize) -> String {
    let at_least = if most > fewest { "at least " } else { "" };
    let plural = if fewest == 1 { "" } else { "s" };
    format!("{at_least}{fewest} argument{plural}")
}
