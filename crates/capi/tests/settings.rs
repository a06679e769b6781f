//! Where a process gets its accounts and its default identity from.

mod common;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use common::{command, compile, run, scratch, secret_file, text};

/// What `logon.c` prints for these settings, by its first words.
fn logon(settings: &[(&str, &Path)], user: [&str; 3]) -> BTreeMap<String, String> {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let program = PROGRAM.get_or_init(|| compile("cc", "tests/c/logon.c", &["-std=c11", "-g"]));
    let output = run(command(program, settings).args(user));
    let lines = text(&output);
    lines.lines().filter_map(|line| line.split_once(": ")).map(|(key, value)| (key.into(), value.into())).collect()
}

/// What it printed of the log.
fn log(printed: &BTreeMap<String, String>) -> Vec<&str> {
    printed.iter().filter(|(key, _)| key.starts_with("log ")).map(|(_, line)| line.as_str()).collect()
}

const ALICE: [&str; 3] = ["EXAMPLE", "alice", "Passw0rd!"];

#[test]
fn without_settings_servers_ask_nobody_and_clients_have_no_credentials() {
    let printed = logon(&[], ALICE);
    assert_eq!(printed["inbound"], "SEC_E_OK");
    assert_eq!(printed["outbound"], "SEC_E_NO_CREDENTIALS");
    assert_eq!(printed["given"], "SEC_E_OK");
    // The client of one process does not answer its own server's challenge: what stops it comes before what has no accounts.
    assert_eq!(printed["logon"], "SEC_E_WRONG_PRINCIPAL");
    assert_eq!(printed["delegate"], "SEC_E_UNSUPPORTED_FUNCTION");
}

#[test]
fn without_accounts_every_logon_lacks_an_authority() {
    let config = secret_file("empty.toml", "dangerous_answer_own_challenges = true\n");
    let printed = logon(&[("NTLM_CONFIG", &config)], ALICE);
    assert_eq!(printed["outbound"], "SEC_E_NO_CREDENTIALS");
    assert_eq!(printed["logon"], "SEC_E_NO_AUTHENTICATING_AUTHORITY");
    assert!(printed["logon, why"].contains("NTLM_USER_FILE"), "{printed:?}");
}

#[test]
fn a_user_file_is_accounts_and_default_credentials() {
    let users = secret_file("users", "# a comment\nEXAMPLE:bob:secret\nEXAMPLE:alice:Passw0rd!\n");
    let printed = logon(&[("NTLM_USER_FILE", &users)], ALICE);
    assert_eq!(printed["outbound"], "SEC_E_OK");
    assert_eq!(printed["outbound, name"], "EXAMPLE\\bob", "the first account is the default");
    assert_eq!(printed["default logon"], "SEC_E_WRONG_PRINCIPAL");

    let text = "dangerous_answer_own_challenges = true\n[accounts]\nuser_file = 'users'\n\
                [identity]\nuser = 'EXAMPLE\\bob'\npassword = 'secret'\n";
    let config = secret_file("users.toml", &text.replace("bob", "alice").replace("'secret'", "'Passw0rd!'"));
    let printed = logon(&[("NTLM_CONFIG", &config)], ALICE);
    assert_eq!(printed["outbound, name"], "EXAMPLE\\alice", "a configuration says itself who the default is");
    let config = secret_file("users.toml", text);
    let printed = logon(&[("NTLM_CONFIG", &config), ("NTLM_USER_FILE", Path::new("/nonexistent"))], ALICE);
    assert_eq!(printed["default logon"], "SEC_E_OK");
    assert_eq!(printed["default logon, name"], "EXAMPLE\\bob");
    assert_eq!((&*printed["logon"], &*printed["logon, name"]), ("SEC_E_OK", "EXAMPLE\\alice"));
    let wrong = logon(&[("NTLM_CONFIG", &config)], ["EXAMPLE", "alice", "wrong"]);
    assert_eq!(wrong["logon"], "SEC_E_LOGON_DENIED");
}

#[test]
fn a_user_without_domain_is_one_of_this_machine() {
    secret_file("local.users", ":alice:Passw0rd!\n");
    let text = "dangerous_answer_own_challenges = true\n[accounts]\nuser_file = 'local.users'\n\
                [server]\nnetbios_name = 'SERVER1'\n";
    let config = secret_file("local.toml", text);
    for domain in ["", ".", "SERVER1", "server1"] {
        let printed = logon(&[("NTLM_CONFIG", &config)], [domain, "alice", "Passw0rd!"]);
        assert_eq!(printed["logon"], "SEC_E_OK", "{domain}");
        assert_eq!(
            printed["logon, name"], "SERVER1\\alice",
            "the server is told whose account it is, not what was sent"
        );
    }
    assert_eq!(logon(&[("NTLM_CONFIG", &config)], ALICE)["logon"], "SEC_E_LOGON_DENIED");
}

