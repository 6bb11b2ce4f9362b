//! The state machine's resource: what it is given, and who hears of its end.

use std::collections::BTreeSet;

use serde_json::json;

use super::super::bundle::{Bundle, WORKFLOW};
use super::super::faults::{Faults, Rule};

pub(crate) const RULES: &[Rule] = &[
    Rule { name: "the workflow is one standard state machine of our file", look: machine },
    Rule {
        name: "the workflow is given every queue that its file names, and no others",
        look: substitutions,
    },
    Rule { name: "the workflow is traced and its errors are logged, without what it carries", look: watched },
    Rule { name: "an unhappy end of the workflow reaches deliver", look: unhappy_ends },
];

fn machine(bundle: &Bundle, faults: &mut Faults) {
    let machines: Vec<_> = bundle.of_kind("AWS::Serverless::StateMachine").collect();
    faults.equal("state machines", machines.len(), 1);
    for machine in machines {
        for (property, expected) in [
            ("Name", "<AWS::StackName>-content-intelligence"),
            ("Type", "STANDARD"),
            ("DefinitionUri", WORKFLOW),
            ("Role", "<WorkflowRole.Arn>"),
        ] {
            faults.equal(property, bundle.property(machine, property), expected);
        }
    }
}

/// Names in `${...}` in a text.
fn names_in(text: &str) -> BTreeSet<String> {
    let parts = text.split("${").skip(1);
    parts.filter_map(|part| part.split_once('}')).map(|(name, _)| name.to_owned()).collect()
}

fn substitutions(bundle: &Bundle, faults: &mut Faults) {
    let Some(machine) = bundle.resource("Workflow") else { return };
    let given = machine.property("DefinitionSubstitutions").as_object().into_iter().flatten();
    let given: Vec<_> = given.map(|(name, value)| (name.clone(), bundle.text(machine.file, value))).collect();
    let named = names_in(&bundle.workflow().to_string());
    faults.same("the workflow", given.iter().map(|(name, _)| name.clone()), named);
    for (name, value) in given {
        faults.equal(&name, value, format!("<{}>", name.trim_end_matches("Url")));
    }
}

fn watched(bundle: &Bundle, faults: &mut Faults) {
    let Some(machine) = bundle.resource("Workflow") else { return };
    faults.equal("tracing", bundle.property(machine, "Tracing"), "{Enabled: true}");
    let expected = "{Destinations: [{CloudWatchLogsLogGroup: {LogGroupArn: <WorkflowLog.Arn>}}], \
                    IncludeExecutionData: false, Level: ERROR}";
    faults.equal("logging", bundle.property(machine, "Logging"), expected);
}

fn unhappy_ends(bundle: &Bundle, faults: &mut Faults) {
    let rules: Vec<_> = bundle.of_kind("AWS::Events::Rule").collect();
    faults.equal("rules", rules.len(), 1);
    for rule in rules {
        // The name that the queues' policy lets in.
        faults.equal("its name", bundle.property(rule, "Name"), "<AWS::StackName>-workflow-ends");
        let pattern = rule.property("EventPattern");
        let statuses = pattern["detail"]["status"].as_array().into_iter().flatten();
        faults.same(
            "the rule",
            statuses.map(|status| status.as_str().unwrap_or("?")),
            ["FAILED", "TIMED_OUT", "ABORTED"],
        );
        let mut rest = pattern.clone();
        if let Some(statuses) = rest.pointer_mut("/detail/status") {
            *statuses = json!([]);
        }
        let expected = "{detail: {stateMachineArn: [<Workflow>], status: []}, \
                        detail-type: [Step Functions Execution Status Change], source: [aws.states]}";
        faults.equal("its pattern", bundle.text(rule.file, &rest), expected);
        let expected = "[{Arn: <DeliveriesQueue.Arn>, DeadLetterConfig: {Arn: <ParkedQueue.Arn>}, Id: deliveries, \
                        RetryPolicy: {MaximumEventAgeInSeconds: 86400, MaximumRetryAttempts: 185}}]";
        faults.equal("its target", bundle.property(rule, "Targets"), expected);
    }
}
