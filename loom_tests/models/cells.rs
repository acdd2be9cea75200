//! Slabs and their cells: coming back against taking, letting go and finding, and who gives a slab back to the system.
//!
//! Each model ends with all cells given back, so that all memory has to have been freed, once: loom counts that. It also
//! watches each cell, so that nobody uses one that somebody else has, or who had it before without having been seen to be
//! done with it.
#![expect(clippy::unwrap_used, reason = "a model fails where anything does")]

use super::{bounded, exhaustively};
use crate::task::cells::{Block, Depot, Hold, Shape};
use loom::thread;
use std::ptr::NonNull;
use std::sync::Arc;

/// A value in a cell. Whoever has this has the cell.
struct Placed(NonNull<u32>);

// SAFETY: there is one for each cell, and the value in it is plain.
unsafe impl Send for Placed {}

fn depot(cells: usize) -> Arc<Depot> {
    Arc::new(Depot::new(Shape::new(size_of::<Block<u32>>().next_multiple_of(32), cells)))
}

fn hold_of(depot: &Arc<Depot>) -> Hold<Arc<Depot>> {
    Hold::new(Arc::clone(depot))
}

fn place(hold: &Hold<Arc<Depot>>) -> Placed {
    let cell = hold.take().or_else(|| hold.fetch()).unwrap();
    // SAFETY: the cell is this thread's, and the shape has room for such a block.
    Placed(unsafe { Block::fill(cell, 7) })
}

fn clear(placed: &Placed) -> (NonNull<crate::task::cells::Node>, NonNull<crate::task::cells::Slab>) {
    // SAFETY: it is in a cell, and the caller has that.
    assert_eq!(unsafe { placed.0.read() }, 7, "a value that somebody else has written over");
    // SAFETY: the same.
    unsafe { Block::clear(placed.0) }.unwrap()
}

/// By who holds no slab.
fn remove(depot: &Depot, placed: Placed) {
    let (cell, slab) = clear(&placed);
    // SAFETY: the cell is this thread's, and of this depot.
    unsafe { depot.give_back(cell, slab) };
}

fn remove_at(hold: &Hold<Arc<Depot>>, placed: Placed) {
    let (cell, slab) = clear(&placed);
    // SAFETY: the cell is this thread's, and of the hold's depot.
    unsafe { hold.give_back(cell, slab) };
}

/// Two slabs in the list of a depot of two cells each; the last cell of each that is out.
fn two_in_the_list(depot: &Arc<Depot>) -> [Placed; 2] {
    let holds = [hold_of(depot), hold_of(depot)];
    let placed = holds.each_ref().map(|hold| [place(hold), place(hold)]);
    holds.iter().for_each(Hold::let_go);
    placed.map(|[first, last]| {
        remove(depot, first);
        last
    })
}

/// Gives cells back on a thread of its own.
fn removing(depot: &Arc<Depot>, placed: Placed) -> thread::JoinHandle<()> {
    let depot = Arc::clone(depot);
    thread::spawn(move || remove(&depot, placed))
}

/// Would show: a cell that is lost, or given out twice (a take that leaves the chain, a give back that puts its cell
/// before a head which it did not see); and one that is given out before what was done to it is seen (a relaxed give
/// back, or take).
#[test]
fn cells_come_back_while_their_holder_takes_them() {
    bounded(3, || {
        let depot = depot(2);
        let hold = hold_of(&depot);
        let removers = [place(&hold), place(&hold)].map(|placed| removing(&depot, placed));
        // From what came back, or from another slab.
        let others = [place(&hold), place(&hold)];
        removers.into_iter().for_each(|remover| remover.join().unwrap());
        others.into_iter().for_each(|placed| remove_at(&hold, placed));
        hold.let_go();
    });
}

/// Would show: a slab that is freed twice, or never, or while somebody still touches it (a look at the place, or at the
/// count, in a step of its own; a relaxed look at the count).
#[test]
fn the_last_cells_come_back_while_their_holder_lets_go() {
    exhaustively(|| {
        let depot = depot(2);
        let hold = hold_of(&depot);
        let removers = [place(&hold), place(&hold)].map(|placed| removing(&depot, placed));
        hold.let_go();
        removers.into_iter().for_each(|remover| remover.join().unwrap());
    });
}

/// The same with cells left at the holder's: one that came back to it, and one that was never given out.
#[test]
fn a_holder_lets_go_of_free_cells() {
    exhaustively(|| {
        let depot = depot(18);
        let hold = hold_of(&depot);
        let [one, two, three] = [place(&hold), place(&hold), place(&hold)];
        remove_at(&hold, three);
        let removers = [one, two].map(|placed| removing(&depot, placed));
        hold.let_go();
        removers.into_iter().for_each(|remover| remover.join().unwrap());
    });
}

/// Would show: a slab that is freed while somebody finds it (a last cell that goes by what was seen before the lock), or
/// found while it is not listed yet.
#[test]
fn a_slab_is_found_while_its_last_cells_come_back() {
    bounded(3, || {
        let depot = depot(2);
        let hold = hold_of(&depot);
        let [one, two] = [place(&hold), place(&hold)];
        hold.let_go();
        let removers = [one, two].map(|placed| removing(&depot, placed));
        let next = hold_of(&depot);
        let placed = [place(&next), place(&next)];
        placed.into_iter().for_each(|placed| remove_at(&next, placed));
        next.let_go();
        removers.into_iter().for_each(|remover| remover.join().unwrap());
    });
}

/// Two threads that come and go while a third one, which is gone already, has left cells. Would show what the others
/// would, where three meet.
#[test]
fn threads_come_and_go() {
    bounded(2, || {
        let depot = depot(2);
        let hold = hold_of(&depot);
        let removers = [place(&hold), place(&hold)].map(|placed| {
            let depot = Arc::clone(&depot);
            thread::spawn(move || {
                let hold = hold_of(&depot);
                let own = place(&hold);
                remove_at(&hold, placed);
                hold.let_go();
                remove(&depot, own);
            })
        });
        hold.let_go();
        removers.into_iter().for_each(|remover| remover.join().unwrap());
    });
}

/// Would show: a slab that stays in the list for good, with all its cells (a miss that is not noted, or not looked for
/// by the next visit, which here is that of the depot's end).
#[test]
fn slabs_whose_last_cells_met_a_taken_lock_are_found_later() {
    bounded(3, || {
        let depot = depot(2);
        let removers = two_in_the_list(&depot).map(|placed| removing(&depot, placed));
        removers.into_iter().for_each(|remover| remover.join().unwrap());
    });
}

/// Would show: a slab that is freed, or unlisted, by who did not get to it first (the same for two slabs that are next to
/// each other in the list, one of which somebody takes).
#[test]
fn neighbours_leave_the_list() {
    bounded(2, || {
        let depot = depot(2);
        let removers = two_in_the_list(&depot).map(|placed| removing(&depot, placed));
        let next = hold_of(&depot);
        let placed = place(&next);
        next.let_go();
        remove(&depot, placed);
        removers.into_iter().for_each(|remover| remover.join().unwrap());
    });
}
