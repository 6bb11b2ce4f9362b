//! Queues: nothing sent is lost, nothing fails unseen.

use super::super::bundle::{Bundle, Resource};
use super::super::facts::{FUNCTIONS, QUEUES, kebab};
use super::super::faults::{Faults, Rule};
use super::roles;

pub(crate) const RULES: &[Rule] = &[
    Rule { name: "the queues are those agreed on", look: all_there },
    Rule { name: "a queue is named after the stack and itself", look: named },
    Rule { name: "a message is hidden six times as long as its function may take", look: visibility },
    Rule { name: "a message is tried at least five times", look: receives },
    Rule { name: "what fails goes to the dead letters, one queue for all", look: redrive },
    Rule { name: "dead letters and parked messages go nowhere by themselves", look: last_stops_stay },
    Rule { name: "parked messages are nobody's", look: parked_stays },
    Rule { name: "messages are encrypted", look: encrypted },
    Rule {
        name: "messages are kept for days, dead letters longer than what they come from",
        look: retention,
    },
    Rule { name: "an empty queue is asked with patience", look: long_polling },
    Rule { name: "queues speak TLS only on AWS", look: tls },
    Rule { name: "only the rule on the workflow's ends may send from outside", look: senders },
    Rule { name: "every queue has a policy of its own, which speaks of no other", look: own_policy },
];

/// Where messages end that nobody could handle, and those that nobody can read.
const LAST_STOPS: [&str; 2] = ["DeadLetters", "ParkedQueue"];

fn queues(bundle: &Bundle) -> Vec<Resource<'_>> {
    bundle.of_kind("AWS::SQS::Queue").collect()
}

/// The seconds of the function that consumes a queue.
fn consumer_timeout(queue: &str) -> Option<u64> {
    FUNCTIONS.iter().find(|function| function.consumes.contains(&queue)).map(|function| function.timeout)
}

fn all_there(bundle: &Bundle, faults: &mut Faults) {
    let expected = QUEUES.iter().map(|name| format!("{name}Queue"));
    let actual = queues(bundle).into_iter().map(|queue| queue.id);
    faults.same("the template", actual, expected.chain(LAST_STOPS.map(str::to_owned)));
}

fn named(bundle: &Bundle, faults: &mut Faults) {
    for queue in queues(bundle) {
        let expected = format!("<AWS::StackName>-{}", kebab(queue.id.trim_end_matches("Queue")));
        faults.equal(queue.id, bundle.property(queue, "QueueName"), expected);
    }
}

fn visibility(bundle: &Bundle, faults: &mut Faults) {
    for queue in queues(bundle) {
        let expected = consumer_timeout(queue.id).map(|seconds| seconds * 6);
        faults.equal(queue.id, queue.property("VisibilityTimeout").as_u64(), expected);
    }
}

/// One try in five may be lost to a throttle that the function never sees; more than nine keep a poisoned message alive.
fn receives(bundle: &Bundle, faults: &mut Faults) {
    for queue in queues(bundle).into_iter().filter(|queue| !LAST_STOPS.contains(&queue.id)) {
        let receives = queue.property("RedrivePolicy")["maxReceiveCount"].as_u64().unwrap_or_default();
        faults.unless((5..=9).contains(&receives), format!("{} tries {receives} times", queue.id));
    }
}

fn redrive(bundle: &Bundle, faults: &mut Faults) {
    for queue in queues(bundle).into_iter().filter(|queue| !LAST_STOPS.contains(&queue.id)) {
        let target = bundle.text(queue.file, &queue.property("RedrivePolicy")["deadLetterTargetArn"]);
        faults.equal(queue.id, target, "<DeadLetters.Arn>");
    }
}

/// The count of receives comes along with a message, so dead letters that redrive would go on before they are looked at.
fn last_stops_stay(bundle: &Bundle, faults: &mut Faults) {
    for queue in queues(bundle).into_iter().filter(|queue| LAST_STOPS.contains(&queue.id)) {
        faults.unless(queue.property("RedrivePolicy").is_null(), format!("{} goes on", queue.id));
    }
}

