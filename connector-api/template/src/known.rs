//! The helpers that a template can use.

/// How a helper is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum HelperForm {
    /// `{{#if x}} {{/if}}`
    Block,
    /// `{{len x}}` or `(len x)`
    Inline,
    /// Either.
    Both,
}

/// What a helper asks of its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ArgumentNeed {
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
    pub(crate) form: HelperForm,
    /// The fewest and the most arguments.
    pub(crate) arguments: (usize, usize),
    pub(crate) need: ArgumentNeed,
    /// The named argument that it takes, if any.
    pub(crate) option: Option<&'static str>,
}

const fn known(name: &'static str, form: HelperForm, arguments: (usize, usize), need: ArgumentNeed) -> Known {
    Known { name, form, arguments, need, option: None }
}

const KNOWN: [Known; 18] = [
    known("and", HelperForm::Both, (1, usize::MAX), ArgumentNeed::Nothing),
    known("default", HelperForm::Inline, (2, 2), ArgumentNeed::Nothing),
    known("each", HelperForm::Block, (1, 1), ArgumentNeed::Items),
    known("eq", HelperForm::Both, (2, 2), ArgumentNeed::Given),
    known("gt", HelperForm::Both, (2, 2), ArgumentNeed::Filled),
    known("gte", HelperForm::Both, (2, 2), ArgumentNeed::Filled),
    Known { option: Some("includeZero"), ..known("if", HelperForm::Block, (1, 1), ArgumentNeed::Nothing) },
    known("json", HelperForm::Inline, (1, 1), ArgumentNeed::Given),
    known("len", HelperForm::Inline, (1, 1), ArgumentNeed::Items),
    known("lookup", HelperForm::Inline, (2, 2), ArgumentNeed::Nothing),
    known("lt", HelperForm::Both, (2, 2), ArgumentNeed::Filled),
    known("lte", HelperForm::Both, (2, 2), ArgumentNeed::Filled),
    known("ne", HelperForm::Both, (2, 2), ArgumentNeed::Given),
    known("not", HelperForm::Both, (1, 1), ArgumentNeed::Nothing),
    known("or", HelperForm::Both, (1, usize::MAX), ArgumentNeed::Nothing),
    known("raw", HelperForm::Block, (0, 0), ArgumentNeed::Nothing),
    Known {
        option: Some("includeZero"),
        ..known("unless", HelperForm::Block, (1, 1), ArgumentNeed::Nothing)
    },
    known("with", HelperForm::Block, (1, 1), ArgumentNeed::Truthy),
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
        form: HelperForm,
        arguments: usize,
        mut options: impl Iterator<Item = &'a String>,
    ) -> Result<(), String> {
        let name = self.name;
        let (fewest, most) = self.arguments;
        match (self.form, form) {
            (HelperForm::Block, HelperForm::Inline) => {
                return Err(format!("`{name}` is a block: it starts with # and ends with /{name}"));
            }
            (HelperForm::Inline, HelperForm::Block) => {
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
