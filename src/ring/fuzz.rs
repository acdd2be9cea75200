//! The ring, where somebody else writes on the board whatever comes to mind: for `fuzz/` and `tests/fuzz.rs`, as in
//! [`crate::wire::fuzz`].
//!
//! The parent hands tasks out, a worker's own code runs some of them, and in between words of the board become others.
//! Whatever those are, the parent must not panic, read beyond the arena, or settle a task twice.

use super::{Damage, Items, Layout, Medium, NoRoom, Receiver, Ring, Running, Sender, Sizes, State, TaskBytes, Ticket};
use crate::state::ring::Head;
use crate::sync::{AtomicU32, AtomicU64, Ordering};
use crate::wire::fuzz::Script;
use std::sync::Arc;

/// Ordinary memory, where nobody sleeps.
struct Still {
    jobs: Box<[AtomicU64]>,
    board: Box<[AtomicU64]>,
    flag: AtomicU32,
}

impl Medium for Arc<Still> {
    fn jobs(&self) -> &[AtomicU64] {
        &self.jobs
    }

    fn board(&self) -> &[AtomicU64] {
        &self.board
    }

    fn worker_flag(&self) -> &AtomicU32 {
        &self.flag
    }

    /// The worker finds out that there will be nothing more.
    fn worker_sleeps(&self) {
        self.jobs[Layout::CLOSED].store(1, Ordering::SeqCst);
    }

    fn wake_worker(&self) {}

    fn wake_parent(&self) {}

    fn now(&self) -> u64 {
        0
    }
}

/// What was handed out, and what became of it.
struct Out {
    ticket: Ticket,
    items: u32,
    taken: u32,
    settled: bool,
}

/// A script of what parent, worker and vandal do in turns. `true`: some task came to an end as it should.
pub fn board(input: &[u8]) -> bool {
    let mut script = Script::new(input);
    let sizes = Sizes { slots: 1 << (script.byte() % 4), jobs: 64, results: 8 << (script.byte() % 6) };
    let layout = Layout::new(sizes);
    let zeros = |words| (0..words).map(|_| AtomicU64::new(0)).collect();
    let still = Arc::new(Still { jobs: zeros(layout.jobs()), board: zeros(layout.board()), flag: AtomicU32::new(0) });
    let mut sender = Sender::new(Arc::clone(&still), layout);
    let mut receiver = Receiver::new(Ring::new(Arc::clone(&still), layout), false);
    let (mut out, mut ended, mut vandal) = (Vec::new(), 0, false);
    let mut words = layout.describe();
    words[script.byte() % 4] = script.number(8);
    let described = Layout::described(words);
    assert!(described.is_err() || described.is_ok_and(|layout| layout.jobs().min(layout.board()) > layout.slots()));
    while !script.is_over() {
        match script.byte() % 8 {
            0 | 1 => {
                let items = 1 + (script.byte() % 4) as u32;
                let length = script.byte() % 80;
                match sender.publish(Head { items, ..Head::default() }, &vec![0x5a; length]) {
                    Ok(ticket) => out.push(Out { ticket, items, taken: 0, settled: false }),
                    Err(NoRoom::Bytes | NoRoom::Slots) => {}
                    Err(NoRoom::Damaged(damage)) => excused(vandal, damage),
                }
            }
            // The vandal's own worker may come to grief in any way.
            2 | 3 if !vandal => work(&mut receiver, &mut script),
            2 | 3 => {}
            4 => {
                vandal = true;
                vandalize(&still.board, layout, &mut script);
            }
            _ => match parent(&mut sender, &mut out, &mut script, layout) {
                Ok(done) => ended += done,
                Err(damage) => excused(vandal, damage),
            },
        }
    }
    // As after the worker's death.
    match sender.remains() {
        Ok(remains) => {
            let unsettled: Vec<Ticket> = out.iter().filter(|out| !out.settled).map(|out| out.ticket).collect();
            assert_eq!(remains.iter().map(|(ticket, _)| *ticket).collect::<Vec<_>>(), unsettled);
        }
        Err(damage) => excused(vandal, damage),
    }
    ended > 0
}

