//! The ring as it ships, between this process and another one: that no wake-up is lost, what a SIGKILL leaves, and what
//! a worker that has lost its mind can do.

use super::super::{Descriptors, Mapped, NoRoom, State, Ticket, Watched, spinning_may_pay};
use super::child::{Process, received, start};
use super::support::watchdog;
use super::*;
use crate::ring::sys::bell;
use crate::ring::sys::mapping::{self, Mapping, Writers};
use rustix::event::{PollFd, PollFlags, poll};
use std::collections::VecDeque;
use std::os::fd::{AsFd, OwnedFd};
use std::process::exit;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// A generator of numbers that look random; the seed is said where a test fails.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

/// How much of something there is: so much, or what the environment says.
fn amount(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().map_or(usual, |text| text.parse().expect(name))
}

struct Parent {
    sender: Sender<Mapped>,
    bell: Arc<OwnedFd>,
    process: Process,
    /// What the worker counts.
    runs: Mapping,
}

/// The most tasks that a worker counts.
const RUNS: usize = 1024;

impl Parent {
    fn start(test: &str, role: &str, sizes: Sizes) -> Self {
        let bell = Arc::new(bell::create().unwrap());
        let (sender, Descriptors { jobs, board }) = Sender::create(sizes, Arc::clone(&bell)).unwrap();
        let (runs, file) = mapping::create(2 * RUNS, Writers::Everybody).unwrap();
        let process = start(test, role, &[jobs.as_fd(), board.as_fd(), bell.as_fd(), file.as_fd()]);
        Parent { sender, bell, process, runs }
    }

    /// How often a task was begun, and how many of its items have ended.
    fn runs(&self, ticket: Ticket) -> (u64, u64) {
        let word = |at: usize| self.runs.words()[at].load(Ordering::Relaxed);
        let at = 2 * ticket.number() as usize;
        (word(at), word(at + 1))
    }

    /// Sleeps until the worker rings.
    fn sleep(&mut self, room: bool) {
        if self.sender.may_sleep(room, None).unwrap() {
            poll(&mut [PollFd::new(&self.bell, PollFlags::IN)], None).unwrap();
            bell::silence(&self.bell);
            self.sender.awake();
        }
    }
}

/// In a child: what the worker has.
fn in_child() -> Option<(String, [OwnedFd; 4])> {
    let (role, descriptors) = received()?;
    Some((role, descriptors.try_into().expect("four descriptors")))
}

fn open([jobs, board, bell, runs]: [OwnedFd; 4], spin: bool) -> (Receiver<Mapped>, Mapping) {
    let receiver = Receiver::open(&Descriptors { jobs, board }, Arc::new(bell), spin).unwrap();
    (receiver, mapping::open(&runs, Writers::Everybody).unwrap())
}

fn echo(receiver: Receiver<Mapped>) {
    serve(receiver, |running, bytes| assert!(running.finish(bytes).is_ok()));
}

const HOT: Sizes = Sizes { slots: 8, jobs: 1 << 10, results: 1 << 10 };

/// Few at a time, so that both sides go to sleep and are rung all the time; with spinning, from time to time.
#[test]
fn no_ring_is_lost_in_many_round_trips() {
    const TEST: &str = "ring::tests::processes::no_ring_is_lost_in_many_round_trips";
    if let Some((role, descriptors)) = in_child() {
        echo(open(descriptors, role == "spin" && spinning_may_pay()).0);
        exit(0);
    }
    let _watchdog = if std::env::var_os("CONCURRENT_FUTURES_RING_TASKS").is_none() { Some(watchdog()) } else { None };
    let tasks = amount("CONCURRENT_FUTURES_RING_TASKS", 200_000);
    for role in ["sleep", "spin"] {
        let mut parent = Parent::start(TEST, role, HOT);
        let watch = parent.sender.watch(role == "spin" && spinning_may_pay());
        let mut random = Random(tasks);
        let mut out = VecDeque::new();
        let (mut published, mut most) = (0, 1);
        while published < tasks / 2 || !out.is_empty() {
            while out.len() < most && published < tasks / 2 {
                out.push_back((published, parent.sender.publish(plain(0), &published.to_ne_bytes()).unwrap()));
                published += 1;
            }
            let (number, ticket) = out[0];
            if watch.spin_on(ticket, parent.sender.worker()) == Watched::NotYet
                && parent.sender.state(ticket) != Ok(State::Done)
            {
                parent.sleep(false);
            }
            if let Some(result) = parent.sender.take_result(ticket).unwrap() {
                assert_eq!(result, here(&number.to_ne_bytes()));
                out.pop_front();
                most = 1 + random.below(3) as usize;
            }
        }
        parent.sender.close();
        parent.process.join();
    }
}

