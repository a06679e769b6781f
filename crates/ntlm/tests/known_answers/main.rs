//! Every known answer of `testdata/`, through the public API: one test for each file, one function for each type of vector.
//!
//! `testdata/README.md` describes the files and the types. The loader fails a test that leaves a value of its file unread; the last test here fails
//! when there is a file without a test.

#[path = "../support/mod.rs"]
mod support;

mod exchanges;
mod messages;
mod primitives;
mod responses;
mod sessions;

use std::fs;
use std::path::Path;

use exchanges::exchange;
use messages::{malformed, message};
use primitives::{crc32, des, des_key, hmac_md5, lmowfv1, md4, md5, ntowfv1, ntowfv2, rc4, upcase};
use responses::{channel_bindings, kxkey, logon, mic, v1_response, v2_response};
use sessions::{datagram_seal, mech_list_mic, seal, session_keys, sign};
use support::known_answers::{KnownAnswers, Vector, files, folder};

macro_rules! files {
    ($($test:ident: $file:literal => $($kind:ident),*;)*) => {
        /// The files that have a test below.
        const FILES: &[&str] = &[$($file),*];

        $(
            #[test]
            fn $test() {
                let file = KnownAnswers::load($file);
                $(file.of_type(stringify!($kind)).for_each(|vector: Vector<'_>| $kind(&vector));)*
                file.finish();
            }
        )*
    };
}

files! {
    the_primitives_are_the_published_ones: "primitives.json" => md4, md5, hmac_md5, rc4, crc32, des_key, des;
    passwords_and_names_become_the_known_hashes: "one-way-functions.json" => ntowfv1, lmowfv1, ntowfv2, upcase;
    responses_are_made_and_judged_like_others_do: "responses.json" => v1_response, v2_response, logon;
    keys_are_exchanged_like_others_do: "key-exchange.json" => kxkey, mic;
    sessions_sign_and_seal_like_others_do: "session-security.json" => session_keys, seal, sign, datagram_seal, mech_list_mic;
    channel_bindings_are_hashed_like_others_do: "channel-bindings.json" => channel_bindings;
    messages_of_others_are_read_and_written_back: "messages.json" => message, malformed;
    the_exchanges_of_the_specification_hold: "exchanges-specification.json" => exchange;
    the_exchanges_of_windows_hold: "exchanges-windows.json" => exchange;
    the_exchanges_of_chromium_hold: "exchanges-chromium.json" => exchange;
    the_exchanges_of_curl_hold: "exchanges-curl.json" => exchange;
    the_exchanges_of_samba_hold: "exchanges-samba.json" => exchange;
}

/// The one file that another crate's tests read.
const OF_ACCOUNTS: &str = "credential-files.json";

#[test]
fn no_file_is_left_without_a_test() {
    let mut tested: Vec<&str> = FILES.iter().copied().chain([OF_ACCOUNTS]).collect();
    tested.sort_unstable();
    assert_eq!(files(), tested);
    let accounts = folder().join("../crates/accounts");
    assert!(mentions(&accounts, OF_ACCOUNTS), "no source in {} reads {OF_ACCOUNTS}", accounts.display());
}

/// Whether a Rust source in `folder` or below has `text` in it.
fn mentions(folder: &Path, text: &str) -> bool {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("cannot list {}: {error}", folder.display()));
    entries.map(|entry| entry.expect("an entry").path()).any(|path| {
        if path.is_dir() {
            mentions(&path, text)
        } else {
            path.extension().is_some_and(|kind| kind == "rs")
                && fs::read_to_string(&path).is_ok_and(|source| source.contains(text))
        }
    })
}
