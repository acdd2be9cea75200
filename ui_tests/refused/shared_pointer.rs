//! Elements of shared memory must be plain data: a pointer means nothing in another process.
use concurrent_futures::shared_memory::SharedSlice;
use std::rc::Rc;

fn main() {
    let _ = SharedSlice::copy_from(&[Rc::new(1)]); //~ `Rc<{integer}>` is not plain data, so processes cannot share it
}
