//! The order of the house: folders of `src` are floors, and a file refers to lower floors only, not to a neighbour or
//! to what is above it. Every file opens with what it is for, and none is too long to be read.
//!
//! The reader looks at tokens, so comments and texts do not count; code for tests (`#[cfg(test)]`) may look anywhere.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What stands directly below `src`, and how high. `lib.rs` only gives names.
const FLOORS: &[(&str, u32)] = &[
    ("sync", 0),
    ("error", 0),
    ("report", 0),
    ("state", 1),
    ("wire", 1),
    ("memfd", 1),
    ("task", 2),
    ("ring", 2),
    ("pool", 3),
    ("process", 3),
    ("executor", 4),
    ("shared_memory", 4),
    ("queue", 4),
    ("threading", 4),
    ("conformance", 5),
];

/// A file of the library is split before it is longer than this.
const MOST_LINES: usize = 700;
/// From here on it is worth a thought.
const MANY_LINES: usize = 500;

#[test]
fn no_file_refers_to_its_own_level_or_above() {
    let names = names_at_the_root(&read(&root().join("src/lib.rs")));
    let mut complaints = Vec::new();
    let mut references = 0;
    for file in rust_files("src") {
        if file != Path::new("src/lib.rs") {
            let house = House { names: &names, file: &file };
            let found = house.references(&read(&root().join(&file)));
            references += found.len();
            complaints.extend(found.iter().filter_map(|reference| house.complaint(reference)));
        }
    }
    assert!(references > 100, "the reader found only {references} references between modules: it does not read");
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn the_root_only_gives_names() {
    let items = tokens(&read(&root().join("src/lib.rs")));
    let words = ["fn", "struct", "enum", "trait", "impl", "static", "const", "macro_rules"];
    let defined: Vec<String> = flat(items).filter(|word| words.contains(&word.as_str())).collect();
    assert!(defined.is_empty(), "lib.rs defines something: {defined:?}");
}

#[test]
fn every_file_says_what_it_is_for() {
    let files =
        ["src", "tests", "examples", "benches", "fuzz/fuzz_targets", "loom_tests"].into_iter().flat_map(rust_files);
    let silent: Vec<PathBuf> = files.filter(|file| !read(&root().join(file)).starts_with("//! ")).collect();
    assert!(silent.is_empty(), "no `//!` in the first line of {silent:?}");
}

#[test]
fn no_file_of_the_library_is_too_long() {
    let lengths = rust_files("src").into_iter().map(|file| (read(&root().join(&file)).lines().count(), file));
    let long: Vec<(usize, PathBuf)> = lengths.filter(|(lines, _)| *lines > MANY_LINES).collect();
    for (lines, file) in &long {
        println!("{}: {lines} lines; does it hold two ideas?", file.display());
    }
    let too_long: Vec<_> = long.iter().filter(|(lines, _)| *lines > MOST_LINES).collect();
    assert!(too_long.is_empty(), "more than {MOST_LINES} lines: {too_long:?}");
}

// ---------------------------------------------------------------------------------------------- files

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The sources below a folder, sorted, as paths from the package's root. None, if there is no such folder.
fn rust_files(folder: impl AsRef<Path>) -> Vec<PathBuf> {
    let folder = folder.as_ref();
    let mut files = Vec::new();
    for entry in fs::read_dir(root().join(folder)).into_iter().flatten() {
        let entry = entry.expect("a readable entry");
        let path = folder.join(entry.file_name());
        if entry.file_type().expect("a kind of entry").is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|end| end == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

// ---------------------------------------------------------------------------------------------- references

/// A place that names something at the crate's root.
struct Reference {
    line: usize,
    /// The first part of the path, from the root.
    name: String,
    /// In a macro that expands in the user's crate, where only the public names are.
    by_users: bool,
}

/// A file in its place.
struct House<'a> {
    /// Where the names that `lib.rs` gives come from.
    names: &'a HashMap<String, String>,
    /// From the package's root.
    file: &'a Path,
}

impl House<'_> {
    /// The file's module path from the crate's root.
    fn modules(&self) -> Vec<String> {
        let path = self.file.strip_prefix("src").expect("a file of the library").with_extension("");
        let parts = path.iter().map(|part| part.to_string_lossy().into_owned());
        parts.filter(|part| part != "mod").collect()
    }

    fn references(&self, text: &str) -> Vec<Reference> {
        let mut found = Vec::new();
        read_items(tokens(text), self.modules().len(), &mut found);
        found
    }

    fn complaint(&self, reference: &Reference) -> Option<String> {
        let Reference { line, name, by_users } = reference;
        let own = &self.modules()[0];
        let place = format!("{}:{line}: refers to `{name}`", self.file.display());
        let Some(own_floor) = floor(own) else {
            return Some(format!("{place}, but `{own}` itself has no floor in tests/floors.rs"));
        };
        let module = self.names.get(name).unwrap_or(name);
        match floor(module) {
            _ if module == own => None,
            Some(floor) if floor < own_floor => None,
            Some(floor) => Some(format!("{place} on floor {floor}, from floor {own_floor}")),
            None if *by_users => None,
            None => Some(format!("{place}, which is on no floor")),
        }
    }
}

fn floor(module: &str) -> Option<u32> {
    FLOORS.iter().find(|(name, _)| *name == module).map(|(_, floor)| *floor)
}

/// `pub use crate::task::{Future, wait}` at the root: whoever says `crate::Future` means `task`.
fn names_at_the_root(text: &str) -> HashMap<String, String> {
    let words: Vec<TokenTree> = tokens(text).into_iter().collect();
    let mut names = HashMap::new();
    for at in 0..words.len() {
        if !is_word(words.get(at), "crate") || !is_path(&words[at + 1..]) {
            continue;
        }
        if let (Some(TokenTree::Ident(module)), Some(TokenTree::Group(group))) = (words.get(at + 3), words.get(at + 6))
        {
            names.extend(flat(group.stream()).map(|name| (name, module.to_string())));
        }
    }
    names
}

// ---------------------------------------------------------------------------------------------- tokens

fn tokens(text: &str) -> TokenStream {
    text.parse().expect("a source that the compiler takes")
}

/// All words, however deep.
fn flat(stream: TokenStream) -> Box<dyn Iterator<Item = String>> {
    Box::new(stream.into_iter().flat_map(|token| match token {
        TokenTree::Group(group) => flat(group.stream()),
        TokenTree::Ident(word) => Box::new(std::iter::once(word.to_string())) as Box<dyn Iterator<Item = String>>,
        _ => Box::new(std::iter::empty()),
    }))
}

fn is_word(token: Option<&TokenTree>, word: &str) -> bool {
    matches!(token, Some(TokenTree::Ident(ident)) if ident == word)
}

fn is_sign(token: Option<&TokenTree>, sign: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == sign)
}

