//! The structure of the house: arrows that only run down, no circle of files, one name for one type.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod arrows;
mod floors;
mod sources;

use std::collections::BTreeMap;

use syn::{Item, Visibility};

use crate::arrows::{arrows, circles};
use crate::floors::{FLOORS, NAMESAKES};
use crate::sources::{Crate, Module, crates, defined, is_test};

#[track_caller]
fn assert_none(what: &str, found: &[String]) {
    assert!(found.is_empty(), "{what}:\n{}", found.join("\n"));
}

fn file<'a>(one: &'a Crate, path: &[String]) -> &'a str {
    one.modules.get(path).map_or("?", |module| &module.file)
}

#[test]
fn no_files_import_each_other() {
    let mut found = Vec::new();
    for one in crates() {
        let arrows = arrows(&one);
        for circle in circles(&arrows) {
            let inside = |path: &Vec<String>| circle.contains(path);
            found.push(format!("a circle of {} files", circle.len()));
            for ((from, to), names) in arrows.iter().filter(|((from, to), _)| inside(from) && inside(to)) {
                found.push(format!("  {} takes {names:?} from {}", file(&one, from), file(&one, to)));
            }
        }
    }
    assert_none("circles", &found);
}

/// Returns the floor of a module among floors of names, counted from the top; `None` for one that is in none of them.
fn floor(floors: &[&[&str]], inside: &str, path: &[String]) -> Option<(usize, String)> {
    let depth = if inside.is_empty() { 0 } else { inside.split("::").count() };
    if path.get(..depth)?.join("::") != inside {
        return None;
    }
    let room = path.get(depth)?;
    let level = floors.iter().position(|floor| floor.contains(&room.as_str()))?;
    Some((level, room.clone()))
}

#[test]
fn arrows_only_run_down() {
    let mut found = Vec::new();
    for one in crates() {
        let of_this = FLOORS.iter().filter(|floors| floors.folder == one.folder);
        for floors in of_this {
            for ((from, to), names) in arrows(&one) {
                let ends =
                    (floor(floors.rooms, floors.inside, &from), floor(floors.rooms, floors.inside, &to));
                let (Some((above, room)), Some((below, other))) = ends else { continue };
                if room != other && below <= above {
                    let (from, to) = (file(&one, &from), file(&one, &to));
                    found.push(format!(
                        "{from} takes {names:?} from {to}: `{room}` does not stand above `{other}`"
                    ));
                }
            }
        }
    }
    assert_none("arrows that run up, or to the side", &found);
}

#[test]
fn every_room_has_its_floor() {
    let crates = crates();
    let mut found = Vec::new();
    for floors in FLOORS {
        let one = crates.iter().find(|one| one.folder == floors.folder);
        let one = one.unwrap_or_else(|| panic!("{}: there is no such crate", floors.folder));
        let depth = if floors.inside.is_empty() { 0 } else { floors.inside.split("::").count() };
        let inside =
            |path: &&Vec<String>| path.len() == depth + 1 && path[..depth].join("::") == floors.inside;
        let rooms: Vec<&String> = one.modules.keys().filter(inside).map(|path| &path[depth]).collect();
        for room in &rooms {
            if floor(floors.rooms, floors.inside, &[&path_of(floors.inside)[..], &[(*room).clone()]].concat())
                .is_none()
            {
                found.push(format!("{}: `{room}` is in no floor", floors.folder));
            }
        }
        let gone =
            floors.rooms.iter().copied().flatten().filter(|room| !rooms.iter().any(|known| known == *room));
        found.extend(gone.map(|room| format!("{}: there is no `{room}`", floors.folder)));
    }
    assert_none("rooms and floors differ", &found);
}

fn path_of(inside: &str) -> Vec<String> {
    inside.split("::").filter(|part| !part.is_empty()).map(ToOwned::to_owned).collect()
}

/// The types of a module that another file can name.
fn visible_types(module: &Module) -> Vec<String> {
    let mut found = Vec::new();
    for item in &module.items {
        let attributes = match item {
            Item::Struct(item) => &item.attrs,
            Item::Enum(item) => &item.attrs,
            Item::Trait(item) => &item.attrs,
            Item::Type(item) => &item.attrs,
            _ => continue,
        };
        if let Some((name, visibility)) = defined(item)
            && !matches!(visibility, Visibility::Inherited)
            && !is_test(attributes)
        {
            found.push(name);
        }
    }
    found
}

#[test]
fn no_two_types_share_a_name() {
    let mut by_name: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for one in crates() {
        for module in one.modules.values() {
            for name in visible_types(module) {
                by_name.entry(name).or_default().push(module.file.clone());
            }
        }
    }
    let listed = |name: &str| NAMESAKES.iter().any(|(known, _)| *known == name);
    let several = by_name.iter().filter(|(name, files)| files.len() > 1 && !listed(name));
    let several: Vec<String> = several.map(|(name, files)| format!("{name}: {}", files.join(", "))).collect();
    assert_none("types that share a name", &several);
    let once = NAMESAKES.iter().filter(|(name, _)| by_name.get(*name).is_none_or(|files| files.len() < 2));
    let once: Vec<String> = once.map(|(name, _)| (*name).to_owned()).collect();
    assert_none("listed as a name that several types have", &once);
}

#[test]
fn every_file_says_what_it_is_for() {
    let mut found = Vec::new();
    for one in crates() {
        let silent = one.modules.values().filter(|module| !module.text.starts_with("//! "));
        found.extend(silent.map(|module| module.file.clone()));
    }
    assert_none("does not begin with a line that says what it is for", &found);
}
