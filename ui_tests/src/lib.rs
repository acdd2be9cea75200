//! Programs that the compiler must refuse, and what it said of them.
//!
//! Such a program marks the line of the culprit with `//~` and words that the message must have; every compiler is held
//! to that.

use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

// ---------------------------------------------------------------------------------------------- programs

/// A program that must be refused.
pub struct Program {
    /// That of its file, without the ending.
    pub name: String,
    path: PathBuf,
    /// The line with the mark, from 1.
    pub line: u64,
    /// What stands behind the mark.
    words: String,
}

impl Program {
    fn read(path: PathBuf) -> Self {
        let text = fs::read_to_string(&path).expect("a program can be read");
        let mut marks = (1..).zip(text.lines()).filter_map(|(number, line)| Some((number, line.split_once("//~")?.1)));
        let (line, words) = marks.next().unwrap_or_else(|| panic!("{} has no `//~` mark", path.display()));
        assert!(marks.next().is_none(), "{} has several `//~` marks", path.display());
        let name = path.file_stem().and_then(|name| name.to_str()).expect("a program has a name").to_owned();
        Program { line, words: words.trim().to_owned(), name, path }
    }

    /// `None`: it was refused, by an error at the right place and with the right words.
    pub fn complaint(&self, verdict: &Verdict, in_place: impl Fn(&Message) -> bool) -> Option<String> {
        let Program { name, line, words, .. } = self;
        if verdict.accepted {
            return Some(format!("{name} compiles, and must not"));
        }
        let fits = |message: &Message| message.is_error && in_place(message) && message.text.contains(words);
        if verdict.messages.iter().any(fits) {
            return None;
        }
        let said: Vec<String> = verdict.messages.iter().map(ToString::to_string).collect();
        Some(format!("{name}: no error at line {line} says `{words}`, but:\n{}", said.join("\n")))
    }
}

/// The programs in a folder of this package.
pub fn programs(folder: &str) -> Vec<Program> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = fs::read_dir(&folder).expect("the programs are there").map(|entry| entry.expect("readable").path());
    let programs: Vec<Program> =
        entries.filter(|path| path.extension().is_some_and(|end| end == "rs")).map(Program::read).collect();
    assert!(!programs.is_empty(), "no programs in {}", folder.display());
    programs
}

// ---------------------------------------------------------------------------------------------- compiling

/// What the compiler said of a program.
#[derive(Default)]
pub struct Verdict {
    /// It compiles.
    pub accepted: bool,
    messages: Vec<Message>,
}

/// One of the compiler's messages.
pub struct Message {
    is_error: bool,
    /// The lines that the message itself is about, not those of its notes.
    pub lines: HashSet<u64>,
    /// Everything that it says, notes and labels included; no source text, which has the mark in it.
    text: String,
}

impl std::fmt::Display for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "  at {:?}: {}", self.lines, self.text.replace('\n', "\n    "))
    }
}

impl Message {
    fn new(diagnostic: &Value) -> Self {
        let spans = diagnostic["spans"].as_array().into_iter().flatten();
        let lines = spans.filter(|span| span["is_primary"] == true).filter_map(line_of_user);
        let mut text = String::new();
        collect_text(diagnostic, &mut text);
        Message { is_error: diagnostic["level"] == "error", lines: lines.collect(), text }
    }
}

/// A place inside a macro counts as the place of its call.
fn line_of_user(mut span: &Value) -> Option<u64> {
    while span["expansion"].is_object() {
        span = &span["expansion"]["span"];
    }
    span["line_start"].as_u64()
}

fn collect_text(diagnostic: &Value, text: &mut String) {
    let list = |key: &str| diagnostic[key].as_array().into_iter().flatten();
    let labels = list("spans").map(|span| &span["label"]);
    for said in std::iter::once(&diagnostic["message"]).chain(labels).filter_map(Value::as_str) {
        text.push_str(said);
        text.push('\n');
    }
    list("children").for_each(|child| collect_text(child, text));
}

/// Compiles all programs at once, as binaries of a package made for it in `scratch`, whose dependencies are locked as
/// ours are. `command` is cargo's, `check` or `build`.
pub fn compile(command: &str, scratch: &Path, package: &str, programs: &[Program]) -> HashMap<String, Verdict> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folder = scratch.join(package);
    fs::create_dir_all(&folder).expect("a folder for the package");
    fs::write(folder.join("Cargo.toml"), manifest(package, &root, programs)).expect("the manifest");
    fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock")).expect("the lock file");

    let output = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args([command, "--offline", "--keep-going", "--message-format=json"])
        .arg("--target-dir")
        .arg(scratch.join("refused_target"))
        .current_dir(&folder)
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .output()
        .expect("cargo runs");

    let mut verdicts: HashMap<String, Verdict> =
        programs.iter().map(|program| (program.name.clone(), Verdict::default())).collect();
    let messages = output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    for message in messages.map(|line| serde_json::from_slice::<Value>(line).expect("cargo speaks JSON")) {
        let verdict = message["target"]["name"].as_str().and_then(|name| verdicts.get_mut(name));
        match (message["reason"].as_str(), verdict) {
            (Some("compiler-artifact"), Some(verdict)) => verdict.accepted = true,
            (Some("compiler-message"), Some(verdict)) => verdict.messages.push(Message::new(&message["message"])),
            _ => {}
        }
    }
    for (name, verdict) in &verdicts {
        let silent = !verdict.accepted && verdict.messages.is_empty();
        assert!(!silent, "{name} was not compiled: {}", String::from_utf8_lossy(&output.stderr));
    }
    verdicts
}

fn manifest(package: &str, root: &Path, programs: &[Program]) -> String {
    let root = root.display();
    let mut manifest = format!(
        "[workspace]\n\
         [package]\nname = '{package}'\nversion = '0.0.0'\nedition = '2024'\n\
         [dependencies]\nconcurrent-futures = {{ path = '{root}' }}\nanyhow = '1'\n"
    );
    for Program { name, path, .. } in programs {
        manifest += &format!("[[bin]]\nname = '{name}'\npath = '{}'\n", path.display());
    }
    manifest
}
