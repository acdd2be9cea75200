//! Python's pools of processes: a program in Python, which does the work when it is told to, and takes the time itself.
//!
//! So what is compared is what its users see, and nothing of the way between this program and that one counts.

use crate::Failure;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/python/pools.py");
/// What a shell's or a shim's exit says where there is no such program.
const NOT_FOUND: i32 = 127;

/// The program, until this is dropped.
pub(crate) struct Python {
    child: Child,
    /// It ends when this is closed.
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Python {
    /// `ProcessPoolExecutor` of the standard library.
    pub(crate) const NAME: &'static str = "Python";
    pub(crate) const LOKY: &'static str = "loky";

    /// `None` if there is no `python3` here, or if it does not have that library.
    pub(crate) fn start(name: &'static str, processes: usize) -> Result<Option<Self>, Failure> {
        let mut command = Command::new("python3");
        command.arg(PROGRAM).arg(name).arg(processes.to_string()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let orders = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().ok_or("Python has no standard output")?);
        let mut python = Python { child, orders, answers };
        match &*python.answer()? {
            "ready" => Ok(Some(python)),
            "missing" => Ok(None),
            _ if python.child.wait()?.code() == Some(NOT_FOUND) => Ok(None),
            other => Err(format!("Python does not begin: `{other}`").into()),
        }
    }

    fn answer(&mut self) -> Result<String, Failure> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }

    /// Nanoseconds per item of a work that it knows.
    pub(crate) fn figure(&mut self, work: &str, items: u64) -> Result<f64, Failure> {
        let orders = self.orders.as_mut().ok_or("Python is over")?;
        writeln!(orders, "{work} {items}")?;
        let taken: f64 = self.answer()?.parse().map_err(|_| "Python gave no figure")?;
        Ok(taken / items as f64)
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        self.orders.take();
        // It ends by itself now; how, does not matter any more.
        let _ = self.child.wait();
    }
}
