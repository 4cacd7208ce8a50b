//! Whether back-off is tuned to a depth: capacities between and beyond the usual ones must not fall
//! behind those.

use droves_benches::{Regime, Report};

use crate::load::{Load, Shape};

/// How much worse than its neighbours' ratio a cell's ratio may be.
const SLACK: f64 = 1.2;

/// Capacities, and the usual ones beside them.
const DEPTHS: [(usize, &[usize]); 3] = [(17, &[64]), (300, &[64, 1024]), (4096, &[1024])];

const PLACES: [(Shape, Regime); 3] =
    [(Shape::PAIR, Regime::Par), (Shape::PAIR, Regime::One), (Shape::MANY_TO_MANY, Regime::Par)];

/// What is measured beside the usual capacities.
pub(crate) fn loads() -> impl Iterator<Item = Load> {
    DEPTHS.into_iter().flat_map(|(capacity, _)| {
        PLACES.into_iter().map(move |(shape, regime)| Load { capacity, shape, regime })
    })
}

/// Compares each cell with the worse of its neighbours, if they were measured in this run.
pub(crate) fn print(report: &Report) {
    let score = |load: Load| report.row(&load.cell("try"))?.score;
    let mut lines = Vec::new();
    for load in loads() {
        let (_, neighbours) = DEPTHS
            .into_iter()
            .find(|(capacity, _)| *capacity == load.capacity)
            .expect("the load is one of them");
        let worst = neighbours
            .iter()
            .filter_map(|&capacity| Some(score(Load { capacity, ..load })?.ratio))
            .reduce(f64::max);
        if let (Some(score), Some(worst)) = (score(load), worst) {
            lines.push(format!(
                "{:38} {:.2} = {:.2} × its neighbours' {worst:.2}: {}",
                load.cell("try"),
                score.ratio,
                score.ratio / worst,
                score.verdict(Some(worst * SLACK)).word(),
            ));
        }
    }
    if !lines.is_empty() {
        println!("\ndepth: a cell's ratio may be {SLACK} × that of its neighbours in capacity");
        for line in lines {
            println!("{line}");
        }
    }
}