// ---------------------------------------------------------------------------------------------- death

/// The worker of the chaos: counts what it begins and ends.
fn counting([jobs, board, bell, runs]: [OwnedFd; 4]) {
    let (receiver, runs) = open([jobs, board, bell, runs], false);
    serve(receiver, |mut running, bytes| {
        let head = running.head();
        let at = 2 * head.entry as usize;
        runs.words()[at].fetch_add(1, Ordering::Relaxed);
        for item in 0..head.items {
            running.begin_item();
            // Long enough for some to be killed in it.
            (0..head.entry * 7 % 13 * 100).for_each(|_| std::hint::spin_loop());
            let result = pattern(head.entry + u64::from(item), bytes.len());
            runs.words()[at + 1].fetch_add(1, Ordering::Relaxed);
            if running.end_item(&result).is_err() {
                running.end_item_in_spill(1);
            }
        }
        if let Err(running) = running.finish(bytes) {
            running.finish_elsewhere(2, bytes.len() as u64);
        }
    });
}

/// What became of the tasks of one life.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    lives: u64,
    done: u64,
    revoked: u64,
    queued: u64,
    running: u64,
    /// Of those: without one instruction of the task.
    not_begun: u64,
    items: u64,
}

/// One worker's life up to a SIGKILL at some moment, and the comparison of what it did with what the ring says.
fn one_life(test: &str, seed: u64, tally: &mut Tally) {
    let mut random = Random(seed);
    let mut parent = Parent::start(test, "count", Sizes { slots: 16, jobs: 1 << 9, results: 1 << 9 });
    let mut out: Vec<(Ticket, u32, Vec<u8>)> = Vec::new();
    let mut revoked = Vec::new();
    let mut next = 1;
    // From the first sign of life on, so that no moment is lost to the worker's start.
    let first = parent.sender.publish(plain(0), &[]).unwrap();
    while parent.sender.state(first) != Ok(State::Done) {
        parent.sleep(false);
    }
    check_done(&mut parent, first, 1, &[], tally);
    let end = Instant::now() + Duration::from_micros(random.below(1_500));
    while Instant::now() < end && next < RUNS as u64 {
        if random.below(3) > 0 {
            let head = Head { items: random.below(4) as u32, ..plain(next) };
            let bytes = pattern(next, random.below(40) as usize);
            match parent.sender.publish(head, &bytes) {
                Ok(ticket) => {
                    assert_eq!(ticket.number(), next);
                    out.push((ticket, head.items, bytes));
                    next += 1;
                }
                Err(NoRoom::Slots | NoRoom::Bytes) => {}
                Err(NoRoom::Damaged(damage)) => panic!("seed {seed}: {damage}"),
            }
        }
        if random.below(100) == 0 && !out.is_empty() {
            let at = random.below(out.len() as u64) as usize;
            if parent.sender.revoke(out[at].0).unwrap() {
                revoked.push(out.swap_remove(at).0);
            }
        }
        if let Some(ticket) = parent.sender.next_done().unwrap() {
            let at = out.iter().position(|(out, ..)| *out == ticket).unwrap();
            let (ticket, items, bytes) = out.swap_remove(at);
            check_done(&mut parent, ticket, items, &bytes, tally);
        }
    }
    parent.process.kill();
    let remains = parent.sender.remains().unwrap();
    assert_eq!(remains.len(), out.len(), "seed {seed}");
    for (ticket, state) in remains {
        let (_, items, bytes) = out.iter().find(|(out, ..)| *out == ticket).unwrap();
        let runs = parent.runs(ticket);
        match state {
            State::Done => check_done(&mut parent, ticket, *items, bytes, tally),
            State::Queued => {
                assert_eq!(runs, (0, 0), "seed {seed}: {ticket:?} ran");
                tally.queued += 1;
            }
            State::Running => {
                let progress = parent.sender.progress(ticket).unwrap();
                // The item that it died in may have been counted by the task, and not yet by the ring.
                let said = u64::from(progress.ended);
                assert!(runs.0 <= 1 && (runs.1 == said || runs.1 == said + 1), "seed {seed}: {runs:?}, {progress:?}");
                check_items(&mut parent, ticket, progress.ended, bytes);
                tally.running += 1;
                tally.not_begun += u64::from(runs.0 == 0);
                tally.items += said;
            }
            State::Settled => panic!("seed {seed}: {ticket:?} is settled, and remains"),
        }
    }
    for ticket in revoked {
        assert_eq!(parent.runs(ticket), (0, 0), "seed {seed}: {ticket:?} was revoked, and ran");
        tally.revoked += 1;
    }
    tally.lives += 1;
}

