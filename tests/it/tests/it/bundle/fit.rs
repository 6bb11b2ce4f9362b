//! Roles fit: what functions called over the whole suite, held against what the templates grant them, both ways.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use engine::RunRequest;
use engine::model::{
    AgentId, ContentRef, Depth, ItemId, MemoryRecord, ModelPolicy, NanoUsd, Outbox, OutboxMessage, Purse,
    Run, RunId, RunKey, RunStatus, Source, Step, TenantId, Token, Warms,
};
use engine::ports::{Becomes, Change, Clock as _, Expect, Key, Message, Row, StepMessage};
use lab::scripted::{Fault, ScriptedServer};
use lab::stack::{Call, Folder, Options, Permission, Stack};
use serde_json::{Value, json};

use super::{Bundle, request, script, until, until_within};

/// What each function may do, as the templates say: action and resource.
pub(crate) struct Granted(pub(crate) BTreeMap<&'static str, BTreeSet<(String, String)>>);

/// The stacks whose tests leave the record of their calls.
const RECORDED: [&str; 8] = [
    "it-access",
    "it-agreement",
    "it-cancel",
    "it-endings",
    "it-faults-calls",
    "it-kills",
    "it-late",
    "it-poison",
];
const AGENTS: [&str; 3] = ["agent-light", "agent-tools", "agent-semantic"];
const CONSUMERS: [&str; 6] = ["start", AGENTS[0], AGENTS[1], AGENTS[2], "deliver", "dead-letter"];
const EVERYBODY: [&str; 10] =
    ["api", "fetch", "start", AGENTS[0], AGENTS[1], AGENTS[2], "deliver", "dead-letter", "sweep", "health"];

/// What is granted although no function calls it: to whom, what, why.
const UNCALLED: [(&[&str], &[&str], &str); 3] = [
    (
        &EVERYBODY,
        &["logs:CreateLogStream", "logs:PutLogEvents"],
        "the platform writes a function's output in its name; the emulator does it by itself",
    ),
    (
        &CONSUMERS,
        &["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"],
        "the platform takes messages for a function in its name; the emulator does it by itself",
    ),
    (
        &["api"],
        &["s3:ListBucket"],
        "AWS calls a missing upload missing only to those who may list, and asks for no call of it",
    ),
];

type Calls = BTreeMap<String, BTreeSet<(String, String)>>;

#[test]
#[ignore = "reads what all other tests of the bundle recorded: run it after them, as tests/run does"]
fn functions_may_do_what_they_do_and_nothing_else() {
    let mut called = Calls::new();
    for stack in RECORDED {
        recorded(stack).iter().for_each(|call| note(&mut called, call));
    }
    rarely().iter().for_each(|call| note(&mut called, call));

    let Granted(granted) = Granted::read();
    assert_eq!(granted.keys().copied().collect::<BTreeSet<_>>(), BTreeSet::from(EVERYBODY));
    let mut wrong = Vec::new();
    let (mut fitting, mut excused) = (0, BTreeSet::new());
    for (function, granted) in &granted {
        let called = called.remove(*function).unwrap_or_default();
        fitting += granted.intersection(&called).count();
        for (action, resource) in called.difference(granted) {
            wrong.push(format!("{function} calls {action} on {resource} and may not"));
        }
        for (action, resource) in granted.difference(&called) {
            let reason = UNCALLED.iter().position(|(functions, actions, _)| {
                functions.contains(function) && actions.contains(&action.as_str())
            });
            match reason {
                Some(reason) => drop(excused.insert((reason, *function, action.clone()))),
                None => wrong.push(format!("{function} may {action} on {resource} and never calls it")),
            }
        }
    }
    wrong.extend(called.keys().map(|unknown| format!("{unknown} is no function and calls AWS")));
    for (reason, (functions, actions, _)) in UNCALLED.iter().enumerate() {
        for (function, action) in
            functions.iter().flat_map(|one| actions.iter().map(move |action| (*one, *action)))
        {
            let needed = excused.contains(&(reason, function, action.to_owned()));
            if !needed {
                wrong.push(format!("{function} needs no exception for {action}"));
            }
        }
    }
    println!("{fitting} grants are called; {} stand without a call:", excused.len());
    for (functions, actions, why) in UNCALLED {
        println!("  {} of {}: {why}", actions.join(", "), functions.join(", "));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The calls a stack's tests recorded.
fn recorded(stack: &str) -> Vec<Call> {
    let path = Folder::of(stack).unwrap().path().join("calls.jsonl");
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let calls: Vec<Call> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(!calls.is_empty(), "no calls in {}: run `cargo test --test it bundle::` before", path.display());
    calls
}

fn note(called: &mut Calls, call: &Call) {
    for permission in &call.permissions {
        // A presigned address is used with the rights of the function that signed it.
        let presigned = call.function.is_none() && permission.resource.contains("/uploads/");
        let function = if presigned { "api" } else { call.function.as_deref().unwrap_or("nobody") };
        let entry = called.entry(function.to_owned()).or_default();
        entry.insert((permission.action.clone(), as_granted(permission)));
    }
}

/// The resource of a call in the words of the templates' grants.
fn as_granted(permission: &Permission) -> String {
    let place = |service: &str, rest: &str| {
        format!("arn:<AWS::Partition>:{service}:<AWS::Region>:<AWS::AccountId>:{rest}")
    };
    let machine = place("states", "stateMachine:<AWS::StackName>-content-intelligence");
    let resource = permission.resource.as_str();
    match permission.action.split(':').next().unwrap() {
        "dynamodb" => match resource.split_once("/index/") {
            Some((_, index)) => format!("<Table.Arn>/index/{index}"),
            None => "<Table.Arn>".to_owned(),
        },
        "s3" => match resource.split_once('/') {
            Some((_, key)) => format!("<Bucket.Arn>/{}/*", key.split('/').next().unwrap()),
            None => "<Bucket.Arn>".to_owned(),
        },
        "sqs" => format!("<{}Queue.Arn>", camel(resource.strip_prefix("assay-").unwrap())),
        "states" if resource.is_empty() => format!("if OnAws then {machine} else *"),
        "states" if resource.contains(":execution:") => {
            place("states", "execution:<AWS::StackName>-content-intelligence:*")
        }
        "states" if resource.ends_with("stateMachine:assay-content-intelligence") => machine,
        "secretsmanager" => "<Secret.Id>".to_owned(),
        "lambda" => {
            let name = resource.rsplit(':').next().unwrap().strip_prefix("assay-").unwrap();
            place("lambda", &format!("function:<AWS::StackName>-{name}"))
        }
        _ => format!("what no template knows: {resource}"),
    }
}

/// `agent-light` to `AgentLight`.
fn camel(name: &str) -> String {
    let part = |part: &str| part[..1].to_uppercase() + &part[1..];
    name.split('-').map(part).collect()
}

/// The calls of a stack that does what happens too rarely for the other tests.
fn rarely() -> Vec<Call> {
    let site = site();
    // The first call of one agent of each profile is refused for a moment, so that its step goes back to its queue.
    let refused = |call: &lab::scripted::Call| {
        let agents = ["mission_orchestrator", "acquisition_specialist", "knowledge_integrator"];
        let retry_after_ms = Some(300);
        (call.nth == 1 && agents.contains(&call.agent.as_str()))
            .then_some(Fault::RateLimited { retry_after_ms })
    };
    let model = ScriptedServer::start(script().without_tools().with_faults(refused)).unwrap();
    let mut options = Options::new("it-fit").authorised(true).model(&model.url(), "scripted", "0.15/0.60");
    options = options.parameter("FetchAllow", site.to_string());
    options.build = false;
    let stack = Stack::start_saying(&options, &mut |line| println!("{line}")).unwrap();
    let bundle = Bundle { stack, model };

    a_link_is_fetched(&bundle, site);
    steps_of_no_agent_fail(&bundle);
    answers_are_made_ahead_by_each_profile(&bundle);
    let run = a_run_waits_for_its_end(&bundle);
    dead_letters_of_done_steps_report_them(&bundle, &run);
    the_sweep_starts_and_ends_it(&bundle, &run);
    bundle.stack.calls()
}

/// A web site of one article.
fn site() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let speech = std::fs::read_to_string(crate::assay::sample("speech.txt")).unwrap();
    let paragraphs: String = speech.lines().map(|line| format!("<p>{line}</p>")).collect();
    let article = format!(
        "<!doctype html><html lang=en><head><title>A speech</title></head><body><article><h1>A speech</h1>{paragraphs}\
         </article></body></html>"
    );
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { break };
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            let found = lines.next().is_some_and(|line| line.contains(" /article "));
            let _rest = lines.take_while(|line| !line.is_empty()).count();
            let (status, body) = if found { ("200 OK", article.as_str()) } else { ("404 Not Found", "") };
            let head = format!(
                "HTTP/1.1 {status}\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: {}\r\n\
                 connection: close\r\n\r\n",
                body.len()
            );
            // Whoever does not listen any more is not told.
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes()));
        }
    });
    address
}

