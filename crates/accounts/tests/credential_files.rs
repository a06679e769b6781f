//! The lines of account files that other implementations read, read here.

#[path = "../../ntlm/tests/support/known_answers.rs"]
mod known_answers;

use known_answers::KnownAnswers;
use ntlm::{Password, UnicodeString};
use ntlm_accounts::line::{Format, account};
use ntlm_accounts::name::candidates;
use ntlm_accounts::{MemoryStore, server_names};

#[test]
fn every_known_line_is_read() {
    let file = KnownAnswers::load("credential-files.json");
    for vector in file.of_type("credential_line") {
        let line = vector.text("line");
        let account = account(line.as_bytes(), Format::UserFile).unwrap().unwrap();
        vector.check_text("user", &account.name.user().to_string_lossy());
        vector.check_optional_text("domain", account.name.domain().map(UnicodeString::to_string_lossy).as_deref());
        vector.check_bytes("nt_hash", account.nt_hash.as_ref().unwrap().expose());

        // Not kept; what it would be, and that the fields were taken for what they are.
        let fields = line.split(':').collect::<Vec<_>>();
        match fields[..] {
            [_, _, password] => vector.check_bytes("lm_hash", Password::new(password).lm_hash().unwrap().expose()),
            [_, _, lm_hash, ..] => {
                let expected =
                    vector.expect_bytes("lm_hash").iter().map(|byte| format!("{byte:02x}")).collect::<String>();
                assert_eq!(lm_hash.to_lowercase(), expected);
            }
            _ => panic!("{}: {} fields", vector.id(), fields.len()),
        }

        let (user, domain) = (vector.text("lookup_user"), vector.optional_text("lookup_domain").unwrap_or_default());
        let mut store = MemoryStore::new();
        store.insert(account).unwrap();
        let names = candidates(&domain.as_str().into(), &user.as_str().into(), &server_names("server", None));
        vector.check_bool("found", names.iter().any(|name| store.get(name).is_some()));
    }
    file.finish();
}
