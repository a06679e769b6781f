//! C programs of the table of cases: each case becomes a function that makes its calls and checks what they give, with the macros of `c/table.h`.
//!
//! A file of cases is one source, whose functions have the names of the cases. Compiled with UNICODE it calls the W functions, without it the A functions.
//! Beside the sources lie the configurations (NTLM_CONFIG), one for each world.

mod attributes;
mod calls;
mod legs;
mod names;
mod values;
mod worlds;

use std::collections::BTreeMap;
use std::fmt::Write as _;

pub(crate) use worlds::{ACCOUNTS, accounts, configuration};

use crate::loader::{self, Common};
use crate::table::Case;

/// The cases that do not run in C, and why.
pub(crate) fn exempt() -> BTreeMap<String, String> {
    serde_json::from_str(include_str!("exempt.json")).expect("generator/exempt.json is names of cases and reasons")
}

/// All cases, by the names of their files.
pub(crate) fn cases(common: &Common) -> BTreeMap<String, Vec<Case>> {
    loader::files().into_iter().map(|file| (file.clone(), loader::cases(common, &file))).collect()
}

/// The C program of cases, all of which can be said in C.
pub(crate) fn program<'a>(common: &Common, about: &str, cases: impl IntoIterator<Item = &'a Case>) -> String {
    let (mut functions, mut rows) = (String::new(), String::new());
    for case in cases {
        let Case { name, world, .. } = case;
        functions.push_str(&calls::function(common, case));
        // Writing to a String cannot fail.
        let _ = writeln!(rows, "    {{\"{name}\", {name}, \"{world}\"}},");
    }
    format!(
        "/* Generated: {about}. */\n#define _DEFAULT_SOURCE\n\n#include \"table.h\"\n\n{functions}\
         static const Case cases[] = {{\n{rows}}};\n\n\
         int main(int count, char **arguments)\n{{\n    \
         return run_cases(count, arguments, cases, sizeof cases / sizeof *cases);\n}}\n"
    )
}
