//! What happens between two `next`s of a map: pulling inputs, sizing chunks, waiting, handing out.

use super::Progress;
use super::chunk::{ChunkOutput, ChunkResults};
use super::course::Course;
use super::flight::{Chunk, Flight};
use super::runner::Runner;
use crate::error::{RejectReason, TaskError};
use crate::sync::{Deadline, contain};
use crate::task::{self, Bell, Future, Need, Sealed as _, WaitSet};
use std::collections::VecDeque;
use std::iter::Empty;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

/// Chunks in flight for each worker, where no window is asked for.
const CHUNKS_PER_WORKER: usize = 4;
/// The most workers that a window without a size of its own is made for.
const MOST_WORKERS: usize = 1024;
/// How long an automatic chunk should take: long beside the cost of a task, short beside a person's patience.
const CHUNK_TIME: Duration = Duration::from_micros(200);
/// For how long a `next` goes on filling the window while there is something to hand out. Far more than it takes, unless
/// the input is slow.
const PATIENCE: Duration = Duration::from_millis(1);
/// The longest automatic chunk; bounds what a sudden change of item time can do.
const MOST_AUTOMATIC: usize = 8192;

#[derive(Default)]
pub(super) struct Options<'e> {
    pub(super) chunksize: usize,
    pub(super) buffersize: usize,
    pub(super) timeout: Option<Duration>,
    pub(super) item_timeout: Option<Duration>,
    pub(super) unordered: bool,
    pub(super) progress: Option<Box<dyn FnMut(Progress) + Send + 'e>>,
}

pub(super) struct Drive<'e, I: Iterator, R> {
    pub(super) options: Options<'e>,
    runner: Box<dyn Runner<'e, I::Item, R> + 'e>,
    /// `None` once it has ended.
    input: Option<I>,
    total: Option<usize>,
    course: Course<'e, R>,
}

impl<'e, I: Iterator, R: Send> Drive<'e, I, R> {
    pub(super) fn new(runner: Box<dyn Runner<'e, I::Item, R> + 'e>, input: I) -> Self {
        let total = match input.size_hint() {
            (low, Some(high)) if low == high => Some(low),
            _ => None,
        };
        Drive { options: Options::default(), runner, input: Some(input), total, course: Course::new() }
    }

    /// The clock starts, and the window is filled.
    pub(super) fn start(&mut self) {
        self.begin();
        self.top_up(|_| false);
    }

    fn begin(&mut self) -> Deadline {
        if self.course.deadline.is_none() && self.options.unordered {
            self.course.flight = Flight::Unordered(WaitSet::empty());
        }
        *self.course.deadline.get_or_insert_with(|| Deadline::after(self.options.timeout))
    }

    pub(super) fn submit_all(&mut self) {
        self.begin();
        if self.options.chunksize == 0 {
            // No item has been timed yet; enough chunks for every worker, whatever the size of the input.
            let chunks = 16 * CHUNKS_PER_WORKER * self.workers();
            self.course.automatic = (self.total.unwrap_or(0) / chunks.max(1)).clamp(1, MOST_AUTOMATIC);
        }
        while self.submit_chunk(usize::MAX) {}
    }

    pub(super) fn into_futures(mut self) -> Vec<Future<R>> {
        let deadline = self.begin();
        let limit = self.options.item_timeout;
        let mut futures = Vec::new();
        let Some(mut input) = self.input.take() else {
            return futures;
        };
        loop {
            if deadline.is_past() && self.total != Some(futures.len()) {
                futures.push(Future::failed_any(TaskError::DeadlineExceeded));
                return futures;
            }
            match input.next() {
                Some(item) => futures.push(self.runner.submit_one(item, limit, deadline.remaining())),
                None => return futures,
            }
        }
    }

    // ------------------------------------------------------------------------------------------ pulling

    /// How many workers the window is for. An engine may have no limit, but a window has to.
    fn workers(&self) -> usize {
        self.runner.max_workers().clamp(1, MOST_WORKERS)
    }

