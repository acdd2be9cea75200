//! Items in another order than they came in.
//!
//! Where an item belongs is found first, by comparing, and changes nothing; then things are moved, without comparing.
//! So a comparison that panics leaves a pile as it was.

/// A collection that gives one item at a time.
pub(super) trait Pile: Default {
    type Item;

    fn len(&self) -> usize;

    /// Where this item would go. May panic, because items are compared.
    fn place_for(&self, item: &Self::Item) -> usize;

    /// `place` is what was found for this item.
    fn put(&mut self, item: Self::Item, place: usize);

    /// What [`take`](Pile::take) needs to know, if there is anything. May panic, because items are compared.
    fn gap(&self) -> Option<usize>;

    /// The next item. `gap` is what was found for this pile as it is.
    fn take(&mut self, gap: usize) -> Option<Self::Item>;

    /// All of it, in any order.
    fn into_items(self) -> Vec<Self::Item>;
}

/// What is kept for later items however few there are, in items.
const KEPT: usize = 64;

/// Gives half of the memory back where an eighth of it would do, so that a burst is not paid for ever. An item pays for
/// this once at most, as it does for growing.
fn trim<T>(items: &mut Vec<T>) {
    let capacity = items.capacity();
    if capacity > KEPT && items.len() < capacity / 8 {
        items.shrink_to(capacity / 2);
    }
}

/// The last comes first.
pub(super) struct Stack<T>(Vec<T>);

impl<T> Default for Stack<T> {
    fn default() -> Self {
        Stack(Vec::new())
    }
}

impl<T> Pile for Stack<T> {
    type Item = T;

    fn len(&self) -> usize {
        self.0.len()
    }

    fn place_for(&self, _item: &T) -> usize {
        self.0.len()
    }

    fn put(&mut self, item: T, _place: usize) {
        self.0.push(item);
    }

    fn gap(&self) -> Option<usize> {
        self.0.len().checked_sub(1)
    }

    fn take(&mut self, _gap: usize) -> Option<T> {
        let item = self.0.pop();
        trim(&mut self.0);
        item
    }

    fn into_items(self) -> Vec<T> {
        self.0
    }
}

/// The smallest comes first, and of equal ones the one that came first: a binary heap, whose parents are at `(i - 1) / 2`
/// and are not larger than their children.
pub(super) struct Heap<T> {
    ranked: Vec<Ranked<T>>,
    next: u64,
}

struct Ranked<T> {
    item: T,
    /// In which turn it came.
    number: u64,
}

impl<T> Default for Heap<T> {
    fn default() -> Self {
        Heap { ranked: Vec::new(), next: 0 }
    }
}

impl<T: Ord> Heap<T> {
    fn is_before(&self, one: usize, other: usize) -> bool {
        let (one, other) = (&self.ranked[one], &self.ranked[other]);
        one.item.cmp(&other.item).then(one.number.cmp(&other.number)).is_lt()
    }
}

fn parent(place: usize) -> usize {
    (place - 1) / 2
}

impl<T: Ord> Pile for Heap<T> {
    type Item = T;

    fn len(&self) -> usize {
        self.ranked.len()
    }

    /// From the bottom up, past everything that is larger. It is younger than all that are equal.
    fn place_for(&self, item: &T) -> usize {
        let mut place = self.ranked.len();
        while place > 0 && item.cmp(&self.ranked[parent(place)].item).is_lt() {
            place = parent(place);
        }
        place
    }

    /// Everything on the way from `place` to the bottom moves down by one.
    fn put(&mut self, item: T, place: usize) {
        let mut here = self.ranked.len();
        self.ranked.push(Ranked { item, number: self.next });
        self.next += 1;
        while here > place {
            self.ranked.swap(here, parent(here));
            here = parent(here);
        }
    }

    /// Where the last item will be when the first has left: from the top down, past everything that is smaller.
    fn gap(&self) -> Option<usize> {
        let last = self.ranked.len().checked_sub(1)?;
        let mut gap = 0;
        loop {
            let (left, right) = (2 * gap + 1, 2 * gap + 2);
            if left >= last {
                return Some(gap);
            }
            let child = if right < last && self.is_before(right, left) { right } else { left };
            if !self.is_before(child, last) {
                return Some(gap);
            }
            gap = child;
        }
    }

