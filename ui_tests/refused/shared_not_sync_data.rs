//! `PhantomData` is plain data of whatever type, so `Send` and `Sync` are asked for as well.
use concurrent_futures::shared_memory::SharedSlice;
use std::marker::PhantomData;
use std::rc::Rc;

fn main() {
    let _ = SharedSlice::copy_from(&[PhantomData::<Rc<u8>>]); //~ `PhantomData<Rc<u8>>` is not plain data
}
