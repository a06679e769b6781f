//! Logons against the authorities, with the real client and the real server between.

use std::sync::Arc;
use std::time::Duration;

use ntlm::logon::LogonFailureKind;
use ntlm::{
    Authority, ClientConfig, ClientPolicy, Credentials, EntropyError, Error, FileTime, LogonFailure, LogonSuccess,
    Password, ServerConfig, ServerNames, ServerPolicy, UnicodeString, client, server,
};
use ntlm_accounts::line::{self, Format};
use ntlm_accounts::{
    Account, AccountFile, AccountName, FileStore, FixedPassword, HashStore, LocalAuthority, StoreError, server_names,
};
use proptest::prelude::*;

const NOW: Duration = Duration::from_secs(1_795_000_000);
const HASH_OF_SECRET: &str = "878D8014606CDA29677A44EFA1353FC7";

fn entropy(bytes: &mut [u8]) -> Result<(), EntropyError> {
    bytes.fill(7);
    Ok(())
}

/// Runs an exchange up to the verdict, and gives the question together with the answer to it.
fn exchange(
    credentials: Credentials,
    names: ServerNames,
    policy: ServerPolicy,
    authority: &dyn Authority,
) -> (Result<LogonSuccess, LogonFailure>, Result<ntlm::Established, Error>) {
    let now = FileTime::from_unix(NOW);
    let mut messages = [Vec::new(), Vec::new(), Vec::new()];
    let [negotiate, challenge, authenticate] = &mut messages;
    let config = Arc::new(ClientConfig::new(ClientPolicy::windows()));
    let waiting =
        client::Start::new(config, Arc::new(credentials), client::Exchange::default()).send(negotiate).unwrap();
    let server = server::ExpectNegotiate::new(Arc::new(ServerConfig::new(names, policy)), server::Exchange::default());
    let server = server.receive(negotiate, now, &mut entropy, challenge).unwrap();
    waiting.receive(challenge, now, &mut entropy, authenticate).unwrap();
    let question = server.receive(authenticate, now).unwrap();
    let verdict = authority.logon(question.logon());
    // A verdict cannot be copied.
    let again = authority.logon(question.logon());
    (verdict, question.finish(again))
}

fn status(credentials: Credentials, authority: &dyn Authority) -> Result<String, LogonFailure> {
    let names = server_names("web1.example.test", Some(&"EXAMPLE".into()));
    let (verdict, established) = exchange(credentials, names, ServerPolicy::windows(), authority);
    assert_eq!(verdict.is_ok(), established.is_ok());
    verdict.map(|_| established.unwrap().info.identity().account.as_ref().unwrap().to_string_lossy())
}

fn with(domain: &str, user: &str, password: &str) -> Credentials {
    Credentials::with_domain(&user.into(), &domain.into(), &Password::new(password))
}

fn authority(lines: &str) -> LocalAuthority<ntlm_accounts::MemoryStore> {
    let (store, rejected) = line::read(lines.as_bytes(), Format::UserFile);
    assert_eq!(rejected, []);
    LocalAuthority::new(store)
}

#[test]
fn accounts_log_on_with_the_names_they_send() {
    let authority = authority("Example:Alice:secret\n:local:secret\nOTHER:bob:secret\n:carol@example.test:secret\n");
    for (domain, user, account) in [
        ("EXAMPLE", "alice", r"Example\Alice"),
        ("example.test", "ALICE", r"Example\Alice"),
        ("", "alice", r"Example\Alice"),
        (".", "alice", r"Example\Alice"),
        ("WEB1", "alice", r"Example\Alice"),
        ("", "alice@example.test", r"Example\Alice"),
        ("", "local", r"WEB1\local"),
        ("web1", "LOCAL", r"WEB1\local"),
        ("other", "Bob", r"OTHER\bob"),
        ("", "carol@EXAMPLE.test", "carol@example.test"),
        ("EXAMPLE", "carol", "carol@example.test"),
    ] {
        assert_eq!(status(with(domain, user, "secret"), &authority), Ok(account.to_owned()), "{domain}\\{user}");
        assert_eq!(status(with(domain, user, "Secret"), &authority), Err(LogonFailure::WRONG_PASSWORD));
    }
    for (domain, user) in [("", "bob"), ("OTHER", "alice"), ("EXAMPLE", "local"), ("NOWHERE", "alice"), ("", "nobody")]
    {
        assert_eq!(
            status(with(domain, user, "secret"), &authority),
            Err(LogonFailure::NO_SUCH_USER),
            "{domain}\\{user}"
        );
    }
    // `.\user`: the client puts the server's own name in.
    assert_eq!(
        status(Credentials::new(r".\local", &Password::new("secret")), &authority),
        Ok(r"WEB1\local".to_owned())
    );
}

