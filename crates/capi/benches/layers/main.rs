//! The same work through the core, through ntlm-sspi and through the function table that C programs get, compared with each other.
//! `cargo bench -p ntlm-capi`.
//!
//! Machines are noisy, and ratios of figures that were measured one after another are noise, too. So each round measures the three layers in turns of
//! milliseconds, and what counts is the median over the rounds of the ratio within a round.
//!
//! ```text
//! TEXT                only the rows whose name contains it
//! --rounds N          rounds of each row, 101
//! --milliseconds N    how long a turn takes at most, 4
//! --test              one round of one job per turn: only that everything runs
//! ```

mod core_states;
mod layer;
mod sspi;
mod table;

#[allow(dead_code, reason = "a part of what `ntlm bench` does")]
#[path = "../../../cli/src/bench/work.rs"]
mod work;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use layer::{Job, Layer as _, Runner, Turns};
use sspi::Sspi;
use table::Table;
use work::{SIZES, Work};

/// The C table keeps at least these parts of the core's rates.
const GOAL_OF_HANDSHAKES: f64 = 0.85;
const GOAL_OF_SEALING: f64 = 0.95;

/// From this size on, `GOAL_OF_SEALING` counts.
const SEALING_COUNTS_FROM: usize = 1024;

struct Arguments {
    rounds: usize,
    turn: Duration,
    only: String,
    test: bool,
}

impl Arguments {
    fn of_process() -> Self {
        let mut arguments = Self { rounds: 101, turn: Duration::from_millis(4), only: String::new(), test: false };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            match word.as_str() {
                "--rounds" => arguments.rounds = following(&mut words, &word),
                "--milliseconds" => arguments.turn = Duration::from_millis(following(&mut words, &word)),
                "--test" => arguments.test = true,
                // What cargo says to every benchmark.
                "--bench" => {}
                option if option.starts_with('-') => panic!("unknown option {option}"),
                _ => arguments.only = word,
            }
        }
        arguments
    }
}

fn following<T: FromStr<Err: fmt::Debug>>(words: &mut impl Iterator<Item = String>, option: &str) -> T {
    words.next().expect(option).parse().expect(option)
}

/// A row of the table: what is measured, and the part of the core's rate that the C table is to keep.
struct Row {
    name: String,
    job: Job,
    goal: Option<f64>,
}

fn rows() -> Vec<Row> {
    let sized = |what: &str, job: fn(usize) -> Job, size: usize| {
        let goal = (size >= SEALING_COUNTS_FROM).then_some(GOAL_OF_SEALING);
        Row { name: format!("{what} {size} B"), job: job(size), goal }
    };
    let mut rows = vec![Row { name: "handshake".into(), job: Job::Handshake, goal: Some(GOAL_OF_HANDSHAKES) }];
    for size in SIZES {
        rows.push(sized("seal", Job::Seal, size));
        rows.push(sized("unseal", Job::Unseal, size));
    }
    rows.push(Row { goal: None, ..sized("sign", Job::Sign, 1024) });
    rows.push(Row { goal: None, ..sized("verify", Job::Verify, 1024) });
    rows
}

fn main() {
    let arguments = Arguments::of_process();
    let (core, sspi, table) = (Work::new(), Sspi::new(), Table::new());
    assert_eq!(core.agreed(), sspi.agreed(), "the layers do not do the same work");
    assert_eq!(core.agreed(), table.agreed(), "the layers do not do the same work");
    let mut layers: [Box<dyn Turns>; 3] =
        [Box::new(Runner::new(core)), Box::new(Runner::new(sspi)), Box::new(Runner::new(table))];
    println!(
        "{:<16}{:>12}{:>12}{:>12}{:>12}{:>12}{:>8}",
        "median time", "core", "ntlm-sspi", "C table", "sspi/core", "C/core", "goal"
    );
    for Row { name, job, goal } in rows().iter().filter(|row| row.name.contains(&arguments.only)) {
        let (rounds, times) = match arguments.test {
            true => (1, 1),
            false => (arguments.rounds.max(1), times_in(arguments.turn, &mut *layers[0], *job)),
        };
        let [core, sspi, table] = measure(&mut layers, *job, rounds, times);
        let rate = |of: &[f64]| median(core.iter().zip(of).map(|(core, of)| core / of));
        let time = |of: &[f64]| format!("{:.2} µs", median(of.iter().copied()) * 1e6);
        let goal = goal.map_or(String::new(), |goal| format!("{goal:.2}"));
        println!(
            "{name:<16}{:>12}{:>12}{:>12}{:>12.3}{:>12.3}{goal:>8}",
            time(&core),
            time(&sspi),
            time(&table),
            rate(&sspi),
            rate(&table)
        );
    }
    println!("sspi/core and C/core: the part of the core's rate that a layer keeps, the median over the rounds.");
}

/// Seconds per job of each layer in each round. Who begins changes from round to round.
fn measure(layers: &mut [Box<dyn Turns>; 3], job: Job, rounds: usize, times: usize) -> [Vec<f64>; 3] {
    let mut seconds = [const { Vec::new() }; 3];
    for round in 0..rounds {
        for turn in 0..layers.len() {
            let layer = (round + turn) % layers.len();
            let took = layers[layer].run(job, times).as_secs_f64();
            seconds[layer].push(took / times as f64);
        }
    }
    seconds
}

/// How many jobs fill a turn, found by doubling, which also warms up.
fn times_in(turn: Duration, layer: &mut dyn Turns, job: Job) -> usize {
    let mut times = 1;
    loop {
        let took = layer.run(job, times);
        if took >= turn / 2 {
            return times;
        }
        times *= 2;
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
