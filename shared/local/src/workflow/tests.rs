//! The workflow service with one small machine and with the platform's own.

use engine::memory::SeededRandom;
use engine::memory::virtual_time::{Executor, Stopped, VirtualTime};
use engine::model::{RunId, TenantId};
use engine::ports::StepMessage;

use super::*;

/// Queues that keep what they are sent, and refuse the first so many.
#[derive(Default)]
struct Kept {
    sent: Mutex<Vec<(Queue, Message)>>,
    refusals: Mutex<u32>,
}

#[async_trait]
impl Queues for Kept {
    async fn send(&self, queue: Queue, message: &Message, _: u64) -> Result<()> {
        let mut refusals = lock(&self.refusals);
        if *refusals > 0 {
            *refusals -= 1;
            return Err(Error::new(ErrorKind::Network, "refused"));
        }
        lock(&self.sent).push((queue, message.clone()));
        Ok(())
    }
}

struct Bench {
    workflow: LocalWorkflow,
    queues: Arc<Kept>,
    time: Arc<VirtualTime>,
}

/// One step on the light queue with a minute to answer, then `finish`; the execution may take 90 seconds.
const SMALL: &str = r#"{
    "StartAt": "step", "TimeoutSeconds": 90,
    "States": {
        "step": {
            "Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            "Parameters": {"QueueUrl": "${AgentLightQueueUrl}", "MessageGroupId.$": "$.tenant", "MessageBody": {
                "kind": "step", "run.$": "$.run", "tenant.$": "$.tenant", "agent": "a", "item": "-", "hop": 0,
                "task_token.$": "$$.Task.Token"
            }},
            "TimeoutSecondsPath": "$.timeout_seconds", "ResultPath": null,
            "Retry": [{"ErrorEquals": ["SQS.AmazonSQSException"]}], "Next": "finish"
        },
        "finish": {
            "Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage",
            "Parameters": {"QueueUrl": "${DeliveriesQueueUrl}", "MessageBody": {
                "kind": "finish", "run.$": "$.run", "tenant.$": "$.tenant"
            }},
            "ResultPath": null, "End": true
        }
    }
}"#;

fn bench(text: &str) -> Bench {
    let (queues, time) = (Arc::new(Kept::default()), VirtualTime::new(0));
    let ports = WorkflowPorts {
        queues: queues.clone(),
        clock: time.clone(),
        random: Arc::new(SeededRandom::new(1)),
        observer: Arc::new(()),
    };
    Bench { workflow: LocalWorkflow::walking(machine(text).unwrap(), ports), queues, time }
}

fn run(id: &str) -> RunKey {
    RunKey { tenant: TenantId::new("t1"), run: RunId::new(id) }
}

fn input(id: &str) -> Value {
    json!({"run": id, "tenant": "t1", "depth": "quick", "timeout_seconds": 60})
}

impl Bench {
    fn executor(&self) -> Executor<'static> {
        let mut executor = Executor::new(self.time.clone(), 1);
        let workflow = self.workflow.clone();
        executor.spawn(async move { workflow.run().await });
        executor
    }

    fn start(&self, executor: &mut Executor<'static>, id: &str) {
        let (workflow, id) = (self.workflow.clone(), id.to_owned());
        executor.block_on(async move { workflow.start(&run(&id), input(&id)).await.unwrap() }).unwrap();
    }

    /// Lets everything happen that can happen before `at_ms`.
    fn until(&self, executor: &mut Executor<'static>, at_ms: u64) {
        let time = self.time.clone();
        executor.block_on(async move { time.sleep(at_ms.saturating_sub(time.now_ms())).await });
    }

    fn steps(&self) -> Vec<StepMessage> {
        let sent = lock(&self.queues.sent);
        let step = |(queue, message): &(Queue, Message)| match message {
            Message::Step(step) => {
                assert_eq!(*queue, Queue::Agents(Profile::Light));
                Some(step.clone())
            }
            _ => None,
        };
        sent.iter().filter_map(step).collect()
    }

    /// The cause of every `finish`.
    fn ends(&self) -> Vec<Option<String>> {
        let sent = lock(&self.queues.sent);
        let end = |(queue, message): &(Queue, Message)| match message {
            Message::Finish { cause, .. } => {
                assert_eq!(*queue, Queue::Deliveries);
                Some(cause.clone())
            }
            _ => None,
        };
        sent.iter().filter_map(end).collect()
    }

    fn succeed(&self, executor: &mut Executor<'static>, token: &Token) {
        let (workflow, token) = (self.workflow.clone(), token.clone());
        executor
            .block_on(async move { workflow.succeed(&token, json!({"status": "ok"})).await.unwrap() })
            .unwrap();
    }
}