#[test]
fn the_state_of_an_account_is_told_to_who_knows_the_password() {
    let none = "X".repeat(32);
    let authority = authority(&format!(
        "disabled:1:{none}:{HASH_OF_SECRET}:[DU         ]:LCT-0:\nempty:2:{none}:{none}:[U]:LCT-0:\n\
         nopassword:3:{none}:{HASH_OF_SECRET}:[NU]:LCT-0:\ngood:4:{none}:{HASH_OF_SECRET}:[U]:LCT-0:\n"
    ));
    assert_eq!(status(with("", "good", "secret"), &authority), Ok(r"WEB1\good".to_owned()));
    assert_eq!(status(with("", "disabled", "secret"), &authority), Err(LogonFailure::ACCOUNT_DISABLED));
    assert_eq!(status(with("", "disabled", "wrong"), &authority), Err(LogonFailure::WRONG_PASSWORD));
    for (user, password) in [("empty", ""), ("empty", "secret"), ("nopassword", ""), ("nopassword", "secret")] {
        assert_eq!(status(with("", user, password), &authority), Err(LogonFailure::WRONG_PASSWORD), "{user}");
    }
}

#[test]
fn a_store_that_cannot_be_read_lets_nobody_in() {
    struct Broken;
    impl HashStore for Broken {
        fn find(&self, _: &AccountName) -> Result<Option<Account>, StoreError> {
            Err(StoreError::new("the disk is gone"))
        }
        fn knows_domain(&self, _: &UnicodeString) -> Result<bool, StoreError> {
            Err(StoreError::new("the disk is gone"))
        }
    }
    let missing = FileStore::new(AccountFile::user_file("/nonexistent/ntlm/users"));
    for failure in [
        status(with("EXAMPLE", "alice", "secret"), &LocalAuthority::new(Broken)),
        status(with("EXAMPLE", "alice", ""), &LocalAuthority::new(missing)),
    ] {
        assert_eq!(failure, Err(LogonFailure::NO_LOGON_SERVERS));
        assert_eq!(failure.unwrap_err().kind(), LogonFailureKind::NoAuthority);
    }
}

#[test]
fn a_store_with_one_broken_answer_lets_nobody_in() {
    /// Knows the account under its first name and fails for the second.
    struct HalfBroken;
    impl HashStore for HalfBroken {
        fn find(&self, name: &AccountName) -> Result<Option<Account>, StoreError> {
            if name.domain().is_some() {
                return Err(StoreError::new("the disk is gone"));
            }
            Ok(Some(Account::new(name.clone(), &Password::new("secret"))))
        }
        fn knows_domain(&self, _: &UnicodeString) -> Result<bool, StoreError> {
            Ok(true)
        }
    }
    let failure = status(with("", "alice", "secret"), &LocalAuthority::new(HalfBroken));
    assert_eq!(failure, Err(LogonFailure::NO_LOGON_SERVERS));
}

