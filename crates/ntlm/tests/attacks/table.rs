//! `docs/attacks.md` and the tests say the same.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The rows of the table: number, and the names of tests in the last column.
fn rows() -> BTreeMap<usize, Vec<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/attacks.md");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut rows = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let Ok(number) = cells[0].parse() else { continue };
        assert_eq!(cells.len(), 4, "row {number}");
        assert!(cells[1..].iter().all(|cell| !cell.is_empty()), "row {number} has an empty cell");
        // What stands in backquotes and is a name of several words is a test.
        let quoted = cells[3].split('`').skip(1).step_by(2);
        let named = quoted.filter(|name| name.matches('_').count() >= 2).map(str::to_owned);
        assert!(rows.insert(number, named.collect()).is_none(), "row {number} is there twice");
    }
    rows
}

/// The names of all functions in the sources of all crates that are marked as tests.
fn tests_in(folder: &Path, found: &mut BTreeSet<String>) {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "target") {
                tests_in(&path, found);
            }
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            let text = std::fs::read_to_string(&path).expect("a source file");
            let mut marked = false;
            for line in text.lines().map(str::trim_start) {
                let line = line.strip_prefix("async ").unwrap_or(line);
                if line.starts_with("fn ") || line.starts_with("pub") {
                    let name = line.strip_prefix("fn ").and_then(|rest| rest.split('(').next());
                    found.extend(name.filter(|_| marked).map(str::to_owned));
                    marked = false;
                }
                marked |= matches!(line, "#[test]" | "#[tokio::test]");
            }
        }
    }
}

fn tests() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    tests_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join(".."), &mut found);
    assert!(found.contains("the_table_has_a_row_for_every_attack"), "the tests are not found");
    found
}

#[test]
fn the_table_has_a_row_for_every_attack() {
    let rows: Vec<usize> = rows().into_keys().collect();
    assert_eq!(rows, (1..=45).collect::<Vec<_>>());
}

#[test]
fn every_test_in_the_table_exists() {
    let tests = tests();
    for (number, names) in rows() {
        for name in names {
            assert!(tests.contains(&name), "row {number} names {name}, which is no test");
        }
    }
}

#[test]
fn every_attack_test_stands_in_the_row_of_its_number() {
    let rows = rows();
    let tests = tests();
    let attacks: Vec<&String> = tests.iter().filter(|name| name.starts_with("attack_")).collect();
    assert!(attacks.len() >= 45, "only {} tests of attacks", attacks.len());
    for name in attacks {
        let number = name["attack_".len()..].split('_').next().and_then(|digits| digits.parse::<usize>().ok());
        let number = number.unwrap_or_else(|| panic!("{name} has no number"));
        let named = rows.get(&number).unwrap_or_else(|| panic!("{name}: there is no row {number}"));
        assert!(named.contains(name), "row {number} does not name {name}");
    }
}
