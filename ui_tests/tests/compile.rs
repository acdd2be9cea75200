//! User programs that must build and run (`pass`), and programs that must be refused with a message that names the
//! culprit at the user's line (`refused` by `cargo check`; `refused_late` not before `cargo build`).
//!
//! Beside what the programs themselves ask for, the whole messages are compared, which are in the `.stderr` files. They
//! are those of one compiler and compared with that one only. `TRYBUILD=overwrite cargo test -p ui_tests` writes them
//! anew; read what it wrote.

use std::env;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::Command;
use ui_tests::{Program, compile, programs};

/// The compiler whose words are in the `.stderr` files.
const PINNED_COMPILER: &str = "rustc 1.95.";

/// One set of cases, so that the dependencies are built once.
#[test]
fn user_programs_build_and_run_and_refused_ones_say_what_is_pinned() -> io::Result<()> {
    let cases = trybuild::TestCases::new();
    cases.pass("pass/*.rs");
    let compiler = compiler();
    if compiler.starts_with(PINNED_COMPILER) {
        cases.compile_fail("refused/*.rs");
        return Ok(());
    }
    // Past the harness, which would keep it to itself.
    writeln!(io::stderr(), "SKIPPED: the messages are pinned for {PINNED_COMPILER}x and not compared by {compiler}")
}

/// By `cargo check`, and so in editors too.
#[test]
fn refused_programs_name_the_culprit_at_its_line() {
    let programs = programs("refused");
    let verdicts = compile("check", scratch(), "refused", &programs);
    none_of(programs.iter().filter_map(|program| {
        program.complaint(&verdicts[&program.name], |message| message.lines.contains(&program.line))
    }));
}

/// These errors have no place in the user's code, only notes beside them do.
#[test]
fn programs_refused_late_are_refused_by_a_build() {
    let programs = programs("refused_late");
    let checked = compile("check", scratch(), "refused_late", &programs);
    let built = compile("build", scratch(), "refused_late", &programs);
    let complaint = |program: &Program| {
        if !checked[&program.name].accepted {
            return Some(format!("{} is refused early: it belongs to `refused`", program.name));
        }
        program.complaint(&built[&program.name], |_| true)
    };
    none_of(programs.iter().filter_map(complaint));
}

fn scratch() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
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
