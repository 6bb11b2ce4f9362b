//! Valkey and MiniStack on free ports of the loopback, each in a process group of its own.

use std::ffi::OsString;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::time::Duration;

use super::Result;
use super::environment::Environment;
use super::folder::Folder;
use super::group::Group;

/// The region everything is in.
pub(crate) const REGION: &str = "us-east-1";
/// The account everything is in.
pub(crate) const ACCOUNT: &str = "000000000000";
/// The emulator's owner, who is allowed everything. No secret: the emulator is reached from this machine only.
pub(crate) const ROOT_KEY: &str = "test";
pub(crate) const ROOT_SECRET: &str = "test";

const READY_WITHIN: Duration = Duration::from_secs(30);
const LOOK_EACH: Duration = Duration::from_millis(20);
/// A port that was free a moment ago may be taken by the time a server opens it.
const TRIES: usize = 3;

/// Both servers; killed when dropped.
#[derive(Debug)]
pub struct Servers {
    /// Where MiniStack is.
    pub emulator: SocketAddr,
    /// Where Valkey is.
    pub valkey: SocketAddr,
    groups: [Group; 2],
}

impl Servers {
    /// Starts both and waits until both answer. Functions find AWS at `endpoint`.
    pub(crate) fn start(
        environment: &Environment,
        folder: &Folder,
        endpoint: &str,
        authorised: bool,
    ) -> Result<Self> {
        for name in ["home", "tmp"] {
            std::fs::create_dir_all(folder.path().join(name))?;
        }
        let (valkey, cache) = tried(|| start_valkey(environment, folder.path()))?;
        let (emulator, bundle) =
            tried(|| start_emulator(environment, folder.path(), endpoint, valkey, authorised))?;
        Ok(Self { emulator, valkey, groups: [cache, bundle] })
    }

    /// The ids of the process groups: Valkey's, MiniStack's with the functions.
    pub fn group_ids(&self) -> [u32; 2] {
        self.groups.each_ref().map(Group::id)
    }
}

pub(super) fn tried(mut start: impl FnMut() -> Result<(SocketAddr, Group)>) -> Result<(SocketAddr, Group)> {
    let mut outcome = start();
    for _ in 1..TRIES {
        if outcome.is_ok() {
            break;
        }
        outcome = start();
    }
    outcome
}

fn start_valkey(environment: &Environment, folder: &Path) -> Result<(SocketAddr, Group)> {
    valkey_at(environment, folder, free_address()?, &[])
}

/// Starts Valkey at an address and waits until it answers.
pub(super) fn valkey_at(
    environment: &Environment,
    folder: &Path,
    address: SocketAddr,
    more: &[String],
) -> Result<(SocketAddr, Group)> {
    let port = address.port().to_string();
    let mut command = arguments(
        &environment.valkey,
        &["--bind", "127.0.0.1", "--port", &port, "--save", "", "--appendonly", "no"],
    );
    command.extend(more.iter().map(OsString::from));
    let log = folder.join("valkey.log");
    let mut group = Group::start(&command, &clean(folder)?, folder, &log)?;
    wait("Valkey", &log, &mut group, || answers(address, b"PING\r\n", b"+PONG"))?;
    Ok((address, group))
}

fn start_emulator(
    environment: &Environment,
    folder: &Path,
    endpoint: &str,
    valkey: SocketAddr,
    authorised: bool,
) -> Result<(SocketAddr, Group)> {
    let address = free_address()?;
    let command = arguments(&environment.python, &["-m", "ministack"]);
    let mut variables = clean(folder)?;
    variables.extend([
        ("BIND_HOST", "127.0.0.1".into()),
        ("GATEWAY_PORT", address.port().to_string().into()),
        ("AWS_ENDPOINT_URL", endpoint.into()),
        ("AWS_ACCESS_KEY_ID", ROOT_KEY.into()),
        ("AWS_SECRET_ACCESS_KEY", ROOT_SECRET.into()),
        ("AWS_DEFAULT_REGION", REGION.into()),
        ("MINISTACK_REGION", REGION.into()),
        ("MINISTACK_ACCOUNT_ID", ACCOUNT.into()),
        ("REDIS_HOST", "127.0.0.1".into()),
        ("REDIS_PORT", valkey.port().to_string().into()),
        ("S3_DATA_DIR", folder.join("s3").into()),
        ("STATE_DIR", folder.join("state").into()),
        ("LAMBDA_EXECUTOR", "local".into()),
        ("DOCKER_HOST", "unix:///nowhere".into()),
        ("AUTH", if authorised { "true" } else { "false" }.into()),
    ]);
    let log = folder.join("ministack.log");
    let mut group = Group::start(&command, &variables, folder, &log)?;
    wait("MiniStack", &log, &mut group, || {
        answers(address, b"GET /_ministack/ready HTTP/1.0\r\nhost: localhost\r\n\r\n", b"HTTP/1.1 200")
    })?;
    Ok((address, group))
}

fn arguments(program: &Path, arguments: &[&str]) -> Vec<OsString> {
    std::iter::once(program.as_os_str().to_owned()).chain(arguments.iter().map(OsString::from)).collect()
}

/// What every server is given, and nothing else of this process's environment.
fn clean(folder: &Path) -> Result<Vec<(&'static str, OsString)>> {
    Ok(vec![
        ("PATH", path()),
        ("HOME", folder.join("home").into()),
        ("TMPDIR", folder.join("tmp").into()),
        ("LANG", "C.UTF-8".into()),
    ])
}

#[expect(clippy::disallowed_methods, reason = "where programs are is no setting of the platform")]
pub(crate) fn path() -> OsString {
    std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into())
}

pub(super) fn free_address() -> std::io::Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")?.local_addr()
}

/// Waits until the server answers. Errors: it ended, or it took too long; with the end of its log.
fn wait(name: &str, log: &Path, group: &mut Group, mut ready: impl FnMut() -> bool) -> Result<()> {
    let mut waited = Duration::ZERO;
    loop {
        // Whether it runs is asked first: a stranger on its port must not pass for it.
        let ended = group.has_ended();
        if !ended && ready() {
            return Ok(());
        }
        if ended || waited >= READY_WITHIN {
            let how = if ended { "ended by itself" } else { "does not answer" };
            return Err(format!("{name} {how}; {} ends:\n{}", log.display(), end_of(log)).into());
        }
        std::thread::sleep(LOOK_EACH);
        waited += LOOK_EACH;
    }
}

fn answers(address: SocketAddr, request: &[u8], expected: &[u8]) -> bool {
    const PATIENCE: Duration = Duration::from_secs(2);
    let ask = || -> std::io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(request)?;
        let mut answer = vec![0; expected.len()];
        stream.read_exact(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer == expected)
}

pub(crate) fn end_of(log: &Path) -> String {
    let text =
        std::fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}
