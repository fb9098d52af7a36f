//! `netsky completions`

use std::io::{Write, stdout};

use clap_complete::Shell;
use clap_complete::env::Shells;

use crate::completion::VARIABLE;
use crate::failure::Failure;

/// Print a completion script for a shell
///
/// Write it to the directory where the shell looks for completions, which differs between systems. It asks
/// `netsky` at each TAB, so it completes the names of tables, agents and saved queries, too, and need not
/// be renewed for a new version.
#[derive(Debug, clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  netsky completions bash > ~/.local/share/bash-completion/completions/netsky
  netsky completions zsh > ~/.zfunc/_netsky      # with ~/.zfunc in $fpath
  netsky completions fish > ~/.config/fish/completions/netsky.fish"
)]
pub struct CompletionsArgs {
    /// The shell
    pub shell: Shell,
}

/// zsh runs the file as a function at the first TAB, which then would only define what completes.
const ZSH_FIRST_TAB: &str = r#"
if [[ $funcstack[1] == _netsky ]]; then
    _clap_dynamic_completer_netsky "$@"
fi
"#;

pub fn run(args: &CompletionsArgs) -> Result<(), Failure> {
    let shells = Shells::builtins();
    let name = args.shell.to_string();
    let shell = shells
        .completer(&name)
        .ok_or_else(|| Failure::usage(format!("there are no completions for {name}")))?;
    let mut script = Vec::new();
    shell.write_registration(VARIABLE, "netsky", "netsky", "netsky", &mut script)?;
    if args.shell == Shell::Zsh {
        script.extend_from_slice(ZSH_FIRST_TAB.as_bytes());
    }
    Ok(stdout().lock().write_all(&script)?)
}
