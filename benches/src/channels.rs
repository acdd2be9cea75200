//! What items go through from thread to thread: this crate's queue and its peers, each by the calls that block.

use concurrent_futures::queue::Queue;
use std::sync::Arc;

/// A way from producers to consumers.
pub(crate) trait Channel: 'static {
    const NAME: &'static str;

    type Sender: Clone + Send;
    type Receiver: Clone + Send;

    /// With room for so many items, or for any number.
    fn make(bound: Option<usize>) -> (Self::Sender, Self::Receiver);

    /// # Panics
    /// If it was closed.
    fn send(sender: &Self::Sender, item: u64);

    /// `None`: it was closed, and nothing is left.
    fn receive(receiver: &Self::Receiver) -> Option<u64>;

    /// What the last producer does in the end.
    fn close(sender: Self::Sender) {
        drop(sender);
    }
}

/// Our queue, with all that it counts: each item is got by a `Got`, and done when that is dropped.
pub(crate) struct Ours;

impl Channel for Ours {
    const NAME: &'static str = "concurrent-futures";
    type Sender = Arc<Queue<u64>>;
    type Receiver = Arc<Queue<u64>>;

    fn make(bound: Option<usize>) -> (Self::Sender, Self::Receiver) {
        let queue = Arc::new(bound.map_or_else(Queue::unbounded, Queue::bounded));
        (Arc::clone(&queue), queue)
    }

    fn send(sender: &Self::Sender, item: u64) {
        sender.put(item, None).expect("it is open");
    }

    fn receive(receiver: &Self::Receiver) -> Option<u64> {
        receiver.get(None).ok().map(|item| *item)
    }

    fn close(sender: Self::Sender) {
        assert!(sender.join(None), "it has no limit");
        sender.shutdown(false);
    }
}

pub(crate) struct Crossbeam;

impl Channel for Crossbeam {
    const NAME: &'static str = "crossbeam-channel";
    type Sender = crossbeam_channel::Sender<u64>;
    type Receiver = crossbeam_channel::Receiver<u64>;

    fn make(bound: Option<usize>) -> (Self::Sender, Self::Receiver) {
        bound.map_or_else(crossbeam_channel::unbounded, crossbeam_channel::bounded)
    }

    fn send(sender: &Self::Sender, item: u64) {
        sender.send(item).expect("it is open");
    }

    fn receive(receiver: &Self::Receiver) -> Option<u64> {
        receiver.recv().ok()
    }
}

pub(crate) struct Flume;

impl Channel for Flume {
    const NAME: &'static str = "flume";
    type Sender = flume::Sender<u64>;
    type Receiver = flume::Receiver<u64>;

    fn make(bound: Option<usize>) -> (Self::Sender, Self::Receiver) {
        bound.map_or_else(flume::unbounded, flume::bounded)
    }

    fn send(sender: &Self::Sender, item: u64) {
        sender.send(item).expect("it is open");
    }

    fn receive(receiver: &Self::Receiver) -> Option<u64> {
        receiver.recv().ok()
    }
}

pub(crate) struct AsyncChannel;

impl Channel for AsyncChannel {
    const NAME: &'static str = "async-channel";
    type Sender = async_channel::Sender<u64>;
    type Receiver = async_channel::Receiver<u64>;

    fn make(bound: Option<usize>) -> (Self::Sender, Self::Receiver) {
        bound.map_or_else(async_channel::unbounded, async_channel::bounded)
    }

    fn send(sender: &Self::Sender, item: u64) {
        sender.send_blocking(item).expect("it is open");
    }

    fn receive(receiver: &Self::Receiver) -> Option<u64> {
        receiver.recv_blocking().ok()
    }
}
