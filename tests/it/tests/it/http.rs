//! The server as a user starts it, and as small a client as will do.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::assay::{assay, run};

/// A server that listens; dropped, it is killed.
pub(crate) struct Server {
    child: Child,
    address: String,
}

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

impl Server {
    /// Starts it on a free port over a state folder.
    pub(crate) fn start(state: &Path, with: impl FnOnce(&mut Command) -> &mut Command) -> Server {
        let mut command = assay(&["serve", "--port", "0", "--state", state.to_str().unwrap()]);
        let mut child = with(&mut command).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("http://").unwrap_or_else(|| panic!("it said {line:?}"));
        assert!(address.starts_with("127.0.0.1:"), "{address}");
        Server { address: address.to_owned(), child }
    }

    /// Asks it to end and waits until it has.
    pub(crate) fn end(mut self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        assert!(self.child.wait().unwrap().success());
    }

    /// Kills it where it stands and waits until it is gone.
    pub(crate) fn kill(mut self) {
        self.kill_only();
        self.child.wait().unwrap();
    }

    /// Kills it where it stands, also while others ask it.
    pub(crate) fn kill_only(&self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-KILL", &id]).status().unwrap().success());
    }

    pub(crate) fn ask(&self, request: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        self.try_ask(request, headers, body).unwrap()
    }

    /// One request on a connection of its own, such as `GET /runs`.
    pub(crate) fn try_ask(
        &self,
        request: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> std::io::Result<Answer> {
        let mut stream = TcpStream::connect(&self.address)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let length = body.len();
        let head = format!(
            "{request} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n",
            self.address
        );
        stream.write_all(head.as_bytes())?;
        stream.write_all(body)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let cut_off = || std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
        let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(cut_off)?;
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(cut_off)?;
        Ok(Answer { status, head: head.to_owned(), body: body.to_owned() })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that has ended is no worry.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A key made on the command line.
pub(crate) fn key(state: &Path, more: &[&str]) -> String {
    let mut arguments = vec!["keys", "create", "--state", state.to_str().unwrap()];
    arguments.extend(more);
    let output = run(&mut assay(&arguments));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A client with a key.
pub(crate) struct Client<'a> {
    pub(crate) server: &'a Server,
    pub(crate) key: &'a str,
}

impl Client<'_> {
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask(&format!("GET {path}"), &[], b"")
    }

    pub(crate) fn ask(&self, request: &str, more: &[(&str, &str)], body: &[u8]) -> Answer {
        let bearer = format!("Bearer {}", self.key);
        let mut headers = vec![("authorization", bearer.as_str())];
        headers.extend(more);
        self.server.ask(request, &headers, body)
    }

    pub(crate) fn start(&self, body: &Value) -> String {
        let answer =
            self.ask("POST /runs", &[("content-type", "application/json")], body.to_string().as_bytes());
        assert_eq!(answer.status, 202, "{}", answer.body);
        answer.json()["run_id"].as_str().unwrap().to_owned()
    }

    /// One page of a run's events after `after`, waiting for it.
    pub(crate) fn events(&self, run: &str, after: u64) -> Value {
        let answer = self.get(&format!("/runs/{run}/events?after={after}&wait_ms=20000"));
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    }

    /// Follows a run's events after the last of `seen` until `enough`, or until it is over.
    pub(crate) fn follow(&self, run: &str, seen: &mut Vec<Value>, enough: impl Fn(&[Value]) -> bool) {
        loop {
            let page = self.events(run, seen.len() as u64);
            seen.extend(page["events"].as_array().unwrap().iter().cloned());
            assert_eq!(page["next"], json!(seen.len()), "no gap and no repeat");
            if page["over"] == true || enough(seen) {
                break;
            }
        }
        let numbers: Vec<u64> = seen.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
        assert_eq!(numbers, (1..=seen.len() as u64).collect::<Vec<_>>());
    }
}
