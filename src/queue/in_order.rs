//! First in, first out, in the way that suits the bound: a ring has the cheaper steps, and takes all of its memory at
//! once.

use super::accounts::Accounts;
use super::fifo::Fifo;
use super::ring::Ring;
use super::store::{Done, NotGot, NotPut, Store};

pub(super) enum InOrder<T> {
    Ring(Ring<T>),
    Fifo(Fifo<T>),
}

impl<T> InOrder<T> {
    pub(super) fn new(bound: Option<usize>) -> Self {
        bound.and_then(Ring::new).map_or_else(|| InOrder::Fifo(Fifo::new(bound)), InOrder::Ring)
    }
}

/// The same of whichever it is.
macro_rules! either {
    ($in_order:expr, $store:ident => $result:expr) => {
        match $in_order {
            InOrder::Ring($store) => $result,
            InOrder::Fifo($store) => $result,
        }
    };
}

impl<T> Store for InOrder<T> {
    type Item = T;

    #[inline]
    fn put(&self, item: T, sleeping: bool) -> Result<Done<()>, NotPut<T>> {
        either!(self, store => store.put(item, sleeping))
    }

    #[inline]
    fn get(&self, sleeping: bool) -> Result<Done<T>, NotGot> {
        either!(self, store => store.get(sleeping))
    }

    fn may_get(&self) -> bool {
        either!(self, store => store.may_get())
    }

    fn may_put(&self) -> bool {
        either!(self, store => store.may_put())
    }

    fn forget_getters(&self) {
        either!(self, store => store.forget_getters());
    }

    fn forget_putters(&self) {
        either!(self, store => store.forget_putters());
    }

    fn close(&self, empty: bool) -> Vec<T> {
        either!(self, store => store.close(empty))
    }

    fn is_closed(&self) -> bool {
        either!(self, store => store.is_closed())
    }

    fn len(&self) -> usize {
        either!(self, store => store.len())
    }

    fn bound(&self) -> Option<usize> {
        either!(self, store => store.bound())
    }

    #[inline]
    fn accounts(&self) -> &Accounts {
        either!(self, store => store.accounts())
    }
}
