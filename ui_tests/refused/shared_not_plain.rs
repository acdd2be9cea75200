//! Elements of shared memory must be plain data: a struct of one's own says so by deriving `bytemuck::Pod`.
use concurrent_futures::shared_memory::SharedSlice;

#[derive(Clone, Copy)]
struct Point(u8);

fn main() {
    let _ = SharedSlice::copy_from(&[Point(1)]); //~ `Point` is not plain data, so processes cannot share it
}
