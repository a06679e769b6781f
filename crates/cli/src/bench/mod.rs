//! `ntlm bench`: what this machine does with NTLM. Criterion's benchmarks in the core crate measure the same work with more patience.

mod work;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use ntlm::{Error, Piece};
use serde_json::json;

use crate::failure::Failure;
use crate::output::{DIM, HEADING, styled};
use work::{SIZES, Work, pass};

/// Measures logons, signing, sealing and memory on this machine, on one core.
///
/// Each figure is the median of several runs. Machines are noisy: compare figures of one run with each other rather than
/// figures of different runs.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// How long each figure may take, in milliseconds.
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u64).range(10..=60_000))]
    milliseconds: u64,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Runs per figure, of which the median counts.
const RUNS: u32 = 5;

struct Row {
    what: &'static str,
    size: Option<usize>,
    per_second: f64,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let budget = Duration::from_millis(arguments.milliseconds);
    let work = Work::new();
    let mut rows = Vec::new();
    let mut measure = |what: &'static str, size: Option<usize>, job: &mut dyn FnMut() -> Result<(), Error>| {
        if !arguments.json {
            anstream::eprint!(
                "{}\r",
                styled(DIM, format!("measuring {what} {:<12}", size.map_or(String::new(), bytes)))
            );
        }
        rows.push(Row { what, size, per_second: per_second(budget, job)? });
        Ok::<(), Failure>(())
    };
    measure("logon, both sides", None, &mut || work.handshake().map(drop))?;
    measure("logon and a sealed message each way", None, &mut || work.handshake_and_messages())?;
    for size in SIZES {
        let mut data = vec![0x5a; size];
        let (mut client, mut server) = work.sessions()?;
        measure("sign and verify", Some(size), &mut || {
            let signature = client.sign(&[&data])?;
            server.verify(&[&data], &signature)
        })?;
        measure("seal and unseal", Some(size), &mut || pass(&mut client, &mut server, &mut data))?;
        measure("sign", Some(size), &mut || client.sign(&[&data]).map(drop))?;
        measure("seal", Some(size), &mut || client.seal(&mut [Piece::Sealed(&mut data)]).map(drop))?;
    }
    let (half_client, half_server, _) = work.half_open()?;
    let (mut client, mut server) = work.handshake()?;
    let without_keys = server.memory();
    let mut data = [0x5a; 64];
    pass(&mut client.session, &mut server.session, &mut data)?;
    pass(&mut server.session, &mut client.session, &mut data)?;
    let memory = [
        ("half-open client", half_client.memory()),
        ("half-open server", half_server.memory()),
        ("established server before its first message", without_keys),
        ("established client", client.memory()),
        ("established server", server.memory()),
    ];
    if arguments.json {
        print_json(&rows, &memory);
    } else {
        print(&rows, &memory);
    }
    Ok(ExitCode::SUCCESS)
}

/// How often `job` runs in a second: the median of several runs that share `budget`.
fn per_second(budget: Duration, job: &mut dyn FnMut() -> Result<(), Error>) -> Result<f64, Failure> {
    // How many jobs fill a run is found by doubling, which also warms up.
    let run = budget / RUNS;
    let mut jobs = 1_u32;
    loop {
        let start = Instant::now();
        for _ in 0..jobs {
            job()?;
        }
        if start.elapsed() >= run / 4 || jobs >= 1 << 30 {
            break;
        }
        jobs *= 2;
    }
    let mut rates = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..jobs {
                job()?;
            }
            Ok(f64::from(jobs) / start.elapsed().as_secs_f64().max(1e-9))
        })
        .collect::<Result<Vec<_>, Error>>()?;
    rates.sort_by(f64::total_cmp);
    Ok(rates.get(rates.len() / 2).copied().unwrap_or_default())
}

fn bytes(size: usize) -> String {
    if size < 1024 { format!("{size} B") } else { format!("{} KiB", size / 1024) }
}

fn print(rows: &[Row], memory: &[(&str, usize)]) {
    anstream::eprint!("{:60}\r", "");
    anstream::println!("{}", styled(HEADING, format!("{:<38}{:>8}{:>16}{:>12}", "what", "size", "per second", "MB/s")));
    for Row { what, size, per_second } in rows {
        let rate = size.map_or(String::new(), |size| format!("{:.0}", per_second * size as f64 / 1e6));
        let size = size.map_or(String::new(), bytes);
        anstream::println!("{what:<38}{size:>8}{per_second:>16.0}{rate:>12}");
    }
    anstream::println!("\n{}", styled(HEADING, format!("{:<46}{:>8}", "memory of a context", "bytes")));
    for (what, bytes) in memory {
        anstream::println!("{what:<46}{bytes:>8}");
    }
}

fn print_json(rows: &[Row], memory: &[(&str, usize)]) {
    let rows = rows
        .iter()
        .map(|Row { what, size, per_second }| json!({ "what": what, "size": size, "per_second": per_second }))
        .collect::<Vec<_>>();
    let memory = memory.iter().map(|(what, bytes)| json!({ "what": what, "bytes": bytes })).collect::<Vec<_>>();
    anstream::println!("{:#}", json!({ "rates": rows, "memory": memory }));
}
