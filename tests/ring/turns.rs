//! What one side says and the other sees, step by step on one thread, so that every step can be looked at.

use super::super::receiver::CancelRequest;
use super::super::{NoRoom, Progress, State};
use super::*;

/// The receiver's next task, which must be there.
macro_rules! task {
    ($receiver:expr, $bytes:expr) => {
        match $receiver.next($bytes).unwrap() {
            Next::Task(running) => running,
            Next::Closed => panic!("closed"),
        }
    };
}
pub(super) use task;

#[test]
fn a_task_goes_there_and_its_result_comes_back() {
    let (mut sender, mut receiver, _heap) = pair(layout(4, 256, 256));
    let head = Head { entry: u64::MAX - 1, serial: 7, items: 1, skip: 9, flags: 11 };
    let ticket = sender.publish(head, b"to be worked on").unwrap();
    assert_eq!(sender.state(ticket), Ok(State::Queued));
    assert_eq!(sender.take_result(ticket), Ok(None));
    let mut bytes = vec![1, 2, 3];
    let running = task!(receiver, &mut bytes);
    assert_eq!((running.head(), bytes.as_slice()), (head, b"to be worked on".as_slice()));
    assert_eq!(sender.state(ticket), Ok(State::Running));
    assert_eq!((sender.revoke(ticket), sender.next_done()), (Ok(false), Ok(None)));
    assert!(running.finish(b"done").is_ok());
    assert_eq!((sender.state(ticket), sender.next_done()), (Ok(State::Done), Ok(Some(ticket))));
    assert_eq!(sender.take_result(ticket), Ok(Some(here(b"done"))));
    assert_eq!((sender.state(ticket), sender.take_result(ticket)), (Ok(State::Settled), Ok(None)));
    assert_eq!((sender.next_done(), sender.revoke(ticket)), (Ok(None), Ok(false)));
}

#[test]
fn every_length_comes_through_in_every_lap() {
    let (mut sender, mut receiver, _heap) = pair(layout(2, 128, 128));
    let mut bytes = Vec::new();
    for round in 0..if cfg!(miri) { 140 } else { 1_000 } {
        let (there, back) = (pattern(round, round as usize % 129), pattern(round + 1, round as usize * 7 % 129));
        let ticket = sender.publish(plain(round), &there).unwrap();
        let running = task!(receiver, &mut bytes);
        assert_eq!((running.head().entry, &bytes), (round, &there));
        assert!(running.finish(&back).is_ok());
        assert_eq!(sender.take_result(ticket), Ok(Some(TaskBytes::Here(back))));
    }
}

#[test]
fn what_was_revoked_is_passed_and_never_run() {
    let (mut sender, mut receiver, _heap) = pair(layout(4, 256, 256));
    let tickets: Vec<_> = (0..4).map(|entry| sender.publish(plain(entry), b"x").unwrap()).collect();
    for at in [0, 2, 3] {
        assert_eq!(sender.revoke(tickets[at]), Ok(true));
        assert_eq!(sender.state(tickets[at]), Ok(State::Settled));
    }
    sender.close();
    let mut bytes = Vec::new();
    let running = task!(receiver, &mut bytes);
    assert_eq!(running.head().entry, 1);
    assert!(running.finish(&[]).is_ok());
    assert!(matches!(receiver.next(&mut bytes), Ok(Next::Closed)));
    assert_eq!(sender.take_result(tickets[1]), Ok(Some(here(&[]))));
    assert_eq!(sender.room_for(256), Ok(()));
}

#[test]
fn a_request_to_stop_reaches_its_task_alone() {
    let (mut sender, mut receiver, _heap) = pair(layout(1, 64, 64));
    let mut bytes = Vec::new();
    for lap in 0..4 {
        let ticket = sender.publish(plain(lap), &[]).unwrap();
        let running = task!(receiver, &mut bytes);
        let request: CancelRequest<_> = running.cancel_request();
        assert!(!request.is_made(), "lap {lap}");
        if lap % 2 == 1 {
            sender.request_cancel(ticket);
            assert!(request.is_made(), "lap {lap}");
        }
        assert!(running.finish(&[]).is_ok());
        sender.take_result(ticket).unwrap();
        sender.request_cancel(ticket);
        assert_eq!(request.is_made(), lap % 2 == 1, "a settled task was asked");
    }
}

