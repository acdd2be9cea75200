//! A program without a line for workers in its `main`: nobody but the program itself ever gets there.
//!
//! It is no test harness, but an ordinary `main`, which leaves a trace in a file.

#[cfg(all(feature = "processes", target_os = "linux", not(miri)))]
fn main() {
    use concurrent_futures::__private::trial::{End, Entry, Trial, Worker};
    use std::io::Write;

    static ECHO: Entry = Entry::new(|worker: Worker| worker.echo());
    const TRACE: &str = "CF_LAUNCH_MAIN_TRACE";

    let folder = std::env::temp_dir().join(format!("cf-launch-main-{}", std::process::id()));
    let path = std::env::var_os(TRACE).map_or_else(|| folder.clone(), Into::into);
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(&path).expect("a file for the trace");
    writeln!(file, "main, process {}", std::process::id()).expect("room for the trace");
    let trial = Trial::default().env(TRACE, path.to_str());
    for _ in 0..10 {
        let mut worker = trial.start(&ECHO).expect("a worker");
        assert_eq!(worker.ask(b"?").expect("an answer"), b"?");
        worker.say_goodbye();
        assert_eq!(worker.end(), Some(End::Exited(0)));
    }
    let trace = std::fs::read_to_string(&path).expect("a trace");
    std::fs::remove_file(&path).expect("a trace to remove");
    assert_eq!(trace.lines().count(), 1, "main was run in a worker: {trace}");
    println!("main ran once, and ten workers did not come there");
}

#[cfg(not(all(feature = "processes", target_os = "linux", not(miri))))]
fn main() {}
