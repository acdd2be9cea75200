//! Programs that are not Rust's: where a worker can begin all the same, and where the crate says that it cannot.
//!
//! They use `tests/launch_library`, which is built as a shared and as a static library, and are compiled by the
//! system's C compiler; where there is none, nothing is looked at here.

use crate::program::Folder;
use crate::support::watchdog;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// A host that links the library. With arguments: `init` calls that first, a path is the worker program.
const LINKS: &str = r#"
#include <string.h>
void cf_host_init(void);
void cf_host_try(const char *);
int main(int count, char **arguments) {
    const char *program = 0;
    for (int at = 1; at < count; at++) {
        if (!strcmp(arguments[at], "init")) cf_host_init(); else program = arguments[at];
    }
    cf_host_try(program);
    return 0;
}
"#;

/// What the linker puts behind the library, and so its constructor.
const LATE: &str = r#"
void cf_host_set(int);
__attribute__((constructor)) static void late(void) { cf_host_set(42); }
"#;

/// The same, if the constructor itself wants a worker, which wants one in its turn.
const LATE_TRY: &str = r#"
void cf_host_set(int);
void cf_host_try(const char *);
__attribute__((constructor)) static void late(void) { cf_host_try(0); cf_host_set(42); }
"#;

/// A host that loads the library while it runs.
const LOADS: &str = r#"
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
int main(int count, char **arguments) {
    void *library = dlopen(arguments[1], RTLD_NOW);
    if (!library) { puts(dlerror()); return 1; }
    const char *program = 0;
    for (int at = 2; at < count; at++) {
        if (!strcmp(arguments[at], "init")) ((void (*)(void))dlsym(library, "cf_host_init"))();
        else program = arguments[at];
    }
    ((void (*)(const char *))dlsym(library, "cf_host_try"))(program);
    return 0;
}
"#;

const NO_ENTRY: &str = "no worker: no worker entry in this program";

/// Where the libraries are; built if need be, as this test was.
fn libraries() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let own = std::env::current_exe().unwrap();
        let profile = own.parent().and_then(Path::parent).unwrap();
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--example", "launch_library", "--target-dir"]).arg(profile.parent().unwrap());
        if profile.ends_with("release") {
            cargo.arg("--release");
        }
        let built = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        profile.join("examples")
    })
}

/// A folder to compile hosts in; none, if there is no C compiler.
fn workshop(test: &str) -> Option<Folder> {
    if Command::new("cc").arg("--version").output().is_err() {
        println!("no C compiler here: not looked at");
        return None;
    }
    let folder = Folder::new(test);
    for (name, text) in [("links.c", LINKS), ("late.c", LATE), ("late_try.c", LATE_TRY), ("loads.c", LOADS)] {
        std::fs::write(folder.path(name), text).unwrap();
    }
    Some(folder)
}

/// Compiles and links; what is to be linked in that order.
#[track_caller]
fn compile(folder: &Folder, program: &str, parts: &[&str], libraries_after: &[&str]) -> PathBuf {
    let output = folder.path(program);
    let mut compiler = Command::new("cc");
    compiler.current_dir(folder.path("")).arg("-o").arg(&output).args(parts).args(libraries_after);
    let compiled = compiler.output().unwrap();
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
    output
}

/// What a host prints.
#[track_caller]
fn prints(host: &Path, arguments: &[&str]) -> String {
    let output = Command::new(host).args(arguments).output().unwrap();
    let (said, complaint) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}{complaint}");
    said.trim().to_owned()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

// A1, A3
#[test]
fn a_c_program_with_the_static_library_has_workers_and_later_constructors_have_run() {
    let _watchdog = watchdog();
    let Some(folder) = workshop("static") else { return };
    let library = libraries().join("liblaunch_library.a");
    let rest = ["-lpthread", "-ldl", "-lm", "-lgcc_s"];
    let plain = compile(&folder, "plain", &["links.c", text(&library), "late.c"], &rest);
    assert_eq!(prints(&plain, &[]), "the worker's value is 42");
    assert_eq!(prints(&plain, &["init"]), "the worker's value is 42");
    // It is known by its file, where there is no build id.
    let nameless = [&rest[..], &["-Wl,--build-id=none"]].concat();
    let nameless = compile(&folder, "nameless", &["links.c", text(&library), "late.c"], &nameless);
    assert_eq!(prints(&nameless, &[]), "the worker's value is 42");
    // A constructor that has a worker has it in the program, and not in its worker, and so on for ever.
    let bomb = compile(&folder, "bomb", &["links.c", text(&library), "late_try.c"], &rest);
    let said = prints(&bomb, &[]);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 4, "{said}");
    for (line, expected) in lines.iter().zip([
        "no worker: a constructor of the program makes a pool",
        "the worker's value is 42",
        "no worker: a constructor of the program makes a pool",
        "the worker's value is 42",
    ]) {
        assert!(line.starts_with(expected), "{said}");
    }
    // And one that comes before ours is told that it is too early.
    let early = compile(&folder, "early", &["late_try.c", "links.c", text(&library)], &rest);
    let said = prints(&early, &[]);
    assert!(said.starts_with(NO_ENTRY) && said.ends_with("the worker's value is 42"), "{said}");
    // Another build of the same library, or a program without it, is none of ours.
    for arguments in [&[text(&nameless)][..], &[text(&nameless), "init"]] {
        let refused = prints(&plain, arguments);
        assert!(refused.starts_with("no worker: ") && refused.contains("the same build"), "{refused}");
    }
}

