//! The one kind of task: sending a message, and waiting for its token if the resource says so.

use futures::future::{Either, select};
use serde_json::Value;

use super::failure::{Failure, within_limit};
use super::fields::{AslError, Fields};
use super::flow::Seconds;
use super::host::{Host, Services};
use super::template::{Context, Place, Scope, Template};
use super::token::Answer;

const SEND: &str = "arn:aws:states:::sqs:sendMessage";
const SEND_AND_WAIT: &str = "arn:aws:states:::sqs:sendMessage.waitForTaskToken";

/// A task that sends a message.
#[derive(Clone, Debug)]
pub(super) struct Send {
    queue_url: Template,
    body: Template,
    group: Option<Template>,
    /// What says how long it may take, queueing included.
    timeout: Option<Seconds>,
    waits: bool,
}

impl Send {
    /// Takes the fields of a task.
    pub(super) fn take(fields: &mut Fields) -> Result<Self, AslError> {
        let resource = fields.need_text("Resource")?;
        let waits = match resource.as_str() {
            SEND => false,
            SEND_AND_WAIT => true,
            other => return Err(fields.wrong("Resource", format!("`{other}` is not implemented"))),
        };
        let place = if waits { Place::WaitingTask } else { Place::State };
        let parameters = fields.need("Parameters")?;
        let mut parameters = Fields::of(&fields.place, "Parameters", parameters)?;
        let mut need = |field: &str| {
            let template = Template::take(&mut parameters, field, place)?;
            template.ok_or_else(|| parameters.wrong(field, "is required"))
        };
        let (queue_url, body) = (need("QueueUrl")?, need("MessageBody")?);
        let group = Template::take(&mut parameters, "MessageGroupId", place)?;
        if waits && !body.asks_for(&Context::TaskToken) {
            return Err(parameters.wrong("MessageBody", "must carry `$$.Task.Token`"));
        }
        parameters.finish()?;
        Ok(Self { queue_url, body, group, timeout: Seconds::take(fields, "TimeoutSeconds")?, waits })
    }

    /// Sends, waits, and gives the answer.
    pub(super) async fn run(
        &self,
        host: Host<'_>,
        input: &Value,
        scope: Scope<'_>,
    ) -> Result<Value, Failure> {
        let timeout_ms = self.timeout.as_ref().map(|timeout| timeout.ms(input)).transpose()?;
        let waiting = self.waits.then(|| host.services.new_token());
        let scope = Scope { token: waiting.as_ref().map(|(token, _)| token), ..scope };
        let queue_url = text("QueueUrl", self.queue_url.fill(input, &scope)?)?;
        let group = match &self.group {
            Some(group) => Some(text("MessageGroupId", group.fill(input, &scope)?)?),
            None => None,
        };
        let body = self.body.fill(input, &scope)?;
        within_limit("the message", &body)?;
        let answer = waiting.map(|(_, answer)| answer);
        let task = Box::pin(send(host.services, &queue_url, &body, group.as_deref(), answer));
        let Some(timeout_ms) = timeout_ms else {
            return task.await;
        };
        match select(task, host.clock.sleep(timeout_ms)).await {
            Either::Left((answered, _)) => answered,
            Either::Right(_) => Err(Failure::timeout(format!("no answer within {timeout_ms} ms"))),
        }
    }
}

async fn send(
    services: &dyn Services,
    queue_url: &str,
    body: &Value,
    group: Option<&str>,
    answer: Option<Answer>,
) -> Result<Value, Failure> {
    let sent = services.send_message(queue_url, body, group).await?;
    match answer {
        None => Ok(sent),
        Some(answer) => answer.await,
    }
}

fn text(field: &str, value: Value) -> Result<String, Failure> {
    match value {
        Value::String(text) => Ok(text),
        _ => Err(Failure::runtime(format!("`{field}` is not a text"))),
    }
}
