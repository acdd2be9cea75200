//! A library function that takes `&dyn Executor`, and a program that lets it run here or on threads.
//!
//! `survey` is the library: it counts the words of source files with `map`, `call!` and `task!`, whose jobs could leave
//! the process. This file is its caller, who has two engines and compares what they come to.

mod survey;

use concurrent_futures::{Executor, InlineExecutor, ThreadPoolExecutor};
use std::error::Error;
use std::ffi::OsString;
use std::time::Instant;
use survey::survey;
use walkdir::WalkDir;

fn main() -> Result<(), Box<dyn Error>> {
    let files = sources_of_this_crate()?;
    let engines: [(&str, Box<dyn Executor>); 2] = [
        ("here, one after the other", Box::new(InlineExecutor::new())),
        ("on threads", Box::new(ThreadPoolExecutor::builder().build()?)),
    ];
    let mut surveys = Vec::new();
    for (name, engine) in &engines {
        let began = Instant::now();
        let survey = survey(&**engine, files.clone(), 8)?;
        println!("{name}: {} files, {} lines, in {:.1?}", survey.files, survey.lines, began.elapsed());
        for (word, times) in &survey.words {
            println!("{times:>8}  {word}");
        }
        surveys.push(survey);
    }
    if surveys[0] != surveys[1] {
        return Err("the engines disagree".into());
    }
    println!("Both engines came to the same.");
    Ok(())
}

fn sources_of_this_crate() -> Result<Vec<OsString>, walkdir::Error> {
    let mut files = Vec::new();
    for entry in WalkDir::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")).sort_by_file_name() {
        let entry = entry?;
        if entry.path().extension().is_some_and(|extension| extension == "rs") {
            files.push(entry.into_path().into_os_string());
        }
    }
    Ok(files)
}
