//! One Valkey by itself, to be frozen, killed and started again.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use rustix::process::Signal;

use super::Result;
use super::environment::Environment;
use super::group::{Group, signal};
use super::processes::members;
use super::servers::{free_address, tried, valkey_at};

/// A Valkey on a free port of the loopback; killed when dropped.
#[derive(Debug)]
pub struct Valkey {
    /// Where it is.
    pub address: SocketAddr,
    environment: Environment,
    folder: tempfile::TempDir,
    group: Option<Group>,
    more: Vec<String>,
}

impl Valkey {
    /// Starts one, with arguments of its own, and waits until it answers. One in cluster mode has a free port for the others.
    pub fn start(more: &[&str]) -> Result<Self> {
        let environment = Environment::ready()?;
        let folder = tempfile::tempdir()?;
        for name in ["home", "tmp"] {
            std::fs::create_dir_all(folder.path().join(name))?;
        }
        let mut all = Vec::new();
        let (address, group) = tried(|| {
            all = more.iter().copied().map(str::to_owned).collect();
            if more.contains(&"--cluster-enabled") {
                all.extend(["--cluster-port".to_owned(), free_address()?.port().to_string()]);
            }
            valkey_at(&environment, folder.path(), free_address()?, &all)
        })?;
        Ok(Self { address, environment, folder, group: Some(group), more: all })
    }

    /// The value of an argument that it was started with.
    pub fn argument(&self, name: &str) -> Option<&str> {
        let place = self.more.iter().position(|argument| argument == name)?;
        self.more.get(place + 1).map(String::as_str)
    }

    /// Its address as clients take it.
    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// Lets it stand still: connections stay open, and nobody answers.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    /// Kills it; all it knew is gone.
    pub fn kill(&mut self) {
        self.group = None;
    }

    /// Starts it again at the same address.
    pub fn start_again(&mut self) -> Result<()> {
        let (_, group) =
            tried(|| valkey_at(&self.environment, self.folder.path(), self.address, &self.more))?;
        self.group = Some(group);
        Ok(())
    }

    /// Sends one command of words without spaces and returns the beginning of the answer.
    pub fn say(&self, command: &str) -> Result<String> {
        const PATIENCE: Duration = Duration::from_secs(5);
        let mut stream = TcpStream::connect_timeout(&self.address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(format!("{command}\r\n").as_bytes())?;
        let mut answer = [0; 4_096];
        let length = stream.read(&mut answer)?;
        Ok(String::from_utf8_lossy(answer.get(..length).unwrap_or_default()).trim().to_owned())
    }

    fn signal(&self, what: Signal) {
        let members = self.group.as_ref().map(|group| members(group.id())).unwrap_or_default();
        for process in members {
            signal(process.id, what);
        }
    }
}
