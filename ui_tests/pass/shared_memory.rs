//! Shared memory in user programs: made, filled, carried by calls and tasks, and errors that `?` takes.
#![forbid(unsafe_code)]
#![deny(unused)]

use concurrent_futures::shared_memory::{FreezeError, Plain, SharedBytes, SharedSlice, SharedSliceMut};
use concurrent_futures::*;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

fn total(numbers: SharedSlice<f64>, factor: f64) -> f64 {
    numbers.iter().sum::<f64>() * factor
}

fn squares(upto: u32) -> Result<SharedSlice<u64>, PortableError> {
    let mut writer = SharedSlice::zeroed(upto as usize)?;
    for (square, n) in writer.iter_mut().zip(0u64..) {
        *square = n * n;
    }
    Ok(writer.freeze()?)
}

fn calls_and_tasks(executor: &dyn Executor) -> Outcome {
    let numbers = SharedSlice::copy_from(&[1.0, 2.0])?;
    assert_eq!(executor.submit(call!(total(numbers.clone(), 2.0))).result(None)?, 6.0);
    assert_eq!(executor.submit(task!([numbers] => numbers.iter().sum::<f64>())).result(None)?, 3.0);
    let squares = executor.submit(call!(squares(10))).result(None)??;
    assert_eq!(squares.last(), Some(&81));
    let totals: Vec<f64> = executor.map(sum_of_row, rows()?).collect::<Result<_, _>>()?;
    assert_eq!(totals, [6.0, 15.0]);
    Ok(())
}

fn rows() -> std::io::Result<Vec<(SharedSlice<f64>, usize)>> {
    let matrix = SharedSlice::copy_from(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])?;
    Ok((0..2).map(|row| (matrix.clone(), row)).collect())
}

fn sum_of_row((matrix, row): (SharedSlice<f64>, usize)) -> f64 {
    matrix[row * 3..][..3].iter().sum()
}

/// What travels can be part of what derives serde's traits.
#[derive(serde::Serialize, serde::Deserialize, Clone)]
struct Picture {
    width: u32,
    pixels: SharedBytes,
}

fn brightest(picture: Picture) -> (u32, u8) {
    (picture.width, picture.pixels.iter().copied().max().unwrap_or(0))
}

fn a_struct_with_a_slice(executor: &dyn Executor) -> Outcome {
    let picture = Picture { width: 2, pixels: SharedBytes::from_reader(&[1, 9, 3, 4][..])? };
    assert_eq!(executor.submit(call!(brightest(picture.clone()))).result(None)?, (2, 9));
    assert_eq!(picture.pixels.len(), 4);
    Ok(())
}

fn frozen_in_the_end<T: Plain>(mut writer: SharedSliceMut<T>) -> Result<SharedSlice<T>, FreezeError<T>> {
    loop {
        match writer.freeze() {
            Ok(shared) => return Ok(shared),
            Err(error) => writer = error.into_writer()?,
        }
    }
}

fn main() -> Outcome {
    let pool = ThreadPoolExecutor::new(2)?;
    calls_and_tasks(&pool)?;
    calls_and_tasks(&InlineExecutor::new())?;
    a_struct_with_a_slice(&pool)?;
    let _shared: SharedSlice<[u8; 3]> = frozen_in_the_end(SharedSlice::zeroed(2)?)?;
    Ok(())
}
