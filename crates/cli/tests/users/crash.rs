//! Commands that are killed while they write: what was confirmed stays, and nothing is left half done.

use std::time::{Duration, Instant};

use ntlm_accounts::{AccountName, HashStore as _, SqliteStore};

use crate::support::{Place, start};

/// How many commands each test kills.
const KILLS: u32 = 20;

/// Starts a command and kills it at a fraction of the time that it takes. Whether it had finished, and confirmed what it did.
fn killed(place: &Place, arguments: &[&str], stdin: &str, after: Duration) -> bool {
    let started = Instant::now();
    let mut child = start(&mut place.command(&[&["--db", "a.db"], arguments].concat()), stdin);
    // Which instruction it is hit at differs from run to run; what must hold does not.
    std::thread::sleep(after.saturating_sub(started.elapsed()));
    let _ = child.kill();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() || output.status.code().is_none(), "{output:?}");
    output.status.success() || !output.stdout.is_empty()
}

fn has(store: &SqliteStore, name: &str) -> bool {
    store.find(&AccountName::parse(name)).unwrap().is_some()
}

#[test]
fn accounts_that_were_added_stay_when_the_next_command_is_killed() {
    let place = Place::new();
    place.ok(&["add", "first"], "secret\n");
    let started = Instant::now();
    place.ok(&["add", "second"], "secret\n");
    let takes = started.elapsed();

    // A server that runs all the while.
    let server = place.server();
    let mut confirmed = vec!["first".to_owned(), "second".to_owned()];
    for number in 0..KILLS {
        let name = format!("user{number}");
        let after = takes * number / KILLS + takes / 4;
        if killed(&place, &["add", &name], "secret\n", after) {
            confirmed.push(name);
        }
        for name in &confirmed {
            assert!(has(&server, name), "{name} after {number} kills");
        }
        server.check_integrity().unwrap();
    }
    // Nothing has to be repaired before the next change.
    place.ok(&["add", "last"], "secret\n");
    assert!(has(&server, "last"));
    let listed = server.list().unwrap().len();
    assert!((confirmed.len() + 1..=KILLS as usize + 3).contains(&listed), "{listed}");
}

#[test]
fn an_import_that_is_killed_is_there_whole_or_not_at_all() {
    const LINES: usize = 3000;
    let place = Place::new();
    place.ok(&["add", "first"], "secret\n");
    let lines = |round: u32| (0..LINES).map(|number| format!("R{round}:user{number}:{number}\n")).collect::<String>();
    let started = Instant::now();
    place.ok(&["import", "-"], &lines(999));
    let takes = started.elapsed();

    let server = place.server();
    let mut expected = 1 + LINES;
    for round in 0..KILLS / 2 {
        let after = takes * (round + 1) / (KILLS / 2);
        let confirmed = killed(&place, &["import", "-"], &lines(round), after);
        let there = server.list().unwrap().len() - expected;
        assert!(there == LINES || (there == 0 && !confirmed), "round {round}: {there}, confirmed: {confirmed}");
        assert_eq!(there == LINES, has(&server, &format!(r"R{round}\user7")));
        expected += there;
        server.check_integrity().unwrap();
    }
    assert!(has(&server, "first"));
}

#[test]
fn a_database_whose_making_was_interrupted_is_made_by_the_next() {
    // The file is there before its tables are.
    let place = Place::new();
    place.write("a.db", "");
    let said = place.users(&["list"], "");
    assert!(said.status == Some(2) && said.stderr.contains("it is empty"), "{said:?}");
    place.ok(&["add", "alice"], "secret\n");
    assert!(place.find("alice").is_some());
    for number in 0..KILLS / 2 {
        let place = Place::new();
        let confirmed = killed(&place, &["add", "alice"], "secret\n", Duration::from_millis(u64::from(number) * 2));
        assert!(!confirmed || place.find("alice").is_some());
        let again = place.users(&["add", "alice"], "secret\n");
        assert!(again.status == Some(0) || again.stderr.contains("already"), "{again:?}");
        assert!(place.find("alice").is_some());
    }
}
