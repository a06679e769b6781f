//! What a look-up costs, in memory and in the database, among few accounts and many. `cargo bench -p ntlm-accounts --features sqlite`

use std::hint::black_box;
use std::path::PathBuf;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ntlm::{FileTime, NtHash, UnicodeString};
use ntlm_accounts::import::{ImportFormat, NumberedAccount};
use ntlm_accounts::name::candidates;
use ntlm_accounts::sqlite::Existing;
use ntlm_accounts::{Account, AccountName, HashStore, MemoryStore, SqliteStore, server_names};

const SIZES: [u32; 2] = [10, 100_000];

/// A directory that goes when it is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("ntlm-accounts-bench-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a directory");
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn accounts(count: u32) -> Vec<NumberedAccount> {
    let account = |number: u32| {
        let hash = NtHash::from_bytes(&u128::from(number).to_be_bytes().map(|byte| byte ^ 0x5a)).expect("a hash");
        Account {
            name: AccountName::parse(&format!(r"EXAMPLE\user{number}")),
            nt_hash: Some(Box::new(hash)),
            barred: None,
        }
    };
    (0..count).map(|number| NumberedAccount { number: 1, account: account(number) }).collect()
}

fn look_ups(criterion: &mut Criterion) {
    let scratch = Scratch::new();
    let server = server_names("web1.example.test", Some(&"EXAMPLE".into()));
    for size in SIZES {
        let mut memory = MemoryStore::new();
        for NumberedAccount { account, .. } in accounts(size) {
            memory.insert(account).expect("a new name");
        }
        let path = scratch.0.join(format!("{size}.db"));
        let (database, _) = SqliteStore::open_or_create(&path).expect("a database");
        database.import(&accounts(size), Existing::Keep, FileTime::UNIX_EPOCH, |_| ()).expect("an import");
        let database = SqliteStore::open_read_only(&path).expect("a database");

        let mut group = criterion.benchmark_group(format!("{size} accounts"));
        group.throughput(Throughput::Elements(1));
        for (kind, store) in [("memory", &memory as &dyn HashStore), ("database", &database)] {
            // Not the same each time: the pages of many accounts do not all fit where they are quickest.
            let mut number = 0;
            let mut next = || {
                number = (number + 7919) % size;
                UnicodeString::from(format!("User{number}"))
            };
            group.bench_function(format!("{kind}: an account"), |bencher| {
                bencher
                    .iter(|| black_box(store.find(&AccountName::new(&"example".into(), &next()))).expect("an answer"));
            });
            group.bench_function(format!("{kind}: none"), |bencher| {
                let nobody = AccountName::parse(r"EXAMPLE\nobody");
                bencher.iter(|| black_box(store.find(&nobody)).expect("an answer"));
            });
            group.bench_function(format!("{kind}: what a logon may mean"), |bencher| {
                bencher.iter(|| {
                    let names = candidates(&UnicodeString::default(), &next(), &server);
                    black_box(store.find_first(&names)).expect("an answer").expect("an account");
                });
            });
        }
        group.finish();
    }
}

fn imports(criterion: &mut Criterion) {
    let lines = (0..10_000).map(|number| format!("EXAMPLE:user{number}:secret{number}\n")).collect::<String>();
    let mut group = criterion.benchmark_group("import");
    group.throughput(Throughput::Elements(10_000));
    group.bench_function("10000 lines with passwords", |bencher| {
        bencher.iter(|| ntlm_accounts::import::read(lines.as_bytes(), Some(ImportFormat::UserFile)));
    });
    group.finish();
}

criterion_group!(benches, look_ups, imports);
criterion_main!(benches);