    fn room(&self) -> usize {
        match self.options.buffersize {
            0 if self.course.flight.len() < CHUNKS_PER_WORKER * self.workers() => usize::MAX,
            0 => 0,
            window => window.saturating_sub(self.course.ahead),
        }
    }

    fn chunksize(&self) -> usize {
        if self.options.item_timeout.is_some() {
            return 1;
        }
        let window = self.options.buffersize;
        match self.options.chunksize {
            0 if window == 0 => self.course.automatic,
            0 => self.course.automatic.min(window / (2 * self.workers())).max(1),
            asked if window == 0 => asked,
            asked => asked.min(window),
        }
    }

    /// Pulls and submits while the window has room for a whole chunk: at least one, and after that until it takes long
    /// while there is something to hand out; `true` if that was why it ended. A panic of the input is kept for the next
    /// `next`.
    fn top_up(&mut self, has_something: impl Fn(&Self) -> bool) -> bool {
        let filled = contain(|| {
            let mut began = None;
            loop {
                let room = self.room();
                if room < self.chunksize() {
                    return false;
                }
                match began {
                    None => began = Some(Instant::now()),
                    Some(began) if has_something(self) && began.elapsed() >= PATIENCE => return true,
                    Some(_) => {}
                }
                if !self.submit_chunk(room) {
                    return false;
                }
            }
        });
        filled.unwrap_or_else(|payload| {
            self.input = None;
            self.course.panicked = Some(payload);
            false
        })
    }

    /// `false`: the input is at its end, or the time is up.
    fn submit_chunk(&mut self, most: usize) -> bool {
        let size = self.chunksize().min(most);
        let deadline = self.begin();
        let Some(input) = &mut self.input else {
            return false;
        };
        let mut late = false;
        let (low, _) = input.size_hint();
        let mut items = Vec::with_capacity(size.min(low).min(MOST_AUTOMATIC));
        // Written out, because a chain of adapters around a borrowed iterator asks it for its length at every step.
        while items.len() < size {
            // The clock is looked at between any two, because each may take its time.
            late = deadline.is_past();
            match if late { None } else { input.next() } {
                Some(item) => items.push(item),
                None => break,
            }
        }
        let pulled = self.course.handed_out + self.course.ahead + items.len();
        if late && self.total != Some(pulled) {
            // What was pulled for this chunk has not begun, and never will.
            self.expire();
            return false;
        }
        if items.len() < size {
            // Iterators need not stay at their end, but a map does.
            self.input = None;
        }
        if items.is_empty() {
            return false;
        }
        self.course.ahead += items.len();
        let count = items.len();
        let pending = self.runner.submit(items, self.options.item_timeout, deadline.remaining());
        self.course.flight.push(Chunk { pending, items: count });
        self.input.is_some()
    }

    // ------------------------------------------------------------------------------------------ handing out

    /// After the window was filled, as far as it could be: how many results may be handed out before it has room again.
    fn leeway(&self, deadline: Deadline, is_input_slow: bool) -> usize {
        if !deadline.is_never() || is_input_slow || self.course.panicked.is_some() || self.options.progress.is_some() {
            return 0;
        }
        if self.input.is_none() || self.options.buffersize == 0 {
            // There is nothing to pull, or there will be room when the next chunk is received.
            return usize::MAX;
        }
        self.chunksize().saturating_sub(self.room() + 1)
    }

    /// The next result, whatever it takes, with a way to receive the next chunk that need not be there yet.
    #[inline(never)]
    fn advance(
        &mut self,
        mut receive: impl FnMut(&mut Self, Deadline) -> Poll<Result<ChunkResults<R>, TaskError>>,
    ) -> Poll<Option<Result<R, TaskError>>> {
        if self.course.ended {
            return Poll::Ready(None);
        }
        self.course.settle();
        let deadline = self.begin();
        self.pass_on_panic();
        if deadline.is_past() {
            self.expire();
        }
        let mut is_input_slow = false;
        let item = loop {
            if let Some(item) = self.course.current.next() {
                break item;
            }
            if !self.course.flight.has_ready() {
                is_input_slow = self.top_up(|drive| drive.course.flight.has_ready());
                self.pass_on_panic();
            }
            if self.course.flight.len() == 0 {
                let cut_short = self.course.cut_short;
                self.end();
                return Poll::Ready(cut_short.then_some(Err(TaskError::TimedOut)));
            }
            match ready!(receive(self, deadline)) {
                Ok(results) => self.course.current = results,
                Err(error) => {
                    self.end();
                    return Poll::Ready(Some(Err(error)));
                }
            }
        };
        self.course.count_out(1);
        if !is_input_slow {
            is_input_slow = self.top_up(|_| true);
        }
        self.course.foresee(self.leeway(deadline, is_input_slow));
        if let Some(progress) = &mut self.options.progress {
            progress(Progress { done: self.course.handed_out, total: self.total });
        }
        Poll::Ready(Some(item))
    }

