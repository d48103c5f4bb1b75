//! Which key somebody meant who wrote one that is unknown where it stands, or where it belongs.

use serde_json::Value;

use crate::config::nearest::{alike, same, with_the_words};
use crate::config::places::{SchemaPlace, at};
use crate::config::yaml::{Content, Node};

/// Keys by which other tools name a plug-in.
const KINDS: [&str; 5] = ["type", "class", "kind", "name", "plugin"];
/// The parts of a file that hold plug-ins, whose keys are their own.
const PLUG_INS: [&str; 5] = ["sink", "transforms", "dead_letter_queue", "key", "value"];
/// What stands at the end of names that say in which unit a number counts.
const UNITS: [&str; 6] = ["_ms", ".ms", "_millis", "_secs", "_seconds", "_bytes"];
/// In a map of more keys nobody is looked for to whom one belongs.
const MAX_BESIDE: usize = 100;
/// How many places are offered for a key.
const MAX_PLACES: usize = 3;

/// What is said of settings that a transform has not.
pub(super) const BARE_TRANSFORM: &str =
    "there are no settings here; to which records it applies says a `predicate` beside it";

/// A key that is unknown where it stands.
pub(super) struct UnknownKey<'a> {
    pub(super) schema: &'a Value,
    /// The map that it stands in, by the keys that lead to it.
    pub(super) path: &'a [String],
    pub(super) map: &'a Node,
    pub(super) name: &'a str,
    /// What the map may have.
    pub(super) known: &'a [String],
}

impl<'a> UnknownKey<'a> {
    /// Says what was meant, or where it belongs.
    pub(super) fn hint(&self) -> String {
        let known: Vec<&str> = self.known.iter().map(String::as_str).collect();
        let did_you_mean = |near: &str| format!("did you mean `{near}`?");
        if self.name.chars().any(|character| character.is_whitespace() && !character.is_ascii()) {
            return "there is a space in it that is none of ASCII's; write it anew, with spaces before it"
                .to_owned();
        }
        self.place()
            .known_as(self.name)
            .or_else(|| same(self.name, &known))
            .map(did_you_mean)
            .or_else(|| self.place().instead_of(self.name).map(str::to_owned))
            .or_else(|| self.called_in_part().map(did_you_mean))
            .or_else(|| self.own_name())
            .or_else(|| self.plug_in())
            .or_else(|| self.beside())
            .or_else(|| self.above())
            .or_else(|| alike(self.name, &known).map(did_you_mean))
            .or_else(|| self.below())
            .or_else(|| self.elsewhere())
            .or_else(|| {
                choice(&with_the_words(self.name, &known)).map(|names| format!("did you mean {names}?"))
            })
            .or_else(|| self.elsewhere_as())
            .or_else(|| self.among_own_names())
            .unwrap_or_else(|| match known.as_slice() {
                [] if is_transform(self.path) => BARE_TRANSFORM.to_owned(),
                [] => "there are no settings here".to_owned(),
                known => format!("known are: {}", known.join(", ")),
            })
    }

