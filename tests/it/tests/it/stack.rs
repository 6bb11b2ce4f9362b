//! The harness of the stack itself: a small template and a function in a few lines of Python stand for the bundle, so that
//! a fault here is one of the harness.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use lab::stack::{Folder, Kind, Options, Process, Rule, Stack, When, processes};
use serde_json::{Value, json};

use crate::assay::root;

/// The bundle in small: an API, a function that sends a message when asked to, and one that takes it.
const TEMPLATE: &str = r#"
Transform: AWS::Serverless-2016-10-31
Parameters:
  Profile: {Type: String}
  Emulated: {Type: String}
  DeletionProtection: {Type: String}
  LogRetentionDays: {Type: Number}
  Concurrency: {Type: Number, Default: 2}
Conditions:
  OnAws: !Equals [!Ref Emulated, "false"]
Globals:
  Function: {Runtime: provided.al2023, Handler: bootstrap, CodeUri: ., Timeout: 30}
Resources:
  Nested:
    Type: AWS::CloudFormation::Stack
    Properties: {TemplateURL: nested/data.yaml, Parameters: {Emulated: !Ref Emulated}}
  RunsQueue:
    Type: AWS::SQS::Queue
    Properties: {QueueName: !Sub "${AWS::StackName}-runs", VisibilityTimeout: 180}
  ParkedQueue:
    Type: AWS::SQS::Queue
    Properties: {QueueName: !Sub "${AWS::StackName}-parked"}
  ApiFunction:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: !Sub "${AWS::StackName}-api"
      Environment: {Variables: {RUNS: !Ref RunsQueue, DAYS: !Ref LogRetentionDays}}
      Policies:
        - Version: "2012-10-17"
          Statement: [{Effect: Allow, Action: sqs:SendMessage, Resource: !GetAtt RunsQueue.Arn}]
  StartFunction:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: !Sub "${AWS::StackName}-start"
      Environment: {Variables: {PARKED: !Ref ParkedQueue}}
      Policies:
        - Version: "2012-10-17"
          Statement: [{Effect: Allow, Action: sqs:SendMessage, Resource: !GetAtt ParkedQueue.Arn}]
      Events:
        Runs:
          Type: SQS
          Properties:
            Queue: !GetAtt RunsQueue.Arn
            BatchSize: 1
            ScalingConfig: {MaximumConcurrency: !Ref Concurrency}
  Alarm:
    Type: AWS::CloudWatch::Alarm
    Condition: OnAws
    Properties: {AlarmName: never, Namespace: Assay, MetricName: Steps, Statistic: Sum, Period: 60, EvaluationPeriods: 1, Threshold: 1, ComparisonOperator: LessThanThreshold}
  Api:
    Type: AWS::ApiGatewayV2::Api
    Properties: {Name: small, ProtocolType: HTTP}
  Integration:
    Type: AWS::ApiGatewayV2::Integration
    Properties: {ApiId: !Ref Api, IntegrationType: AWS_PROXY, IntegrationUri: !GetAtt ApiFunction.Arn, PayloadFormatVersion: "2.0"}
  Route:
    Type: AWS::ApiGatewayV2::Route
    Properties: {ApiId: !Ref Api, RouteKey: $default, Target: !Sub "integrations/${Integration}"}
  Stage:
    Type: AWS::ApiGatewayV2::Stage
    Properties: {ApiId: !Ref Api, StageName: $default, AutoDeploy: true}
Outputs:
  ApiUrl: {Value: !GetAtt Api.ApiEndpoint}
  TableName: {Value: !GetAtt Nested.Outputs.TableName}
  BucketName: {Value: !GetAtt Nested.Outputs.BucketName}
"#;

const NESTED: &str = r#"
Parameters:
  Emulated: {Type: String}
Resources:
  Bucket: {Type: AWS::S3::Bucket}
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions:
        - {AttributeName: pk, AttributeType: S}
        - {AttributeName: sk, AttributeType: S}
      KeySchema:
        - {AttributeName: pk, KeyType: HASH}
        - {AttributeName: sk, KeyType: RANGE}
Outputs:
  TableName: {Value: !Ref Table}
  BucketName: {Value: !Ref Bucket}
"#;

/// The functions: `api` sends what it is posted to the runs queue, `start` passes what it takes from there to the parked
/// queue. Both say what AWS said, and what of the starter's environment they can see.
const FUNCTION: &str = r#"
import json, os, sys, urllib.request
import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
invocation = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
sqs = boto3.client("sqs", config=Config(user_agent_extra="app/" + name, retries={"max_attempts": 0}))

