//! Where passwords come from: the terminal or standard input, never an argument, which every
//! user of the machine could read.

use super::CliError;
use std::io::{self, BufRead};

/// Longer lines are not read to their end; the longest password is far below.
const MAX_LINE_BYTES: u64 = 8 * 1024;

/// Asks twice on the terminal, or takes the first line of standard input.
pub(super) fn read(from_stdin: bool, question: &str) -> Result<String, CliError> {
    if from_stdin {
        return first_line(io::stdin().lock());
    }
    let first = rpassword::prompt_password(format!("{question}: ")).map_err(CliError::NoTerminal)?;
    let second = rpassword::prompt_password("The same again: ").map_err(CliError::NoTerminal)?;
    if first == second { Ok(first) } else { Err(CliError::PasswordsDiffer) }
}

/// Without its line end, and with nothing else trimmed: spaces are part of a password.
fn first_line(input: impl BufRead) -> Result<String, CliError> {
    let mut line = String::new();
    let read = input.take(MAX_LINE_BYTES).read_line(&mut line);
    read.map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => CliError::NoPassword("it is not UTF-8"),
        _ => CliError::Io(error),
    })?;
    let password = line.strip_suffix('\n').unwrap_or(&line);
    let password = password.strip_suffix('\r').unwrap_or(password);
    if password.is_empty() { Err(CliError::NoPassword("it is empty")) } else { Ok(password.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_the_first_line_untrimmed() {
        for (input, password) in [("  a b \n", "  a b "), ("a\r\nb\n", "a"), ("a", "a"), ("ä\n", "ä")] {
            assert_eq!(first_line(input.as_bytes()).unwrap(), password);
        }
        for input in [b"".as_slice(), b"\n", b"\r\n", b"\xff\n"] {
            assert!(matches!(first_line(input), Err(CliError::NoPassword(_))), "{input:?}");
        }
    }
}
