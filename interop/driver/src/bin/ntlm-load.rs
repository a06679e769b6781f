//! Many clients that log on by HTTP, again and again, and how the server takes it.
//!
//! ```text
//! INTEROP_PASSWORD=... ntlm-load URL USER [--connections N] [--seconds N] [--fresh] [--half-open N]
//! ```
//!
//! Each of N connections (1,000) logs on as USER, over and over for so many seconds (60): on the same connection, or with `--fresh` on a new one each
//! time. `--half-open` opens N connections that send a NEGOTIATE and no more, and tells what they were answered. Prints one line of JSON; the
//! exit status is 1 when anything but a logon happened.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::env;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use ntlm::client::{Exchange, Start};
use ntlm::{ClientConfig, ClientPolicy, Credentials, Entropy, EntropyError, FileTime, Password};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Answers longer than this are none of a test's.
const LONGEST_BODY: usize = 1 << 20;

struct Options {
    address: SocketAddr,
    host: String,
    path: String,
    user: String,
    connections: usize,
    seconds: u64,
    fresh: bool,
    half_open: usize,
}

fn main() -> ExitCode {
    let run = options().and_then(|options| if options.half_open > 0 { half_open(&options) } else { load(options) });
    match run {
        Ok(code) => code,
        Err(error) => {
            eprintln!("ntlm-load: {error}");
            ExitCode::from(2)
        }
    }
}

fn options() -> Result<Options, String> {
    let mut arguments = env::args().skip(1);
    let url = arguments.next().ok_or("which URL?")?;
    let user = arguments.next().ok_or("which user?")?;
    let rest = url.strip_prefix("http://").ok_or("only http:// is measured")?;
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let address = host.to_socket_addrs().ok().and_then(|mut found| found.next()).ok_or("no address for the host")?;
    let path = if path.is_empty() { "/" } else { path }.to_owned();
    let mut options = Options {
        address,
        host: host.to_owned(),
        path,
        user,
        connections: 1000,
        seconds: 60,
        fresh: false,
        half_open: 0,
    };
    while let Some(option) = arguments.next() {
        let mut number =
            || arguments.next().and_then(|text| text.parse().ok()).ok_or(format!("{option} needs a number"));
        match option.as_str() {
            "--connections" => options.connections = number()?,
            "--seconds" => options.seconds = u64::try_from(number()?).unwrap_or(u64::MAX),
            "--half-open" => options.half_open = number()?,
            "--fresh" => options.fresh = true,
            _ => return Err(format!("{option} is not known")),
        }
    }
    Ok(options)
}

/// What one client saw.
#[derive(Default)]
struct Seen {
    /// How long each logon took.
    logons: Vec<Duration>,
    /// What happened instead, and how often.
    failures: BTreeMap<String, usize>,
}

fn load(options: Options) -> Result<ExitCode, String> {
    let password = env::var("INTEROP_PASSWORD").map_err(|_| "INTEROP_PASSWORD is not set")?;
    let credentials = Arc::new(Credentials::new(&options.user, &Password::new(&password)));
    let config = Arc::new(ClientConfig::new(ClientPolicy::windows()));
    let options = Arc::new(options);
    let over = Arc::new(AtomicBool::new(false));
    let start = Instant::now();
    let clients: Vec<_> = (0..options.connections)
        .map(|_| {
            let (options, over) = (options.clone(), over.clone());
            let (config, credentials) = (config.clone(), credentials.clone());
            let work = move || client(&options, &config, &credentials, &over);
            thread::Builder::new().stack_size(256 * 1024).spawn(work).map_err(|error| format!("no thread: {error}"))
        })
        .collect::<Result<_, _>>()?;
    thread::sleep(Duration::from_secs(options.seconds));
    over.store(true, Ordering::Relaxed);
    let mut all = Seen::default();
    for client in clients {
        let seen = client.join().map_err(|_| "a client has panicked")?;
        all.logons.extend(seen.logons);
        for (failure, count) in seen.failures {
            *all.failures.entry(failure).or_default() += count;
        }
    }
    let took = start.elapsed();
    all.logons.sort_unstable();
    let at = |share: usize| all.logons.get(all.logons.len() * share / 100).map_or(0, Duration::as_micros);
    let rate = all.logons.len() as f64 / took.as_secs_f64();
    println!(
        r#"{{"logons": {}, "failures": {}, "logons_per_second": {rate:.0}, "median_us": {}, "p99_us": {}}}"#,
        all.logons.len(),
        all.failures.values().sum::<usize>(),
        at(50),
        at(99),
    );
    for (failure, count) in &all.failures {
        eprintln!("ntlm-load: {count} times: {failure}");
    }
    Ok(ExitCode::from(u8::from(!all.failures.is_empty() || all.logons.is_empty())))
}