fn parked_stays(bundle: &Bundle, faults: &mut Faults) {
    let receive = ("sqs:ReceiveMessage".to_owned(), "<ParkedQueue.Arn>".to_owned());
    for function in &FUNCTIONS {
        let may = roles::grants(bundle, &function.stem()).contains(&receive);
        faults.unless(!may, format!("{} may receive them", function.name));
    }
}

fn encrypted(bundle: &Bundle, faults: &mut Faults) {
    for queue in queues(bundle) {
        faults.equal(queue.id, queue.property("SqsManagedSseEnabled").as_bool(), Some(true));
    }
}

fn retention(bundle: &Bundle, faults: &mut Faults) {
    const DAY: u64 = 86_400;
    for queue in queues(bundle) {
        let seconds = queue.property("MessageRetentionPeriod").as_u64().unwrap_or_default();
        let fits = if LAST_STOPS.contains(&queue.id) {
            seconds == 14 * DAY
        } else {
            (4 * DAY..14 * DAY).contains(&seconds)
        };
        faults.unless(fits, format!("{} keeps messages for {seconds} s", queue.id));
    }
}

fn long_polling(bundle: &Bundle, faults: &mut Faults) {
    for queue in queues(bundle).into_iter().filter(|queue| queue.id != "ParkedQueue") {
        faults.equal(queue.id, queue.property("ReceiveMessageWaitTimeSeconds").as_u64(), Some(20));
    }
}

/// The queues that the rule on the workflow's ends sends to.
const TOLD_OF_ENDS: [&str; 2] = ["DeliveriesQueue", "ParkedQueue"];

/// Each policy with the queue that it is named after.
fn policies(bundle: &Bundle) -> impl Iterator<Item = (&str, Resource<'_>)> {
    bundle
        .of_kind("AWS::SQS::QueuePolicy")
        .map(|policy| (policy.id.strip_suffix("Policy").unwrap_or_default(), policy))
}

/// AWS refuses a policy that speaks of another queue than the one it is put on.
fn own_policy(bundle: &Bundle, faults: &mut Faults) {
    let named = policies(bundle).map(|(queue, _)| queue);
    faults.same("the template", named, queues(bundle).iter().map(|queue| queue.id));
    for (queue, policy) in policies(bundle) {
        faults.equal(policy.id, bundle.property(policy, "Queues"), format!("[<{queue}>]"));
    }
}

fn tls(bundle: &Bundle, faults: &mut Faults) {
    for (queue, policy) in policies(bundle) {
        let document = policy.property("PolicyDocument");
        faults.equal(policy.id, document["Version"].as_str(), Some("2012-10-17"));
        let refusal = format!(
            "{{Action: sqs:*, Condition: {{Bool: {{aws:SecureTransport: false}}}}, Effect: Deny, Principal: *, \
             Resource: <{queue}.Arn>, Sid: TlsOnly}}"
        );
        // The others are left out whole where an emulator speaks plain HTTP.
        let expected = if TOLD_OF_ENDS.contains(&queue) {
            format!("if OnAws then {refusal} else <AWS::NoValue>")
        } else {
            refusal
        };
        faults.equal(policy.id, bundle.text(policy.file, &document["Statement"][0]), expected);
    }
}

fn senders(bundle: &Bundle, faults: &mut Faults) {
    for (queue, policy) in policies(bundle) {
        let statements = policy.property("PolicyDocument")["Statement"].as_array();
        let allowed = statements.into_iter().flatten().skip(1);
        let allowed = allowed.map(|statement| bundle.text(policy.file, statement));
        let expected = TOLD_OF_ENDS.contains(&queue).then(|| {
            format!(
                "{{Action: sqs:SendMessage, Condition: {{ArnEquals: {{aws:SourceArn: \
                 arn:<AWS::Partition>:events:<AWS::Region>:<AWS::AccountId>:rule/<AWS::StackName>-workflow-ends}}}}, \
                 Effect: Allow, Principal: {{Service: events.amazonaws.com}}, Resource: <{queue}.Arn>, Sid: WorkflowEnds}}"
            )
        });
        faults.same(policy.id, allowed, expected);
    }
}
