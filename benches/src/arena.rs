//! One load, its contenders, and the cells that are read off their times.

use std::time::Duration;

use crate::contender::{Contender, Fault};
use crate::options::{Effort, Options};
use crate::report::{Field, Outcome, Row};
use crate::stats::{Score, Verdict, median, odd_rounds, percentile};
use crate::{cores, watchdog};

/// A peer whose better trial rounds are this much slower than the best peer's typical one leaves the
/// arena. Its time so far is shown; the rounds it would have taken are worth more elsewhere.
const HOPELESS: f64 = 1.5;

/// A contender of an arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry(usize);

/// Contenders under the same load, run in turn.
///
/// Several cells may share an arena, so that a contender which belongs to more than one of them runs
/// only once. Call order: enter contenders, declare the races between them, then hand the arena to
/// [`run_all`](crate::run_all).
pub struct Arena {
    crowded: bool,
    judged: bool,
    operations: Option<u64>,
    entrants: Vec<Entrant>,
    races: Vec<Race>,
}

struct Entrant {
    contender: Contender,
    shown: bool,
}

struct Race {
    cell: String,
    ours: usize,
    peers: Vec<usize>,
    target: Option<f64>,
}

impl Race {
    fn includes(&self, index: usize) -> bool {
        self.ours == index || self.peers.contains(&index)
    }
}

impl Arena {
    /// An arena whose contenders keep `threads` threads busy.
    ///
    /// With more threads than cores the rounds are long and the cells have no target.
    #[must_use]
    pub fn new(threads: usize) -> Self {
        Self {
            crowded: threads > cores(),
            judged: threads <= cores(),
            operations: None,
            entrants: Vec::new(),
            races: Vec::new(),
        }
    }

    /// Keeps the targets even if there are more threads than cores. The rounds stay long.
    ///
    /// For loads in which threads wait for each other by themselves, so that no waiting policy of the
    /// bench is measured.
    #[must_use]
    pub fn judged(self) -> Self {
        Self { judged: true, ..self }
    }

    /// Makes rounds of so many operations, however long they take: for contenders that wait between
    /// them, and whose samples are not the time they ran for.
    #[must_use]
    pub fn paced(self, operations: u64) -> Self {
        Self { operations: Some(operations), ..self }
    }

    /// Adds a contender that races.
    pub fn enter(&mut self, contender: Contender) -> Entry {
        self.admit(contender, false)
    }

    /// Adds a contender that is shown beside the others but does not race, because it gives fewer
    /// guarantees than the cells ask for.
    pub fn show(&mut self, contender: Contender) {
        self.admit(contender, true);
    }

    fn admit(&mut self, contender: Contender, shown: bool) -> Entry {
        self.entrants.push(Entrant { contender, shown });
        Entry(self.entrants.len() - 1)
    }

    /// Declares a cell: `ours` against the best of `peers`, which should keep the ratio at or below
    /// `target`.
    pub fn race(&mut self, cell: String, ours: Entry, peers: &[Entry], target: Option<f64>) {
        self.races.push(Race {
            cell,
            ours: ours.0,
            peers: peers.iter().map(|entry| entry.0).collect(),
            target: if self.judged { target } else { None },
        });
    }

    pub(crate) fn cells(&self) -> impl Iterator<Item = &str> {
        self.races.iter().map(|race| race.cell.as_str())
    }

    /// Drops the cells that are not asked for; `None` if no cell is left.
    pub(crate) fn filtered(mut self, options: &Options) -> Option<Self> {
        self.races.retain(|race| options.wants(&race.cell));
        (!self.races.is_empty()).then_some(self)
    }

    /// Runs all rounds and scores the cells.
    pub(crate) fn run(self, effort: &Effort) -> Outcome {
        let length = if self.crowded { effort.long } else { effort.short };
        let mut runners: Vec<Runner> =
            (0..self.entrants.len()).map(|index| self.runner(index, length)).collect();

        for round in 0..effort.rounds {
            for turn in 0..runners.len() {
                // Everyone comes after everyone else once, whatever the one before has left behind.
                let index = (turn + round) % runners.len();
                let adapt = self.operations.is_none().then_some(length);
                runners[index].run_round(|operations| self.sample(index, operations), adapt);
            }
            if round + 1 == effort.trial {
                self.send_off_the_hopeless(&mut runners);
            }
        }
        self.outcome(runners)
    }

