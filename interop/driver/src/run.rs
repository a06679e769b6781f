//! Runs checks, two at a time because counterparts mostly start up, and prints how they went, in their order.

use std::panic::{self, AssertUnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use crate::checks::{Check, Outcome, Run};
use crate::process::Programs;
use crate::side::Transcript;

const AT_A_TIME: usize = 2;

/// Whether all passed.
pub(crate) fn run(checks: &[Check], programs: &Programs) -> bool {
    let next = AtomicUsize::new(0);
    let (sender, results) = mpsc::channel();
    let mut waiting: Vec<Option<(Outcome, Transcript)>> = checks.iter().map(|_| None).collect();
    let (mut passed, mut failed, mut printed) = (0, 0, 0);
    thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || {
                while let Some((index, check)) = next_of(checks, next) {
                    let run = Run { programs, transcript: Transcript::default() };
                    let outcome = panic::catch_unwind(AssertUnwindSafe(|| (check.body)(&run)));
                    let outcome = outcome.unwrap_or_else(|_| Err("the driver panicked".to_owned()));
                    // The receiver outlives this scope.
                    let _ = sender.send((index, outcome, run.transcript));
                }
            });
        }
        drop(sender);
        for (index, outcome, transcript) in results {
            waiting[index] = Some((outcome, transcript));
            while let Some((outcome, transcript)) = waiting.get_mut(printed).and_then(Option::take) {
                let counter = if outcome.is_ok() { &mut passed } else { &mut failed };
                *counter += 1;
                print(&checks[printed].name, &outcome, &transcript);
                printed += 1;
            }
        }
    });
    println!("{passed} passed, {failed} failed");
    failed == 0 && passed == checks.len()
}

fn next_of<'a>(checks: &'a [Check], next: &AtomicUsize) -> Option<(usize, &'a Check)> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    checks.get(index).map(|check| (index, check))
}

fn print(name: &str, outcome: &Outcome, transcript: &Transcript) {
    match outcome {
        Ok(()) => println!("{name}: ok"),
        Err(why) => {
            println!("{name}: FAIL {why}");
            for line in transcript.lines() {
                println!("    {line}");
            }
        }
    }
}