    /// Everything on the way from `gap` to the top moves up by one, and the first falls out.
    fn take(&mut self, gap: usize) -> Option<T> {
        let mut moving = self.ranked.pop()?;
        trim(&mut self.ranked);
        let mut here = gap;
        while let Some(place) = self.ranked.get_mut(here) {
            std::mem::swap(place, &mut moving);
            if here == 0 {
                break;
            }
            here = parent(here);
        }
        Some(moving.item)
    }

    fn into_items(self) -> Vec<T> {
        self.ranked.into_iter().map(|ranked| ranked.item).collect()
    }
}

#[cfg(all(test, not(concurrent_futures_loom)))]
mod tests {
    use super::{Heap, KEPT, Pile, Stack};
    use std::cell::Cell;
    use std::cmp::Ordering;

    /// Compared by its first half only.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    struct Pair(u32, usize);

    thread_local! {
        /// How many comparisons are left before one panics.
        static FUSE: Cell<u32> = const { Cell::new(u32::MAX) };
    }

    impl PartialOrd for Pair {
        fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
            Some(self.cmp(other))
        }
    }

    impl Ord for Pair {
        fn cmp(&self, other: &Self) -> Ordering {
            let left = FUSE.get();
            FUSE.set(left.wrapping_sub(1));
            if left == 0 {
                std::panic::resume_unwind(Box::new("the fuse"));
            }
            self.0.cmp(&other.0)
        }
    }

    fn put(heap: &mut Heap<Pair>, pair: Pair) {
        let place = heap.place_for(&pair);
        heap.put(pair, place);
    }

    fn take(heap: &mut Heap<Pair>) -> Option<Pair> {
        let gap = heap.gap()?;
        heap.take(gap)
    }

    /// A few hundred items of few values, from a generator that is good enough for that.
    fn mixed(count: usize) -> Vec<Pair> {
        let mut seed = 1_u32;
        let pairs = (0..count).map(|number| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            Pair(seed >> 28, number)
        });
        pairs.collect()
    }

    fn drained(mut heap: Heap<Pair>) -> Vec<Pair> {
        std::iter::from_fn(|| take(&mut heap)).collect()
    }

    #[test]
    fn a_heap_gives_what_a_stable_sort_gives() {
        for count in [0, 1, 2, 3, 4, 10, 63, 64, 500] {
            let pairs = mixed(count);
            let mut heap = Heap::default();
            pairs.iter().for_each(|pair| put(&mut heap, *pair));
            let mut sorted = pairs;
            sorted.sort();
            assert_eq!(drained(heap), sorted, "{count} items");
        }
    }

    #[test]
    fn a_heap_stays_right_through_takes_between_puts() {
        let mut heap = Heap::default();
        let mut kept: Vec<Pair> = Vec::new();
        for (turn, pair) in mixed(500).into_iter().enumerate() {
            put(&mut heap, pair);
            kept.push(pair);
            if turn % 3 == 0 {
                let least = (0..kept.len()).min_by_key(|at| (kept[*at].0, kept[*at].1));
                assert_eq!(take(&mut heap), least.map(|at| kept.remove(at)));
            }
        }
        kept.sort();
        assert_eq!(drained(heap), kept);
    }

    #[test]
    fn memory_comes_back_after_a_burst() {
        let (mut stack, mut heap) = (Stack::default(), Heap::default());
        for pair in mixed(100 * KEPT) {
            stack.put(pair, 0);
            put(&mut heap, pair);
        }
        for _ in 0..99 * KEPT {
            stack.take(0).unwrap();
            take(&mut heap).unwrap();
        }
        let most = 8 * KEPT;
        assert!(stack.0.capacity() <= most && heap.ranked.capacity() <= most);
        assert_eq!((stack.len(), drained(heap).len()), (KEPT, KEPT));
    }

    #[test]
    fn a_comparison_that_panics_changes_nothing_whichever_it_is() {
        let pairs = mixed(100);
        let mut sorted = pairs.clone();
        sorted.sort();
        for fuse in 0..8 {
            let mut heap = Heap::default();
            pairs.iter().for_each(|pair| put(&mut heap, *pair));
            FUSE.set(fuse);
            let gap = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| heap.gap()));
            let place = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| heap.place_for(&Pair(0, 0))));
            FUSE.set(u32::MAX);
            assert!(gap.is_err() || place.is_err(), "comparison {fuse} did not come");
            assert_eq!(drained(heap), sorted);
        }
    }
}