#[test]
fn an_account_file_that_cannot_be_read_is_nobody_to_ask() {
    let text = "dangerous_answer_own_challenges = true\n[accounts]\nuser_file = 'no-such-file'\n";
    let config = secret_file("missing.toml", text);
    let printed = logon(&[("NTLM_CONFIG", &config)], ALICE);
    assert_eq!(printed["logon"], "SEC_E_NO_AUTHENTICATING_AUTHORITY");
    assert!(printed["logon, why"].contains("no-such-file"), "{printed:?}");

    let printed = logon(&[("NTLM_USER_FILE", Path::new("/nonexistent/users"))], ALICE);
    assert_eq!(printed["outbound"], "SEC_E_OK");
    assert_eq!(printed["default logon"], "SEC_E_NO_AUTHENTICATING_AUTHORITY");
    assert!(printed["default logon, why"].contains("/nonexistent/users"), "{printed:?}");
}

/// A database in a directory of its own, with the accounts of the tests.
#[cfg(feature = "sqlite")]
fn database(name: &str) -> (ntlm_accounts::SqliteStore, PathBuf) {
    let path = scratch(name).join("accounts.db");
    let _ = std::fs::remove_file(&path);
    let (store, _) = ntlm_accounts::SqliteStore::open_or_create(&path).unwrap();
    let accounts = ntlm_accounts::import::read(common::USERS.as_bytes(), None).unwrap().accounts;
    let (existing, now) = (ntlm_accounts::sqlite::Existing::Keep, ntlm::FileTime::UNIX_EPOCH);
    store.import(&accounts, existing, now, |_| ()).unwrap();
    let text = format!("dangerous_answer_own_challenges = true\n[accounts]\ndatabase = '{name}/accounts.db'\n");
    (store, secret_file(&format!("{name}.toml"), &text))
}

#[test]
#[cfg(feature = "sqlite")]
fn a_database_is_accounts() {
    let (store, config) = database("database");
    let printed = logon(&[("NTLM_CONFIG", &config)], ALICE);
    assert_eq!((&*printed["logon"], &*printed["logon, name"]), ("SEC_E_OK", "EXAMPLE\\alice"));
    assert_eq!(printed["outbound"], "SEC_E_NO_CREDENTIALS", "its accounts are nobody's default credentials");
    let wrong = logon(&[("NTLM_CONFIG", &config)], ["EXAMPLE", "alice", "wrong"]);
    assert_eq!(wrong["logon"], "SEC_E_LOGON_DENIED");
    store.set_disabled(&ntlm_accounts::AccountName::parse(r"EXAMPLE\alice"), true, ntlm::FileTime::UNIX_EPOCH).unwrap();
    assert_eq!(logon(&[("NTLM_CONFIG", &config)], ALICE)["logon"], "SEC_E_LOGON_DENIED");
}

#[test]
#[cfg(feature = "sqlite")]
fn who_reads_that_a_database_is_exposed_may_log_on() {
    let (store, config) = database("exposed-database");
    std::fs::set_permissions(store.path(), std::fs::Permissions::from_mode(0o644)).unwrap();
    let printed = logon(&[("NTLM_CONFIG", &config)], ALICE);
    assert_eq!((&*printed["logon of who reads the log"], &*printed["logon"]), ("SEC_E_OK", "SEC_E_OK"));
}

#[test]
#[cfg(feature = "sqlite")]
fn a_database_that_cannot_be_read_is_nobody_to_ask() {
    let (store, config) = database("broken-database");
    let modes = [0o600, 0o620, 0o600].map(std::fs::Permissions::from_mode);
    for (mode, expected) in modes.into_iter().zip(["SEC_E_OK", "SEC_E_NO_AUTHENTICATING_AUTHORITY", "SEC_E_OK"]) {
        std::fs::set_permissions(store.path(), mode).unwrap();
        assert_eq!(logon(&[("NTLM_CONFIG", &config)], ALICE)["logon"], expected);
    }
    std::fs::write(store.path(), "EXAMPLE:alice:Passw0rd!\n").unwrap();
    for reason in ["is no database", "there is no account database"] {
        let printed = logon(&[("NTLM_CONFIG", &config)], ALICE);
        assert_eq!(printed["logon"], "SEC_E_NO_AUTHENTICATING_AUTHORITY");
        assert!(printed["logon, why"].contains(reason), "{printed:?}");
        let _ = std::fs::remove_file(store.path());
    }
}