    /// What the input's panic left goes to the caller, once.
    fn pass_on_panic(&mut self) {
        if let Some(payload) = self.course.panicked.take() {
            self.end();
            payload.resume();
        }
    }

    /// The time is up: nothing is pulled any more, and what has not begun never will. What is ready is still handed
    /// out.
    fn expire(&mut self) {
        if self.course.expired {
            return;
        }
        self.course.expired = true;
        let all_pulled = self.total == Some(self.course.handed_out + self.course.ahead);
        self.course.cut_short = self.input.take().is_some() && !all_pulled;
        self.course.flight.for_each_from_last(|chunk| {
            task::cancel(chunk.pending.target().0);
        });
    }

    /// Waits for the next chunk.
    fn receive(&mut self, deadline: Deadline) -> Result<ChunkResults<R>, TaskError> {
        let mut expired = false;
        let chunk = match &mut self.course.flight {
            Flight::Ordered(chunks) => match chunks.pop_front() {
                Some(chunk) => chunk,
                None => return Ok(ChunkResults::failed(0, &TaskError::Cancelled)),
            },
            Flight::Unordered(chunks) => loop {
                if let Some((_, chunk)) = chunks.next_ready() {
                    break chunk;
                }
                if expired {
                    return Err(TaskError::TimedOut);
                }
                // One last look after this: the end and the deadline may have come together.
                expired = !chunks.sleep(Need::First, 1, deadline)?;
            },
        };
        self.open(chunk, deadline)
    }

    /// As [`receive`](Self::receive), for a stream: leaves a waker where the chunk is not there yet.
    fn poll_receive(
        &mut self,
        cx: &Context<'_>,
        bell: &mut Bell,
        deadline: Deadline,
    ) -> Poll<Result<ChunkResults<R>, TaskError>> {
        loop {
            let expired = deadline.is_past();
            let chunk = match &mut self.course.flight {
                Flight::Ordered(chunks) => {
                    let front = chunks.front().map(|chunk| chunk.pending.target().0);
                    let is_there = |task| expired || task::leave_waker(task, cx.waker());
                    if front.is_none_or(is_there) { chunks.pop_front() } else { None }
                }
                Flight::Unordered(chunks) => match chunks.next_ready() {
                    Some((_, chunk)) => Some(chunk),
                    None if expired => return Poll::Ready(Err(TaskError::TimedOut)),
                    None if chunks.set_waker(1, cx.waker()) => None,
                    None => continue,
                },
            };
            if let Some(chunk) = chunk {
                return Poll::Ready(self.open(chunk, deadline));
            }
            if bell.ring_at(deadline, cx.waker()) {
                return Poll::Pending;
            }
        }
    }

    /// Takes what came of a chunk, waiting for it until the deadline.
    fn open(&mut self, chunk: Chunk<'e, R>, deadline: Deadline) -> Result<ChunkResults<R>, TaskError> {
        match chunk.pending.take_until(deadline) {
            Ok(output) => {
                self.learn(&output, chunk.items);
                Ok(ChunkResults::new(output.values, output.errors))
            }
            Err(TaskError::Cancelled | TaskError::Rejected(RejectReason::QueueFull)) if deadline.is_past() => {
                // One that had not begun in time. Without an order, others may still be ready.
                self.expire();
                self.course.cut_short = true;
                if self.options.unordered {
                    Ok(ChunkResults::failed(0, &TaskError::Cancelled))
                } else {
                    Err(TaskError::TimedOut)
                }
            }
            Err(error @ (TaskError::TimedOut | TaskError::Deadlock(_))) => {
                chunk.pending.stop();
                Err(error)
            }
            Err(error) => Ok(ChunkResults::failed(chunk.items, &error)),
        }
    }

