//! `docs/initialize-security-context.md` and `docs/sspi.md` name a test for every statement, in Rust and in C, and only tests that exist.

#[allow(dead_code)]
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use support::loader;

const PAGE: &str = "docs/initialize-security-context.md";
const FUNCTIONS: &str = "docs/sspi.md";

/// The statement that is about documentation alone.
const DOCUMENTED: &str = "S59";
/// What the Rust column says of what only C has: headers, libraries, NULL pointers, memory that is handed out.
const C_ALONE: &str = "C alone";
/// The only such statement of the page.
const HEADERS: &str = "S60";

/// The cases of the table that do not run in C, with reasons; every other does, which the tests of the C library see to.
const NOT_IN_C: &str = "crates/capi/tests/generator/exempt.json";
/// The tests of the C library, and the C programs that they run.
const C_TESTS: &str = "crates/capi/tests";
const C_PROGRAMS: &str = "crates/capi/tests/c";
/// The modules of the C library, whose tests prove what no C program can bring about.
const C_MODULES: &str = "crates/capi/src";

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
    /// What stands in backquotes in a column.
    fn quoted(column: &str) -> impl Iterator<Item = &str> {
        column.split('`').skip(1).step_by(2)
    }

    /// The names in a column that are names of tests: several words.
    fn names(column: &str) -> Vec<&str> {
        Self::quoted(column).filter(|name| name.matches('_').count() >= 2).collect()
    }

    /// The names in a column that are C programs.
    fn programs(column: &str) -> Vec<&str> {
        Self::quoted(column).filter(|name| name.ends_with(".c")).collect()
    }

    /// The names in a column that stand behind C programs, each with its program: `x.c`: `function`, `another`.
    fn functions(column: &str) -> Vec<(&str, &str)> {
        let programs = column.split("; ").filter_map(|part| Some((Self::quoted(part).next()?, part)));
        programs.flat_map(|(program, part)| Self::quoted(part).skip(1).map(move |name| (program, name))).collect()
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

/// The names of all cases.
fn cases() -> BTreeSet<String> {
    let common = loader::common();
    loader::files().into_iter().flat_map(|file| loader::cases(&common, &file)).map(|case| case.name).collect()
}

/// The names of the cases that do not run in C.
fn not_in_c() -> BTreeSet<String> {
    let reasons: BTreeMap<String, String> = serde_json::from_str(&read(NOT_IN_C)).expect("names and reasons");
    reasons.into_keys().collect()
}

/// The C programs that a test of the C library runs.
fn c_programs() -> BTreeSet<String> {
    let folder = std::fs::read_dir(root().join(C_TESTS)).expect("the tests of the C library");
    let files = folder.map(|entry| entry.expect("an entry").path());
    let tests = files.filter(|path| path.extension().is_some_and(|kind| kind == "rs"));
    let tests: String = tests.map(|path| std::fs::read_to_string(path).expect("a source file")).collect();
    let named = tests.split('"').filter_map(|text| text.strip_prefix("tests/c/").map(str::to_owned));
    named.filter(|name| root().join(C_PROGRAMS).join(name).exists()).collect()
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
    tests_in(&root().join(C_MODULES), &mut found);
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
    // 4.21 is what is left out.
    for section in 1..=20 {
        assert!(sections.contains(&format!("4.{section}")), "4.{section}");
    }
}

#[test]
fn every_statement_and_every_rule_has_a_test_that_exists() {
    let (cases, tests) = (cases(), tests());
    for row in rows(PAGE).iter().chain(&rows(FUNCTIONS)) {
        let names = Row::names(&row.rust);
        assert!(!names.is_empty() || row.number == DOCUMENTED || row.rust == C_ALONE, "{} has no test", row.number);
        for name in &names {
            let exists = cases.contains(*name) || tests.contains(*name);
            assert!(exists, "{} names {name}, which is neither a case nor a test", row.number);
        }
    }
}

#[test]
fn every_statement_and_every_rule_says_what_proves_it_in_c() {
    let (cases, not_in_c, c_programs) = (cases(), not_in_c(), c_programs());
    for Row { number, rust, c } in rows(PAGE).iter().chain(&rows(FUNCTIONS)) {
        let named: BTreeSet<&str> = Row::names(rust).into_iter().filter(|name| cases.contains(*name)).collect();
        let (left_out, in_c): (BTreeSet<&str>, BTreeSet<&str>) =
            named.into_iter().partition(|name| not_in_c.contains(*name));
        // "The same cases" are made into C functions of the table; which of them are not, the column says.
        assert_eq!(c.starts_with("the same cases"), !in_c.is_empty(), "{number}: which cases run in C?");
        let said: BTreeSet<&str> = Row::names(c).into_iter().collect();
        assert_eq!(said, left_out, "{number}: which cases do not run in C?");
        let programs = Row::programs(c);
        for program in &programs {
            assert!(c_programs.contains(*program), "{number} names {program}, which no test of the C library runs");
        }
        let reason = c.strip_prefix("— (").and_then(|rest| rest.strip_suffix(')')).unwrap_or_default();
        let has_reason = reason.split_whitespace().count() >= 3;
        assert!(
            !in_c.is_empty() || !programs.is_empty() || has_reason,
            "{number}: what proves it in C, or why nothing?"
        );
    }
}

#[test]
fn what_c_alone_can_say_is_proven_by_functions_that_exist() {
    let on_the_page: Vec<String> =
        rows(PAGE).into_iter().filter(|row| row.rust == C_ALONE).map(|row| row.number).collect();
    assert_eq!(on_the_page, [HEADERS], "the page is about a function that Rust has, too");
    for Row { number, rust, c } in rows(FUNCTIONS).iter().filter(|row| row.rust.contains(C_ALONE)) {
        assert_eq!(rust, C_ALONE, "{number} has something in Rust, after all");
        let functions = Row::functions(c);
        assert!(!functions.is_empty(), "{number} is proven by nothing");
        for program in Row::programs(c) {
            assert!(functions.iter().any(|(of, _)| *of == program), "{number} names no function of {program}");
        }
        for (program, function) in functions {
            let text = read(&format!("{C_PROGRAMS}/{program}"));
            assert!(text.contains(&format!("\nstatic void {function}(")), "{number}: {program} has no {function}");
            assert!(text.matches(&format!(" {function}(")).count() > 1, "{number}: {program} does not call {function}");
        }
    }
}

#[test]
fn every_case_proves_a_statement_or_a_rule() {
    let rows: Vec<Row> = rows(PAGE).into_iter().chain(rows(FUNCTIONS)).collect();
    let named: BTreeSet<&str> = rows.iter().flat_map(|row| Row::names(&row.rust)).collect();
    for name in cases() {
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
}