fn client(options: &Options, config: &Arc<ClientConfig>, credentials: &Arc<Credentials>, over: &AtomicBool) -> Seen {
    let mut seen = Seen::default();
    let mut connection = None;
    while !over.load(Ordering::Relaxed) {
        let begin = Instant::now();
        let start = Start::new(config.clone(), credentials.clone(), Exchange::default());
        let outcome = match connection.take() {
            Some(connection) => Ok(connection),
            None => Connection::open(options.address),
        }
        .map_err(|error| format!("connect: {error}"))
        .and_then(|mut connection| log_on(&mut connection, options, start).map(|()| connection));
        match outcome {
            Ok(done) => {
                seen.logons.push(begin.elapsed());
                connection = Some(done).filter(|_| !options.fresh);
            }
            Err(failure) => *seen.failures.entry(failure).or_default() += 1,
        }
    }
    seen
}

fn log_on(connection: &mut Connection, options: &Options, start: Start) -> Result<(), String> {
    let (mut negotiate, mut authenticate) = (Vec::new(), Vec::new());
    let waiting = start.send(&mut negotiate).map_err(|error| error.to_string())?;
    let answer = connection.ask(options, &negotiate)?;
    let challenge = answer.challenge.filter(|_| answer.status == 401).ok_or(format!("leg 1: {}", answer.status))?;
    let now = FileTime::from_unix(SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default());
    waiting.receive(&challenge, now, &mut Dice, &mut authenticate).map_err(|error| error.to_string())?;
    let answer = connection.ask(options, &authenticate)?;
    if answer.status == 200 { Ok(()) } else { Err(format!("leg 3: {}", answer.status)) }
}

fn half_open(options: &Options) -> Result<ExitCode, String> {
    let config = Arc::new(ClientConfig::new(ClientPolicy::windows()));
    let credentials = Arc::new(Credentials::new(&options.user, &Password::new("unused")));
    let mut negotiate = Vec::new();
    Start::new(config, credentials, Exchange::default()).send(&mut negotiate).map_err(|error| error.to_string())?;
    let mut open = Vec::new();
    let mut answers = BTreeMap::<String, usize>::new();
    for _ in 0..options.half_open {
        let answer = Connection::open(options.address).map_err(|error| format!("connect: {error}")).and_then(
            |mut connection| {
                let answer = connection.ask(options, &negotiate)?;
                open.push(connection);
                Ok(answer.status.to_string())
            },
        );
        *answers.entry(answer.unwrap_or_else(|failure| failure)).or_default() += 1;
    }
    let answers: Vec<_> = answers.iter().map(|(answer, count)| format!("{answer:?}: {count}")).collect();
    println!("{{{}}}", answers.join(", "));
    // Until the caller has looked at the server.
    io::stdin().read_line(&mut String::new()).map_err(|error| error.to_string())?;
    Ok(ExitCode::SUCCESS)
}

struct Answer {
    status: u16,
    challenge: Option<Vec<u8>>,
}

struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream: BufReader::with_capacity(4096, stream) })
    }

    fn ask(&mut self, options: &Options, token: &[u8]) -> Result<Answer, String> {
        let (path, host, token) = (&options.path, &options.host, BASE64_STANDARD.encode(token));
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: NTLM {token}\r\n\r\n");
        self.stream.get_mut().write_all(request.as_bytes()).map_err(|error| format!("write: {error}"))?;
        self.answer().map_err(|error| format!("read: {error}"))
    }

    fn answer(&mut self) -> io::Result<Answer> {
        let odd = || io::Error::new(io::ErrorKind::InvalidData, "not an answer in HTTP/1.1");
        let first = self.line()?;
        let status = first.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(odd)?;
        let (mut challenge, mut length, mut chunked) = (None, None, false);
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(':') else { break };
            let value = value.trim();
            match name.to_ascii_lowercase().as_str() {
                "www-authenticate" => {
                    challenge =
                        challenge.or(value.strip_prefix("NTLM ").and_then(|token| BASE64_STANDARD.decode(token).ok()));
                }
                "content-length" => length = value.parse().ok(),
                "transfer-encoding" => chunked = value.eq_ignore_ascii_case("chunked"),
                _ => {}
            }
        }
        if chunked {
            while self.chunk()? {}
        } else {
            self.skip(length.ok_or_else(odd)?)?;
        }
        Ok(Answer { status, challenge })
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.stream.by_ref().take(16 * 1024).read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    }

    fn chunk(&mut self) -> io::Result<bool> {
        let size = usize::from_str_radix(&self.line()?, 16).map_err(|_| io::ErrorKind::InvalidData)?;
        self.skip(size)?;
        self.line()?;
        Ok(size > 0)
    }

    fn skip(&mut self, length: usize) -> io::Result<()> {
        let length = length.min(LONGEST_BODY) as u64;
        let skipped = io::copy(&mut self.stream.by_ref().take(length), &mut io::sink())?;
        if skipped == length { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}

struct Dice;

impl Entropy for Dice {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        getrandom::fill(bytes).map_err(|_| EntropyError)
    }
}