/// The API takes no link to this machine, so the run is accepted here.
fn a_link_is_fetched(bundle: &Bundle, site: SocketAddr) {
    let stack = &bundle.stack;
    let tenant = stack.run_key(&RunId::new("none")).tenant;
    let link = format!("http://{site}/article");
    let content = stack.block_on(stack.ports().content.put(&tenant, link.as_bytes())).unwrap();
    let source = Source {
        name: link.clone(),
        media_type: Source::LINK.to_owned(),
        bytes: link.len() as u64,
        content,
        link: Some(link),
    };
    let request = RunRequest {
        tenant,
        workspace: "default".to_owned(),
        source,
        depth: Depth::Quick,
        use_cache: false,
        idempotency_key: None,
        trace: None,
    };
    let (key, _) = stack.block_on(engine::start_run(stack.ports(), &request)).unwrap();
    stack.send("runs", &json!(Message::Start(key.clone())).to_string()).unwrap();
    let ended = bundle.wait(&key.run);
    assert!(ended.run.failure.is_none(), "{:?}", ended.run.failure);
    until("it is posted", || stack.queue_depth("deliveries").unwrap().all() == 0);
}

/// As of a state machine that is older than the functions.
fn steps_of_no_agent_fail(bundle: &Bundle) {
    for queue in AGENTS {
        let message = Message::Step(StepMessage {
            run: bundle.stack.run_key(&RunId::new("none")),
            agent: AgentId::new("an_agent_that_was_removed"),
            item: ItemId::none(),
            hop: 0,
            task_token: Token::new("a token nobody waits for"),
        });
        bundle.stack.send(queue, &json!(message).to_string()).unwrap();
        until("its failure is told", || has_called(bundle, queue, "SendTaskFailure"));
    }
}

