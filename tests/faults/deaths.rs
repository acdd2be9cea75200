//! Whatever a process dies of, in a task: and what is no death.

use crate::kit::{
    SIGABRT, SIGILL, SIGKILL, SIGSEGV, SIGTERM, abort, complain_and_exit, death, eat_memory, exit, exit_at_once,
    illegal_instruction, overflow_stack, panic_with, panic_with_a_bomb, pid, pool, raise, segfault, spin, stay,
};
use crate::scene::{Fault, Says, play, waiting};
use crate::support::watchdog;
use concurrent_futures::{SubmitOptions, call};
use std::time::Duration;

pub(crate) const DEATHS: &[Fault] = &[
    Fault("exit(0)", Says::Exit(0), |pool, with| waiting(pool.submit_with(with, call!(exit(0))))),
    Fault("exit(3)", Says::Exit(3), |pool, with| waiting(pool.submit_with(with, call!(exit(3))))),
    Fault("_exit(0)", Says::Exit(0), |pool, with| waiting(pool.submit_with(with, call!(exit_at_once(0))))),
    Fault("abort", Says::Signal(SIGABRT), |pool, with| waiting(pool.submit_with(with, call!(abort())))),
    Fault("a bad pointer", Says::Signal(SIGSEGV), |pool, with| waiting(pool.submit_with(with, call!(segfault())))),
    Fault("an illegal instruction", Says::Signal(SIGILL), |pool, with| {
        waiting(pool.submit_with(with, call!(illegal_instruction())))
    }),
    Fault("a stack overflow", Says::StackOverflow, |pool, with| {
        waiting(pool.submit_with(with, call!(overflow_stack())))
    }),
    Fault("more memory than the limit", Says::OutOfMemory, |pool, with| {
        waiting(pool.submit_with(with, call!(eat_memory())))
    }),
    Fault("SIGKILL to itself", Says::Signal(SIGKILL), |pool, with| {
        waiting(pool.submit_with(with, call!(raise(SIGKILL))))
    }),
    Fault("SIGTERM to itself", Says::Signal(SIGTERM), |pool, with| {
        waiting(pool.submit_with(with, call!(raise(SIGTERM))))
    }),
];

pub(crate) const LIMITS: &[Fault] = &[
    Fault("an endless loop, with a timeout", Says::Late, |pool, with| {
        waiting(pool.submit_with(with.timeout(Duration::from_millis(50)), call!(spin())))
    }),
    Fault("an endless wait, with a timeout", Says::Late, |pool, with| {
        waiting(pool.submit_with(with.timeout(Duration::from_millis(50)), call!(stay())))
    }),
    // It does not hear the polite signal.
    Fault("SIGSTOP to itself, with a timeout", Says::Late, |pool, with| {
        waiting(pool.submit_with(with.timeout(Duration::from_millis(50)), call!(raise(19))))
    }),
];

pub(crate) const PANICS: &[Fault] = &[
    Fault("a panic", Says::Panicked("what a day"), |pool, with| {
        waiting(pool.submit_with(with, call!(panic_with("what a day".to_owned()))))
    }),
    Fault("a panic whose payload panics", Says::Panicked(""), |pool, with| {
        waiting(pool.submit_with(with, call!(panic_with_a_bomb())))
    }),
];

// cases 28, 32, 476, 478, 554
#[test]
fn a_death_costs_the_task_that_ran_and_no_other() {
    let _watchdog = watchdog();
    play(DEATHS);
}

// case 553
#[test]
fn a_limit_ends_the_worker_of_the_task_that_ran_and_no_other() {
    let _watchdog = watchdog();
    play(LIMITS);
}

// cases 33, 477
#[test]
fn a_panic_costs_a_task_and_no_worker() {
    let _watchdog = watchdog();
    play(PANICS);
}

// case 570
#[test]
fn the_report_says_all_that_is_known() {
    let _watchdog = watchdog();
    let pool = pool(1);
    let first = pool.submit(call!(pid())).result(None).unwrap();
    let future = pool.submit_with(
        SubmitOptions::new().name("the \u{1F980} one"),
        call!(complain_and_exit("cannot read the plan".to_owned(), 123)),
    );
    let error = future.result(None).unwrap_err();
    let report = death(&error);
    assert_eq!((report.pid, report.slot, report.exit_code, report.signal), (first, 0, Some(123), None));
    assert_eq!((report.out_of_memory, report.may_have_run), (false, Some(true)));
    assert_eq!(report.task.as_deref(), Some("the \u{1F980} one"));
    assert_eq!(report.stderr_tail, "cannot read the plan\n");
    let text = error.to_string();
    for part in [&*first.to_string(), "exit code 123", "the \u{1F980} one", "cannot read the plan"] {
        assert!(text.contains(part), "{text}");
    }
    // It can be asked again, and says the same.
    assert_eq!(future.result(None).unwrap_err().to_string(), text);
    // The next one's report has nothing of it.
    let error = pool.submit(call!(exit_at_once(1))).result(None).unwrap_err();
    assert_eq!(death(&error).stderr_tail, "");
    assert_ne!(death(&error).pid, first);
}

#[test]
fn of_what_a_worker_wrote_the_end_is_kept() {
    fn write_much_and_die() -> u64 {
        for n in 0..20_000 {
            eprintln!("line {n}");
        }
        exit_at_once(1)
    }
    crate::kit::outside::program::alone("deaths::of_what_a_worker_wrote_the_end_is_kept", || {
        let _watchdog = watchdog();
        // What is passed on is not what this is about.
        let null = std::fs::OpenOptions::new().write(true).open("/dev/null").unwrap();
        rustix::stdio::dup2_stderr(&null).unwrap();
        let error = pool(1).submit(call!(write_much_and_die())).result(None).unwrap_err();
        let tail = &death(&error).stderr_tail;
        assert!(tail.ends_with("line 19999\n") && tail.len() <= 4096 && tail.len() > 4000, "{tail}");
    });
}

#[test]
fn of_a_panic_with_a_long_backtrace_the_beginning_is_kept() {
    fn panic_at_length() -> u64 {
        for n in 0..200 {
            eprintln!("before {n}");
        }
        eprintln!("thread 'worker' panicked at src/plan.rs:7:5:\nthe plan has no end");
        for n in 0..2000 {
            eprintln!("{n:4}: a frame of the backtrace");
        }
        exit_at_once(1)
    }
    let _watchdog = watchdog();
    let error = pool(1).submit(call!(panic_at_length())).result(None).unwrap_err();
    let tail = &death(&error).stderr_tail;
    assert!(tail.starts_with("thread 'worker' panicked at src/plan.rs:7:5:\nthe plan has no end\n"), "{tail}");
    assert!(tail.ends_with("1999: a frame of the backtrace\n") && tail.contains(" bytes ..]\n"), "{tail}");
    assert!((4000..4200).contains(&tail.len()), "{tail}");
}

/// What dies, what the future says, and what the others notice.
#[test]
fn the_table() {
    let _watchdog = watchdog();
    let pool = crate::scene::pool(2);
    let faults = DEATHS.iter().chain(LIMITS).chain(PANICS).chain(crate::values::VALUES);
    println!("| what dies | what the future says | what the others notice |\n|---|---|---|");
    for fault in faults {
        let row = fault.play(&pool);
        let says: String = row.says.replace('\n', " ").chars().take(160).collect();
        println!("| {} | {says} | {} |", fault.0, row.others);
    }
}
