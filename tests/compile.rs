//! User programs that must build and run (`ui/pass`), and programs that must be refused with a message that names the
//! culprit at the user's line (`ui/refused` by `cargo check`; `ui/refused_late` not before `cargo build`).
//!
//! A refused program marks the line of the culprit with `//~` and words that the message must have; every compiler is
//! held to that. The whole messages, in the `.stderr` files, are those of one compiler and compared with that one only.
//! `TRYBUILD=overwrite cargo test --test compile` writes them anew; read what it wrote.

use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::env;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The compiler whose words are in the `.stderr` files.
const PINNED_COMPILER: &str = "rustc 1.95.";

/// One set of cases, so that the dependencies are built once.
#[test]
fn user_programs_build_and_run_and_refused_ones_say_what_is_pinned() -> io::Result<()> {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass/*.rs");
    let compiler = compiler();
    if compiler.starts_with(PINNED_COMPILER) {
        cases.compile_fail("tests/ui/refused/*.rs");
        return Ok(());
    }
    // Past the harness, which would keep it to itself.
    writeln!(io::stderr(), "SKIPPED: the messages are pinned for {PINNED_COMPILER}x and not compared by {compiler}")
}

/// By `cargo check`, and so in editors too.
#[test]
fn refused_programs_name_the_culprit_at_its_line() {
    let programs = programs("tests/ui/refused");
    let verdicts = compile("check", "refused", &programs);
    none_of(programs.iter().filter_map(|program| {
        program.complaint(&verdicts[&program.name], |message| message.lines.contains(&program.line))
    }));
}

/// These errors have no place in the user's code, only notes beside them do.
#[test]
fn programs_refused_late_are_refused_by_a_build() {
    let programs = programs("tests/ui/refused_late");
    let checked = compile("check", "refused_late", &programs);
    let built = compile("build", "refused_late", &programs);
    let complaint = |program: &Program| {
        if !checked[&program.name].accepted {
            return Some(format!("{} is refused early: it belongs to `refused`", program.name));
        }
        program.complaint(&built[&program.name], |_| true)
    };
    none_of(programs.iter().filter_map(complaint));
}

#[track_caller]
fn none_of(complaints: impl Iterator<Item = String>) {
    let complaints: Vec<String> = complaints.collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n\n"));
}

fn compiler() -> String {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("--version").output().expect("the compiler can be asked for its version");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

// ---------------------------------------------------------------------------------------------- programs

/// A program that must be refused.
struct Program {
    name: String,
    path: PathBuf,
    /// The line with the mark, from 1.
    line: u64,
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
    fn complaint(&self, verdict: &Verdict, in_place: impl Fn(&Message) -> bool) -> Option<String> {
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

fn programs(folder: &str) -> Vec<Program> {
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
struct Verdict {
    accepted: bool,
    messages: Vec<Message>,
}

struct Message {
    is_error: bool,
    /// The lines that the message itself is about, not those of its notes.
    lines: HashSet<u64>,
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

/// Compiles all programs at once, as binaries of a package made for it, whose dependencies are locked as ours are.
fn compile(command: &str, package: &str, programs: &[Program]) -> HashMap<String, Verdict> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(package);
    fs::create_dir_all(&folder).expect("a folder for the package");
    fs::write(folder.join("Cargo.toml"), manifest(package, root, programs)).expect("the manifest");
    fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock")).expect("the lock file");

    let output = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args([command, "--offline", "--keep-going", "--message-format=json"])
        .arg("--target-dir")
        .arg(Path::new(env!("CARGO_TARGET_TMPDIR")).join("refused_target"))
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
