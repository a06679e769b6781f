//! The worlds of the table as what a C program is configured with: NTLM_CONFIG and the files that it names.

use std::fmt::Write as _;

use serde_json::Value as Json;

use crate::loader::{self, Common};
use crate::table::{Accounts, Call, Case, ClientSettings, Identity, Repeated, ServerSettings, World};

/// What C has no means for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unsayable(pub(crate) &'static str);

/// The name of the file with the accounts, beside the configurations.
pub(crate) const ACCOUNTS: &str = "accounts";

/// The lines of the account file: DOMAIN:user:password.
pub(crate) fn accounts(common: &Common) -> String {
    let accounts = common.identities.values().filter(|identity| identity.account);
    accounts.fold(String::new(), |lines, Identity { user, domain, password, .. }| {
        let text = |text: &Option<Repeated>| text.as_ref().map(Repeated::text).unwrap_or_default();
        let domain = domain.as_deref().unwrap_or_default();
        format!("{lines}{domain}:{}:{}\n", text(user), text(password))
    })
}

/// The configuration of the world that a case runs in.
///
/// # Errors
///
/// [`Unsayable`] when there is no such configuration.
pub(crate) fn configuration(common: &Common, case: &Case) -> Result<String, Unsayable> {
    let name = &case.world;
    let World {
        about,
        accounts,
        default_identity,
        client,
        server,
        lenient_requests: _,
        refuses_own_challenges,
        without_randomness,
        ..
    } = &common.worlds[name];
    if *without_randomness {
        return Err(Unsayable("the library takes its random numbers of the kernel, which nothing replaces"));
    }
    let mut text = format!("# {about}\n");
    let mut line = |arguments: std::fmt::Arguments<'_>| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{arguments}");
    };
    let strict_server = *server == ServerSettings::Strict;
    match client {
        ClientSettings::AnswersUnasked => {
            return Err(Unsayable("no key of NTLM_CONFIG lets a client answer challenges that it did not ask for"));
        }
        ClientSettings::Strict if !strict_server => return Err(Unsayable("one policy is for both sides")),
        ClientSettings::Windows if strict_server && plays_client(case) => {
            return Err(Unsayable("one policy is for both sides"));
        }
        _ => {}
    }
    if strict_server {
        line(format_args!("policy = 'strict'"));
    }
    line(format_args!("dangerous_answer_own_challenges = {}", !refuses_own_challenges));
    for key in switches(name) {
        line(format_args!("{key} = true"));
    }
    match accounts {
        Accounts::Known => line(format_args!("[accounts]\nuser_file = '{ACCOUNTS}'")),
        Accounts::None => {}
        Accounts::Unreachable => line(format_args!("[accounts]\nuser_file = 'no-such-file'")),
    }
    match default_identity.as_deref() {
        None => {}
        Some("unreadable") => line(format_args!("[identity]\nuser = 'alice'\npassword_file = 'no-such-file'")),
        Some(name) => {
            let Identity { user, domain, password, .. } = &common.identities[name];
            let given = |value: &Option<Repeated>| value.as_ref().map(Repeated::text).expect("a name and a password");
            let (user, domain, password) = (given(user), domain.as_deref().unwrap_or_default(), given(password));
            line(format_args!("[identity]\nuser = '{user}'\ndomain = '{domain}'\npassword = '{password}'"));
        }
    }
    if *client == ClientSettings::Blocked {
        line(format_args!("[client]\nblock = true\nblock_exceptions = ['allowed.example.test']"));
    }
    line(format_args!("[server]\nnetbios_name = 'SERVER1'\ndns_name = 'server1'"));
    let targets = "target_hosts = ['server1.example.test']";
    match server {
        ServerSettings::Windows | ServerSettings::Strict => {}
        ServerSettings::Blocked => line(format_args!("block = true")),
        ServerSettings::Datagram => line(format_args!("allow_datagram = true")),
        ServerSettings::VerifiesTarget => line(format_args!("target_name = 'verify-when-supplied'\n{targets}")),
        ServerSettings::RequiresTarget => line(format_args!("target_name = 'require'\n{targets}")),
        ServerSettings::RequiresBindings => line(format_args!("channel_bindings = 'always'")),
    }
    Ok(text)
}

fn plays_client(case: &Case) -> bool {
    case.calls.iter().any(|call| matches!(call, Call::InitializeSecurityContext(_)))
}

/// The members of a world that are keys of NTLM_CONFIG by the same names: all that are `true` and none of those with an answer above.
fn switches(world: &str) -> Vec<String> {
    let common = std::fs::read_to_string(loader::folder().join("common.json")).expect("common.json");
    let common: Json = serde_json::from_str(&common).expect("common.json");
    let members = common["worlds"][world].as_object().expect("the world");
    let switches = members.iter().filter(|(_, value)| **value == Json::Bool(true)).map(|(key, _)| key.clone());
    switches.filter(|key| !["refuses_own_challenges", "without_randomness"].contains(&&**key)).collect()
}
