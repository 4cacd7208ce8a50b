//! Moves numbers from producing to consuming threads: without waiting, in batches, blocking, and all
//! on one thread.

use std::hint;
use std::ops::Range;
use std::thread;
use std::time::Instant;

use droves_benches::{Fault, Job, Sample, Tally, run_crew};

use crate::handles::{
    BatchReceiver, BatchSender, BlockingReceiver, BlockingSender, Handles, Opens, TryReceiver,
    TrySender,
};
use crate::load::{Load, Producers};
use crate::message::{BATCH, Message};

/// What to do after a try that failed. The same for all contenders, so that the channels race and
/// not their users' patience.
struct Patience {
    spins: u32,
}

impl Patience {
    const SPINS: u32 = 64;

    const fn new() -> Self {
        Self { spins: 0 }
    }

    #[inline]
    fn wait(&mut self) {
        if self.spins < Self::SPINS {
            self.spins += 1;
            hint::spin_loop();
        } else {
            thread::yield_now();
        }
    }

    #[inline]
    const fn renew(&mut self) {
        self.spins = 0;
    }
}

/// Single messages, without waiting.
pub(crate) fn run_try<T, C>(load: &Load, numbers: u64) -> Result<Sample, Fault>
where
    T: Message,
    C: Opens<T, Sender: TrySender<T>, Receiver: TryReceiver<T>>,
{
    transfer::<T, C>(load, numbers, try_send_all, |_| (), try_recv_all)
}

fn try_send_all<T: Message, S: TrySender<T>>(sender: &mut S, share: Range<u64>) {
    let mut patience = Patience::new();
    let mut next = share.start;
    while next < share.end {
        let mut message = T::carrying(next);
        while let Err(refused) = sender.try_send(message) {
            message = refused;
            patience.wait();
        }
        patience.renew();
        next += T::NUMBERS;
    }
}

fn try_recv_all<T: Message, R: TryReceiver<T>>(receiver: &mut R, producers: &Producers) -> Tally {
    let mut tally = Tally::default();
    let mut patience = Patience::new();
    loop {
        // Asked before the try: what was sent before the answer is seen by the try.
        let last = patience.spins > 0 && producers.all_are_done();
        if let Some(message) = receiver.try_recv() {
            message.count_into(&mut tally);
            patience.renew();
        } else if last {
            return tally;
        } else {
            patience.wait();
        }
    }
}

/// Batches of [`BATCH`] messages, without waiting.
pub(crate) fn run_batches<C>(load: &Load, numbers: u64) -> Result<Sample, Fault>
where
    C: Opens<u64, Sender: BatchSender<u64>, Receiver: BatchReceiver<u64>>,
{
    transfer::<u64, C>(load, numbers, send_batches, |_| (), recv_batches)
}

fn send_batches<S: BatchSender<u64>>(sender: &mut S, share: Range<u64>) {
    let mut patience = Patience::new();
    let mut next = share.start;
    while next < share.end {
        let end = share.end.min(next + BATCH as u64);
        match sender.try_send_many(next..end) {
            0 => patience.wait(),
            sent => {
                patience.renew();
                next += sent as u64;
            }
        }
    }
}

fn recv_batches<R: BatchReceiver<u64>>(receiver: &mut R, producers: &Producers) -> Tally {
    let mut tally = Tally::default();
    let mut patience = Patience::new();
    let mut batch = Vec::with_capacity(BATCH);
    loop {
        let last = patience.spins > 0 && producers.all_are_done();
        if receiver.try_recv_many(&mut batch, BATCH) > 0 {
            batch.drain(..).for_each(|number| tally.add(number));
            patience.renew();
        } else if last {
            return tally;
        } else {
            patience.wait();
        }
    }
}

/// Single messages; each channel blocks in its own way.
pub(crate) fn run_blocking<T, C>(load: &Load, numbers: u64) -> Result<Sample, Fault>
where
    T: Message,
    C: Opens<T, Sender: BlockingSender<T>, Receiver: BlockingReceiver<T>>,
{
    transfer::<T, C>(load, numbers, send_all, C::Sender::close, recv_all)
}

fn send_all<T: Message, S: BlockingSender<T>>(sender: &mut S, share: Range<u64>) {
    let mut next = share.start;
    while next < share.end {
        sender.send(T::carrying(next));
        next += T::NUMBERS;
    }
}

fn recv_all<T: Message, R: BlockingReceiver<T>>(receiver: &mut R, _: &Producers) -> Tally {
    let mut tally = Tally::default();
    while let Some(message) = receiver.recv() {
        message.count_into(&mut tally);
    }
    tally
}

/// Opens a channel, lets every thread loose on its own handle and checks what came through.
fn transfer<T: Message, C: Opens<T>>(
    load: &Load,
    numbers: u64,
    produce: fn(&mut C::Sender, Range<u64>),
    close: fn(&mut C::Sender),
    consume: fn(&mut C::Receiver, &Producers) -> Tally,
) -> Result<Sample, Fault> {
    let Handles { senders, receivers } = C::open(load.capacity, load.shape);
    let shares = load.shares(numbers, BATCH as u64);
    let operations = shares.last().map_or(0, |share| share.end);
    let producers = &Producers::new(load.shape.producers);

    let producing = senders.into_iter().zip(shares).map(|(mut sender, share)| -> Job<Tally> {
        Box::new(move || {
            produce(&mut sender, share);
            if producers.one_is_done() {
                close(&mut sender);
            }
            Tally::default()
        })
    });
    let consuming = receivers
        .into_iter()
        .map(|mut receiver| -> Job<Tally> { Box::new(move || consume(&mut receiver, producers)) });

    let (elapsed, tallies) = run_crew(load.regime, producing.chain(consuming).collect());
    tallies.into_iter().fold(Tally::default(), Tally::merged).verify(operations)?;
    Ok(Sample { elapsed, operations })
}

/// One thread that sends and receives in turn.
pub(crate) fn run_in_turn<T, C>(load: &Load, numbers: u64) -> Result<Sample, Fault>
where
    T: Message,
    C: Opens<T, Sender: TrySender<T>, Receiver: TryReceiver<T>>,
{
    let mut handles = C::open(load.capacity, load.shape);
    let (sender, receiver) = (&mut handles.senders[0], &mut handles.receivers[0]);
    let mut tally = Tally::default();
    let start = Instant::now();
    for number in 0..numbers {
        // A refusal shows in the tally.
        if sender.try_send(T::carrying(number)).is_ok()
            && let Some(message) = receiver.try_recv()
        {
            message.count_into(&mut tally);
        }
    }
    let elapsed = start.elapsed();
    tally.verify(numbers)?;
    Ok(Sample { elapsed, operations: numbers })
}
