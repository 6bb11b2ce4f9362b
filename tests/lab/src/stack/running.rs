//! A stack that runs, and what tests do with it.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::Request;
use boot::SystemClock;
use engine::model::{Run, RunId, RunKey, Scope, StepKey, StepResult, TenantId};
use engine::ports::{Clock as _, Ports};
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::client::{Answer, Aws, Http};
use super::deploy::{self, Deployed, STACK};
use super::environment::Environment;
use super::faults::{Faults, Kind, Rule, When};
use super::folder::{Folder, Status};
use super::gateway::Gateway;
use super::group::signal;
use super::options::Options;
use super::processes::members;
use super::record::Call;
use super::servers::Servers;
use super::{Result, table};

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
        let environment = Environment::ready(say)?;
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

    /// How many messages a queue holds, by its name without the stack's: `runs`, `agent-light`, `dead-letters`, `parked`.
    pub fn queue_depth(&self, queue: &str) -> Result<Depth> {
        let answer = self.sqs("GetQueueAttributes", queue, json!({ "AttributeNames": ["All"] }))?;
        let number = |name: &str| {
            let text = answer["Attributes"][name].as_str().unwrap_or_default();
            text.parse().map_err(|_| format!("the queue {queue} tells no {name}"))
        };
        Ok(Depth {
            visible: number("ApproximateNumberOfMessages")?,
            in_flight: number("ApproximateNumberOfMessagesNotVisible")?,
            delayed: number("ApproximateNumberOfMessagesDelayed")?,
        })
    }

    /// Puts a message on a queue.
    pub fn send(&self, queue: &str, body: &str) -> Result<()> {
        self.sqs("SendMessage", queue, json!({ "MessageBody": body })).map(drop)
    }

    /// The processes of a function that run, the one that is given work first in front.
    pub fn processes_of(&self, function: &str) -> Result<Vec<u32>> {
        let package = self.deployed.packages.get(function);
        let digest = &package.ok_or_else(|| format!("there is no function {function}"))?.sha256;
        let [_, emulator] = self.servers.group_ids();
        let path = format!("/{digest}/bootstrap");
        let ours = members(emulator).into_iter().filter(|process| process.command.contains(&path));
        Ok(ours.map(|process| process.id).collect())
    }

    /// Kills (SIGKILL) a process of a function in the middle of its work: at its next call to the table, which is not done.
    /// `None` if it makes none in that time. Linux only.
    pub fn kill_at_work(&self, function: &str, within: Duration) -> Result<Option<u32>> {
        let known = self.faults().killed().len();
        let rule = Rule::new("dynamodb", "*", When::Next(1), Kind::KillBefore).by(function);
        let rule = self.faults().add(rule);
        let deadline_ms = SystemClock.now_ms() + u64::try_from(within.as_millis())?;
        while self.faults().hits(rule) == 0 && SystemClock.now_ms() < deadline_ms {
            std::thread::sleep(LOOK_EACH);
        }
        self.faults().end(rule);
        Ok(self.faults().killed().get(known).copied())
    }

    /// Kills (SIGKILL) the process of a function that is given work first, whatever it does at this moment. `None` if none
    /// runs. A message that is just being handed to it comes back only after its queue's visibility timeout.
    pub fn kill_agent(&self, function: &str) -> Result<Option<u32>> {
        Ok(self.processes_of(function)?.into_iter().find(|process| signal(*process, Signal::KILL)))
    }

    /// Stops a run's execution, as an operator does in the console.
    pub fn stop_execution(&self, run: &RunId) -> Result<()> {
        let machine = self.deployed.output("StateMachineArn")?;
        let execution = format!("{}:{run}", machine.replacen(":stateMachine:", ":execution:", 1));
        let body = json!({ "executionArn": execution, "error": "Stopped", "cause": "by the test" });
        self.block_on(self.aws.json("states", "AWSStepFunctions.StopExecution", &body)).map(drop)
    }

    /// Deletes what brings a function its queue's messages. Gives how many there were.
    pub fn delete_mapping(&self, function: &str) -> Result<usize> {
        self.each_mapping(function, "DELETE", "")
    }

    /// Switches off, or on again, what brings a function its queue's messages. Gives how many there are.
    pub fn enable_mapping(&self, function: &str, enabled: bool) -> Result<usize> {
        self.each_mapping(function, "PUT", &json!({ "Enabled": enabled }).to_string())
    }

    /// Calls a function and gives its answer. Errors: its own, as Lambda tells them.
    pub fn invoke(&self, function: &str, event: &Value) -> Result<Value> {
        let path = format!("/2015-03-31/functions/{STACK}-{function}/invocations");
        let answer = self.lambda("POST", &path, &event.to_string())?;
        if let Some(error) = answer.headers.get("x-amz-function-error") {
            return Err(format!("{function}: {error:?} {}", answer.text()).into());
        }
        Ok(answer.json())
    }

    /// Gives a queue another visibility, in seconds.
    pub fn set_visibility(&self, queue: &str, seconds: u32) -> Result<()> {
        let attributes = json!({ "Attributes": { "VisibilityTimeout": seconds.to_string() } });
        self.sqs("SetQueueAttributes", queue, attributes).map(drop)
    }

    /// Gives a function another time limit, in seconds.
    pub fn set_timeout(&self, function: &str, seconds: u32) -> Result<()> {
        let path = format!("/2015-03-31/functions/{STACK}-{function}/configuration");
        self.lambda("PUT", &path, &json!({ "Timeout": seconds }).to_string()).map(drop)
    }

    /// Asks a service of the emulator that speaks JSON, past the gateway: its name in signatures, the operation, the request.
    pub fn service(&self, service: &str, target: &str, body: &Value) -> Result<Value> {
        self.block_on(self.aws.json(service, target, body))
    }

    /// Puts bytes at an address that needs no other credential, such as a presigned one. The answer's status.
    pub fn put(&self, url: &str, body: &[u8]) -> Result<u16> {
        let request = Request::put(url).body(Bytes::copy_from_slice(body))?;
        Ok(self.block_on(self.aws.http.answer(request))?.status)
    }

    /// The keys of the stack's bucket that begin with `prefix`.
    pub fn keys_under(&self, prefix: &str) -> Result<Vec<String>> {
        let path = format!("/{}?list-type=2&prefix={prefix}", self.deployed.output("BucketName")?);
        let answer = self.block_on(self.aws.send("s3", "GET", &path, &[], Bytes::new()))?;
        let text = String::from_utf8_lossy(answer.body()).into_owned();
        let keys = text.split("<Key>").skip(1).filter_map(|rest| rest.split_once("</Key>"));
        Ok(keys.map(|(key, _)| key.to_owned()).collect())
    }

    /// What a function has written to its log so far.
    pub fn log_of(&self, function: &str) -> Result<String> {
        let body = json!({ "logGroupName": format!("/aws/lambda/{STACK}-{function}") });
        let answer = self.block_on(self.aws.json("logs", "Logs_20140328.FilterLogEvents", &body))?;
        let events = answer["events"].as_array().into_iter().flatten();
        Ok(events.filter_map(|event| event["message"].as_str()).collect::<Vec<_>>().join("\n"))
    }

    fn sqs(&self, action: &str, queue: &str, mut body: Value) -> Result<Value> {
        let account = super::servers::ACCOUNT;
        body["QueueUrl"] = format!("{}/{account}/{STACK}-{queue}", self.aws.endpoint).into();
        self.block_on(self.aws.json("sqs", &format!("AmazonSQS.{action}"), &body))
    }

    fn lambda(&self, method: &str, path: &str, body: &str) -> Result<Answer> {
        let headers = [("content-type", "application/json")];
        let sent = self.aws.send("lambda", method, path, &headers, Bytes::copy_from_slice(body.as_bytes()));
        let (head, body) = self.block_on(sent)?.into_parts();
        let answer = Answer { status: head.status.as_u16(), headers: head.headers, body: body.into() };
        if answer.status >= 400 {
            return Err(format!("{method} {path}: {} {}", answer.status, answer.text()).into());
        }
        Ok(answer)
    }

    fn each_mapping(&self, function: &str, method: &str, body: &str) -> Result<usize> {
        let base = "/2015-03-31/event-source-mappings/";
        let listed = self.lambda("GET", &format!("{base}?FunctionName={STACK}-{function}"), "")?.json();
        let ids: Vec<&str> = listed["EventSourceMappings"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|row| row["UUID"].as_str())
            .collect();
        for id in &ids {
            self.lambda(method, &format!("{base}{id}"), body)?;
        }
        Ok(ids.len())
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
