//! What is done to a stack's services and processes: queues, functions, executions, objects.

use std::time::Duration;

use axum::body::Bytes;
use axum::http::Request;
use boot::SystemClock;
use engine::model::RunId;
use engine::ports::Clock as _;
use rustix::process::Signal;
use serde_json::{Value, json};

use super::{Depth, LOOK_EACH, Stack};
use crate::stack::Result;
use crate::stack::client::Answer;
use crate::stack::deploy::STACK;
use crate::stack::faults::{Kind, Rule, When};
use crate::stack::group::signal;
use crate::stack::processes::members;
use crate::stack::servers::{ACCOUNT, REGION};

impl Stack {
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

    /// Takes a message from a function's queue of the same name, calls the function with it as a mapping does, and deletes it.
    /// What the function answers. Errors: there is no message; the function's own.
    pub fn hand_over(&self, function: &str) -> Result<Value> {
        let taken = self.sqs("ReceiveMessage", function, json!({ "AttributeNames": ["All"] }))?;
        let message = &taken["Messages"][0];
        if message.is_null() {
            return Err(format!("the queue {function} has no message").into());
        }
        let record = json!({
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message["Attributes"],
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{STACK}-{function}"),
            "awsRegion": REGION,
        });
        let answer = self.invoke(function, &json!({ "Records": [record] }))?;
        self.sqs("DeleteMessage", function, json!({ "ReceiptHandle": message["ReceiptHandle"] }))?;
        Ok(answer)
    }

    /// Deletes a queue, as somebody does by mistake.
    pub fn delete_queue(&self, queue: &str) -> Result<()> {
        self.sqs("DeleteQueue", queue, json!({})).map(drop)
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

    /// Gives a function these variables beside those it has, for its next processes.
    pub fn set_variables(&self, function: &str, variables: &[(&str, &str)]) -> Result<()> {
        let path = format!("/2015-03-31/functions/{STACK}-{function}/configuration");
        let mut environment = self.lambda("GET", &path, "")?.json()["Environment"].clone();
        for (name, value) in variables {
            environment["Variables"][*name] = json!(value);
        }
        self.lambda("PUT", &path, &json!({ "Environment": environment }).to_string()).map(drop)
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
        body["QueueUrl"] = format!("{}/{ACCOUNT}/{STACK}-{queue}", self.aws.endpoint).into();
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
