//! `ntlm demo`: a client and a server in one process, over a real TCP connection on the loopback interface.
//!
//! `scene.rs` plays the logons and reports what happens as events; `show.rs` turns events into text or JSON.

mod scene;
mod show;

use std::process::ExitCode;

use clap::Args;
use ntlm::Password;

use crate::failure::Failure;
use scene::{Scene, Tamper};

/// Shows NTLM at work: a logon over loopback TCP, sealed messages, and what happens to a wrong password and to tampered tokens.
///
/// Starts a server with one account on a free port of 127.0.0.1, logs a client on to it with the policy `strict`, and prints every
/// leg: state, token, flags, and what was agreed. Nothing leaves this machine. Exits with 0 when everything that must succeed
/// did, and everything that must be refused was.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Print JSON: an array of scenes with their events.
    #[arg(long)]
    json: bool,
    /// Leave the decoded tokens out.
    #[arg(long, short)]
    brief: bool,
}

const PASSWORD: &str = "Al1ce-Passw0rd";

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode, Failure> {
    let scenes = [
        Scene { title: "The right password", password: Password::new(PASSWORD), tamper: None, accepted: true },
        Scene { title: "A wrong password", password: Password::new("wrong"), tamper: None, accepted: false },
        Scene {
            title: "A tampered token: somebody in the middle changes one flag of the AUTHENTICATE_MESSAGE",
            password: Password::new(PASSWORD),
            tamper: Some(Tamper::Authenticate),
            accepted: false,
        },
        Scene {
            title: "A tampered message: one bit of the sealed data flips, then the true message arrives",
            password: Password::new(PASSWORD),
            tamper: Some(Tamper::Message),
            accepted: true,
        },
    ];
    let mut show = show::Show::new(arguments.json, arguments.brief);
    let mut as_expected = true;
    for scene in &scenes {
        show.begin(scene);
        let accepted = scene::play(scene, &Password::new(PASSWORD), &mut |event| show.event(&event))?;
        as_expected &= accepted == scene.accepted;
        show.end(scene, accepted);
    }
    show.finish(as_expected);
    if as_expected {
        Ok(ExitCode::SUCCESS)
    } else {
        Err(Failure::no("the demo did not go as it must; please report this"))
    }
}