def send(queue, body):
    try:
        sqs.send_message(QueueUrl=os.environ[queue], MessageBody=body)
        return "sent"
    except ClientError as error:
        return error.response["Error"]["Code"]

while True:
    with urllib.request.urlopen(invocation + "next") as got:
        id, event = got.headers["Lambda-Runtime-Aws-Request-Id"], json.load(got)
    if "rawPath" in event:
        outcome = send("RUNS", event.get("body") or "")
        seen = {"outcome": outcome, "path": event["rawPath"], "variables": sorted(os.environ), "days": os.environ["DAYS"]}
        answer = {"statusCode": 200, "body": json.dumps(seen)}
    else:
        answer = [send("PARKED", record["body"]) for record in event["Records"]]
        print("passed on", answer, flush=True)
    body = json.dumps(answer).encode()
    urllib.request.urlopen(urllib.request.Request(invocation + id + "/response", body)).read()
"#;

/// A folder with the bundle in small.
struct Small {
    folder: tempfile::TempDir,
}

fn small() -> Small {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    };
    write("template.yaml", TEMPLATE.to_owned());
    write("nested/data.yaml", NESTED.to_owned());
    let python = lab::stack::python().unwrap();
    for name in ["api", "start"] {
        let path = write(name, format!("#!{}\n# {name}\n{FUNCTION}", python.display()));
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    Small { folder }
}

impl Small {
    fn options(&self, name: &str) -> Options {
        let mut options = Options::new(name);
        options.template = self.folder.path().join("template.yaml");
        options.binaries = Some(self.folder.path().to_owned());
        options.build = false;
        options
    }
}

fn target() -> PathBuf {
    lab::assay_binary().ancestors().nth(2).unwrap().to_owned()
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..400 {
        if is_so() {
            return;
        }
        std::thread::sleep(Duration::from_millis(25));
    }
    panic!("not within 10 s: {what}");
}

