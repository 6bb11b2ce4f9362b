//! The functions built, packed and deployed with the template.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

use super::Result;
use super::environment::Environment;
use super::folder::Folder;
use super::options::{Options, Profile};
use super::servers::{Servers, path};
use crate::binary::{EMBEDDING_MODEL, build_all, root, target_folder};

/// The functions, by the names of their binaries; a name that ends another stands after it.
pub(crate) const FUNCTIONS: [&str; 10] = [
    "agent-light",
    "agent-semantic",
    "agent-tools",
    "api",
    "dead-letter",
    "deliver",
    "fetch",
    "health",
    "start",
    "sweep",
];
/// The name of the stack in the emulator.
pub(crate) const STACK: &str = "assay";

/// What of the template the emulator was not given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// The condition that does not hold.
    pub condition: String,
    /// The resources it stands on, by path of logical names.
    pub resources: Vec<String>,
}

/// A function's package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Package {
    /// The size of its zip, stored and not compressed.
    pub zip_bytes: u64,
    /// The digest of its zip, in hexadecimal digits.
    pub sha256: String,
}

/// The stack as it was created.
#[derive(Clone, Debug, Deserialize)]
pub struct Deployed {
    /// The template's outputs.
    pub outputs: BTreeMap<String, String>,
    /// Physical names by path of logical names: `Queues/RunsQueue`.
    pub resources: BTreeMap<String, String>,
    /// What the emulator was not given.
    pub left_out: Vec<LeftOut>,
    /// The packages by binary.
    pub packages: BTreeMap<String, Package>,
}

impl Deployed {
    /// An output of the template. Errors: it has none of that name.
    pub fn output(&self, name: &str) -> Result<&str> {
        let output = self.outputs.get(name).map(String::as_str);
        output.ok_or_else(|| format!("the template has no output {name}").into())
    }

    /// The physical name of a resource by its logical name, wherever it is nested. Errors: there is none.
    pub fn resource(&self, name: &str) -> Result<&str> {
        let is = |path: &str| path == name || path.rsplit_once('/').is_some_and(|(_, last)| last == name);
        let found = self.resources.iter().find(|(path, _)| is(path)).map(|(_, physical)| physical.as_str());
        found.ok_or_else(|| format!("the stack has no resource {name}").into())
    }
}

/// Builds the functions, unless told not to, and says where they are.
pub(crate) fn build(options: &Options, say: &mut dyn FnMut(&str)) -> Result<PathBuf> {
    if let Some(folder) = &options.binaries {
        return Ok(folder.clone());
    }
    if !options.build {
        return Ok(target_folder()?.join("debug"));
    }
    say("building the functions");
    build_all(false)
}

/// Creates the stack and waits for it. Errors: what CloudFormation says.
pub(crate) fn deploy(
    environment: &Environment,
    folder: &Folder,
    servers: &Servers,
    options: &Options,
    binaries: &PathBuf,
) -> Result<Deployed> {
    let mut python = Command::new(&environment.python);
    python.arg(root().join("tests/stack/deploy.py")).env_clear().env("PATH", path());
    python.current_dir(folder.path());
    python.args(["--endpoint", &format!("http://{}", servers.emulator), "--stack", STACK]);
    python.arg("--template").arg(&options.template).arg("--binaries").arg(binaries);
    python.arg("--artifacts").arg(target_folder()?.join("stack").join("artifacts"));
    let fixed = [
        ("Emulated", "true"),
        ("Profile", options.profile.name()),
        ("DeletionProtection", "false"),
        ("LogRetentionDays", "1"),
    ];
    let parameters =
        fixed.into_iter().chain(options.parameters.iter().map(|(name, value)| (&**name, &**value)));
    for (name, value) in parameters {
        python.arg("--parameter").arg(format!("{name}={value}"));
    }
    // The emulator keeps layers and does not mount them: its processes see this machine's files.
    let model = root().join(EMBEDDING_MODEL);
    python.arg("--variable").arg(format!("ASSAY_EMBEDDING_MODEL={}", model.display()));
    if options.profile == Profile::Full {
        // The emulator's Redis speaks no TLS and asks for no password.
        python.arg("--variable").arg(format!("RATE_LIMIT_REDIS_URL=redis://{}", servers.valkey));
    }
    let mut python = python.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    // Held until it has ended; should this process end first, so does the other.
    let _leash = python.stdin.take();
    let output = python.wait_with_output()?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        return Err(format!("the template cannot be deployed: {}", why.trim_end()).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}
