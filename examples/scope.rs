//! Tasks that borrow from the stack: each draws one row of a picture, right into the buffer, which nobody had to wrap
//! in an `Arc` or to copy.
//!
//! The rows of the Mandelbrot set differ much in what they cost, so it matters that idle workers take what is left. The
//! same is drawn by a plain loop, and compared.

use concurrent_futures::{TaskError, ThreadPoolExecutor};
use std::error::Error;
use std::time::Instant;

const WIDTH: usize = 78;
const HEIGHT: usize = 32;
/// Points for each letter, in both directions.
const SAMPLES: usize = 10;
const MOST_STEPS: u32 = 600;

/// The part of the plane that is drawn.
struct View {
    left: f64,
    top: f64,
    width: f64,
    height: f64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let view = View { left: -2.1, top: 1.15, width: 2.8, height: 2.3 };

    let began = Instant::now();
    let mut expected = vec![0; WIDTH * HEIGHT];
    let mut expected_steps = 0;
    for (y, row) in expected.chunks_mut(WIDTH).enumerate() {
        expected_steps += draw(&view, y, row);
    }
    let in_a_loop = began.elapsed();

    let pool = ThreadPoolExecutor::builder().build()?;
    let began = Instant::now();
    let mut picture = vec![0; WIDTH * HEIGHT];
    let steps = pool.scope(|scope| {
        let view = &view;
        let rows = picture.chunks_mut(WIDTH).enumerate();
        let drawn: Vec<_> = rows.map(|(y, row)| scope.submit(move || draw(view, y, row))).collect();
        // A task may also give something back. The scope would wait for the tasks without this, too.
        drawn.iter().map(|steps| steps.result(None)).sum::<Result<u64, TaskError>>()
    })?;
    let on_threads = began.elapsed();

    for row in picture.chunks(WIDTH) {
        println!("{}", row.iter().copied().map(letter).collect::<String>());
    }
    println!("in a loop     {in_a_loop:>9.1?}  {expected_steps} steps");
    println!("on {} threads  {on_threads:>9.1?}  {steps} steps", pool.max_workers());
    if (picture, steps) != (expected, expected_steps) {
        return Err("the pictures differ".into());
    }
    println!("The pictures are the same.");
    Ok(())
}

/// Fills one row with the average number of steps of its letters, and says how many steps that took.
fn draw(view: &View, y: usize, row: &mut [u32]) -> u64 {
    let mut all = 0;
    for (x, average) in row.iter_mut().enumerate() {
        let mut sum = 0;
        for sample in 0..SAMPLES * SAMPLES {
            let across = (x * SAMPLES + sample % SAMPLES) as f64 / (WIDTH * SAMPLES) as f64;
            let down = (y * SAMPLES + sample / SAMPLES) as f64 / (HEIGHT * SAMPLES) as f64;
            sum += steps(view.left + across * view.width, view.top - down * view.height);
        }
        *average = sum / (SAMPLES * SAMPLES) as u32;
        all += u64::from(sum);
    }
    all
}

/// How long z = z² + c stays close to 0.
fn steps(re: f64, im: f64) -> u32 {
    let (mut x, mut y) = (0.0, 0.0);
    for step in 0..MOST_STEPS {
        if x * x + y * y > 4.0 {
            return step;
        }
        (x, y) = (x * x - y * y + re, 2.0 * x * y + im);
    }
    MOST_STEPS
}

fn letter(steps: u32) -> char {
    match steps {
        0..=3 => ' ',
        4..=5 => '.',
        6..=8 => ':',
        9..=15 => '-',
        16..=30 => '+',
        31..=80 => '*',
        81..=500 => '%',
        _ => '#',
    }
}
