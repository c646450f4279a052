//! A connection to Chromium by the Chrome DevTools Protocol (<https://chromedevtools.github.io/devtools-protocol/>): JSON
//! messages that end with NUL, in pipes (`--remote-debugging-pipe`).

use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{ChildStdin, ChildStdout};
use tokio::sync::{oneshot, watch};

/// The response to a command: its result, or Chromium's error.
pub(super) type CommandResult = Result<Value, String>;

/// A connection. Commands may be sent by several tasks at once.
pub(super) struct DevTools {
    commands: tokio::sync::Mutex<(u64, ChildStdin)>,
    inbox: Arc<Mutex<Inbox>>,
    /// Changes with each event.
    pub(super) events: watch::Receiver<u64>,
}

/// What has arrived.
#[derive(Default)]
struct Inbox {
    waiting: HashMap<u64, oneshot::Sender<CommandResult>>,
    /// All events so far, with `method`, `params`, and `sessionId`.
    events: Vec<Value>,
}

impl DevTools {
    pub(super) fn connect(input: ChildStdin, output: ChildStdout) -> DevTools {
        let inbox = Arc::new(Mutex::new(Inbox::default()));
        let (count, events) = watch::channel(0);
        tokio::spawn(read(output, Arc::clone(&inbox), count));
        DevTools { commands: tokio::sync::Mutex::new((0, input)), inbox, events }
    }

    /// Sends a command, to the page of a session if there is one.
    ///
    /// # Errors
    /// Chromium's message, for example if the page was left in the meantime.
    pub(super) async fn send(&self, session: Option<&str>, method: &str, parameters: Value) -> CommandResult {
        let mut command = json!({"method": method, "params": parameters});
        if let Some(session) = session {
            command["sessionId"] = session.into();
        }
        let (sender, response) = oneshot::channel();
        {
            let mut commands = self.commands.lock().await;
            commands.0 += 1;
            command["id"] = commands.0.into();
            locked(&self.inbox).waiting.insert(commands.0, sender);
            let message = format!("{command}\0");
            commands.1.write_all(message.as_bytes()).await.map_err(|e| format!("Chromium has ended: {e}"))?;
        }
        response.await.unwrap_or_else(|_| Err("Chromium has ended".to_owned()))
    }

    /// Returns the parameters of all events of a kind in a session.
    pub(super) fn received(&self, session: &str, method: &str) -> Vec<Value> {
        let inbox = locked(&self.inbox);
        let events = inbox.events.iter().filter(|e| e["method"] == method && e["sessionId"] == session);
        events.map(|event| event["params"].clone()).collect()
    }
}

/// Reads messages until Chromium ends.
async fn read(output: ChildStdout, inbox: Arc<Mutex<Inbox>>, count: watch::Sender<u64>) {
    let mut output = BufReader::new(output);
    let mut message = Vec::new();
    while output.read_until(0, &mut message).await.is_ok_and(|bytes| bytes > 0) {
        let parsed: Value = serde_json::from_slice(message.strip_suffix(b"\0").unwrap_or(&message))
            .unwrap_or_else(|e| panic!("Chromium sent what is not JSON: {e}"));
        message.clear();
        match parsed["id"].as_u64() {
            Some(id) => {
                let waiting = locked(&inbox).waiting.remove(&id);
                let error = parsed.get("error").map(|error| error["message"].to_string());
                // Nobody waits any more if the deadline of the test has passed.
                let _ = waiting.map(|sender| sender.send(error.map_or(Ok(parsed["result"].clone()), Err)));
            }
            None => {
                locked(&inbox).events.push(parsed);
                count.send_modify(|count| *count += 1);
            }
        }
    }
    locked(&inbox).waiting.clear();
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