#[test]
fn the_items_of_a_chunk_can_be_taken_while_it_runs() {
    let (mut sender, mut receiver, _heap) = pair(layout(2, 64, 256));
    let chunk = Head { entry: 1, items: 3, skip: 1, ..Head::default() };
    let ticket = sender.publish(chunk, b"three").unwrap();
    assert_eq!(sender.progress(ticket), Ok(Progress::default()));
    let mut bytes = Vec::new();
    let mut running = task!(receiver, &mut bytes);
    assert_eq!((sender.progress(ticket), take_items(&mut sender, ticket)), (Ok(Progress::default()), Ok((0, vec![]))));
    running.begin_item();
    assert_eq!(sender.progress(ticket), Ok(Progress { ended: 0, under_way: true }));
    running.end_item(b"first").unwrap();
    running.begin_item();
    running.end_item(b"").unwrap();
    assert_eq!(sender.progress(ticket), Ok(Progress { ended: 2, under_way: false }));
    assert_eq!(take_items(&mut sender, ticket), Ok((2, b"first".to_vec())));
    assert_eq!(take_items(&mut sender, ticket), Ok((0, vec![])));
    running.begin_item();
    running.end_item(b"third").unwrap();
    assert!(running.finish(b"the end").is_ok());
    // The third is passed over.
    assert_eq!(sender.take_result(ticket), Ok(Some(here(b"the end"))));
}

#[test]
fn results_are_taken_in_any_order() {
    let (mut sender, mut receiver, _heap) = pair(layout(4, 64, 128));
    let mut bytes = Vec::new();
    for round in 0..if cfg!(miri) { 8 } else { 100 } {
        let tickets: Vec<_> = (0..4).map(|entry| sender.publish(plain(entry), &[]).unwrap()).collect();
        for entry in 0..4 {
            let running = task!(receiver, &mut bytes);
            assert!(running.finish(&pattern(entry, 20)).is_ok(), "no room in round {round}");
        }
        for at in [2, 0, 3, 1] {
            assert_eq!(sender.take_result(tickets[at]), Ok(Some(TaskBytes::Here(pattern(at as u64, 20)))));
        }
        assert_eq!(sender.next_done(), Ok(None));
    }
}

#[test]
fn what_a_dead_worker_left_is_told_ticket_by_ticket() {
    let (mut sender, mut receiver, _heap) = pair(layout(8, 64, 128));
    let tickets: Vec<_> = (0..6).map(|entry| sender.publish(Head { items: 2, ..plain(entry) }, &[]).unwrap()).collect();
    assert_eq!(sender.revoke(tickets[4]), Ok(true));
    let mut bytes = Vec::new();
    assert!(task!(receiver, &mut bytes).finish(b"taken").is_ok());
    sender.take_result(tickets[0]).unwrap();
    assert!(task!(receiver, &mut bytes).finish(b"left").is_ok());
    let mut running = task!(receiver, &mut bytes);
    running.end_item(b"one of two").unwrap();
    running.begin_item();
    let _ = running;
    drop(receiver);
    let expected = [(1, State::Done), (2, State::Running), (3, State::Queued), (5, State::Queued)];
    assert_eq!(sender.remains().unwrap(), expected.map(|(at, state)| (tickets[at], state)));
    assert_eq!(sender.take_result(tickets[1]), Ok(Some(here(b"left"))));
    assert_eq!(sender.progress(tickets[2]), Ok(Progress { ended: 1, under_way: true }));
    assert_eq!(take_items(&mut sender, tickets[2]), Ok((1, b"one of two".to_vec())));
    assert_eq!((take_items(&mut sender, tickets[2]), sender.take_result(tickets[2])), (Ok((0, vec![])), Ok(None)));
}

#[test]
fn more_than_the_slots_is_refused() {
    let (mut sender, mut receiver, _heap) = pair(layout(2, 64, 64));
    let tickets = [sender.publish(plain(0), &[]).unwrap(), sender.publish(plain(1), &[]).unwrap()];
    assert_eq!(sender.publish(plain(2), &[]), Err(NoRoom::Slots));
    let mut bytes = Vec::new();
    assert!(task!(receiver, &mut bytes).finish(&[]).is_ok());
    assert_eq!(sender.room_for(0), Err(NoRoom::Slots), "its result was not taken");
    sender.take_result(tickets[0]).unwrap();
    assert_eq!(sender.room_for(0), Ok(()));
    // Revoked, and not yet passed.
    assert_eq!(sender.revoke(tickets[1]), Ok(true));
    let third = sender.publish(plain(2), &[]).unwrap();
    assert_eq!(sender.room_for(0), Err(NoRoom::Slots));
    assert_eq!(task!(receiver, &mut bytes).head().entry, 2);
    assert_eq!(sender.room_for(0), Ok(()), "the worker is past it");
    assert_eq!(sender.state(third), Ok(State::Running));
}