/// `::` comes next.
fn is_path(rest: &[TokenTree]) -> bool {
    is_sign(rest.first(), ':') && is_sign(rest.get(1), ':')
}

/// Notes what the code of a module refers to at the crate's root, `depth` modules above it.
fn read_items(stream: TokenStream, depth: usize, found: &mut Vec<Reference>) {
    let words: Vec<TokenTree> = stream.into_iter().collect();
    let mut at = 0;
    while at < words.len() {
        let rest = &words[at..];
        match &rest[0] {
            TokenTree::Punct(sign) if sign.as_char() == '#' && is_for_tests(rest.get(1)) => {
                at += length_of_item(rest);
                continue;
            }
            TokenTree::Ident(word) if word == "crate" && is_path(&rest[1..]) => {
                let by_users = at > 0 && is_sign(words.get(at - 1), '$');
                read_path(&rest[3..], 0, by_users, found);
            }
            TokenTree::Ident(word) if word == "super" && !(at > 1 && is_path(&words[at - 2..at])) => {
                read_path(rest, depth, false, found);
            }
            TokenTree::Group(group) => {
                let is_module = at > 1 && is_word(words.get(at - 2), "mod") && is_block(group);
                read_items(group.stream(), depth + usize::from(is_module), found);
            }
            _ => {}
        }
        at += 1;
    }
}

/// Reads on from `above` modules below the root: `super`s climb, the name at the root is noted, groups are followed.
fn read_path(path: &[TokenTree], above: usize, by_users: bool, found: &mut Vec<Reference>) {
    match path.first() {
        Some(TokenTree::Ident(word)) if word == "super" && is_path(&path[1..]) => {
            read_path(&path[3..], above.saturating_sub(1), by_users, found);
        }
        Some(TokenTree::Ident(word)) if above == 0 => {
            found.push(Reference { line: word.span().start().line, name: word.to_string(), by_users });
        }
        Some(TokenTree::Punct(star)) if above == 0 && star.as_char() == '*' => {
            found.push(Reference { line: star.span().start().line, name: "*".to_owned(), by_users });
        }
        Some(TokenTree::Group(group)) if is_block(group) => {
            let inside: Vec<TokenTree> = group.stream().into_iter().collect();
            for path in inside.split(|token| is_sign(Some(token), ',')) {
                read_path(path, above, by_users, found);
            }
        }
        _ => {}
    }
}

fn is_block(group: &Group) -> bool {
    group.delimiter() == Delimiter::Brace
}