#[test]
fn a_program_that_is_static_and_at_a_fixed_address_says_init() {
    let _watchdog = watchdog();
    let Some(folder) = workshop("fixed") else { return };
    let library = libraries().join("liblaunch_library.a");
    let fixed = ["-static", "-no-pie", "-Wl,--allow-multiple-definition", "-w", "-lpthread", "-ldl", "-lm", "-lgcc_eh"];
    let fixed = compile(&folder, "fixed", &["links.c", text(&library), "late.c"], &fixed);
    let without = prints(&fixed, &[]);
    assert!(without.contains(NO_ENTRY) && without.contains("init()"), "{without}");
    assert_eq!(prints(&fixed, &["init"]), "the worker's value is 42");
}

#[test]
fn a_program_with_the_shared_library_says_init() {
    let _watchdog = watchdog();
    let Some(folder) = workshop("shared") else { return };
    let library = libraries();
    let (search, run) = (format!("-L{}", text(library)), format!("-Wl,-rpath,{}", text(library)));
    let host = compile(&folder, "host", &["links.c", "late.c"], &[&search, "-llaunch_library", &run]);
    let without = prints(&host, &[]);
    assert!(without.contains(NO_ENTRY) && without.contains("init()"), "{without}");
    assert_eq!(prints(&host, &["init"]), "the worker's value is 42");
}

#[test]
fn a_plugin_says_init_or_takes_a_worker_program() {
    let _watchdog = watchdog();
    let Some(folder) = workshop("plugin") else { return };
    let library = libraries().join("liblaunch_library.so");
    let host = compile(&folder, "host", &["loads.c"], &["-ldl"]);
    let without = prints(&host, &[text(&library)]);
    assert!(without.contains(NO_ENTRY) && without.contains("worker program"), "{without}");
    // The child loads the library as its parent did, and `init` takes over.
    assert_eq!(prints(&host, &[text(&library), "init"]), "the worker's value is 0");
    // A worker program has the same library, and calls `init` first.
    let (search, run) = (format!("-L{}", text(libraries())), format!("-Wl,-rpath,{}", text(libraries())));
    std::fs::write(folder.path("worker.c"), "void cf_host_init(void); int main(void) { cf_host_init(); return 9; }")
        .unwrap();
    let worker = compile(&folder, "worker", &["worker.c", "late.c"], &[&search, "-llaunch_library", &run]);
    assert_eq!(prints(&host, &[text(&library), text(&worker)]), "the worker's value is 42");
    // One that has workers first is told that it is one itself.
    let eager = "void cf_host_init(void); void cf_host_try(char *);
        int main(void) { cf_host_try(0); cf_host_init(); return 9; }";
    std::fs::write(folder.path("eager.c"), eager).unwrap();
    let eager = compile(&folder, "eager", &["eager.c", "late.c"], &[&search, "-llaunch_library", &run]);
    let told = prints(&host, &[text(&library), text(&eager)]);
    assert!(told.contains("no worker: this process is itself a worker"), "{told}");
    assert!(told.ends_with("the worker's value is 42"), "{told}");
    // One that never calls it is given up when it ends.
    std::fs::write(folder.path("lazy.c"), "void cf_host_set(int); int main(void) { cf_host_set(1); return 9; }")
        .unwrap();
    let lazy = compile(&folder, "lazy", &["lazy.c"], &[&search, "-llaunch_library", &run]);
    let given_up = prints(&host, &[text(&library), text(&lazy)]);
    assert!(given_up.contains("ended before it was ready: Some(Exited(9))"), "{given_up}");
}

// A2
#[test]
fn python_with_the_library_as_an_extension_is_told_and_executes_nothing() {
    let _watchdog = watchdog();
    let library = libraries().join("liblaunch_library.so");
    let program = format!("import ctypes, sys; library = ctypes.CDLL({:?}); library.cf_host_try(None)", text(&library));
    let Ok(output) = Command::new("python3").args(["-c", &program]).output() else {
        println!("no python here: not looked at");
        return;
    };
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains(NO_ENTRY), "{said}{}", String::from_utf8_lossy(&output.stderr));
    // It may say so itself: then the whole program begins again in every worker, up to that line.
    let program = program.replace("library.cf_host_try", "library.cf_host_init(); library.cf_host_try");
    let output = Command::new("python3").args(["-c", &program]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("the worker's value is 0"), "{said}{}", String::from_utf8_lossy(&output.stderr));
}