    fn sample(&self, index: usize, operations: u64) -> Result<crate::Sample, Fault> {
        let contender = &self.entrants[index].contender;
        let cell = &self.races[0].cell;
        watchdog::guard(|| format!("{cell}: {}", contender.name()), || contender.run(operations))
    }

    /// Finds out how many operations make a round; runs nobody who is in no race.
    fn runner(&self, index: usize, length: Duration) -> Runner {
        let mut runner = Runner {
            running: self.entrants[index].shown
                || self.races.iter().any(|race| race.includes(index)),
            operations: self.operations.unwrap_or(1024),
            times: Vec::new(),
            fault: None,
        };
        if self.operations.is_some() {
            return runner;
        }
        while runner.running {
            match self.sample(index, runner.operations) {
                Err(fault) => runner.fail(fault),
                Ok(sample) if sample.elapsed < length / 8 => runner.operations *= 4,
                Ok(sample) => {
                    runner.scale(length.as_secs_f64() / sample.elapsed.as_secs_f64());
                    break;
                }
            }
        }
        runner
    }

    fn send_off_the_hopeless(&self, runners: &mut [Runner]) {
        let mut keep = vec![false; runners.len()];
        for race in &self.races {
            keep[race.ours] = true;
            let raced = || race.peers.iter().copied().filter(|&peer| runners[peer].running);
            // Only the odd rounds have a say in who is raced against.
            let odd = |peer: usize| odd_rounds(&runners[peer].times);
            let best_typical = raced().map(|peer| median(&odd(peer))).fold(f64::MAX, f64::min);
            for peer in raced() {
                // Not the median: on a busy machine a peer may have had bad luck.
                keep[peer] |= percentile(&odd(peer), 0.25) <= best_typical * HOPELESS;
            }
        }
        for (runner, keep) in runners.iter_mut().zip(keep) {
            runner.running &= keep;
        }
    }

    fn outcome(self, runners: Vec<Runner>) -> Outcome {
        let times: Vec<Vec<f64>> = runners.iter().map(|runner| runner.times.clone()).collect();
        let named = |index: usize| {
            let contender = &self.entrants[index].contender;
            (contender.name().to_owned(), contender.mark())
        };
        let rows = self
            .races
            .iter()
            .map(|race| {
                let faulty =
                    (0..runners.len()).any(|i| race.includes(i) && runners[i].fault.is_some());
                let score = Score::of(&times, race.ours, &race.peers).filter(|_| !faulty);
                Row {
                    cell: race.cell.clone(),
                    target: race.target,
                    verdict: score.map_or(Verdict::Failed, |score| score.verdict(race.target)),
                    figure: None,
                    best_peer: score.map(|score| named(score.best)),
                    score,
                }
            })
            .collect();
        let field = runners
            .into_iter()
            .enumerate()
            .filter(|(_, runner)| !runner.times.is_empty() || runner.fault.is_some())
            .map(|(index, runner)| Field {
                name: named(index).0,
                mark: named(index).1,
                shown: self.entrants[index].shown,
                left_early: !runner.running,
                nanos: (!runner.times.is_empty()).then(|| median(&runner.times)),
                fault: runner.fault,
            })
            .collect();
        Outcome { rows, field }
    }
}

/// A contender's state while its arena runs.
struct Runner {
    running: bool,
    operations: u64,
    times: Vec<f64>,
    fault: Option<Fault>,
}

