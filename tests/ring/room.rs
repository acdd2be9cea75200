//! Where there is no room nobody waits, and whoever sleeps for room is told of it.

use super::super::NoRoom;
use super::super::receiver::Full;
use super::support::watchdog;
use super::turns::task;
use super::*;
use std::sync::mpsc;

#[test]
fn bytes_that_do_not_fit_are_refused_now_or_for_ever() {
    let (mut sender, mut receiver, _heap) = pair(layout(8, 64, 64));
    assert_eq!(sender.publish(plain(0), &[0; 65]), Err(NoRoom::Bytes));
    let first = sender.publish(plain(0), &[1; 33]).unwrap();
    assert_eq!(sender.publish(plain(1), &[2; 32]), Err(NoRoom::Bytes));
    sender.publish(plain(1), &[2; 24]).unwrap();
    sender.publish(plain(2), &[]).unwrap();
    let mut bytes = Vec::new();
    assert!(task!(receiver, &mut bytes).finish(&[]).is_ok());
    sender.take_result(first).unwrap();
    assert_eq!(sender.room_for(40), Ok(()));
    assert_eq!(sender.room_for(41), Err(NoRoom::Bytes));
}

#[test]
fn a_result_without_room_goes_another_way() {
    let (mut sender, mut receiver, _heap) = pair(layout(4, 64, 64));
    let first = sender.publish(plain(0), &[]).unwrap();
    let second = sender.publish(plain(1), &[]).unwrap();
    let third = sender.publish(plain(2), &[]).unwrap();
    let mut bytes = Vec::new();
    assert!(task!(receiver, &mut bytes).finish(&[1; 40]).is_ok());
    let running = task!(receiver, &mut bytes).finish(&[2; 25]).expect_err("no room for it");
    running.finish_elsewhere(77, 1 << 40);
    assert!(task!(receiver, &mut bytes).finish(&[3; 24]).is_ok());
    // In another order than they were written.
    assert_eq!(sender.take_result(third), Ok(Some(here(&[3; 24]))));
    assert_eq!(sender.take_result(second), Ok(Some(TaskBytes::Sent { serial: 77, length: 1 << 40 })));
    assert_eq!(sender.take_result(first), Ok(Some(here(&[1; 40]))));
    sender.publish(plain(3), &[]).unwrap();
    assert!(task!(receiver, &mut bytes).finish(&[4; 64]).is_ok(), "all of it was given back");
}

#[test]
fn items_without_room_are_in_the_spill_with_all_later_ones() {
    let (mut sender, mut receiver, _heap) = pair(layout(4, 64, 64));
    let ticket = sender.publish(Head { items: 4, ..plain(0) }, &[]).unwrap();
    let mut bytes = Vec::new();
    let mut running = task!(receiver, &mut bytes);
    running.end_item(&[1; 40]).unwrap();
    running.begin_item();
    assert_eq!(running.end_item(&[2; 25]), Err(Full));
    running.end_item_in_spill(5);
    let mut all = Vec::new();
    assert_eq!(sender.take_items(ticket, &mut all), Ok(Items { here: 1, spilled: 1, serial: 5 }));
    assert_eq!(running.end_item(&[3; 1]), Err(Full), "it would be before the second");
    running.end_item_in_spill(5);
    assert!(running.finish(&[4; 16]).is_ok());
    assert_eq!(sender.take_items(ticket, &mut all), Ok(Items { here: 0, spilled: 1, serial: 5 }));
    assert_eq!(all, [1; 40]);
    assert_eq!(sender.take_items(ticket, &mut all), Ok(Items { here: 0, spilled: 0, serial: 5 }));
    assert_eq!(sender.take_result(ticket), Ok(Some(here(&[4; 16]))));
}

