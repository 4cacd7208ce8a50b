//! Which points are stopped at, and what then.

use std::thread;
use std::time::Instant;

use crate::going_on::Way;
use crate::operations::{Operation, Sort, operations};
use crate::rig::{Empty, Full, Half, Kind, Rig};
use crate::task::{Wakers, run};
use crate::victim::{Act, Call, MOST, Victim};

/// How many steps a victim is stopped at, one after the other.
const ROW: usize = 12;

/// Tells which case failed.
pub struct Case(String);

impl Drop for Case {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("failed: {}", self.0);
        }
    }
}

/// What there is besides the victim.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Plan {
    /// Handles.
    Handles,
    /// Tasks that wait before the operation, and go on in this thread.
    Tasks,
    /// Tasks that wait before the operation, and go on in threads of their own.
    Threads,
}

impl Plan {
    pub fn parks(self) -> bool {
        self != Self::Handles
    }
}

/// Checks how many steps calls took at most, in this thread and since the last check.
pub fn check_steps(limits: &[(Call, usize)]) {
    let most = MOST.take();
    for &(call, limit) in limits {
        let steps = most[call as usize];
        println!("{call:?}: at most {steps} steps");
        assert!(steps <= limit, "{call:?}: {steps} steps, where {limit} are enough");
    }
}

/// Stops a victim before each step of each operation of a sort, calls `go_on`, and takes stock.
fn each_stop<S: Kind>(
    capacity: usize,
    plan: Plan,
    is_meant: impl Fn(Sort) -> bool,
    go_on: impl Fn(&mut Rig<S>, &Victim),
) {
    let begin = Instant::now();
    let mut points = 0;
    let mut operations = operations::<S>();
    operations.retain(|operation| is_meant(operation.sort));
    operations.retain(|operation| operation.level != Half || capacity > 1);
    for operation in &operations {
        let _case = Case(format!("{operation}, capacity {capacity}, {plan:?}"));
        let (mut rig, act) = operation.prepare(capacity, plan);
        let (task, steps) = Victim::stop(usize::MAX, act).end();
        rig.tasks.extend(task);
        rig.settle([], operation.sort.discards);
        assert!(steps > 0);
        for step in 0..steps {
            let _case = Case(format!("stopped before step {step} of {steps}"));
            let (mut rig, act) = operation.prepare(capacity, plan);
            let victim = Victim::stop(step, act);
            assert!(victim.is_stopped(), "the point was not hit");
            go_on(&mut rig, &victim);
            rig.settle([victim], operation.sort.discards);
        }
        points += steps;
    }
    println!(
        "{}, capacity {capacity}, {plan:?}: {} operations, {points} points, {:?}",
        std::any::type_name::<S>().split('<').next().unwrap_or_default(),
        operations.len(),
        begin.elapsed(),
    );
}

/// The others try.
pub fn tries<S: Kind>(capacity: usize, quiet: bool) {
    for leave in [Empty, Full] {
        let is_meant = |sort: Sort| sort.quiet == quiet;
        each_stop::<S>(capacity, Plan::Handles, is_meant, |rig, _| rig.carry_on(1, leave));
    }
}

/// The others try at each of a row of steps.
pub fn tries_at_each_step<S: Kind>(capacity: usize) {
    let go_on = |rig: &mut Rig<S>, victim: &Victim| {
        for stop in 0..ROW {
            rig.carry_on(1, if stop % 3 == 0 { Full } else { Empty });
            if !victim.step() {
                return;
            }
        }
    };
    each_stop::<S>(capacity, Plan::Handles, |_| true, go_on);
}

/// The others wait.
pub fn waits<S: Kind>(capacity: usize) {
    for way in Way::ALL {
        let go_on = |rig: &mut Rig<S>, _: &Victim| rig.carry_on_waiting(1, way);
        each_stop::<S>(capacity, Plan::Tasks, |_| true, go_on);
    }
}

/// The others look, find nothing, and sleep on.
pub fn looks<S: Kind>(capacity: usize) {
    each_stop::<S>(capacity, Plan::Tasks, |_| true, |rig, _| run(&mut rig.tasks, Wakers::Same));
}

