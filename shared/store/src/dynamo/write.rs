//! Conditional writes, one row or several at once.

use std::collections::HashMap;

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, Delete, Put, TransactWriteItem, Update};
use engine::error::{Error, ErrorKind, Result};
use engine::ports::{Becomes, Change, Expect};

use super::Dynamo;
use super::errors::{failed, transaction_failed};
use super::items::{self, Attributes, Item};
use super::keys::{self, Address};

const MOST_CHANGES: usize = 100;

/// A transaction may have 4 MiB; the rest is for keys, names and expressions.
const LARGEST_BYTES: usize = 3 << 20;

/// Checks what the table would refuse of a transaction whatever it holds, but for the size of its rows. Errors: kind `Internal` for
/// more than 100 changes or a key twice, `InvalidInput` for a name that is too long.
pub(crate) fn check(changes: &[Change]) -> Result<()> {
    at_most_once(changes)?;
    changes.iter().try_for_each(|change| keys::address(&change.key).map(drop))
}

/// Checks the size of all rows of a transaction; kind `TooLarge`.
pub(crate) fn check_rows(bytes: usize) -> Result<()> {
    items::at_most(LARGEST_BYTES, bytes, "the rows of a transaction are too large together")
}

fn at_most_once(changes: &[Change]) -> Result<()> {
    let mut keys: Vec<_> = changes.iter().map(|change| &change.key).collect();
    keys.sort_unstable();
    if keys.windows(2).all(|pair| pair[0] != pair[1]) && changes.len() <= MOST_CHANGES {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Internal, "a transaction has at most 100 changes, no key twice"))
}

/// Makes all changes or none.
pub(super) async fn write(dynamo: &Dynamo, changes: &[Change]) -> Result<()> {
    at_most_once(changes)?;
    let changes: Vec<&Change> = changes.iter().filter(|change| !is_idle(change)).collect();
    match changes[..] {
        [] => Ok(()),
        [change] if change.to != Becomes::Same => write_one(dynamo, operation(dynamo, change)?).await,
        _ => {
            let operations =
                changes.into_iter().map(|change| transaction_item(dynamo, operation(dynamo, change)?));
            let items = operations.collect::<Result<Vec<_>>>()?;
            let request = dynamo.client.transact_write_items().set_transact_items(Some(items));
            request.send().await.map(|_| ()).map_err(transaction_failed)
        }
    }
}

/// True for a check of nothing.
fn is_idle(change: &Change) -> bool {
    change.to == Becomes::Same && change.expect == Expect::Anything
}

/// A change in the words of the table.
struct Operation {
    address: Address,
    condition: Option<&'static str>,
    names: HashMap<String, String>,
    values: Item,
    effect: Effect,
}

enum Effect {
    /// The whole new item.
    Put(Item),
    /// An update expression: the version to come is not known here.
    Update(String),
    Delete,
    Check,
}

fn operation(dynamo: &Dynamo, change: &Change) -> Result<Operation> {
    let address = keys::address(&change.key)?;
    let mut names = HashMap::new();
    let mut values = HashMap::new();
    let condition = match change.expect {
        Expect::Absent => Some("attribute_not_exists(pk)"),
        Expect::Version(version) => {
            names.insert("#version".to_owned(), "version".to_owned());
            values.insert(":expected".to_owned(), items::number(version));
            Some("#version = :expected")
        }
        Expect::Anything => None,
    };
    let effect = match &change.to {
        Becomes::Gone => Effect::Delete,
        Becomes::Same => Effect::Check,
        Becomes::Row(row) => {
            let attributes = items::attributes(&change.key, &address, row, change.due_ms)?;
            match change.expect {
                Expect::Absent => Effect::Put(item(&address, attributes, 1)),
                Expect::Version(version) => Effect::Put(item(&address, attributes, version + 1)),
                Expect::Anything if dynamo.is_alone => Effect::Put(item(&address, attributes, 1)),
                Expect::Anything => Effect::Update(update(attributes, &mut names, &mut values)),
            }
        }
    };
    Ok(Operation { address, condition, names, values, effect })
}

fn item(address: &Address, attributes: Attributes, version: u64) -> Item {
    let mut item = items::key_item(address);
    item.insert("version".to_owned(), items::number(version));
    item.insert("body".to_owned(), attributes.body);
    for (name, value) in attributes.optional {
        if let Some(value) = value {
            item.insert(name.to_owned(), value);
        }
    }
    item
}

