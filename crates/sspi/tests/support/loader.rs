//! Reads the files of `tests/cases`, and plays their sequences out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value as Json};

use super::table::{Case, Identity, World};

/// `common.json`: what the files of cases share.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Common {
    pub(crate) worlds: BTreeMap<String, World>,
    pub(crate) identities: BTreeMap<String, Identity>,
    sequences: BTreeMap<String, Sequence>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sequence {
    #[serde(default)]
    with: Map<String, Json>,
    calls: Vec<Json>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[allow(dead_code)]
    about: String,
    cases: Vec<RawCase>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCase {
    name: String,
    #[serde(default = "known")]
    world: String,
    calls: Vec<Json>,
}

fn known() -> String {
    "accounts".to_owned()
}

/// The folder of the table.
pub(crate) fn folder() -> PathBuf {
    // From whichever crate includes this.
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../sspi/tests/cases")
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> T {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// `common.json`.
pub(crate) fn common() -> Common {
    read(&folder().join("common.json"))
}

/// The names of the files of cases, without `.json`.
pub(crate) fn files() -> Vec<String> {
    let entries = std::fs::read_dir(folder()).expect("the folder of cases");
    let names = entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("a name in UTF-8"));
    let mut names: Vec<_> = names.filter_map(|name| name.strip_suffix(".json").map(str::to_owned)).collect();
    names.retain(|name| name != "common");
    names.sort();
    names
}

/// The cases of a file.
pub(crate) fn cases(common: &Common, file: &str) -> Vec<Case> {
    let File { cases, .. } = read(&folder().join(file).with_extension("json"));
    cases.into_iter().map(|case| case.played(common)).collect()
}

impl RawCase {
    fn played(self, common: &Common) -> Case {
        let Self { name, world, calls } = self;
        assert!(common.worlds.contains_key(&world), "{name}: there is no world {world}");
        let calls = play(common, &name, &calls, &Map::new());
        let typed =
            |call: Json| serde_json::from_value(call.clone()).unwrap_or_else(|error| panic!("{name}: {error}: {call}"));
        Case { calls: calls.into_iter().map(typed).collect(), name, world }
    }
}

/// Calls with the sequences among them played out, and `%name%` replaced.
fn play(common: &Common, case: &str, calls: &[Json], with: &Map<String, Json>) -> Vec<Json> {
    let mut played = Vec::new();
    for call in calls {
        let call = replaced(case, call, with);
        let Some(name) = call["play"].as_str() else {
            played.push(call);
            continue;
        };
        let sequence = common.sequences.get(name).unwrap_or_else(|| panic!("{case}: there is no sequence {name}"));
        let mut values = sequence.with.clone();
        for (key, value) in call["with"].as_object().into_iter().flatten() {
            assert!(values.insert(key.clone(), value.clone()).is_some(), "{case}: {name} has no {key}");
        }
        played.extend(play(common, case, &sequence.calls, &values));
    }
    played
}

fn replaced(case: &str, value: &Json, with: &Map<String, Json>) -> Json {
    match value {
        Json::String(text) => match text.strip_prefix('%').and_then(|rest| rest.strip_suffix('%')) {
            Some(name) => with.get(name).unwrap_or_else(|| panic!("{case}: %{name}% is not given")).clone(),
            None => value.clone(),
        },
        Json::Array(values) => values.iter().map(|value| replaced(case, value, with)).collect(),
        Json::Object(members) => {
            let members = members.iter().map(|(key, value)| (key.clone(), replaced(case, value, with)));
            // What a sequence leaves out is not there.
            Json::Object(members.filter(|(_, value)| !value.is_null()).collect())
        }
        other => other.clone(),
    }
}
