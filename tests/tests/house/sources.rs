//! The source files of the workspace, as modules that the compiler would see without tests.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use sluice_tests::sluice::root;
use syn::{Attribute, Item, UseTree, Visibility};

/// A crate of the workspace: a library or a program, with its modules by their paths (the root's is empty).
pub(crate) struct Crate {
    /// The folder of the root file, from the root of the repository.
    pub(crate) folder: String,
    pub(crate) modules: BTreeMap<Vec<String>, Module>,
}

/// A module that has a file of its own.
pub(crate) struct Module {
    /// From the root of the repository.
    pub(crate) file: String,
    pub(crate) items: Vec<Item>,
    /// The text of the file.
    pub(crate) text: String,
}

/// Reads every crate of the workspace.
pub(crate) fn crates() -> Vec<Crate> {
    let mut found: Vec<Crate> = root_files().iter().map(|path| Crate::read(path)).collect();
    found.retain(|one| !one.modules.is_empty());
    assert!(found.len() > 5, "the crates are not where they are looked for");
    found
}

/// Finds `src/lib.rs`, `src/main.rs` and `src/bin/*` of every package.
fn root_files() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for manifest in manifests(root()) {
        let source = manifest.parent().unwrap().join("src");
        found.extend(["lib.rs", "main.rs"].map(|name| source.join(name)));
        for entry in fs::read_dir(source.join("bin")).into_iter().flatten() {
            let path = entry.unwrap().path();
            found.push(if path.is_dir() { path.join("main.rs") } else { path });
        }
    }
    found.retain(|path| path.exists());
    found
}

fn manifests(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            found.extend(manifests(&path));
        } else if name == "Cargo.toml" {
            found.push(path);
        }
    }
    found
}

impl Crate {
    fn read(root_file: &Path) -> Self {
        let folder = root_file.parent().unwrap();
        let mut one = Self { folder: from_root(folder), modules: BTreeMap::new() };
        one.add(root_file, folder, Vec::new());
        one
    }

    /// Adds the module in a file, whose own modules are in `folder`, and these.
    fn add(&mut self, file: &Path, folder: &Path, path: Vec<String>) {
        let text = fs::read_to_string(file).unwrap();
        let items =
            syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display())).items;
        for item in &items {
            let Item::Mod(module) = item else { continue };
            if module.content.is_some() || is_test(&module.attrs) {
                continue;
            }
            let name = module.ident.to_string();
            let flat = folder.join(format!("{name}.rs"));
            let file = if flat.exists() { flat } else { folder.join(&name).join("mod.rs") };
            let mut path = path.clone();
            path.push(name.clone());
            self.add(&file, &folder.join(name), path);
        }
        self.modules.insert(path, Module { file: from_root(file), items, text });
    }
}

fn from_root(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().to_string_lossy().into_owned()
}

/// Says whether something is compiled for tests only.
pub(crate) fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let name = attribute.path().get_ident().map(ToString::to_string).unwrap_or_default();
        let list = attribute.meta.require_list().map(|list| list.tokens.to_string()).unwrap_or_default();
        name == "test" || (name == "cfg" && list == "test")
    })
}

/// Returns the name that an item defines, and who may see it.
pub(crate) fn defined(item: &Item) -> Option<(String, &Visibility)> {
    let (name, visibility) = match item {
        Item::Struct(item) => (&item.ident, &item.vis),
        Item::Enum(item) => (&item.ident, &item.vis),
        Item::Union(item) => (&item.ident, &item.vis),
        Item::Trait(item) => (&item.ident, &item.vis),
        Item::Type(item) => (&item.ident, &item.vis),
        Item::Fn(item) => (&item.sig.ident, &item.vis),
        Item::Const(item) => (&item.ident, &item.vis),
        Item::Static(item) => (&item.ident, &item.vis),
        _ => return None,
    };
    Some((name.to_string(), visibility))
}

/// Takes a `use` apart: each path, and the name that it has here (`*` for all of them).
pub(crate) fn imports(tree: &UseTree) -> Vec<(Vec<String>, String)> {
    match tree {
        UseTree::Path(path) => {
            let below = imports(&path.tree);
            let named = |(mut rest, name): (Vec<String>, String)| {
                rest.insert(0, path.ident.to_string());
                (rest, name)
            };
            below.into_iter().map(named).collect()
        }
        UseTree::Name(name) if name.ident == "self" => vec![(Vec::new(), "self".to_owned())],
        UseTree::Name(name) => vec![(vec![name.ident.to_string()], name.ident.to_string())],
        UseTree::Rename(name) if name.ident == "self" => vec![(Vec::new(), name.rename.to_string())],
        UseTree::Rename(name) => vec![(vec![name.ident.to_string()], name.rename.to_string())],
        UseTree::Glob(_) => vec![(Vec::new(), "*".to_owned())],
        UseTree::Group(group) => group.items.iter().flat_map(imports).collect(),
    }
}