#[test]
fn an_account_file_that_others_can_change_is_not_used() {
    let users = scratch("exposed.users");
    std::fs::write(&users, "EXAMPLE:alice:Passw0rd!\n").unwrap();
    let text = "dangerous_answer_own_challenges = true\n[accounts]\nuser_file = 'exposed.users'\n";
    let config = secret_file("exposed.toml", text);
    for (mode, expected) in [
        (0o600, "SEC_E_OK"),
        (0o640, "SEC_E_OK"),
        (0o644, "SEC_E_OK"),
        (0o620, "SEC_E_NO_AUTHENTICATING_AUTHORITY"),
        (0o666, "SEC_E_NO_AUTHENTICATING_AUTHORITY"),
    ] {
        std::fs::set_permissions(&users, std::fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(logon(&[("NTLM_CONFIG", &config)], ALICE)["logon"], expected, "{mode:o}");
    }
}

/// Nobody logs on to this process: it is a client alone whose challenges never come to its authority.
#[test]
fn a_client_is_told_that_others_can_read_its_user_file_and_which_lines_are_none() {
    let users = scratch("readable.users");
    std::fs::write(&users, "EXAMPLE:bob:secret\nEXAMPLE\n").unwrap();
    for (mode, told) in [(0o600, false), (0o640, false), (0o644, true)] {
        std::fs::set_permissions(&users, std::fs::Permissions::from_mode(mode)).unwrap();
        let printed = logon(&[("NTLM_USER_FILE", &users)], ALICE);
        assert_eq!(
            (&*printed["default logon"], &*printed["logon"]),
            ("SEC_E_WRONG_PRINCIPAL", "SEC_E_WRONG_PRINCIPAL")
        );
        let lines = log(&printed);
        let path = users.to_string_lossy();
        let about = |what: &str| lines.iter().filter(|line| line.contains(&*path) && line.contains(what)).count();
        assert_eq!(
            about("holds secrets, and every user of this machine can read it"),
            usize::from(told),
            "{printed:?}"
        );
        assert_eq!(about("line 2"), 1, "{printed:?}");
    }
}

#[test]
fn what_is_wrong_with_an_account_file_is_told_once_however_many_log_on() {
    let users = scratch("once.users");
    std::fs::write(&users, "EXAMPLE:alice:Passw0rd!\n").unwrap();
    std::fs::set_permissions(&users, std::fs::Permissions::from_mode(0o644)).unwrap();
    let text = "dangerous_answer_own_challenges = true\n[accounts]\nuser_file = 'once.users'\n\
                [identity]\nuser = 'EXAMPLE\\alice'\npassword = 'Passw0rd!'\n";
    let printed = logon(&[("NTLM_CONFIG", &secret_file("once.toml", text))], ALICE);
    assert_eq!((&*printed["default logon"], &*printed["logon"]), ("SEC_E_OK", "SEC_E_OK"));
    let lines = log(&printed);
    assert!(matches!(lines[..], [line] if line.contains("once.users holds secrets")), "{lines:?}");
}

#[test]
fn a_client_is_told_that_others_can_read_the_secret_in_its_configuration() {
    let config = scratch("readable.toml");
    for (secret, mode, told) in [
        ("password = 'secret'", 0o600, false),
        ("password = 'secret'", 0o644, true),
        ("password_file = 'readable.password'", 0o644, false),
    ] {
        secret_file("readable.password", "secret\n");
        std::fs::write(&config, format!("[identity]\nuser = 'EXAMPLE\\bob'\n{secret}\n")).unwrap();
        std::fs::set_permissions(&config, std::fs::Permissions::from_mode(mode)).unwrap();
        let printed = logon(&[("NTLM_CONFIG", &config)], ALICE);
        assert_eq!(printed["outbound, name"], "EXAMPLE\\bob");
        let warning = format!("the configuration {} holds a secret, and every user", config.display());
        let found = log(&printed).iter().filter(|line| line.contains(&warning)).count();
        assert_eq!(found, usize::from(told), "{secret}, {mode:o}: {printed:?}");
    }
}

#[test]
fn a_configuration_that_cannot_be_used_lets_nobody_in() {
    let misspelt = secret_file("misspelt.toml", "[server]\nchanel_bindings = 'always'\n");
    let exposed = secret_file("exposed-config.toml", "policy = 'windows'\n");
    std::fs::set_permissions(&exposed, std::fs::Permissions::from_mode(0o666)).unwrap();
    for config in [misspelt, exposed, PathBuf::from("/nonexistent/ntlm.toml")] {
        let printed = logon(&[("NTLM_CONFIG", &config)], ALICE);
        assert_eq!(printed["inbound"], "SEC_E_OK");
        assert_eq!(printed["default logon"], "SEC_E_NO_AUTHENTICATING_AUTHORITY");
        assert!(printed["default logon, why"].contains(&*config.to_string_lossy()), "{printed:?}");
    }
}

#[test]
fn ported_programs_may_ask_for_delegation_when_the_configuration_lets_them() {
    let config = secret_file("lenient.toml", "lenient_requests = true\n");
    assert_eq!(logon(&[("NTLM_CONFIG", &config)], ALICE)["delegate"], "SEC_I_CONTINUE_NEEDED");
}

#[test]
fn nobody_is_impersonated_unless_the_configuration_wants_it_said_without_effect() {
    for (name, setting, expected) in [
        ("silent", "", "SEC_E_NO_IMPERSONATION"),
        ("honest", "dangerous_impersonation_without_effect = false\n", "SEC_E_NO_IMPERSONATION"),
        ("pretending", "dangerous_impersonation_without_effect = true\n", "SEC_E_OK"),
    ] {
        let printed = logon(&[("NTLM_CONFIG", &common::configuration(name, setting))], ALICE);
        assert_eq!(printed["logon"], "SEC_E_OK");
        assert_eq!(printed["logon, impersonation"], expected, "{name}");
        assert_eq!(printed["logon, reversion"], expected, "{name}");
        assert_eq!(printed["logon, impersonation by the client"], "SEC_E_NO_IMPERSONATION", "{name}");
        assert_eq!(printed["logon, token"], "SEC_E_NO_IMPERSONATION", "{name}");
    }
}

#[test]
fn the_policy_of_the_configuration_holds() {
    secret_file("policy.users", common::USERS);
    let start = "dangerous_answer_own_challenges = true\n";
    let accounts = "[accounts]\nuser_file = 'policy.users'\n";
    for (name, more, expected) in [
        ("plain", "", "SEC_E_OK"),
        ("strict", "policy = 'strict'\n", "SEC_E_OK"),
        ("block", "[server]\nblock = true\n", "SEC_E_UNSUPPORTED_FUNCTION"),
        ("client", "[client]\nblock = true\n", "SEC_E_UNSUPPORTED_FUNCTION"),
        ("excepted", "[client]\nblock = true\nblock_exceptions = ['host']\n", "SEC_E_OK"),
        ("bindings", "[server]\nchannel_bindings = 'always'\n", "SEC_E_BAD_BINDINGS"),
        ("target", "[server]\ntarget_name = 'require'\ntarget_hosts = ['other']\n", "SEC_E_WRONG_PRINCIPAL"),
        ("service", "[server]\ntarget_name = 'require'\ntarget_hosts = ['host']\n", "SEC_E_OK"),
    ] {
        let (before, after) = if more.starts_with('[') { ("", more) } else { (more, "") };
        let config = secret_file(&format!("policy-{name}.toml"), &format!("{start}{before}{accounts}{after}"));
        assert_eq!(logon(&[("NTLM_CONFIG", &config)], ALICE)["logon"], expected, "{name}");
    }
}

/// Runs with another effective group than real one, which needs a group of ours that is not our first; root has every one.
#[test]
fn a_process_with_more_privileges_than_its_user_ignores_the_environment() {
    let users = secret_file("privileged.users", common::USERS);
    let group = group_to_give();
    let Some(group) = group else {
        eprintln!("not run: this user has one group only");
        return;
    };
    let program = compile("cc", "tests/c/logon.c", &["-std=c11", "-O1"]);
    std::os::unix::fs::chown(&program, None, Some(group)).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o2755)).unwrap();
    let output = run(command(&program, &[("NTLM_USER_FILE", &users)]).args(ALICE));
    assert!(text(&output).contains("outbound: SEC_E_NO_CREDENTIALS\n"), "{}", text(&output));
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let output = run(command(&program, &[("NTLM_USER_FILE", &users)]).args(ALICE));
    assert!(text(&output).contains("outbound: SEC_E_OK\n"), "{}", text(&output));
}

fn group_to_give() -> Option<u32> {
    let own = |option: &str| {
        let output = run(std::process::Command::new("id").arg(option));
        text(&output).split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<u32>>()
    };
    let (first, groups) = (own("-g"), own("-G"));
    let other = groups.into_iter().find(|group| !first.contains(group));
    other.or_else(|| (own("-u") == [0]).then_some(1))
}

#[test]
fn the_configuration_in_the_readme_is_one() {
    let readme = std::fs::read_to_string(common::package().join("README.md")).unwrap();
    let example = readme.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let config = ntlm_accounts::config::Config::parse(example).unwrap();
    assert_eq!(config.server("host", None).names().nb_computer, "SERVER1".into());
    // What the example says is what holds without it, where it says so.
    assert_eq!(config.policy, ntlm_accounts::config::Config::default().policy);
    assert!(!config.dangerous_answer_own_challenges && !config.dangerous_impersonation_without_effect);
}
