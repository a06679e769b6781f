//! The command `ntlm`.
//!
//! One module per subcommand, each with its clap `Arguments` and a `run`. What they share: [`environment`] (clock and randomness), [`output`]
//! (colour, JSON), [`password`] (secrets from a prompt or stdin, never from the command line), [`failure`] (errors for people).

#![forbid(unsafe_code)]

mod accounts;
mod auth;
mod bench;
mod decode;
mod demo;
mod environment;
mod failure;
mod hash;
mod http;
mod manual;
mod output;
mod password;
mod serve;
mod users;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use failure::Failure;

/// Decodes, tests and speaks NTLM.
#[derive(Debug, Parser)]
#[command(name = "ntlm", version, max_term_width = 100)]
struct Command {
    #[command(subcommand)]
    subcommand: Sub,
}

#[derive(Debug, Subcommand)]
enum Sub {
    Demo(demo::Arguments),
    Decode(decode::Arguments),
    Hash(hash::Arguments),
    Http(http::Arguments),
    Auth(auth::Arguments),
    Serve(Box<serve::Arguments>),
    Users(users::Arguments),
    Bench(bench::Arguments),
    Completions(manual::CompletionsArguments),
    Man(manual::ManArguments),
}

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().collect::<Vec<_>>();
    if auth::is_ntlm_auth(&arguments) {
        // Squid, Wine and curl run a program of this name with its own options.
        arguments = auth::as_subcommand(arguments);
    }
    match run(Command::parse_from(arguments)) {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}

fn run(command: Command) -> Result<ExitCode, Failure> {
    match command.subcommand {
        Sub::Demo(arguments) => demo::run(&arguments),
        Sub::Decode(arguments) => decode::run(&arguments),
        Sub::Hash(arguments) => hash::run(&arguments),
        Sub::Http(arguments) => http::run(&arguments),
        Sub::Auth(arguments) => auth::run(&arguments),
        Sub::Serve(arguments) => serve::run(&arguments),
        Sub::Users(arguments) => users::run(&arguments),
        Sub::Bench(arguments) => bench::run(&arguments),
        Sub::Completions(arguments) => manual::completions(&arguments),
        Sub::Man(arguments) => manual::man(&arguments),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        super::Command::command().debug_assert();
    }
}
