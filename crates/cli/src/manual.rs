//! Shell completions and man pages, made from the same table as the parser.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory as _};

use crate::Command;
use crate::failure::Failure;

/// Prints a completion script for a shell.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArguments {
    /// The shell.
    shell: clap_complete::Shell,
}

/// Prints the man page, or writes one page per subcommand into a folder.
#[derive(Debug, Args)]
pub(crate) struct ManArguments {
    /// Folder to write `ntlm.1`, `ntlm-decode.1` and so on to.
    #[arg(long)]
    directory: Option<PathBuf>,
}

pub(crate) fn completions(arguments: &CompletionsArguments) -> Result<ExitCode, Failure> {
    clap_complete::generate(arguments.shell, &mut Command::command(), "ntlm", &mut std::io::stdout());
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn man(arguments: &ManArguments) -> Result<ExitCode, Failure> {
    match &arguments.directory {
        Some(directory) => {
            std::fs::create_dir_all(directory)?;
            clap_mangen::generate_to(Command::command(), directory)?;
        }
        None => clap_mangen::Man::new(Command::command()).render(&mut std::io::stdout())?,
    }
    Ok(ExitCode::SUCCESS)
}