/// Runs that make a stored answer ahead, of an agent of each profile. The run that used it is gone, so nothing is asked.
fn answers_are_made_ahead_by_each_profile(bundle: &Bundle) {
    let stack = &bundle.stack;
    let now = boot::SystemClock.now_ms();
    let agents = ["mission_orchestrator", "signal_recon_specialist", "verification_director"];
    for (number, agent) in agents.iter().enumerate() {
        let key = stack.run_key(&RunId::new(format!("ahead-{number}")));
        let used = stack.run_key(&RunId::new("gone")).step(&AgentId::new(agent), &ItemId::none());
        let run = Run {
            key: key.clone(),
            workspace: "warming".to_owned(),
            source: Source {
                name: "gone".to_owned(),
                media_type: "text/plain".to_owned(),
                bytes: 1,
                content: ContentRef::new("gone"),
                link: None,
            },
            depth: Depth::Quick,
            cap: None,
            use_cache: true,
            catalogue_version: String::new(),
            created_ms: now,
            deadline_ms: now + 60_000,
            status: RunStatus::Running,
            cancel_requested: false,
            failure: None,
            finished_ms: None,
            cost: NanoUsd::ZERO,
            saved: NanoUsd::ZERO,
            trace: None,
            models: ModelPolicy::default(),
            repeats: None,
            sketch: None,
            versions: Vec::new(),
            warms: Some(Warms { step: used, entry: "gone".to_owned() }),
        };
        let row = |key, row| Change { key, expect: Expect::Absent, to: Becomes::Row(row), due_ms: None };
        let changes = [
            row(Key::Run(key.clone()), Row::Run(run)),
            row(Key::Purse(key.clone()), Row::Purse(Purse::default())),
        ];
        stack.block_on(stack.ports().store.write(&changes)).unwrap();
        stack.send("runs", &json!(Message::Start(key.clone())).to_string()).unwrap();
        let ended = bundle.wait(&key.run);
        assert_eq!((ended.run.status, ended.run.cost), (RunStatus::Complete, NanoUsd::ZERO));
    }
}

