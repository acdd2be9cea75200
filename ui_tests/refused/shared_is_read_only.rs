//! What is shared can be read only.
use concurrent_futures::shared_memory::SharedSlice;

fn main() {
    let mut numbers = SharedSlice::copy_from(&[1u8]).unwrap();
    numbers = numbers.clone();
    numbers[0] = 2; //~ cannot assign to data in dereference of `SharedSlice<u8>`
}