/// Nothing is damaged but by the vandal.
#[track_caller]
fn excused(vandal: bool, damage: Damage) {
    assert!(vandal, "{damage}");
    assert!(!damage.to_string().is_empty());
}

/// The worker begins a task and ends it, if there is one.
fn work(receiver: &mut Receiver<Arc<Still>>, script: &mut Script<'_>) {
    let mut bytes = Vec::new();
    let Ok(super::Next::Task(mut running)) = receiver.next(&mut bytes) else { return };
    assert!(bytes.iter().all(|byte| *byte == 0x5a), "the bytes of another task");
    let items = running.head().items;
    if items > 1 {
        for _ in 0..items.min(script.byte() as u32) {
            running.begin_item();
            let result = vec![0x77; script.byte()];
            if running.end_item(&result).is_err() {
                running.end_item_in_spill(7);
            }
        }
    }
    let result = vec![0x77; script.byte()];
    if let Err(running) = running.finish(&result) {
        elsewhere(running, result.len());
    }
}

fn elsewhere(running: Running<'_, Arc<Still>>, length: usize) {
    running.finish_elsewhere(9, length as u64);
}

/// One word becomes another: any, or one that could be true.
fn vandalize(board: &[AtomicU64], layout: Layout, script: &mut Script<'_>) {
    let ticket = Ticket(script.number(1));
    let value = match script.byte() % 4 {
        0 => script.number(8),
        1 => script.number(1),
        2 => (layout.lap(ticket) << 3) | (script.number(1) % 8),
        _ => u64::MAX - script.number(1),
    };
    let index = match script.byte() % 4 {
        0 => layout.state(ticket),
        1 => layout.report(ticket).start + script.byte() % layout.report(ticket).len(),
        2 => [Layout::POSITION, Layout::PARENT_SLEEP][script.byte() % 2],
        _ => script.number(2) as usize % board.len(),
    };
    board[index].store(value, Ordering::SeqCst);
}

/// One thing that the parent does; gives the number of tasks that ended by it.
fn parent(
    sender: &mut Sender<Arc<Still>>,
    out: &mut [Out],
    script: &mut Script<'_>,
    layout: Layout,
) -> Result<u32, Damage> {
    let what = script.byte();
    let which = script.byte() % out.len().max(1);
    let most = layout.result_arena().len() * size_of::<u64>();
    let Some(one) = out.get_mut(which) else { return sender.may_sleep(what > 127, None).map(|_| 0) };
    match what % 8 {
        0 => {
            let revoked = sender.revoke(one.ticket)?;
            assert!(!(revoked && one.settled), "settled twice");
            one.settled |= revoked;
        }
        1 => assert_eq!(sender.state(one.ticket)? == State::Settled, one.settled),
        2 => {
            let mut bytes = Vec::new();
            let Items { here, spilled, serial } = sender.take_items(one.ticket, &mut bytes)?;
            one.taken += here + spilled;
            assert!((here + spilled == 0 || !one.settled) && one.taken <= one.items);
            assert!(bytes.len() <= most && (spilled == 0 || serial != 0));
        }
        3 | 4 => {
            if let Some(result) = sender.take_result(one.ticket)? {
                assert!(!one.settled, "settled twice");
                assert!(!matches!(result, TaskBytes::Here(bytes) if bytes.len() > most));
                one.settled = true;
                return Ok(1);
            }
        }
        5 => {
            let done = sender.next_done()?;
            assert!(done.is_none_or(|done| out.iter().any(|out| out.ticket == done && !out.settled)));
        }
        6 => sender.request_cancel(one.ticket),
        _ => {
            if !sender.may_sleep(which % 2 == 0, None)? {
                sender.awake();
            }
        }
    }
    Ok(0)
}