#[test]
fn the_password_of_another_account_does_not_help() {
    // The first match counts: a wrong password is not tried on the others that the name might mean.
    let authority = authority(":alice:local\nEXAMPLE:alice:domain\n");
    assert_eq!(status(with("", "alice", "local"), &authority), Ok(r"WEB1\alice".to_owned()));
    assert_eq!(status(with("", "alice", "domain"), &authority), Err(LogonFailure::WRONG_PASSWORD));
    assert_eq!(status(with("EXAMPLE", "alice", "domain"), &authority), Ok(r"EXAMPLE\alice".to_owned()));
    assert_eq!(status(with("EXAMPLE", "alice", "local"), &authority), Err(LogonFailure::WRONG_PASSWORD));
}

#[test]
fn unknown_domains_mean_local_accounts_by_policy_only() {
    let authority = authority("EXAMPLE:alice:secret\n:local:secret\nOTHER:bob:secret\n");
    let names = || server_names("web1.example.test", Some(&"EXAMPLE".into()));
    let logon = |policy: ServerPolicy, domain: &str, user: &str| {
        exchange(with(domain, user, "secret"), names(), policy, &authority).0.map(drop)
    };
    let loose = || {
        let mut policy = ServerPolicy::windows();
        policy.local_accounts_for_unknown_domain = true;
        policy
    };
    for user in ["alice", "local"] {
        assert_eq!(logon(ServerPolicy::windows(), "WORKSTATION7", user), Err(LogonFailure::NO_SUCH_USER));
        assert_eq!(logon(loose(), "WORKSTATION7", user), Ok(()));
        assert_eq!(logon(loose(), "OTHER", user), Err(LogonFailure::NO_SUCH_USER));
    }
    assert_eq!(logon(loose(), "EXAMPLE", "local"), Err(LogonFailure::NO_SUCH_USER));
    assert_eq!(logon(loose(), "WORKSTATION7", "bob"), Err(LogonFailure::NO_SUCH_USER));
}

#[test]
fn one_password_fits_every_name() {
    let authority = FixedPassword::new(&Password::new("secret")).expect("a password");
    for (domain, user, account) in
        [("EXAMPLE", "alice", r"EXAMPLE\alice"), ("", "bob", r"WEB1\bob"), ("", "carol@other.test", "carol@other.test")]
    {
        assert_eq!(status(with(domain, user, "secret"), &authority), Ok(account.to_owned()));
        assert_eq!(status(with(domain, user, "wrong"), &authority), Err(LogonFailure::WRONG_PASSWORD));
    }
}

#[test]
fn no_source_lets_everybody_in_with_the_empty_password() {
    assert!(FixedPassword::new(&Password::new("")).is_none());
    // smbpasswd with the NT hash of the empty password.
    let line =
        "alice:1000:XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX:31D6CFE0D16AE931B73C59D7E0C089C0:[U          ]:LCT-00000000:\n";
    assert_eq!(status(with("", "alice", ""), &authority(line)), Err(LogonFailure::WRONG_PASSWORD));
}

#[test]
fn nobody_gets_in_anonymously() {
    let policy = || {
        let mut policy = ServerPolicy::windows();
        policy.allow_anonymous = true;
        policy.allow_guest = true;
        policy
    };
    let names = || server_names("web1", None);
    let local = authority(":alice:secret\n");
    let fixed = FixedPassword::new(&Password::new("secret")).expect("a password");
    for authority in [&local as &dyn Authority, &fixed] {
        let (verdict, established) = exchange(Credentials::anonymous(), names(), policy(), authority);
        assert_eq!(verdict.map(drop), Err(LogonFailure::LOGON_FAILURE));
        assert!(established.is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn only_the_password_logs_on(password in "[a-zé]{1,12}", tried in "[a-zé]{0,12}", domain in "(EXAMPLE|example|)", user in "(alice|ALICE)") {
        let authority = authority(&format!("EXAMPLE:alice:{password}\n"));
        let logged_on = status(with(&domain, &user, &tried), &authority);
        prop_assert_eq!(logged_on.is_ok(), tried == password);
    }
}
