//! A stack that runs, and what tests do with it.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::Request;
use boot::SystemClock;
use engine::model::{Run, RunId, RunKey, Scope, StepKey, StepResult, TenantId};
use engine::ports::{Clock as _, Ports};
use serde_json::Value;
use tokio::runtime::Runtime;

use super::client::{Answer, Aws, Http};
use super::deploy::{self, Deployed};
use super::environment::Environment;
use super::faults::Faults;
use super::folder::{Folder, Status};
use super::gateway::Gateway;
use super::options::Options;
use super::record::Call;
use super::servers::Servers;
use super::{Result, table};

mod operate;

const TENANT: &str = "lab";
const LOOK_EACH: Duration = Duration::from_millis(50);

/// A stack that runs until this is dropped or its process ends. Its methods block; threads may share it.
pub struct Stack {
    // Dropped in this order: nobody calls a gateway that is gone, and nobody writes into a folder that is cleared.
    servers: Servers,
    gateway: Gateway,
    _leavings: Leavings,
    folder: Folder,
    deployed: Deployed,
    key: String,
    aws: Aws,
    ports: Ports,
    runtime: Runtime,
    took: Took,
}

/// How long the parts of a start took, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Took {
    /// Valkey and MiniStack until both answer.
    pub servers_ms: u64,
    /// Packing, uploading, and creating the stack.
    pub deploy_ms: u64,
}

/// A run that has ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// Its row.
    pub run: Run,
    /// Every step that has a result.
    pub steps: Vec<(StepKey, StepResult)>,
}

/// How many messages a queue holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Depth {
    /// Those that can be received.
    pub visible: u64,
    /// Those that were received and not deleted.
    pub in_flight: u64,
    /// Those whose delay is not over.
    pub delayed: u64,
}

impl Depth {
    /// All of them.
    pub fn all(self) -> u64 {
        self.visible + self.in_flight + self.delayed
    }
}

impl Stack {
    /// Builds the functions, starts the servers, deploys the template and makes a key. Errors: for people.
    pub fn start(options: &Options) -> Result<Self> {
        Self::start_saying(options, &mut |_| {})
    }

    /// The same; `say` hears what takes its time.
    pub fn start_saying(options: &Options, say: &mut dyn FnMut(&str)) -> Result<Self> {
        let mut folder = Folder::of(&options.name)?;
        folder.own()?;
        let leavings = Leavings(folder.path().to_owned());
        let environment = Environment::ready()?;
        let binaries = deploy::build(options, say)?;

        say("starting Valkey and MiniStack");
        let began_ms = SystemClock.now_ms();
        let gateway = Gateway::start(&folder.path().join("calls.jsonl"))?;
        let servers = Servers::start(&environment, &folder, &gateway.url(), options.authorised)?;
        folder.write_running(&servers.group_ids())?;
        let [_, functions] = servers.group_ids();
        gateway.leads_to(servers.emulator, functions);
        let ready_ms = SystemClock.now_ms();

        say("deploying the template");
        let deployed = deploy::deploy(&environment, &folder, &servers, options, &binaries)?;
        let took = Took { servers_ms: ready_ms - began_ms, deploy_ms: SystemClock.now_ms() - ready_ms };
        let aws = Aws { http: Http::new(), endpoint: format!("http://{}", servers.emulator) };
        let connection = table::connection(&aws.endpoint)?;
        let ports = table::ports(&connection, deployed.output("TableName")?, deployed.output("BucketName")?)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        gateway.api_is(api_host(deployed.output("ApiUrl")?, &servers)?.as_str())?;
        let scopes = [Scope::Run, Scope::Read, Scope::Admin];
        let entropy = boot::secret_bytes()?;
        let issued =
            runtime.block_on(engine::create_key(&ports, &TenantId::new(TENANT), &scopes, None, entropy))?;
        let stack = Self {
            servers,
            gateway,
            _leavings: leavings,
            folder,
            deployed,
            key: issued.text,
            aws,
            ports,
            runtime,
            took,
        };
        stack.folder.write_status(&stack.status()?)?;
        Ok(stack)
    }

    /// What others need to know of it.
    pub fn status(&self) -> Result<Status> {
        Ok(Status {
            owner: std::process::id(),
            api_url: self.api_url(),
            aws_url: self.gateway.url(),
            key: self.key.clone(),
            table: self.deployed.output("TableName")?.to_owned(),
            left_out: self.deployed.left_out.clone(),
        })
    }