/// The others give up waiting, and others still take their seats and wait.
pub fn swaps<S: Kind>(capacity: usize) {
    each_stop::<S>(capacity, Plan::Tasks, |_| true, |rig, _| rig.swap_sides());
}

/// The others wait at each of a row of steps.
pub fn waits_at_each_step<S: Kind>(capacity: usize) {
    let go_on = |rig: &mut Rig<S>, victim: &Victim| {
        rig.add_receiving();
        for stop in 0..ROW {
            rig.move_by_tasks(1, capacity + 1, Way::ALL[stop % 4]);
            if !victim.step() {
                return;
            }
        }
        rig.end_tasks(1, Way::PLAIN);
    };
    each_stop::<S>(capacity, Plan::Tasks, |_| true, go_on);
}

/// The others wait, in threads.
pub fn waits_on_threads<S: Kind>(capacity: usize) {
    each_stop::<S>(capacity, Plan::Threads, |_| true, |rig, _| rig.carry_on_threads(1));
}

/// Runs a driver on mailboxes of each capacity and each storage.
macro_rules! everywhere {
    ($driver:ident $(, $argument:expr)*) => {{
        $driver::<Inline<Message, 1, SEATS>>(1 $(, $argument)*);
        $driver::<Inline<Message, 2, SEATS>>(2 $(, $argument)*);
        $driver::<Inline<Message, 3, SEATS>>(3 $(, $argument)*);
        $driver::<Inline<Message, 4, SEATS>>(4 $(, $argument)*);
        (1..=4).for_each(|capacity| $driver::<Heap<Message>>(capacity $(, $argument)*));
    }};
}
pub(crate) use everywhere;

/// Three victims at once.
pub struct Trio<'a, S: Kind> {
    pub operations: [&'a Operation<S>; 3],
    pub plan: Plan,
}

impl<S: Kind> Trio<'_, S> {
    const CAPACITY: usize = 4;

    /// Stops as many victims as there are `steps`. Returns them, and what the others would do.
    fn stop(&self, steps: &[usize]) -> (Rig<S>, Vec<Victim>, Vec<Act>) {
        let mut rig = self.operations[0].rig(Self::CAPACITY, self.plan);
        let mut acts: Vec<_> =
            self.operations.iter().map(|operation| (operation.prepare)(&mut rig)).collect();
        let rest = acts.split_off(steps.len());
        let stop = |(&step, act)| {
            let victim = Victim::stop(step, act);
            assert!(victim.is_stopped(), "the point was not hit");
            victim
        };
        let victims = steps.iter().zip(acts).map(stop).collect();
        (rig, victims, rest)
    }

    fn case(&self, steps: &[usize]) -> Case {
        let [a, b, c] = self.operations;
        Case(format!("{a}; {b}; {c}; {:?}; stopped before steps {steps:?}", self.plan))
    }

    /// How many steps the next victim takes while those are stopped.
    pub fn count(&self, steps: &[usize]) -> usize {
        let _case = self.case(steps);
        let (mut rig, victims, mut rest) = self.stop(steps);
        let (task, count) = Victim::stop(usize::MAX, rest.remove(0)).end();
        rig.tasks.extend(task);
        drop(rest);
        rig.settle(victims, false);
        count
    }

    /// Stops all three; then moves messages, first by trying, then by waiting.
    pub fn run(&self, steps: &[usize]) {
        let _case = self.case(steps);
        let (mut rig, victims, _) = self.stop(steps);
        let mix = steps.iter().fold(0, |mix, step| 31 * mix + step);
        if mix & 1 == 0 {
            rig.carry_on(3, if mix & 2 == 0 { Empty } else { Full });
        }
        if !rig.drained {
            rig.carry_on_waiting(3, Way::ALL[mix / 4 % 4]);
        }
        rig.settle(victims, false);
    }

    /// Runs all combinations of steps that begin like this.
    pub fn run_all(&self, steps: &mut Vec<usize>) -> usize {
        if steps.len() == 3 {
            self.run(steps);
            return 1;
        }
        let mut runs = 0;
        for step in 0..self.count(steps) {
            steps.push(step);
            runs += self.run_all(steps);
            steps.pop();
        }
        runs
    }
}
