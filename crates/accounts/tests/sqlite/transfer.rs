//! Accounts in and out of the database.

use ntlm::{LogonFailure, NtHash, Password};
use ntlm_accounts::import::{self, ImportFormat, NumberedAccount};
use ntlm_accounts::sqlite::{ChangeError, Existing, ImportReport, Refusal};
use ntlm_accounts::{Account, HashStore as _, SqliteStore};
use proptest::prelude::*;

use crate::support::{Scratch, at, has, is_password, name};

fn accounts(lines: &str) -> Vec<NumberedAccount> {
    let import = import::read(lines.as_bytes(), None).unwrap();
    assert_eq!(import.rejected, []);
    import.accounts
}

fn exported(store: &SqliteStore) -> String {
    let mut out = Vec::new();
    store.export(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn an_import_adds_and_leaves_what_is_there_unless_told_otherwise() {
    let scratch = Scratch::new();
    let (_, store) = scratch.with_alice();
    let lines = "EXAMPLE:bob:x\nexample:ALICE:other\n:carol:x\n";
    let report = store.import(&accounts(lines), Existing::Keep, at(2), |_| ()).unwrap();
    let kept = vec![(2, name(r"example\ALICE"))];
    assert_eq!(report, ImportReport { added: 2, kept, ..ImportReport::default() });
    let alice = store.get(&name(r"EXAMPLE\alice")).unwrap().unwrap();
    assert!(is_password(&alice.account, "secret") && alice.changed == at(1));

    let report = store.import(&accounts(lines), Existing::Keep, at(3), |_| ()).unwrap();
    assert_eq!((report.added, report.unchanged, report.kept.len()), (0, 2, 1));

    let report = store.import(&accounts(lines), Existing::Replace, at(4), |_| ()).unwrap();
    assert_eq!(report, ImportReport { replaced: 1, unchanged: 2, ..ImportReport::default() });
    let alice = store.get(&name(r"EXAMPLE\alice")).unwrap().unwrap();
    assert!(is_password(&alice.account, "other"));
    assert_eq!((alice.created, alice.changed, alice.password_changed), (at(1), at(4), Some(at(4))));
    assert_eq!(alice.account.name, name(r"example\ALICE"), "called as the import calls it");
    assert_eq!(store.get(&name(r"EXAMPLE\bob")).unwrap().unwrap().changed, at(2));
}

#[test]
fn a_state_that_differs_is_replaced_and_the_password_keeps_its_date() {
    let scratch = Scratch::new();
    let (_, store) = scratch.with_alice();
    let disabled = accounts("user,domain,password,disabled\nalice,EXAMPLE,secret,yes\n");
    assert_eq!(store.import(&disabled, Existing::Keep, at(2), |_| ()).unwrap().kept.len(), 1);
    assert_eq!(store.import(&disabled, Existing::Replace, at(3), |_| ()).unwrap().replaced, 1);
    let alice = store.get(&name(r"EXAMPLE\alice")).unwrap().unwrap();
    assert_eq!(alice.account.barred, Some(LogonFailure::ACCOUNT_DISABLED));
    assert_eq!((alice.changed, alice.password_changed), (at(3), Some(at(1))));
}

#[test]
fn an_import_is_made_whole_or_not_at_all() {
    let scratch = Scratch::new();
    let (path, store) = scratch.with_alice();
    let server = SqliteStore::open_read_only(&path).unwrap();
    let mut half = accounts(":bob:x\n:carol:x\n");
    half.push(NumberedAccount { number: 3, account: Account::new(name("a:b"), &Password::new("x")) });
    let mut told = Vec::new();
    let result = store.import(&half, Existing::Keep, at(2), |done| {
        told.push(done);
        assert!(!has(&server, "bob"), "nobody sees half an import");
    });
    assert_eq!(result, Err(ChangeError::Refused(Refusal::OddName)));
    assert_eq!(told, [1, 2]);
    assert_eq!(store.list().unwrap().len(), 1);
}

#[test]
fn large_imports_are_taken() {
    let scratch = Scratch::new();
    let (store, _) = SqliteStore::open_or_create(scratch.path("a.db")).unwrap();
    let lines = (0..20_000).map(|number| format!("EXAMPLE:user{number}:{number}\n")).collect::<String>();
    assert_eq!(store.import(&accounts(&lines), Existing::Keep, at(1), |_| ()).unwrap().added, 20_000);
    assert!(is_password(&store.find(&name(r"EXAMPLE\USER19999")).unwrap().unwrap(), "19999"));
    store.check_integrity().unwrap();
}

#[test]
fn an_export_is_smbpasswd() {
    let scratch = Scratch::new();
    let (_, store) = scratch.with_alice();
    store
        .add(&Account { name: name("bob"), nt_hash: None, barred: Some(LogonFailure::ACCOUNT_LOCKED_OUT) }, at(2))
        .unwrap();
    let none = "X".repeat(32);
    assert_eq!(
        exported(&store),
        format!(
            "bob:65534:{none}:{none}:[DU         ]:LCT-00000000:\n\
             EXAMPLE\\alice:65534:{none}:878D8014606CDA29677A44EFA1353FC7:[U          ]:LCT-00000001:\n"
        )
    );
}

#[test]
fn attack_39_no_lm_hash_gets_into_the_database_or_out_of_it() {
    // "secret" has this LM hash; it stands in smbpasswd and in CSV.
    let (lm, nt) = ("552902031BEDE9EFAAD3B435B51404EE", "878D8014606CDA29677A44EFA1353FC7");
    assert_eq!(Password::new("secret").lm_hash().unwrap().expose()[..2], [0x55, 0x29]);
    for lines in [
        format!("alice:1000:{lm}:{nt}:[U          ]:LCT-5EBB0D31:\n"),
        format!("user,lm_hash,nt_hash\nalice,{lm},{nt}\n"),
    ] {
        let scratch = Scratch::new();
        let (store, _) = SqliteStore::open_or_create(scratch.path("a.db")).unwrap();
        store.import(&accounts(&lines), Existing::Keep, at(1), |_| ()).unwrap();
        assert!(is_password(&store.find(&name("alice")).unwrap().unwrap(), "secret"));
        let file = std::fs::read(store.path()).unwrap();
        let lm_bytes = Password::new("secret").lm_hash().unwrap();
        assert!(!file.windows(16).any(|window| window == lm_bytes.expose()) && !exported(&store).contains(lm));
        assert!(!file.windows(lm.len()).any(|window| window.eq_ignore_ascii_case(lm.as_bytes())));
    }
    // An LM hash alone is no account that anybody could log on with, and the placeholder for one is nobody's NT hash.
    let scratch = Scratch::new();
    let (store, _) = SqliteStore::open_or_create(scratch.path("a.db")).unwrap();
    let alone =
        format!("alice:1:{lm}:{}:[U]:LCT-0:\nbob:2:{lm}:AAD3B435B51404EEAAD3B435B51404EE:[U]:LCT-0:\n", "X".repeat(32));
    store.import(&accounts(&alone), Existing::Keep, at(1), |_| ()).unwrap();
    assert!(store.list().unwrap().iter().all(|stored| stored.account.nt_hash.is_none()));
}

#[test]
fn what_was_removed_is_not_left_in_the_file() {
    let scratch = Scratch::new();
    let (path, store) = scratch.with_alice();
    let hash = Password::new("secret").nt_hash();
    let holds = || std::fs::read(&path).unwrap().windows(16).any(|window| window == hash.expose());
    assert!(holds());
    store.set_nt_hash(&name(r"EXAMPLE\alice"), &Password::new("other").nt_hash(), at(2)).unwrap();
    assert!(!holds(), "an old password");
    store.set_nt_hash(&name(r"EXAMPLE\alice"), &hash, at(3)).unwrap();
    assert!(holds());
    store.remove(&name(r"EXAMPLE\alice")).unwrap();
    assert!(!holds(), "a removed account");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_is_exported_is_imported_as_it_was(
        kept in prop::collection::vec((r"[^:\\\p{C}#]{0,3}", r"[^:\\\p{C}]{1,3}", any::<Option<[u8; 16]>>(), any::<bool>()), 1..8)
    ) {
        let scratch = Scratch::new();
        let (store, _) = SqliteStore::open_or_create(scratch.path("a.db")).unwrap();
        let mut added = 0;
        for (domain, user, hash, disabled) in kept {
            let nt_hash = hash.and_then(|hash| NtHash::from_bytes(&hash).ok()).map(Box::new);
            let name = ntlm_accounts::AccountName::new(&domain.as_str().into(), &user.as_str().into());
            let barred = disabled.then_some(LogonFailure::ACCOUNT_DISABLED);
            added += usize::from(store.add(&Account { name, nt_hash, barred }, at(1)).is_ok());
        }
        let lines = exported(&store);
        let import = import::read(lines.as_bytes(), Some(ImportFormat::Smbpasswd)).unwrap();
        prop_assert_eq!(&import.rejected, &[]);
        prop_assert_eq!(import.accounts.len(), added);
        let (again, _) = SqliteStore::open_or_create(scratch.path("b.db")).unwrap();
        again.import(&import.accounts, Existing::Keep, at(1), |_| ()).unwrap();
        prop_assert_eq!(exported(&again), lines);
    }
}