#[test]
fn a_chunk_needs_no_more_room_than_what_is_not_taken() {
    let (mut sender, mut receiver, _heap) = pair(layout(1, 64, 64));
    let items = if cfg!(miri) { 20 } else { 1_000 };
    let ticket = sender.publish(Head { items, ..plain(0) }, &[]).unwrap();
    let mut bytes = Vec::new();
    let mut running = task!(receiver, &mut bytes);
    for item in 0..u64::from(items) {
        // At every place within a word they begin, and end.
        let result = pattern(item, 37 + item as usize % 11);
        running.begin_item();
        running.end_item(&result).unwrap();
        assert_eq!(take_items(&mut sender, ticket), Ok((1, result)));
    }
    assert!(running.finish(&[]).is_ok());
    assert_eq!(sender.take_result(ticket), Ok(Some(here(&[]))));
}

/// A ring that is full of revoked tasks: nothing ends there, so no result would wake a parent that waits for room.
#[test]
fn who_sleeps_for_room_is_told_when_the_revoked_are_passed() {
    let _watchdog = watchdog();
    let (mut sender, receiver, heap) = pair(layout(4, 64, 64));
    let (go_on, may_go_on) = mpsc::channel();
    // Held up between its task and what comes after it.
    let worker = worker(receiver, move |running, _| {
        assert!(running.finish(&[]).is_ok());
        may_go_on.recv().unwrap();
    });
    for round in 0..if cfg!(miri) { 6 } else { 200 } {
        let task = sender.publish(plain(0), &[]).unwrap();
        support::eventually("it ends", || sender.take_result(task).unwrap().is_some());
        while let Ok(revoked) = sender.publish(plain(1), &[]) {
            assert_eq!(sender.revoke(revoked), Ok(true));
        }
        // Either the parent sleeps before the worker passes them, or they race.
        if round % 2 == 0 {
            assert_eq!(sender.may_sleep(true, None), Ok(true));
            go_on.send(()).unwrap();
            heap.parent_sleeps();
            sender.awake();
        } else {
            go_on.send(()).unwrap();
        }
        while sender.room_for(0).is_err() {
            if sender.may_sleep(true, None).unwrap() {
                heap.parent_sleeps();
                sender.awake();
            }
        }
    }
    sender.close();
    worker.join().unwrap();
}

/// And who sleeps for results only is not.
#[test]
fn a_parent_that_has_seen_the_end_is_not_rung_for_it() {
    let (mut sender, mut receiver, heap) = pair(layout(4, 64, 64));
    let ticket = sender.publish(plain(0), &[]).unwrap();
    assert_eq!(sender.may_sleep(false, None), Ok(true));
    let mut bytes = Vec::new();
    assert!(task!(receiver, &mut bytes).finish(&[]).is_ok());
    assert_eq!(heap.rings(), 1);
    sender.awake();
    assert_eq!(sender.may_sleep(false, None), Ok(false), "there is a result");
    sender.take_result(ticket).unwrap();
    assert_eq!(sender.may_sleep(false, None), Ok(true));
    // What the worker would do last, had it been slower.
    let worker = Ring::new(Arc::clone(&heap), layout(4, 64, 64));
    worker.ring_parent(1);
    assert_eq!(heap.rings(), 1);
    worker.ring_parent(2);
    assert_eq!(heap.rings(), 2);
}

/// One that was revoked stands before it, and nobody waits for the one before that.
#[test]
fn who_sleeps_for_one_result_sees_that_it_is_there() {
    let (mut sender, mut receiver, _heap) = pair(layout(8, 64, 64));
    let [_, revoked, awaited] = [0, 1, 2].map(|entry| sender.publish(plain(entry), &[]).unwrap());
    assert_eq!(sender.revoke(revoked), Ok(true));
    let mut bytes = Vec::new();
    assert!(task!(receiver, &mut bytes).finish(&[]).is_ok());
    assert_eq!(sender.may_sleep(false, Some(awaited)), Ok(true), "it has not ended");
    assert!(task!(receiver, &mut bytes).finish(&[]).is_ok());
    assert_eq!(sender.may_sleep(false, Some(awaited)), Ok(false));
}
