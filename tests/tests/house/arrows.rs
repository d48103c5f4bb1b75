//! Which file takes names from which, read from the code: imports and paths, without tests.
//!
//! `mod` and `pub use` are wiring and no arrows; a name that comes through a `pub use` is taken from the file that
//! defines it. Paths inside of macros are seen where the macro's arguments are expressions.

use std::collections::{BTreeMap, BTreeSet};

use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{Expr, Item, ItemMod, ItemUse, Macro, Path, Token, Visibility};

use crate::sources::{Crate, defined, imports, is_test};

type ModulePath = Vec<String>;

/// From one module to another of the same crate, with the names taken.
pub(crate) type Arrows = BTreeMap<(ModulePath, ModulePath), BTreeSet<String>>;

/// How deep a name may be handed on by `pub use` before it counts as not found.
const DEPTH: usize = 8;

/// What a path leads to.
enum Found {
    Module,
    /// A name that the module defines.
    Name(ModulePath, String),
}

/// Reads the arrows between the modules of a crate.
pub(crate) fn arrows(one: &Crate) -> Arrows {
    let names = Names::new(one);
    let mut found = Arrows::new();
    for (path, module) in &one.modules {
        let mut taker = Taker { names: &names, path, found: &mut found };
        for item in &module.items {
            taker.visit_item(item);
        }
    }
    found
}

/// Finds the circles: sets of modules of which each takes, through others, from each.
pub(crate) fn circles(arrows: &Arrows) -> Vec<Vec<ModulePath>> {
    let mut targets: BTreeMap<&ModulePath, Vec<&ModulePath>> = BTreeMap::new();
    for (from, to) in arrows.keys() {
        targets.entry(from).or_default().push(to);
    }
    let reached: BTreeMap<&ModulePath, BTreeSet<&ModulePath>> =
        targets.keys().map(|from| (*from, reachable(from, &targets))).collect();
    let mut found: Vec<Vec<ModulePath>> = Vec::new();
    for (from, to) in &reached {
        if !to.contains(*from) || found.iter().any(|circle| circle.contains(from)) {
            continue;
        }
        let back = |other: &&&ModulePath| reached.get(**other).is_some_and(|reached| reached.contains(*from));
        found.push(to.iter().filter(back).map(|path| (*path).clone()).collect());
    }
    found
}

fn reachable<'a>(
    from: &'a ModulePath,
    targets: &BTreeMap<&'a ModulePath, Vec<&'a ModulePath>>,
) -> BTreeSet<&'a ModulePath> {
    let (mut seen, mut next) = (BTreeSet::new(), vec![from]);
    while let Some(module) = next.pop() {
        for target in targets.get(module).into_iter().flatten() {
            if seen.insert(*target) {
                next.push(*target);
            }
        }
    }
    seen
}

/// What each module defines and brings in.
struct Names<'a> {
    one: &'a Crate,
    defined: BTreeMap<&'a ModulePath, BTreeSet<String>>,
    /// By module: the path of each import, and its name there.
    imports: BTreeMap<&'a ModulePath, Vec<(ModulePath, String)>>,
}

impl<'a> Names<'a> {
    fn new(one: &'a Crate) -> Self {
        let (mut all_defined, mut all_imports) = (BTreeMap::new(), BTreeMap::new());
        for (path, module) in &one.modules {
            let names: BTreeSet<String> =
                module.items.iter().filter_map(|item| Some(defined(item)?.0)).collect();
            all_defined.insert(path, names);
            let mut collector = ImportCollector::default();
            for item in &module.items {
                collector.visit_item(item);
            }
            all_imports.insert(path, collector.0);
        }
        Self { one, defined: all_defined, imports: all_imports }
    }

    /// Follows a path as it is written in a module. `None`: it leads out of the crate, or nowhere that is known.
    fn resolve(&self, at: &ModulePath, path: &[String], depth: usize) -> Option<Found> {
        let (first, rest) = path.split_first()?;
        match first.as_str() {
            "crate" => self.inside(&Vec::new(), rest, depth),
            "self" => self.inside(at, rest, depth),
            "super" => {
                let parent = at.split_last()?.1.to_vec();
                match rest.first().map(String::as_str) {
                    Some("super") => self.resolve(&parent, rest, depth),
                    _ => self.inside(&parent, rest, depth),
                }
            }
            _ => self.inside(at, path, depth),
        }
    }

    /// Follows a path that begins inside of a module.
    fn inside(&self, at: &ModulePath, path: &[String], depth: usize) -> Option<Found> {
        let Some((first, rest)) = path.split_first() else {
            return self.one.modules.contains_key(at).then_some(Found::Module);
        };
        let mut child = at.clone();
        child.push(first.clone());
        if self.one.modules.contains_key(&child) {
            return self.inside(&child, rest, depth);
        }
        if self.defined.get(at)?.contains(first) {
            return Some(Found::Name(at.clone(), first.clone()));
        }
        let below = depth.checked_sub(1)?;
        for (import, name) in self.imports.get(at)? {
            if name != first && name != "*" {
                continue;
            }
            let mut whole = import.clone();
            if name == "*" {
                whole.push(first.clone());
            }
            whole.extend(rest.iter().cloned());
            if whole != path
                && let Some(found) = self.resolve(at, &whole, below)
            {
                return Some(found);
            }
        }
        None
    }
}

/// Collects every import of a module, that of functions included.
#[derive(Default)]
struct ImportCollector(Vec<(ModulePath, String)>);

impl<'ast> Visit<'ast> for ImportCollector {
    fn visit_item_mod(&mut self, _: &'ast ItemMod) {}

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        for (path, name) in imports(&item.tree) {
            let name = if name == "self" { path.last().cloned().unwrap_or_default() } else { name };
            self.0.push((path, name));
        }
    }
}

/// Notes what a module takes.
struct Taker<'a, 'n> {
    names: &'a Names<'n>,
    path: &'a ModulePath,
    found: &'a mut Arrows,
}

impl Taker<'_, '_> {
    fn take(&mut self, path: &[String]) {
        if let Some(Found::Name(module, name)) = self.names.resolve(self.path, path, DEPTH)
            && module != *self.path
        {
            self.found.entry((self.path.clone(), module)).or_default().insert(name);
        }
    }
}

impl<'ast> Visit<'ast> for Taker<'_, '_> {
    fn visit_item(&mut self, item: &'ast Item) {
        let attributes = match item {
            Item::Mod(item) => &item.attrs,
            Item::Fn(item) => &item.attrs,
            Item::Impl(item) => &item.attrs,
            Item::Use(item) => &item.attrs,
            Item::Struct(item) => &item.attrs,
            Item::Const(item) => &item.attrs,
            _ => return visit::visit_item(self, item),
        };
        if !is_test(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        if matches!(item.vis, Visibility::Inherited) {
            for (path, _) in imports(&item.tree) {
                self.take(&path);
            }
        }
    }

    fn visit_path(&mut self, path: &'ast Path) {
        let whole: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.take(&whole);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, found: &'ast Macro) {
        let arguments = found.parse_body_with(Punctuated::<Expr, Token![,]>::parse_terminated);
        for argument in arguments.iter().flatten() {
            self.visit_expr(argument);
        }
        visit::visit_macro(self, found);
    }
}
