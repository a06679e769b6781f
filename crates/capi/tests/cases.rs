//! The table of cases (`crates/sspi/tests/cases`) in C, which the safe interface runs in Rust: every case as a C function (`generator`), compiled, and run over the W
//! functions and over the A functions of the library, called by their names and through the library's tables of functions.
//!
//! NTLMSSPI_GENERATED names a directory for the C sources and the configurations, for whoever compiles them in another way (`sanitize.sh`); without it they are
//! among the test's own files.

mod common;
mod generator;

#[allow(dead_code, reason = "shared with the tests in Rust")]
#[path = "../../sspi/tests/support/loader.rs"]
mod loader;
#[allow(dead_code, reason = "shared with the tests in Rust")]
#[path = "../../sspi/tests/support/table.rs"]
mod table;
#[allow(dead_code, reason = "shared with the tests in Rust")]
#[path = "../../sspi/tests/support/vocabulary.rs"]
mod vocabulary;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use common::{STRICT, command, compile, headers, package, run, scratch, secret_file, text};
use table::Case;

/// The configuration of the programs: the functions that they call.
const FAMILIES: [(&str, &[&str]); 2] = [("W", &["-std=c11", "-g", "-DUNICODE"]), ("A", &["-std=c11", "-g"])];

/// The C programs, written once in a process.
struct Generated {
    directory: PathBuf,
    /// How many cases the program of each file has.
    files: BTreeMap<String, usize>,
    /// The exempt cases that could be generated all the same.
    exempt: Vec<String>,
    /// Those that could not.
    unsayable: Vec<String>,
}

/// The program of the exempt cases.
const EXEMPT: &str = "exempt";

fn generated() -> &'static Generated {
    static GENERATED: OnceLock<Generated> = OnceLock::new();
    GENERATED.get_or_init(|| {
        let directory = std::env::var_os("NTLMSSPI_GENERATED").map_or_else(|| scratch("generated"), PathBuf::from);
        std::fs::create_dir_all(&directory).expect("a directory for the programs");
        let (common, exempt) = (loader::common(), generator::exempt());
        let mut generated = Generated { directory, files: BTreeMap::new(), exempt: Vec::new(), unsayable: Vec::new() };
        generated.write(generator::ACCOUNTS, &generator::accounts(&common));
        let mut not_to_run: Vec<Case> = Vec::new();
        for (file, cases) in generator::cases(&common) {
            let (left_out, to_run): (Vec<Case>, Vec<Case>) =
                cases.into_iter().partition(|case| exempt.contains_key(&case.name));
            for case in &to_run {
                let configuration = generator::configuration(&common, case);
                let configuration = configuration.unwrap_or_else(|reason| {
                    panic!("{} cannot be said in C ({reason:?}), and is not in exempt.json", case.name)
                });
                generated.write(&format!("{}.toml", case.world), &configuration);
            }
            let about = format!("the cases of {file}.json");
            generated.write(&format!("{file}.c"), &generator::program(&common, &about, &to_run));
            generated.files.insert(file, to_run.len());
            not_to_run.extend(left_out);
        }
        not_to_run.retain(|case| match generator::configuration(&common, case) {
            Ok(configuration) => {
                generated.write(&format!("{}.toml", case.world), &configuration);
                generated.exempt.push(case.name.clone());
                true
            }
            Err(_) => {
                generated.unsayable.push(case.name.clone());
                false
            }
        });
        let about = "the cases that are expected to fail in C";
        generated.write(&format!("{EXEMPT}.c"), &generator::program(&common, about, &not_to_run));
        generated
    })
}

impl Generated {
    fn write(&self, name: &str, content: &str) {
        secret_file(self.directory.join(name).to_str().expect("a path in UTF-8"), content);
    }

    fn source(&self, file: &str) -> PathBuf {
        self.directory.join(file).with_extension("c")
    }
}

