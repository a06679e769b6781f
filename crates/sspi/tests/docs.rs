//! `docs/initialize-security-context.md` and `docs/sspi.md` name a test for every statement, and only tests that exist.

#[allow(dead_code)]
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use support::loader;
use support::table::{Case, Only};

const PAGE: &str = "docs/initialize-security-context.md";
const FUNCTIONS: &str = "docs/sspi.md";

/// The statement that is about documentation alone.
const DOCUMENTED: &str = "S59";
/// The statement that is about headers and libraries, which only C has.
const C_ALONE: &str = "S60";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A row of a table: its number, and what its last two columns say.
struct Row {
    number: String,
    rust: String,
    c: String,
}

impl Row {
    /// The names in backquotes in a column that are names of tests: several words.
    fn names(column: &str) -> Vec<&str> {
        column.split('`').skip(1).step_by(2).filter(|name| name.matches('_').count() >= 2).collect()
    }
}

/// The rows of a file, whose numbers begin with an `S` or a digit.
fn rows(file: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    for line in read(file).lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let number = cells[0].to_owned();
        let digits = number.trim_start_matches('S');
        if !digits.starts_with(|c: char| c.is_ascii_digit()) {
            continue;
        }
        assert!(cells.len() >= 4 && cells.iter().all(|cell| !cell.is_empty()), "{file}: {number} has an empty cell");
        let [rust, c] = [2, 1].map(|back| cells[cells.len() - back].to_owned());
        assert!(!rows.iter().any(|row: &Row| row.number == number), "{file}: {number} is there twice");
        rows.push(Row { number, rust, c });
    }
    rows
}

fn cases() -> BTreeMap<String, Case> {
    let common = loader::common();
    let cases = loader::files().into_iter().flat_map(|file| loader::cases(&common, &file));
    cases.map(|case| (case.name.clone(), case)).collect()
}

/// The names of all functions of this crate's tests that are marked as tests.
fn tests_in(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            tests_in(&path, found);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            let text = std::fs::read_to_string(&path).expect("a source file");
            let mut marked = false;
            for line in text.lines().map(str::trim_start) {
                if let Some(rest) = line.strip_prefix("fn ") {
                    found.extend(rest.split('(').next().filter(|_| marked).map(str::to_owned));
                    marked = false;
                }
                marked |= line == "#[test]";
            }
        }
    }
}

fn tests() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for folder in ["src", "tests"] {
        tests_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut found);
    }
    assert!(found.contains("every_statement_of_the_page_is_there"), "the tests are not found");
    found
}

#[test]
fn every_statement_of_the_page_is_there() {
    let numbers: Vec<String> = rows(PAGE).into_iter().map(|row| row.number).collect();
    let expected: Vec<String> = (0..=60).map(|number| format!("S{number}")).collect();
    assert_eq!(numbers, expected);
}

#[test]
fn every_function_of_the_sheet_has_rules() {
    let sections: BTreeSet<String> = rows(FUNCTIONS)
        .iter()
        .filter_map(|row| row.number.rsplit_once('.').map(|(section, _)| section.to_owned()))
        .collect();
    // 4.5 and 4.9 stand with their neighbours; 4.11 is FreeContextBuffer, which C alone has.
    for section in [1, 2, 3, 4, 6, 7, 8, 10, 12, 13, 14, 15, 16, 17, 18, 19] {
        assert!(sections.contains(&format!("4.{section}")), "4.{section}");
    }
}

#[test]
fn every_statement_and_every_rule_has_a_test_that_exists() {
    let (cases, tests) = (cases(), tests());
    for row in rows(PAGE).iter().chain(&rows(FUNCTIONS)) {
        let names = Row::names(&row.rust);
        if ![DOCUMENTED, C_ALONE].contains(&row.number.as_str()) {
            assert!(!names.is_empty(), "{} has no test", row.number);
        }
        for name in &names {
            let exists = cases.contains_key(*name) || tests.contains(*name);
            assert!(exists, "{} names {name}, which is neither a case nor a test", row.number);
        }
        // The C tests are made of the table.
        let in_c = names.iter().any(|name| cases.get(*name).is_some_and(|case| case.only != Some(Only::Rust)));
        assert_eq!(row.c.starts_with("the same cases"), in_c, "{}: what is there in C?", row.number);
    }
}

#[test]
fn every_case_proves_a_statement_or_a_rule() {
    let rows: Vec<Row> = rows(PAGE).into_iter().chain(rows(FUNCTIONS)).collect();
    let named: BTreeSet<&str> = rows.iter().flat_map(|row| Row::names(&row.rust)).collect();
    for name in cases().keys() {
        assert!(named.contains(name.as_str()), "{name} stands in no row");
    }
}

#[test]
fn the_statement_without_a_test_is_documented_where_it_says() {
    let rows = rows(PAGE);
    let row = rows.iter().find(|row| row.number == DOCUMENTED).expect("a row");
    let (file, sentence) =
        row.rust.strip_prefix("documentation: `").and_then(|rest| rest.split_once("`: \"")).expect("a file");
    let sentence = sentence.strip_suffix('"').expect("a sentence");
    // As the documentation reads, whatever its lines.
    let text = read(file).replace("//!", " ");
    let text: Vec<&str> = text.split_whitespace().collect();
    assert!(text.join(" ").contains(sentence), "{file} does not say it");
    assert_eq!(rows.iter().find(|row| row.number == C_ALONE).expect("a row").rust, "C alone");
}