    /// Sizes the next chunks from the time that this one took.
    fn learn(&mut self, output: &ChunkOutput<R>, items: usize) {
        let nanos = output.elapsed.as_nanos().max(1);
        let fitting = CHUNK_TIME.as_nanos() * items as u128 / nanos;
        let fitting = usize::try_from(fitting).unwrap_or(MOST_AUTOMATIC).clamp(1, MOST_AUTOMATIC);
        // Growing step by step, so that a few lucky items do not decide.
        self.course.automatic = fitting.min(self.course.automatic * 4);
        if let Some(total) = self.total {
            let left = total.saturating_sub(self.course.handed_out + self.course.ahead);
            let share = left / (2 * self.workers());
            self.course.automatic = self.course.automatic.min(share.max(1));
        }
    }

    /// The end for ever: what has not begun never will.
    fn end(&mut self) {
        self.course.ended = true;
        self.input = None;
        self.course.current = ChunkResults::empty();
        self.course.flight = Flight::Ordered(VecDeque::new());
    }
}

impl<I: Iterator, R: Send> Iterator for Drive<'_, I, R> {
    type Item = Result<R, TaskError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if let Some(item) = self.course.next_at_once() {
            return Some(item);
        }
        match self.advance(|drive, deadline| Poll::Ready(drive.receive(deadline))) {
            Poll::Ready(item) => item,
            Poll::Pending => unreachable!("what is received here is waited for"),
        }
    }

    /// As for a stream; but a wait of this may be refused, and then all that is left is one error.
    fn size_hint(&self) -> (usize, Option<usize>) {
        let (low, high) = self.left();
        (low.min(1), high)
    }
}

impl<I: Iterator, R: Send> Drive<'_, I, R> {
    /// What has not been handed out; with a time limit it may all be one error.
    pub(super) fn left(&self) -> (usize, Option<usize>) {
        if self.course.ended || self.course.panicked.is_some() {
            return (0, Some(0));
        }
        let (low, high) = self.input.as_ref().map_or((0, Some(0)), I::size_hint);
        let pulled = self.course.ahead - self.course.uncounted() + usize::from(self.course.cut_short);
        let low = low.saturating_add(pulled);
        if self.options.timeout.is_none() {
            return (low, high.and_then(|high| high.checked_add(pulled)));
        }
        // Once the time is up nobody finds out whether an input of unknown length was at its end: there is an error.
        let an_error = usize::from(self.input.is_some() && self.total.is_none());
        (low.min(1), high.and_then(|high| high.max(an_error).checked_add(pulled)))
    }

    pub(super) fn poll_next(&mut self, cx: &Context<'_>, bell: &mut Bell) -> Poll<Option<Result<R, TaskError>>> {
        if let Some(item) = self.course.next_at_once() {
            return Poll::Ready(Some(item));
        }
        self.advance(|drive, deadline| drive.poll_receive(cx, bell, deadline))
    }

    pub(super) fn is_ended(&self) -> bool {
        self.course.ended
    }
}

impl<'e, I: Iterator, R> Drive<'e, I, R> {
    /// The same under way, with nothing left to pull.
    pub(super) fn without_input(self) -> Drive<'e, Empty<I::Item>, R> {
        let Drive { options, runner, total, course, .. } = self;
        Drive { options, runner, input: None, total, course }
    }

    /// The same with another kind of result; nothing was pulled yet.
    pub(super) fn convert<R2>(
        self,
        convert: impl FnOnce(Box<dyn Runner<'e, I::Item, R> + 'e>) -> Box<dyn Runner<'e, I::Item, R2> + 'e>,
    ) -> Drive<'e, I, R2> {
        let Drive { options, runner, input, total, .. } = self;
        Drive { options, runner: convert(runner), input, total, course: Course::new() }
    }
}