/// Runs the cases of a file over both families of functions, and tells all that do not hold.
fn hold(file: &str) {
    let generated = generated();
    // Twice each: by name, and over the table of functions.
    let runs = 2 * generated.files[file];
    let mut wrong = String::new();
    for (family, arguments) in FAMILIES {
        let program = compile("cc", generated.source(file), arguments);
        let output = command(&program, &[]).arg(&generated.directory).output().expect("the program runs");
        let said = text(&output);
        if !output.status.success() || !said.ends_with(&format!("{runs} runs, 0 failed\n")) {
            wrong
                .push_str(&format!("{file}.json over the {family} functions, {runs} runs, {}:\n{said}", output.status));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

macro_rules! files {
    ($($file:ident),* $(,)?) => {
        mod the_cases_hold_in_c_of {
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
fn nearly_every_case_runs_in_c_and_every_other_has_a_reason() {
    let generated = generated();
    let run: usize = generated.files.values().sum();
    let exempt = generator::exempt();
    for (name, reason) in &exempt {
        let known = generated.exempt.contains(name) || generated.unsayable.contains(name);
        assert!(known, "exempt.json names {name}, which is no case");
        assert!(reason.split_whitespace().count() > 5, "{name} has no reason");
    }
    println!("{run} cases run in C, {} do not", exempt.len());
    assert!(exempt.len() * 20 < run, "{} of {} cases do not run in C", exempt.len(), run + exempt.len());
}

#[test]
fn a_case_that_would_hold_in_c_is_not_exempt() {
    let generated = generated();
    let some = !generated.exempt.is_empty();
    for (family, arguments) in FAMILIES.into_iter().filter(|_| some) {
        let program = compile("cc", generated.source(EXEMPT), arguments);
        for case in &generated.exempt {
            let output = command(&program, &[]).arg(&generated.directory).arg(case).output().expect("it runs");
            let said = text(&output);
            assert!(!output.status.success(), "{case} holds over the {family} functions: take it out of exempt.json");
            assert!(said.contains(&format!("FAIL {case}, over the functions\n")), "{said}");
        }
    }
}

#[test]
fn the_programs_are_cpp_as_well() {
    let generated = generated();
    for (file, more) in generated.files.keys().zip([&["-DUNICODE"][..], &[]].into_iter().cycle()) {
        let mut compiler = Command::new("c++");
        compiler.args(STRICT).args(["-std=c++17", "-fsyntax-only"]).args(more).arg("-I");
        run(compiler.arg(package().join("tests/c")).args(headers()).arg(generated.source(file)));
    }
}

#[test]
fn a_case_that_does_not_hold_is_told_by_its_name() {
    let common = loader::common();
    let call = |json: &str| serde_json::from_str(json).expect("a call");
    let case = |name: &str, calls: Vec<table::Call>| Case { name: name.into(), world: "accounts".into(), calls };
    let query = |package: &str, status: &str| {
        call(&format!(
            r#"{{"call": "QuerySecurityPackageInfo", "package": "{package}", "expect": {{"status": "{status}"}}}}"#
        ))
    };
    let cases = [
        case("a_status_that_is_another", vec![query("NTLM", "SEC_E_OK"), query("Kerberos", "SEC_E_OK")]),
        case("a_case_that_holds", vec![query("NTLM", "SEC_E_OK")]),
        case("a_handle_that_is_none", vec![call(r#"{"call": "DeleteSecurityContext", "context": "@zero"}"#)]),
    ];
    let directory = &generated().directory;
    let source = secret_file("wrong.c", &generator::program(&common, "cases that do not hold", &cases));
    let program = compile("cc", &source, FAMILIES[0].1);
    let output = command(&program, &[]).arg(directory).output().expect("it runs");
    let said = text(&output);
    assert!(!output.status.success(), "{said}");
    let reason = "a_status_that_is_another, over the functions: call 2, QuerySecurityPackageInfo: \
                  the status is 0x80090305 SEC_E_SECPKG_NOT_FOUND, not 0x00000000 SEC_E_OK";
    for part in [
        reason,
        "6 runs, 4 failed\n",
        "FAIL a_status_that_is_another, over the table\n",
        "FAIL a_handle_that_is_none, over the functions\n",
    ] {
        assert!(said.contains(part), "{said}");
    }
    assert!(!said.contains("a_case_that_holds"), "{said}");
}