fn post(stack: &Stack, body: &str) -> Value {
    let answer = stack.ask("POST", "/messages", &[], body.as_bytes()).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// Processes that name this folder in their command line, whoever started them.
fn of_folder(folder: &Path) -> Vec<Process> {
    let path = folder.display().to_string();
    processes().into_iter().filter(|process| process.command.contains(&path)).collect()
}

#[test]
fn a_stack_starts_within_five_seconds_and_leaves_nothing() {
    const MOST_MS: u64 = 5_000;
    let small = small();
    let start = || Stack::start(&small.options("it-whole")).unwrap();
    let ms = |stack: &Stack| stack.took().servers_ms + stack.took().deploy_ms;
    // The quickest of three counts: the machine has other tests to do.
    let mut stack = start();
    for _ in 0..2 {
        if ms(&stack) >= MOST_MS {
            println!("{:?}", stack.took());
            drop(stack);
            stack = start();
        }
    }
    assert!(ms(&stack) < MOST_MS, "{:?}", stack.took());

    let answer = post(&stack, "one");
    assert_eq!(
        (&answer["outcome"], &answer["path"], &answer["days"]),
        (&json!("sent"), &json!("/messages"), &json!("1"))
    );
    let variables: Vec<&str> =
        answer["variables"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    assert!(variables.contains(&"AWS_ENDPOINT_URL"));
    assert!(!variables.iter().any(|name| name.starts_with("CARGO")), "of the starter's own: {variables:?}");
    until("the message is passed on", || stack.queue_depth("parked").unwrap().visible == 1);
    until("it is deleted", || stack.queue_depth("runs").unwrap().all() == 0);
    assert!(stack.log_of("start").unwrap().contains("passed on"));

    let left: Vec<(&str, &[String])> = stack
        .deployed()
        .left_out
        .iter()
        .map(|left| (left.condition.as_str(), left.resources.as_slice()))
        .collect();
    assert_eq!(left, [("OnAws", &["Alarm".to_owned()][..])]);
    assert!(stack.deployed().resource("Table").unwrap().contains("Table"));
    // The key was written as the engine writes it, and is read back by the engine.
    let caller = stack.block_on(engine::authenticate(stack.ports(), stack.key())).unwrap();
    assert_eq!(caller.tenant.as_str(), "lab");

    let again = Stack::start(&small.options("it-whole")).err().unwrap().to_string();
    assert!(again.contains("is up already"), "{again}");

    let (groups, folder) = (stack.servers().group_ids(), stack.folder().path().to_owned());
    let ports = [stack.servers().emulator, stack.servers().valkey];
    assert!(stack.processes_of("api").unwrap().len() == 1 && !of_folder(&folder).is_empty());
    drop(stack);
    assert_eq!(of_folder(&folder), []);
    assert!(!processes().iter().any(|process| groups.contains(&process.group)));
    for port in ports {
        assert!(TcpStream::connect(port).is_err(), "{port} still answers");
    }
    assert!(!folder.join("tmp").exists() && folder.join("ministack.log").exists(), "logs stay");
}

#[test]
fn calls_are_recorded_and_fail_on_demand() {
    let small = small();
    let stack = Stack::start(&small.options("it-faults")).unwrap();
    assert_eq!(stack.enable_mapping("start", false).unwrap(), 1);
    let check = |kind: Kind, outcome: &str, delivered: u64| {
        let before = (stack.queue_depth("runs").unwrap().visible, stack.calls().len());
        let rule = stack.faults().add(Rule::new("sqs", "SendMessage", When::Next(1), kind.clone()).by("api"));
        assert_eq!(post(&stack, "x")["outcome"], outcome, "{kind:?}");
        assert_eq!(stack.faults().hits(rule), 1);
        assert_eq!(stack.queue_depth("runs").unwrap().visible - before.0, delivered, "{kind:?}");
        let calls = stack.calls();
        assert_eq!(calls.len(), before.1 + 1, "{kind:?}");
        let call = calls.last().unwrap();
        let read =
            (call.function.as_deref(), call.service.as_str(), call.action.as_str(), call.resource.as_str());
        assert_eq!(read, (Some("api"), "sqs", "SendMessage", "assay-runs"));
        assert!(call.fault.is_some());
    };
    check(Kind::Refuse, "InternalError", 0);
    check(Kind::Throttle, "RequestThrottled", 0);
    check(Kind::Error("AccessDenied".to_owned()), "AccessDenied", 0);
    check(Kind::FailAfter, "InternalError", 1);
    check(Kind::Duplicate, "sent", 2);
    check(Kind::Delay(50), "sent", 1);
    stack.faults().clear();
    assert_eq!(post(&stack, "x")["outcome"], "sent");
    assert_eq!(stack.calls().last().unwrap().fault, None);
    let lines = std::fs::read_to_string(stack.folder().path().join("calls.jsonl")).unwrap();
    let written: Vec<lab::stack::Call> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(written, stack.calls());

    // A killed process is one message's trouble: the next call has a new one.
    let killed = stack.kill_agent("api").unwrap().unwrap();
    until("the process is gone", || !stack.processes_of("api").unwrap().contains(&killed));
    until("a new one answers", || stack.ask("POST", "/messages", &[], b"x").unwrap().status == 200);
    assert_ne!(stack.processes_of("api").unwrap(), [killed]);
    assert_eq!(stack.kill_agent("start").unwrap(), None, "nothing of it runs");

    let waiting = stack.queue_depth("runs").unwrap().visible;
    stack.send("runs", "by hand").unwrap();
    assert_eq!(stack.enable_mapping("start", true).unwrap(), 1);
    until("all is passed on", || stack.queue_depth("parked").unwrap().visible == waiting + 1);
    assert_eq!(stack.delete_mapping("start").unwrap(), 1);
    assert_eq!(stack.delete_mapping("start").unwrap(), 0);
}

/// The process that makes a call is killed there, before the call is done or after.
#[cfg(target_os = "linux")]
#[test]
fn a_process_dies_where_the_test_says() {
    let small = small();
    let stack = Stack::start(&small.options("it-dies")).unwrap();
    assert_eq!(stack.enable_mapping("start", false).unwrap(), 1);
    for (number, (kind, delivered)) in [(Kind::KillBefore, 0), (Kind::KillAfter, 1)].into_iter().enumerate() {
        until("it works", || stack.ask("POST", "/messages", &[], b"x").unwrap().status == 200);
        let (running, before) =
            (stack.processes_of("api").unwrap(), stack.queue_depth("runs").unwrap().visible);
        stack.faults().add(Rule::new("sqs", "SendMessage", When::Next(1), kind));
        assert_eq!(stack.ask("POST", "/messages", &[], b"x").unwrap().status, 502);
        assert_eq!(stack.faults().killed()[number..], running);
        assert_eq!(stack.queue_depth("runs").unwrap().visible - before, delivered);
    }
    assert_eq!(stack.kill_at_work("api", Duration::from_millis(100)).unwrap(), None, "it calls no table");
}

#[test]
fn with_authorisation_on_a_role_is_what_it_says() {
    let small = small();
    let template = small.folder.path().join("template.yaml");
    let narrowed = TEMPLATE.replacen("Action: sqs:SendMessage", "Action: sqs:GetQueueAttributes", 1);
    let check = |name: &str, text: &str, outcome: &str| {
        std::fs::write(&template, text).unwrap();
        let stack = Stack::start(&small.options(name).authorised(true)).unwrap();
        assert_eq!(post(&stack, "x")["outcome"], outcome);
        if outcome == "sent" {
            until("the message is passed on", || stack.queue_depth("parked").unwrap().visible == 1);
        }
    };
    check("it-allowed", TEMPLATE, "sent");
    check("it-narrowed", &narrowed, "AccessDenied");
}

#[test]
fn a_template_that_does_not_deploy_says_why_and_leaves_nothing() {
    let small = small();
    let check = |name: &str, template: &str, says: &str| {
        std::fs::write(small.folder.path().join("template.yaml"), template).unwrap();
        let error = Stack::start(&small.options(name)).err().unwrap().to_string();
        assert!(error.contains(says), "{error}");
        assert_eq!(of_folder(Folder::of(name).unwrap().path()), []);
    };
    check("it-broken", &TEMPLATE.replace("Runtime: provided.al2023, ", ""), "Runtime");
    check(
        "it-broken",
        &TEMPLATE.replace("DeletionProtection:", "Protection:"),
        "no parameter DeletionProtection",
    );
    std::fs::remove_file(small.folder.path().join("start")).unwrap();
    check("it-broken", TEMPLATE, "there is no binary");
    assert!(Folder::of("../elsewhere").is_err());
}

fn lab(small: &Small, command: &str, name: &str) -> Command {
    let mut lab = Command::new(target().join("debug/lab"));
    lab.args(["stack", command, "--name", name]).current_dir(root()).stdin(Stdio::null());
    if command == "up" {
        lab.arg("--no-model").arg("--template").arg(small.folder.path().join("template.yaml"));
        lab.arg("--binaries").arg(small.folder.path());
    }
    lab
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn a_stack_stays_up_for_later_commands_and_goes_down() {
    let small = small();
    let up = lab(&small, "up", "it-up").output().unwrap();
    assert!(up.status.success(), "{}", text(&up));
    let folder = Folder::of("it-up").unwrap();
    let status = folder.status().unwrap();
    assert!(text(&up).contains(&status.api_url) && text(&up).contains(&status.key), "{}", text(&up));
    assert!(text(&up).contains("Alarm (condition OnAws)"), "{}", text(&up));
    assert!(lab(&small, "status", "it-up").output().unwrap().status.success());
    assert_eq!(lab(&small, "up", "it-up").output().unwrap().status.code(), Some(2), "it is up already");

    let down = lab(&small, "down", "it-up").output().unwrap();
    assert!(down.status.success() && text(&down).contains("ended"), "{}", text(&down));
    assert_eq!(of_folder(folder.path()), []);
    assert!(!folder.path().exists());
    assert_eq!(lab(&small, "status", "it-up").output().unwrap().status.code(), Some(1));
    assert!(text(&lab(&small, "down", "it-up").output().unwrap()).contains("was not up"));
}

/// Killed while it starts and after, interrupted while it starts: whatever ends its owner ends the stack.
#[test]
fn nothing_outlives_its_owner() {
    let small = small();
    let folder = Folder::of("it-owner").unwrap();
    let up = lab(&small, "up", "it-owner").output().unwrap();
    assert!(up.status.success(), "{}", text(&up));
    let owner = folder.status().unwrap().owner;
    assert!(Command::new("kill").args(["-KILL", &owner.to_string()]).status().unwrap().success());
    until("all are gone", || of_folder(folder.path()).is_empty());

    for wait_ms in [50, 250, 450, 650, 850] {
        // The next one clears what the one before left on the disk.
        let mut up =
            lab(&small, "up", "it-owner").stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(wait_ms));
        assert!(Command::new("kill").args(["-INT", &up.id().to_string()]).status().unwrap().success());
        let code = up.wait().unwrap().code();
        assert!(matches!(code, Some(130 | 0) | None), "{code:?}");
        if code == Some(0) {
            assert!(lab(&small, "down", "it-owner").status().unwrap().success());
        }
        until("all are gone", || of_folder(folder.path()).is_empty());
    }
    assert!(lab(&small, "down", "it-owner").status().unwrap().success());
}