fn cause(name: &str) -> Vec<Option<String>> {
    vec![Some(name.to_owned())]
}

#[test]
fn a_run_starts_once_and_answers_once() {
    let bench = bench(SMALL);
    let mut executor = bench.executor();
    executor.run_until(|executor| executor.polls() == 1);
    bench.start(&mut executor, "r1");
    bench.start(&mut executor, "r1");
    bench.until(&mut executor, 10);
    let steps = bench.steps();
    let [step] = &steps[..] else { panic!("{steps:?}") };
    assert_eq!(
        (step.run.clone(), step.agent.as_str(), step.item.is_none(), step.hop),
        (run("r1"), "a", true, 0)
    );

    bench.succeed(&mut executor, &Token::new("unknown"));
    bench.succeed(&mut executor, &step.task_token);
    bench.succeed(&mut executor, &step.task_token);
    bench.until(&mut executor, 20);
    assert_eq!(bench.ends(), [None]);
    assert_eq!(bench.workflow.open(), 0);
    bench.succeed(&mut executor, &step.task_token);
    bench.start(&mut executor, "r1");
    bench.until(&mut executor, 200_000);
    assert_eq!((bench.steps().len(), bench.ends().len()), (1, 1));
}

#[test]
fn every_unhappy_end_is_told() {
    for (end, at_ms, expected) in [
        ("silence", 60_000, cause("FAILED")),
        ("fail", 10, cause("FAILED")),
        ("stop", 10, cause("ABORTED")),
        ("late", 60_000, cause("FAILED")),
    ] {
        let bench = bench(SMALL);
        let mut executor = bench.executor();
        bench.start(&mut executor, "r1");
        bench.until(&mut executor, 5);
        let token = bench.steps()[0].task_token.clone();
        let workflow = bench.workflow.clone();
        let tell = async move {
            match end {
                "fail" => workflow.fail(&token, "ModelOutput", "no use").await.unwrap(),
                "stop" => workflow.stop(&run("r1"), "cancelled").await.unwrap(),
                _ => {}
            }
        };
        executor.block_on(tell).unwrap();
        bench.until(&mut executor, at_ms - 1);
        if at_ms > 10 {
            assert!(bench.ends().is_empty(), "{end}");
        }
        bench.until(&mut executor, at_ms + 1);
        if end == "late" {
            bench.succeed(&mut executor, &bench.steps()[0].task_token.clone());
        }
        bench.until(&mut executor, 100_000);
        assert_eq!(bench.ends(), expected, "{end}");
        assert!(bench.workflow.service.tokens.is_empty(), "{end}");
    }
}

#[test]
fn an_execution_has_its_own_time() {
    let bench = bench(&SMALL.replace("\"TimeoutSecondsPath\": \"$.timeout_seconds\",", ""));
    let mut executor = bench.executor();
    bench.start(&mut executor, "r1");
    bench.until(&mut executor, 89_999);
    assert!(bench.ends().is_empty());
    bench.until(&mut executor, 90_001);
    assert_eq!(bench.ends(), cause("TIMED_OUT"));
}

#[test]
fn a_stop_finds_only_what_is_under_way() {
    let bench = bench(SMALL);
    let mut executor = bench.executor();
    let workflow = bench.workflow.clone();
    let early = async move {
        workflow.stop(&run("r1"), "unknown yet").await.unwrap();
        workflow.start(&run("r1"), input("r1")).await.unwrap();
        workflow.stop(&run("r1"), "before its first state").await.unwrap();
        workflow.stop(&run("r1"), "again").await.unwrap();
        workflow.start(&run("r2"), input("r2")).await.unwrap();
    };
    executor.block_on(early).unwrap();
    bench.until(&mut executor, 10);
    assert_eq!((bench.steps().len(), bench.ends(), bench.workflow.open()), (1, cause("ABORTED"), 1));
    bench.succeed(&mut executor, &bench.steps()[0].task_token.clone());
    bench.until(&mut executor, 20);
    let workflow = bench.workflow.clone();
    executor.block_on(async move { workflow.stop(&run("r2"), "too late").await.unwrap() }).unwrap();
    bench.until(&mut executor, 30);
    assert_eq!(bench.ends().len(), 2, "the abort of r1, the finish of r2");
}