/// The expression that makes an item this row, whatever it was, and counts its version on.
fn update(attributes: Attributes, names: &mut HashMap<String, String>, values: &mut Item) -> String {
    let mut set = "SET #body = :body".to_owned();
    let mut remove = Vec::new();
    names.insert("#body".to_owned(), "body".to_owned());
    names.insert("#version".to_owned(), "version".to_owned());
    values.insert(":body".to_owned(), attributes.body);
    values.insert(":one".to_owned(), items::number(1));
    for (name, value) in attributes.optional {
        names.insert(format!("#{name}"), name.to_owned());
        match value {
            Some(value) => {
                set.push_str(&format!(", #{name} = :{name}"));
                values.insert(format!(":{name}"), value);
            }
            None => remove.push(format!("#{name}")),
        }
    }
    let remove = if remove.is_empty() { String::new() } else { format!(" REMOVE {}", remove.join(", ")) };
    format!("{set}{remove} ADD #version :one")
}

async fn write_one(dynamo: &Dynamo, operation: Operation) -> Result<()> {
    let Operation { address, condition, names, values, effect } = operation;
    let (names, values) = (some_names(names), some_values(values));
    let condition = condition.map(str::to_owned);
    match effect {
        Effect::Put(item) => {
            let request = dynamo.client.put_item().table_name(&dynamo.table).set_item(Some(item));
            let request = request.set_condition_expression(condition).set_expression_attribute_names(names);
            request.set_expression_attribute_values(values).send().await.map(|_| ()).map_err(failed)
        }
        Effect::Update(expression) => {
            let request = dynamo.client.update_item().table_name(&dynamo.table);
            let request = request.set_key(Some(items::key_item(&address))).update_expression(expression);
            let request = request.set_condition_expression(condition).set_expression_attribute_names(names);
            request.set_expression_attribute_values(values).send().await.map(|_| ()).map_err(failed)
        }
        Effect::Delete | Effect::Check => {
            let request = dynamo.client.delete_item().table_name(&dynamo.table);
            let request = request.set_key(Some(items::key_item(&address)));
            let request = request.set_condition_expression(condition).set_expression_attribute_names(names);
            request.set_expression_attribute_values(values).send().await.map(|_| ()).map_err(failed)
        }
    }
}

fn transaction_item(dynamo: &Dynamo, operation: Operation) -> Result<TransactWriteItem> {
    let Operation { address, condition, names, values, effect } = operation;
    let (names, values) = (some_names(names), some_values(values));
    let condition = condition.map(str::to_owned);
    let key = items::key_item(&address);
    let item = TransactWriteItem::builder();
    let built = match effect {
        Effect::Put(whole) => Put::builder()
            .table_name(&dynamo.table)
            .set_item(Some(whole))
            .set_condition_expression(condition)
            .set_expression_attribute_names(names)
            .set_expression_attribute_values(values)
            .build()
            .map(|put| item.put(put)),
        Effect::Update(expression) => Update::builder()
            .table_name(&dynamo.table)
            .set_key(Some(key))
            .update_expression(expression)
            .set_condition_expression(condition)
            .set_expression_attribute_names(names)
            .set_expression_attribute_values(values)
            .build()
            .map(|update| item.update(update)),
        Effect::Delete => Delete::builder()
            .table_name(&dynamo.table)
            .set_key(Some(key))
            .set_condition_expression(condition)
            .set_expression_attribute_names(names)
            .set_expression_attribute_values(values)
            .build()
            .map(|delete| item.delete(delete)),
        Effect::Check => ConditionCheck::builder()
            .table_name(&dynamo.table)
            .set_key(Some(key))
            .set_condition_expression(condition)
            .set_expression_attribute_names(names)
            .set_expression_attribute_values(values)
            .build()
            .map(|check| item.condition_check(check)),
    };
    built.map(|item| item.build()).map_err(unbuilt)
}

fn some_names(names: HashMap<String, String>) -> Option<HashMap<String, String>> {
    (!names.is_empty()).then_some(names)
}

fn some_values(values: Item) -> Option<HashMap<String, AttributeValue>> {
    (!values.is_empty()).then_some(values)
}

fn unbuilt(error: BuildError) -> Error {
    Error::new(ErrorKind::Internal, "a request to the table cannot be built").because(error)
}