    /// The API's address, without a slash at its end.
    pub fn api_url(&self) -> String {
        self.gateway.api_url()
    }

    /// A key of the tenant `lab` that may do everything.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The stack as it was created: outputs, resources, what was left out.
    pub fn deployed(&self) -> &Deployed {
        &self.deployed
    }

    /// The servers.
    pub fn servers(&self) -> &Servers {
        &self.servers
    }

    /// Where its logs are.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// How long its start took.
    pub fn took(&self) -> Took {
        self.took
    }

    /// Every call the functions made to AWS so far.
    pub fn calls(&self) -> Vec<Call> {
        self.gateway.calls()
    }

    /// What is to fail.
    pub fn faults(&self) -> &Faults {
        self.gateway.faults()
    }

    /// The engine's ports over its table and bucket, for what engine and views read. They pass by the gateway.
    pub fn ports(&self) -> &Ports {
        &self.ports
    }

    /// Waits for something asynchronous, such as a read through [`Stack::ports`].
    pub fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// A request to the API with the key, such as `GET`, `/runs`.
    pub fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<Answer> {
        let bearer = format!("Bearer {}", self.key);
        let with_key: Vec<_> =
            [("authorization", bearer.as_str())].into_iter().chain(headers.iter().copied()).collect();
        self.ask_plainly(method, path, &with_key, body)
    }

    /// A request to the API as it stands, without the key.
    pub fn ask_plainly(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Answer> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.api_url()));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Bytes::copy_from_slice(body))?;
        self.block_on(self.aws.http.answer(request))
    }

    /// Asks for a run and gives its id. Errors: the API refuses.
    pub fn post_run(&self, body: &Value) -> Result<RunId> {
        let headers = [("content-type", "application/json")];
        let answer = self.ask("POST", "/runs", &headers, body.to_string().as_bytes())?;
        match answer.json()["run_id"].as_str() {
            Some(id) if answer.status == 202 => Ok(RunId::new(id)),
            _ => Err(format!("POST /runs: {} {}", answer.status, answer.text()).into()),
        }
    }

    /// The whole name of a run of the tenant `lab`.
    pub fn run_key(&self, run: &RunId) -> RunKey {
        RunKey { tenant: TenantId::new(TENANT), run: run.clone() }
    }

    /// Waits until the run has ended and reads its rows. Errors: it has not in that time.
    pub fn wait(&self, run: &RunId, within: Duration) -> Result<Ended> {
        let key = self.run_key(run);
        let deadline_ms = SystemClock.now_ms() + u64::try_from(within.as_millis())?;
        loop {
            let row = self.block_on(engine::load_run(&self.ports, &key))?;
            if let Some(row) = row.filter(|row| row.status.is_final()) {
                return Ok(Ended { run: row, steps: self.steps(run)? });
            }
            if SystemClock.now_ms() > deadline_ms {
                return Err(format!("the run {run} has not ended within {} s", within.as_secs()).into());
            }
            std::thread::sleep(LOOK_EACH);
        }
    }

    /// The run's steps that have a result, in the order of agents and items.
    pub fn steps(&self, run: &RunId) -> Result<Vec<(StepKey, StepResult)>> {
        let key = self.run_key(run);
        self.block_on(async {
            let mut results = Vec::new();
            for step in engine::ledger_view::steps(&self.ports, &key).await? {
                if let Some(result) = engine::ledger_view::result_of(&self.ports, &step).await? {
                    results.push((step.key, result));
                }
            }
            Ok(results)
        })
    }
}

/// The host's name by which the emulator knows the API of that address.
fn api_host(url: &str, servers: &Servers) -> Result<String> {
    let id = url.split("://").nth(1).and_then(|host| host.split('.').next());
    let id = id.ok_or_else(|| format!("{url} is no address of an API"))?;
    Ok(format!("{id}.execute-api.localhost:{}", servers.emulator.port()))
}

/// What a stack's servers leave on the disk that tells nobody anything.
struct Leavings(PathBuf);

impl Drop for Leavings {
    fn drop(&mut self) {
        for name in ["home", "tmp", "s3", "state", "stack.json", "running.json"] {
            let path = self.0.join(name);
            // What is not there needs no removing.
            let _ = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
        }
    }
}