fn has_called(bundle: &Bundle, function: &str, action: &str) -> bool {
    let is = |call: &Call| call.function.as_deref() == Some(function) && call.action == action;
    bundle.stack.calls().iter().any(is)
}

/// A run whose steps are all done, and whose end nobody is told. What is remembered for it is long.
fn a_run_waits_for_its_end(bundle: &Bundle) -> RunKey {
    let stack = &bundle.stack;
    let key = stack.run_key(&RunId::new("none"));
    let changes: Vec<Change> = ["00000000000000000000000001", "00000000000000000000000002"]
        .iter()
        .map(|name| remembered(&key.tenant, name))
        .collect();
    stack.block_on(stack.ports().store.write(&changes)).unwrap();
    assert_eq!(stack.enable_mapping("deliver", false).unwrap(), 1);
    let run = stack.post_run(&request("deep")).unwrap();
    until_within("all its steps are done", Duration::from_secs(120), || {
        stack.queue_depth("deliveries").unwrap().all() == 1
    });
    stack.run_key(&run)
}

/// An earlier run on the same matter, told at length.
fn remembered(tenant: &TenantId, name: &str) -> Change {
    let told = "Nora Whitfield asked Daniel Okafor of Marlow Bridge about the town council and the budget. "
        .repeat(200);
    let record = json!({
        "title": name, "source_name": name, "summary": [told], "topics": [], "entities": [],
        "speakers": [], "claims": [],
    });
    let row = MemoryRecord {
        run_id: RunId::new(name),
        created_ms: 1,
        content: ContentRef::new(name),
        sketch: None,
        record,
    };
    let key = Key::Memory(tenant.clone(), row.run_id.clone());
    Change { key, expect: Expect::Absent, to: Becomes::Row(Row::Memory(row)), due_ms: None }
}

fn dead_letters_of_done_steps_report_them(bundle: &Bundle, run: &RunKey) {
    let stack = &bundle.stack;
    let steps: Vec<Step> = stack.block_on(engine::ledger_view::steps(stack.ports(), run)).unwrap();
    for step in steps {
        let message = Message::Step(StepMessage {
            run: run.clone(),
            agent: step.key.agent.clone(),
            item: step.key.item.clone(),
            hop: step.hop,
            task_token: step.token.unwrap(),
        });
        stack.send("dead-letters", &json!(message).to_string()).unwrap();
    }
    until("all are buried", || stack.queue_depth("dead-letters").unwrap().all() == 0);
    assert!(has_called(bundle, "dead-letter", "SendTaskSuccess"));
}

/// Its deadline is over, and so is the time in which its start should have been sent.
fn the_sweep_starts_and_ends_it(bundle: &Bundle, run: &RunKey) {
    let stack = &bundle.stack;
    let now = boot::SystemClock.now_ms();
    let key = Key::Run(run.clone());
    let read = stack.block_on(stack.ports().store.read(std::slice::from_ref(&key))).unwrap().pop().flatten();
    let read = read.unwrap();
    let Row::Run(row) = read.row else { panic!() };
    let late = Run { deadline_ms: now, ..row };
    let start =
        Outbox { run: run.clone(), name: "start".to_owned(), message: OutboxMessage::Start, created_ms: now };
    let due = |key, expect, row| Change { key, expect, to: Becomes::Row(row), due_ms: Some(now) };
    let changes = [
        due(key, Expect::Version(read.version), Row::Run(late)),
        due(Key::Outbox(run.clone(), "start".to_owned()), Expect::Absent, Row::Outbox(start)),
    ];
    stack.block_on(stack.ports().store.write(&changes)).unwrap();
    let _: Value = stack.invoke("sweep", &json!({})).unwrap();
    bundle.wait(&run.run);
    assert!(has_called(bundle, "sweep", "DeleteItem"), "the start was not sent");
}