impl Runner {
    fn run_round(
        &mut self,
        sample: impl FnOnce(u64) -> Result<crate::Sample, Fault>,
        adapt: Option<Duration>,
    ) {
        if !self.running {
            return;
        }
        match sample(self.operations) {
            Err(fault) => self.fail(fault),
            Ok(sample) => {
                self.times.push(sample.nanos_each());
                let Some(length) = adapt else { return };
                // The first guess may have been taken at a bad moment.
                let factor = length.as_secs_f64() / sample.elapsed.as_secs_f64();
                if !(0.8..=1.1).contains(&factor) {
                    self.scale(factor.clamp(0.5, 2.0));
                }
            }
        }
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rough, positive number of operations"
    )]
    fn scale(&mut self, factor: f64) {
        self.operations = ((self.operations as f64 * factor) as u64).max(1);
    }

    fn fail(&mut self, fault: Fault) {
        self.running = false;
        self.fault = Some(fault);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sample;

    const EFFORT: Effort = Effort {
        rounds: 9,
        trial: 4,
        short: Duration::from_millis(1),
        long: Duration::from_millis(1),
    };

    /// Claims to take `nanos` for an operation.
    fn steady(name: &str, nanos: u64) -> Contender {
        Contender::new(name, move |operations| {
            Ok(Sample { elapsed: Duration::from_nanos(nanos * operations), operations })
        })
    }

    #[test]
    fn cells_are_scored_and_the_hopeless_leave() {
        let mut arena = Arena::new(1);
        let ours = arena.enter(steady("ours", 10));
        let near = arena.enter(steady("near", 12));
        let slow = arena.enter(steady("slow", 100));
        arena.show(steady("shown", 1));
        arena.race("a".to_owned(), ours, &[near, slow], Some(1.0));
        arena.race("b".to_owned(), ours, &[slow], Some(0.05));

        let outcome = arena.run(&EFFORT);
        let [a, b] = &outcome.rows[..] else { panic!("two cells") };
        assert_eq!(a.best_peer.as_ref().unwrap().0, "near");
        assert_eq!(a.verdict, Verdict::Met);
        // Slow in one race, but the best there is in the other.
        assert_eq!(b.best_peer.as_ref().unwrap().0, "slow");
        assert_eq!(b.verdict, Verdict::Missed);
        assert_eq!(
            outcome.field.iter().map(|field| field.left_early).collect::<Vec<_>>(),
            [false, false, false, true]
        );
    }

    #[test]
    fn a_faulty_contender_fails_its_cells_only() {
        let mut arena = Arena::new(1);
        let ours = arena.enter(steady("ours", 10));
        let good = arena.enter(steady("good", 10));
        let bad = arena.enter(Contender::new("bad", |_| Err(Fault("lost 1".to_owned()))));
        arena.race("with".to_owned(), ours, &[good, bad], Some(1.0));
        arena.race("without".to_owned(), ours, &[good], Some(1.0));

        let outcome = arena.run(&EFFORT);
        assert_eq!(outcome.rows[0].verdict, Verdict::Failed);
        assert_eq!(outcome.rows[1].verdict, Verdict::Met);
        assert_eq!(outcome.field[2].fault, Some(Fault("lost 1".to_owned())));
    }

    #[test]
    fn a_crowded_arena_has_no_targets() {
        let mut arena = Arena::new(cores() + 1);
        let ours = arena.enter(steady("ours", 10));
        let peer = arena.enter(steady("peer", 10));
        arena.race("a".to_owned(), ours, &[peer], Some(1.0));
        assert_eq!(arena.run(&EFFORT).rows[0].verdict, Verdict::Reported);

        let mut arena = Arena::new(cores() + 1).judged();
        let ours = arena.enter(steady("ours", 10));
        let peer = arena.enter(steady("peer", 10));
        arena.race("a".to_owned(), ours, &[peer], Some(1.0));
        assert_eq!(arena.run(&EFFORT).rows[0].verdict, Verdict::Met);
    }

    #[test]
    fn a_paced_arena_never_asks_for_another_number_of_operations() {
        let exactly = |name: &str| {
            Contender::new(name, |operations| {
                assert_eq!(operations, 7);
                Ok(Sample { elapsed: Duration::from_nanos(1), operations })
            })
        };
        let mut arena = Arena::new(1).paced(7);
        let (ours, peer) = (arena.enter(exactly("ours")), arena.enter(exactly("peer")));
        arena.race("a".to_owned(), ours, &[peer], None);
        assert_eq!(arena.run(&EFFORT).rows[0].verdict, Verdict::Reported);
    }
}
