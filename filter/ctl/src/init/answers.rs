//! Asks on a terminal for what the arguments leave open.

use super::arguments::InitArguments;
use crate::terminal::print_error;
use std::io::{BufRead, IsTerminal};

/// The maximum length of an answer, in bytes.
const ANSWER_BYTES_MAX: u64 = 4096;

/// The maximum number of plans or applications that are asked for.
const REPEATED_MAX: usize = 16;

/// The arguments of a gateway, as given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answers {
    pub(super) backend: String,
    pub(super) issuer: String,
    pub(super) authorized_parties: Vec<String>,
    pub(super) plans: Vec<String>,
}

/// Returns the arguments, completed by the answers of the user if there is a terminal.
///
/// # Errors
/// The arguments that are missing without a terminal.
pub(super) fn complete(arguments: &InitArguments) -> Result<Answers, String> {
    let stdin = std::io::stdin();
    let asks = stdin.is_terminal();
    ask(arguments, asks.then(|| stdin.lock()))
}

/// Returns the arguments, completed from the lines of `terminal`.
fn ask(arguments: &InitArguments, terminal: Option<impl BufRead>) -> Result<Answers, String> {
    let InitArguments { backend, issuer, authorized_parties, plans, .. } = arguments;
    let mut answers = Answers {
        backend: backend.clone().unwrap_or_default(),
        issuer: issuer.clone().unwrap_or_default(),
        authorized_parties: authorized_parties.clone(),
        plans: plans.clone(),
    };
    let missing = [
        ("--backend HOST:PORT", answers.backend.is_empty()),
        ("--issuer https://…", answers.issuer.is_empty()),
        ("--authorized-party https://…", answers.authorized_parties.is_empty()),
        ("--plan NAME", answers.plans.is_empty()),
    ];
    let missing: Vec<&str> = missing.into_iter().filter(|(_, is)| *is).map(|(name, _)| name).collect();
    if missing.is_empty() {
        return Ok(answers);
    }
    let Some(mut terminal) = terminal else {
        return Err(format!(
            "missing: {}; without a terminal, the command cannot ask for it",
            missing.join(", ")
        ));
    };
    if answers.backend.is_empty() {
        answers.backend = line(&mut terminal, "The service behind the gateway (HOST:PORT): ")?;
    }
    if answers.issuer.is_empty() {
        answers.issuer = line(&mut terminal, "Clerk's Frontend API URL (https://…): ")?;
    }
    if answers.authorized_parties.is_empty() {
        let first = "The origin of your application (https://…): ";
        answers.authorized_parties = lines(&mut terminal, first, "Another origin, or nothing: ")?;
    }
    if answers.plans.is_empty() {
        let first = "The plan that everyone has without paying, or nothing for `free`: ";
        answers.plans =
            lines(&mut terminal, first, "A higher plan and its price (pro=price_…), or nothing: ")?;
        if let Some(first) = answers.plans.first_mut().filter(|first| first.is_empty()) {
            "free".clone_into(first);
        }
    }
    Ok(answers)
}

/// Asks for lines until an empty one.
fn lines(terminal: &mut impl BufRead, first: &str, further: &str) -> Result<Vec<String>, String> {
    let mut lines = vec![line(terminal, first)?];
    while lines.len() < REPEATED_MAX {
        match line(terminal, further)? {
            last if last.is_empty() => break,
            next => lines.push(next),
        }
    }
    Ok(lines)
}

fn line(terminal: &mut impl BufRead, question: &str) -> Result<String, String> {
    print_error(question);
    let mut answer = String::new();
    let mut terminal = std::io::Read::take(terminal, ANSWER_BYTES_MAX);
    terminal.read_line(&mut answer).map_err(|error| format!("the answer cannot be read: {error}"))?;
    Ok(answer.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        arguments: InitArguments,
    }

    fn arguments(flags: &[&str]) -> InitArguments {
        Command::parse_from([&["init", "gateway"], flags].concat()).arguments
    }

    #[test]
    fn what_is_not_given_is_asked_for() {
        let typed = "127.0.0.1:8000\nhttps://clerk.example.com\nhttps://a.example\n\n\npro=price_1\n\n";
        let want = Answers {
            backend: "127.0.0.1:8000".to_owned(),
            issuer: "https://clerk.example.com".to_owned(),
            authorized_parties: vec!["https://a.example".to_owned()],
            plans: vec!["free".to_owned(), "pro=price_1".to_owned()],
        };
        assert_eq!(ask(&arguments(&[]), Some(typed.as_bytes())), Ok(want.clone()));
        let given = arguments(&["--backend", "api:80", "--plan", "free"]);
        let rest = ask(&given, Some("https://clerk.example.com\nhttps://a.example\n\n".as_bytes()));
        let want = Answers { backend: "api:80".to_owned(), plans: vec!["free".to_owned()], ..want };
        assert_eq!(rest, Ok(want));
    }

    #[test]
    fn without_a_terminal_what_is_missing_is_named() {
        let given = arguments(&["--backend", "api:80", "--plan", "free"]);
        let error = ask(&given, None::<&[u8]>).unwrap_err();
        assert!(error.starts_with("missing: --issuer https://…, --authorized-party https://…;"), "{error}");
    }
}