#[test]
fn refused_messages_are_sent_again() {
    let bench = bench(SMALL);
    let mut executor = bench.executor();
    *lock(&bench.queues.refusals) = 2;
    bench.start(&mut executor, "r1");
    bench.until(&mut executor, 2_999);
    assert!(bench.steps().is_empty());
    bench.until(&mut executor, 3_001);
    assert_eq!(bench.steps().len(), 1);

    *lock(&bench.queues.refusals) = 10;
    let workflow = bench.workflow.clone();
    executor.block_on(async move { workflow.stop(&run("r1"), "cancelled").await.unwrap() }).unwrap();
    bench.until(&mut executor, 1_000_000);
    assert_eq!(bench.ends(), cause("ABORTED"));
}

#[test]
fn a_message_nobody_could_read_fails_the_run_at_once() {
    let bench = bench(&SMALL.replace("\"hop\": 0,", ""));
    let mut executor = bench.executor();
    bench.start(&mut executor, "r1");
    bench.until(&mut executor, 1);
    assert_eq!((bench.steps().len(), bench.ends()), (0, cause("FAILED")));
}

#[test]
fn driving_can_be_left_and_taken_up_again() {
    let bench = bench(SMALL);
    let mut executor = Executor::new(bench.time.clone(), 1);
    let workflow = bench.workflow.clone();
    let first = executor.spawn(async move { workflow.run().await });
    bench.start(&mut executor, "r1");
    bench.until(&mut executor, 10);
    assert!(executor.kill(first));
    bench.succeed(&mut executor, &bench.steps()[0].task_token.clone());
    bench.start(&mut executor, "r2");
    bench.until(&mut executor, 20);
    assert_eq!((bench.steps().len(), bench.ends().len()), (1, 0));
    let workflow = bench.workflow.clone();
    executor.spawn(async move { workflow.run().await });
    bench.until(&mut executor, 30);
    assert_eq!((bench.steps().len(), bench.ends()), (2, vec![None]));
}

#[test]
fn an_answer_has_a_limit() {
    let bench = bench(SMALL);
    let mut executor = bench.executor();
    bench.start(&mut executor, "r1");
    bench.until(&mut executor, 5);
    let (workflow, token) = (bench.workflow.clone(), bench.steps()[0].task_token.clone());
    let large = async move { workflow.succeed(&token, json!("x".repeat(PAYLOAD_BYTES))).await };
    assert_eq!(executor.block_on(large).unwrap().unwrap_err().kind(), ErrorKind::TooLarge);
    bench.succeed(&mut executor, &bench.steps()[0].task_token.clone());
    bench.until(&mut executor, 10);
    assert_eq!(bench.ends(), [None]);
}

#[test]
fn the_platforms_own_file_is_walked() {
    let (queues, time) = (Arc::new(Kept::default()), VirtualTime::new(0));
    let workflow = LocalWorkflow::new(time.clone(), Arc::new(SeededRandom::new(1)), queues.clone()).unwrap();
    let bench = Bench { workflow, queues, time };
    let mut executor = bench.executor();
    bench.start(&mut executor, "r1");
    bench.until(&mut executor, 5);
    assert_eq!(bench.steps()[0].agent.as_str(), "mission_orchestrator");
    let (workflow, token) = (bench.workflow.clone(), bench.steps()[0].task_token.clone());
    executor.block_on(async move { workflow.fail(&token, "Internal", "scripted").await.unwrap() }).unwrap();
    bench.until(&mut executor, 10);
    assert_eq!(bench.ends(), [None], "a failed planner goes to the finish");
    assert_eq!(executor.run_until(|_| false), Stopped::Stuck, "it waits for new runs");
}

#[test]
fn it_keeps_the_contract() {
    let bench = bench(SMALL);
    let verdict = Executor::new(bench.time.clone(), 1)
        .block_on(async move { engine::contract::workflow_contract(&bench.workflow, input("any")).await });
    assert_eq!(verdict, Some(Ok(())));
}