fn check_items(parent: &mut Parent, ticket: Ticket, items: u32, bytes: &[u8]) {
    let mut found = Vec::new();
    let taken = parent.sender.take_items(ticket, &mut found).unwrap();
    assert!(taken.here + taken.spilled == items && (taken.spilled == 0 || taken.serial == 1), "{taken:?}");
    let expected = (0..taken.here).flat_map(|item| pattern(ticket.number() + u64::from(item), bytes.len()));
    assert_eq!(found, expected.collect::<Vec<_>>());
    let again = parent.sender.take_items(ticket, &mut found).unwrap();
    assert_eq!((again.here, again.spilled), (0, 0));
}

fn check_done(parent: &mut Parent, ticket: Ticket, items: u32, bytes: &[u8], tally: &mut Tally) {
    assert_eq!(parent.runs(ticket), (1, u64::from(items)), "{ticket:?}");
    // Not always: items that are not wanted are passed over.
    if ticket.number() % 3 > 0 {
        check_items(parent, ticket, items, bytes);
    }
    match parent.sender.take_result(ticket).unwrap().expect("it is done") {
        TaskBytes::Here(result) => assert_eq!(result, bytes),
        sent => assert_eq!(sent, TaskBytes::Sent { serial: 2, length: bytes.len() as u64 }),
    }
    tally.done += 1;
}

/// `CONCURRENT_FUTURES_RING_SECONDS` for more than ten seconds.
#[test]
fn what_a_sigkill_leaves_never_contradicts_what_was_run() {
    const TEST: &str = "ring::tests::processes::what_a_sigkill_leaves_never_contradicts_what_was_run";
    if let Some((_, descriptors)) = in_child() {
        counting(descriptors);
        exit(0);
    }
    let seconds = amount("CONCURRENT_FUTURES_RING_SECONDS", 10);
    let _watchdog = if seconds <= 10 { Some(watchdog()) } else { None };
    let began = Instant::now();
    let mut tally = Tally::default();
    while began.elapsed() < Duration::from_secs(seconds) {
        one_life(TEST, tally.lives, &mut tally);
    }
    println!("{tally:?}");
    assert!(
        tally.lives > 10
            && tally.done > 0
            && tally.running > 0
            && tally.items > 0
            && tally.queued > 0
            && tally.revoked > 0
    );
}

