//! The table of cases (`tests/cases`), run over the safe interface. The C tests run the same table.

#[allow(dead_code)]
mod support;

use std::collections::BTreeSet;

use support::{loader, runner};

/// Runs the cases of a file, and tells all that do not hold.
fn hold(file: &str) {
    let common = loader::common();
    let cases = loader::cases(&common, file);
    assert!(!cases.is_empty(), "{file} has no cases");
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|case| runner::run(&common, case).err().map(|error| format!("{}: {error}", case.name)))
        .collect();
    assert!(wrong.is_empty(), "{} of {} cases of {file}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

macro_rules! files {
    ($($file:ident),* $(,)?) => {
        mod the_cases_hold_of {
            $(
                #[test]
                fn $file() {
                    super::hold(stringify!($file));
                }
            )*
        }

        #[test]
        fn every_file_of_the_table_is_run() {
            assert_eq!(loader::files(), [$(stringify!($file)),*]);
        }
    };
}

files!(accept, attributes, bindings, credentials, initialize, lifetime, logon, messages, others, packages, requests);

#[test]
fn every_case_has_a_name_of_its_own_that_is_a_sentence() {
    let common = loader::common();
    let mut names = BTreeSet::new();
    for case in loader::files().iter().flat_map(|file| loader::cases(&common, file)) {
        let sentence = case.name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        assert!(sentence && case.name.matches('_').count() >= 2, "{}", case.name);
        assert!(names.insert(case.name.clone()), "{} is there twice", case.name);
    }
    assert!(names.len() > 100, "{} cases", names.len());
}
