//! What JSON requests name.

use serde_json::Value;

/// The service of a target, for a request without a signature.
pub(super) fn service_of(target: &str) -> Option<String> {
    let prefix = target.split(['_', '.']).next().unwrap_or_default();
    let service = match prefix {
        "DynamoDB" => "dynamodb",
        "AmazonSQS" => "sqs",
        "AWSStepFunctions" => "states",
        "secretsmanager" => "secretsmanager",
        _ => return None,
    };
    Some(service.to_owned())
}

/// The actions as policies write them, with what each is done to. A transaction's are those of its items.
pub(super) fn named(service: &str, action: &str, body: &Value) -> Vec<(String, String)> {
    let one = |resource: &str| vec![(action.to_owned(), resource.to_owned())];
    let text = |name: &str| body[name].as_str().unwrap_or_default();
    match service {
        "dynamodb" => table_actions(action, body),
        "sqs" => {
            let queue = text("QueueUrl").rsplit('/').next().unwrap_or_default();
            // A policy knows a batch by the action on one message.
            vec![(action.trim_end_matches("Batch").to_owned(), queue.to_owned())]
        }
        "states" => {
            let names = ["executionArn", "stateMachineArn", "name"];
            one(names.iter().map(|name| text(name)).find(|text| !text.is_empty()).unwrap_or_default())
        }
        "secretsmanager" => one(text("SecretId")),
        _ => one(""),
    }
}

/// How many items a request has, of which `named` were found.
pub(super) fn items(action: &str, named: usize) -> usize {
    if action.starts_with("Transact") || action.starts_with("Batch") { named } else { 1 }
}

fn table_actions(action: &str, body: &Value) -> Vec<(String, String)> {
    let table = |row: &Value| format!("table/{}", row["TableName"].as_str().unwrap_or_default());
    match action {
        "TransactWriteItems" => {
            let items = body["TransactItems"].as_array().into_iter().flatten();
            items
                .filter_map(|item| item.as_object()?.iter().next())
                .map(|(kind, row)| {
                    let action =
                        if kind == "ConditionCheck" { "ConditionCheckItem" } else { &format!("{kind}Item") };
                    (action.to_owned(), table(row))
                })
                .collect()
        }
        "TransactGetItems" => {
            let items = body["TransactItems"].as_array().into_iter().flatten();
            items.map(|item| ("GetItem".to_owned(), table(&item["Get"]))).collect()
        }
        "BatchGetItem" | "BatchWriteItem" => {
            let tables = body["RequestItems"].as_object().into_iter().flatten();
            let each = |(name, rows): (&String, &Value)| {
                let count = rows["Keys"].as_array().or(rows.as_array()).map_or(0, Vec::len);
                std::iter::repeat_n((action.to_owned(), format!("table/{name}")), count)
            };
            tables.flat_map(each).collect()
        }
        _ => {
            let index = body["IndexName"].as_str().map(|index| format!("/index/{index}")).unwrap_or_default();
            vec![(action.to_owned(), table(body) + &index)]
        }
    }
}