// ---------------------------------------------------------------------------------------------- hostility

/// Does all that a parent does, whatever comes of it. Gives the number of damages.
fn exercise(sender: &mut Sender<impl Medium>, random: &mut Random, out: &mut VecDeque<Ticket>) -> u64 {
    let ticket = out.get(random.below(out.len().max(1) as u64) as usize).copied().unwrap_or(Ticket(0));
    let damaged = match random.below(9) {
        0 | 1 => {
            let head = Head { items: random.below(20) as u32, ..plain(0) };
            match sender.publish(head, &pattern(0, random.below(100) as usize)) {
                Ok(ticket) => {
                    out.push_back(ticket);
                    if out.len() > 64 {
                        out.pop_front();
                    }
                    false
                }
                Err(refused) => matches!(refused, NoRoom::Damaged(_)),
            }
        }
        2 => sender.state(ticket).is_err(),
        3 => sender.revoke(ticket).is_err(),
        4 => sender.progress(ticket).is_err(),
        5 => sender.take_items(ticket, &mut Vec::new()).is_err(),
        6 => sender.take_result(ticket).is_err() | sender.next_done().is_err(),
        7 => sender.remains().is_err(),
        _ => {
            sender.request_cancel(ticket);
            let watched = sender.watch(true).spin_on(ticket, sender.worker());
            let asleep = sender.may_sleep(watched == Watched::Done, None);
            sender.awake();
            asleep.is_err()
        }
    };
    u64::from(damaged)
}

/// A word that means something, or nothing.
fn scribble(random: &mut Random) -> u64 {
    match random.below(6) {
        0 => random.next(),
        1 => u64::MAX - random.below(3),
        2 => random.below(1 << 12),
        3 => random.below(1 << 12) << 32 | random.below(1 << 12),
        4 => 1 << random.below(64),
        // A state in a likely lap.
        _ => random.below(64) << 3 | random.below(6),
    }
}

#[test]
fn a_worker_that_scribbles_harms_nobody_but_itself() {
    const TEST: &str = "ring::tests::processes::a_worker_that_scribbles_harms_nobody_but_itself";
    if let Some((role, [_jobs, board, _bell, _runs])) = in_child() {
        let board = mapping::open(&board, Writers::Everybody).unwrap();
        let mut random = Random(role.parse().unwrap());
        loop {
            let at = random.below(board.words().len() as u64) as usize;
            board.words()[at].store(scribble(&mut random), Ordering::Relaxed);
        }
    }
    let _watchdog = watchdog();
    let mut damages = 0;
    for seed in 0..20 {
        let mut random = Random(seed);
        let mut parent = Parent::start(TEST, &seed.to_string(), Sizes { slots: 8, jobs: 1 << 10, results: 1 << 8 });
        let mut out = VecDeque::new();
        let began = Instant::now();
        while began.elapsed() < Duration::from_millis(100) {
            for _ in 0..100 {
                damages += exercise(&mut parent.sender, &mut random, &mut out);
            }
        }
        parent.process.kill();
    }
    assert!(damages > 100, "{damages} damages were seen");
}

/// The same, word by word on one thread, so that a failure can be had again.
#[test]
fn no_word_on_the_board_can_harm_the_parent() {
    let mut damages = 0;
    for seed in 0..if cfg!(miri) { 2 } else { 300 } {
        let mut random = Random(seed);
        let layout = layout(4, 1 << 9, 1 << 7);
        let (mut sender, _receiver, heap) = pair(layout);
        let mut out = VecDeque::new();
        for _ in 0..500 {
            damages += exercise(&mut sender, &mut random, &mut out);
            let board = Medium::board(&heap);
            board[random.below(board.len() as u64) as usize].store(scribble(&mut random), Ordering::Relaxed);
        }
    }
    assert!(damages > 100, "{damages} damages were seen");
}