    fn root(&self) -> SchemaPlace<'a> {
        SchemaPlace::new(self.schema)
    }

    fn place(&self) -> SchemaPlace<'a> {
        at(&self.root(), self.path)
    }

    /// Other tools write a section and its key as one name, and a unit behind it: `deadletterqueue.topic.name`, `timeout_ms`.
    fn called_in_part(&self) -> Option<&'a str> {
        let place = self.place();
        let without_unit = UNITS.iter().find_map(|unit| self.name.strip_suffix(unit));
        let name = without_unit.unwrap_or(self.name);
        let sections = name.match_indices('.').filter_map(|(dot, _)| name.get(..dot)).rev();
        std::iter::once(name).chain(sections).find_map(|name| place.known_as(name))
    }

    /// A connector is named by its file.
    fn own_name(&self) -> Option<String> {
        let is_name = self.path.is_empty() && self.name == "name" && self.root().names("source");
        is_name.then(|| {
            "the name of a connector is that of its file, without `.yaml`; leave this out".to_owned()
        })
    }

    /// It is the name of a plug-in, whose place is another.
    fn plug_in(&self) -> Option<String> {
        if !self.path.is_empty() {
            return None;
        }
        let root = self.root();
        if root.key("sink").names(self.name) && !root.key("source").names(self.name) {
            return Some("it belongs under `sink`".to_owned());
        }
        let is_transform = root.key("transforms").items().names(self.name);
        is_transform
            .then(|| format!("it is an item of the list `transforms`: write `- {}:` there", self.name))
    }

    /// It is of a key that stands beside it: often it is only not indented enough.
    fn beside(&self) -> Option<String> {
        let place = self.place();
        let keys = self.map.keys();
        if keys.len() > MAX_BESIDE {
            return None;
        }
        let owners = keys.into_iter().filter(|beside| *beside != self.name);
        let mut owners = owners.filter(|beside| place.names(beside) && place.key(beside).names(self.name));
        let owner = owners.next().filter(|_| owners.next().is_none())?;
        Some(format!("it belongs under `{}`", joined(self.path, owner)))
    }

    /// It is of a map that this one stands in.
    fn above(&self) -> Option<String> {
        for length in (0..self.path.len()).rev() {
            let (above, below) = self.path.split_at_checked(length)?;
            let child = below.first()?;
            // Within a part of a plug-in's settings, it is more likely a name of that part.
            let place = at(&self.root(), above);
            if place.names(self.name) && (self.path.len() <= 2 || self.fits(&place)) {
                return Some(match above {
                    [] => format!("it belongs at the top, beside `{child}`"),
                    _ => format!("it belongs beside `{child}`, not within it"),
                });
            }
        }
        None
    }

    /// It is of a map that may stand within this one.
    fn below(&self) -> Option<String> {
        if self.path.is_empty() {
            return None;
        }
        let mut sections = Vec::new();
        collect(&self.place(), &mut self.path.to_vec(), &mut sections);
        self.belongs_under(sections, MAX_PLACES)
    }

    /// It is of another part of the file. Which one is meant is not known where there are several.
    fn elsewhere(&self) -> Option<String> {
        let mut sections = Vec::new();
        collect(&self.root(), &mut Vec::new(), &mut sections);
        self.belongs_under(sections, 1)
    }

    /// It is of another part of the file, where it has another name.
    fn elsewhere_as(&self) -> Option<String> {
        let mut sections = Vec::new();
        collect(&self.place(), &mut self.path.to_vec(), &mut sections);
        collect(&self.root(), &mut Vec::new(), &mut sections);
        let named = sections.iter().filter_map(|section| {
            let key = at(&self.root(), section).known_as(self.name)?;
            Some(format!("`{}.{key}`", section.join(".")))
        });
        let mut named: Vec<String> = named.collect();
        named.dedup();
        match named.as_slice() {
            [] => None,
            some if some.len() > MAX_PLACES => None,
            some => Some(format!("what is called so elsewhere is {} here", some.join(" or "))),
        }
    }

    fn belongs_under(&self, mut sections: Vec<Vec<String>>, most: usize) -> Option<String> {
        let has = |place: SchemaPlace<'a>| place.names(self.name) && self.fits(&place);
        sections.retain(|section| has(at(&self.root(), section)));
        let least = sections.iter().map(Vec::len).min()?;
        sections.retain(|section| section.len() == least);
        if sections.len() > most {
            return None;
        }
        let names: Vec<String> = sections.iter().map(|section| section.join(".")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        choice(&names).map(|names| format!("it belongs under {names}"))
    }

    /// It is a name of the operator's own, which the map has a place for.
    fn among_own_names(&self) -> Option<String> {
        let key = self.place().own_names()?;
        let (under, known) = (joined(self.path, key), self.known.join(", "));
        let what = if key == "properties" { "properties of the client" } else { "names of your own" };
        Some(format!("{what} stand under `{under}`; known are: {known}"))
    }

    /// Says whether what stands behind the name could be a value of it at a place: a word is none of a plug-in's unless it names one.
    fn fits(&self, place: &SchemaPlace<'a>) -> bool {
        let below = place.key(self.name);
        let Content::Map(entries) = &self.map.content else { return true };
        let value =
            entries.iter().find(|(key, _)| key.name == self.name).and_then(|(_, value)| value.scalar());
        value.is_none_or(|value| below.keys().is_empty() || meant(&value.text, &below).is_some())
    }
}

/// Says how a plug-in is named, where a file names it by a key such as `type`.
pub(super) fn named_by_kind(name: &str, value: Option<&str>, place: &SchemaPlace<'_>) -> Option<String> {
    if !KINDS.contains(&name) {
        return None;
    }
    let value = value?;
    let plug_in = meant(value, place)?;
    Some(format!(
        "the key that holds its settings names it: write `{plug_in}: {{ ... }}` instead of `{name}: {value}`"
    ))
}

/// Returns the key of a map that a word stands for, however it is written.
pub(super) fn meant<'a>(word: &str, place: &SchemaPlace<'a>) -> Option<&'a str> {
    place.known_as(word).or_else(|| same(word, &place.keys()))
}

/// Says whether a path leads to the settings of a transform.
pub(super) fn is_transform(path: &[String]) -> bool {
    path.len() == 3 && path.first().is_some_and(|first| first == "transforms")
}

/// Writes names of which one is meant.
pub(super) fn choice(names: &[&str]) -> Option<String> {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last()? {
        (one, []) => Some(one.clone()),
        (last, others) => Some(format!("{} or {last}", others.join(", "))),
    }
}

fn joined(path: &[String], name: &str) -> String {
    let mut parts: Vec<&str> = path.iter().map(String::as_str).collect();
    parts.push(name);
    parts.join(".")
}

/// Lists the paths of all maps that hold no plug-in, but for the root.
fn collect(place: &SchemaPlace<'_>, path: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    for key in place.keys() {
        if PLUG_INS.contains(&key) {
            continue;
        }
        let below = place.key(key);
        path.push(key.to_owned());
        if !below.keys().is_empty() {
            found.push(path.clone());
            collect(&below, path, found);
        }
        path.pop();
    }
}