/// `[cfg(test)]`, or with `test` among what `all` asks for.
fn is_for_tests(attribute: Option<&TokenTree>) -> bool {
    fn asks_for_test(words: TokenStream) -> bool {
        let words: Vec<TokenTree> = words.into_iter().collect();
        (0..words.len()).any(|at| match &words[at] {
            TokenTree::Ident(word) => word == "test",
            TokenTree::Group(group) => at > 0 && is_word(words.get(at - 1), "all") && asks_for_test(group.stream()),
            _ => false,
        })
    }
    let Some(TokenTree::Group(group)) = attribute else {
        return false;
    };
    let words: Vec<TokenTree> = group.stream().into_iter().collect();
    match &words[..] {
        [TokenTree::Ident(cfg), TokenTree::Group(condition)] => cfg == "cfg" && asks_for_test(condition.stream()),
        _ => false,
    }
}

/// Up to the end of the item: its semicolon or its block.
fn length_of_item(rest: &[TokenTree]) -> usize {
    let is_end = |token: &TokenTree| match token {
        TokenTree::Group(group) => is_block(group),
        token => is_sign(Some(token), ';'),
    };
    rest.iter().position(is_end).map_or(rest.len(), |end| end + 1)
}

// ---------------------------------------------------------------------------------------------- the reader itself

/// The lines at which the reader complains about a made-up file.
fn complaints(file: &str, text: &str) -> Vec<String> {
    let names = names_at_the_root("pub use crate::task::{Future, wait}; pub use crate::executor::{Scope};");
    let house = House { names: &names, file: Path::new(file) };
    house.references(text).iter().filter_map(|reference| house.complaint(reference)).collect()
}

#[test]
fn the_reader_finds_what_is_planted() {
    let planted = [
        ("src/wire/job.rs", "use std::fmt;\nuse crate::state::Lifecycle;", "src/wire/job.rs:2: refers to `state`"),
        ("src/state/mod.rs", "use crate::{\n    error::X,\n    wire::Job,\n};", "src/state/mod.rs:3: refers to `wire`"),
        ("src/sync/mod.rs", "use crate::error::TaskError;", "src/sync/mod.rs:1: refers to `error`"),
        ("src/error.rs", "fn f() { super::sync::spin() }", "src/error.rs:1: refers to `sync`"),
        ("src/task/run.rs", "fn f() -> crate::pool::Stats { todo!() }", "src/task/run.rs:1: refers to `pool`"),
        ("src/task/run.rs", "use super::super::{state::X, pool::Y};", "src/task/run.rs:1: refers to `pool`"),
        (
            "src/task/run.rs",
            "mod inner {\n use super::super::super::pool::Y;\n}",
            "src/task/run.rs:2: refers to `pool`",
        ),
        ("src/pool/a/b.rs", "use super::{super::super::executor::Z, c};", "src/pool/a/b.rs:1: refers to `executor`"),
        (
            "src/pool/slot.rs",
            "macro_rules! m { () => { $crate::executor::f() }; }",
            "src/pool/slot.rs:1: refers to `executor`",
        ),
        ("src/state/crew.rs", "type F = crate::Future<u8>;", "src/state/crew.rs:1: refers to `Future`"),
        ("src/state/crew.rs", "use crate::*;", "src/state/crew.rs:1: refers to `*`"),
        ("src/state/crew.rs", "use crate::unheard_of::X;", "src/state/crew.rs:1: refers to `unheard_of`"),
        ("src/state/crew.rs", "#[cfg(not(test))]\nuse crate::task::X;", "src/state/crew.rs:2: refers to `task`"),
        ("src/state/crew.rs", "#[cfg(test)]\nmod tests;\nuse crate::task::X;", "src/state/crew.rs:3: refers to `task`"),
        ("src/attic/mod.rs", "use crate::sync::X;", "src/attic/mod.rs:1: refers to `sync`"),
    ];
    for (file, text, expected) in planted {
        let found = complaints(file, text);
        assert_eq!(found.len(), 1, "{file}: {text}: {found:?}");
        assert!(found[0].starts_with(expected), "{expected}: {found:?}");
    }
}

#[test]
fn the_reader_lets_the_rest_pass() {
    let allowed = [
        ("src/pool/slot.rs", "use crate::error::X;\nuse crate::{state::Y, task, sync::{self, Z}};\nuse super::worker;"),
        ("src/pool/a/b.rs", "pub(in super::super) struct S; use super::super::shared::T; use crate::pool::U;"),
        ("src/executor/scope.rs", "fn f(x: crate::Future<u8>) -> crate::Scope { crate::wait(x) }"),
        (
            "src/task/wait.rs",
            "//! [`crate::Executor`]\n/// [`crate::pool::Stats`]\nfn f() { g(\"crate::pool\") } // crate::pool",
        ),
        (
            "src/task/wait.rs",
            "#[cfg(test)]\nuse crate::pool::Stats;\n#[cfg(all(test, not(loom)))]\nmod tests { use crate::pool; }",
        ),
        ("src/wire/macros.rs", "macro_rules! call { () => { $crate::__private::make($crate::call!()) }; }"),
    ];
    for (file, text) in allowed {
        assert_eq!(complaints(file, text), Vec::<String>::new(), "{file}: {text}");
    }
}
