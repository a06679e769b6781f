//! `ntlm hash`: the hashes that NTLM makes of a password.

use std::process::ExitCode;

use clap::Args;
use ntlm::{Credentials, Password, UnicodeString};
use serde_json::json;

use crate::failure::Failure;
use crate::output::{self, DIM, FIELD, styled};

/// Prints the NT hash of a password, and the NTLMv2 hash of a user with it.
///
/// The password is asked for, or read as one line from standard input when that is no terminal; never given on the command line,
/// where every user of this machine can read it.
#[derive(Debug, Args)]
#[command(after_long_help = "\
The NT hash is as good as the password: whoever has it can log on. Keep it like one.

Examples:
  ntlm hash
  ntlm hash --user 'EXAMPLE\\alice'
  ntlm hash --user alice --domain EXAMPLE --json < password.txt
  ntlm hash --user alice@example.test")]
pub(crate) struct Arguments {
    /// The user, for the NTLMv2 hash: `user`, `DOMAIN\user`, or `user@dns.domain`, which goes with an empty domain.
    #[arg(long, value_name = "NAME")]
    user: Option<String>,

    /// The domain as the client sends it: its case matters. Empty unless given.
    #[arg(long, value_name = "DOMAIN", requires = "user")]
    domain: Option<String>,

    /// Prints the LM hash too, from which the password is found in seconds.
    #[arg(long)]
    dangerous_lm: bool,

    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    // What is wrong with the names is said before anybody types a password.
    let account = arguments.user.as_deref().map(|user| account(user, arguments.domain.as_deref())).transpose()?;
    let password = crate::password::read("Password: ")?;
    let nt_hash = password.nt_hash();
    if nt_hash.expose() == Password::new("").nt_hash().expose() {
        anstream::eprintln!("ntlm: note: the password is empty");
    }
    let nt = output::hex(nt_hash.expose());
    let v2 = account.as_ref().map(|(user, domain)| output::hex(nt_hash.response_key_nt(user, domain).expose()));
    let lm = password.lm_hash().map(|hash| output::hex(hash.expose()));
    if arguments.json {
        let mut object = json!({ "nt_hash": nt });
        if let (Some((user, domain)), Some(v2)) = (&account, v2) {
            object["user"] = json!(user.to_string_lossy());
            object["domain"] = json!(domain.to_string_lossy());
            object["ntlmv2_hash"] = json!(v2);
        }
        if arguments.dangerous_lm {
            object["lm_hash"] = json!(lm);
        }
        anstream::println!("{object:#}");
        return Ok(ExitCode::SUCCESS);
    }
    let line = |name: &str, hash: &str, note: &str| {
        let line = format!("{}  {hash}  {}", styled(FIELD, format!("{name:11}")), styled(DIM, note));
        anstream::println!("{}", line.trim_end());
    };
    line("NT hash", &nt, "NTOWFv1");
    if let (Some((user, domain)), Some(v2)) = (&account, v2) {
        line("NTLMv2 hash", &v2, &format!("NTOWFv2 of user {:?}, domain {domain:?}", user.to_upper()));
    }
    if arguments.dangerous_lm {
        match lm {
            Some(lm) => line("LM hash", &lm, "LMOWFv1"),
            None => line("LM hash", "none", "the password is longer than 14 characters or not ASCII"),
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// User and domain as a client would send them.
fn account(user: &str, domain: Option<&str>) -> Result<(UnicodeString, UnicodeString), Failure> {
    // The core's rule for names: `Credentials` is what would log on.
    let split = Credentials::new(user, &Password::new(""));
    let name = split.user().clone();
    if name.is_empty() {
        return Err(Failure::unusable("--user names no user; an NTLMv2 hash belongs to one"));
    }
    match (domain, split.domain()) {
        (None, Some(domain)) => Ok((name, domain.clone())),
        (Some(domain), None) => Ok((name, domain.into())),
        (Some(domain), Some(none)) if none.is_empty() && !user.contains('\\') => Ok((name, domain.into())),
        (None, None) => Err(Failure::unusable(
            "--user .\\name means the server's own accounts, whose name is not known here; give it with --domain",
        )),
        (Some(_), Some(_)) => {
            Err(Failure::unusable("there are two domains: one in --user and one in --domain; give one of them"))
        }
    }
}
