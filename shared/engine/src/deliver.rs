//! The briefing of an ended run is posted, once.

use std::fmt::Write as _;

use serde_json::Value;

use crate::error::Result;
use crate::events;
use crate::gather::load_step;
use crate::ledger_view::result_of;
use crate::model::{AgentId, EventKind, ItemId, Run, RunKey};
use crate::outbox;
use crate::ports::{Key, Ports, Post};
use crate::start_run::load_run;
use crate::trace;
use crate::transact::{Decision, transact};

/// Posts what the run has to say, unless that has been done. The channel keeps posts apart by key, so a post that was
/// made and reported as failed is made once.
pub async fn deliver(ports: &Ports, key: &RunKey) -> Result<()> {
    let outbox_key = Key::Outbox(key.clone(), outbox::DELIVER.to_owned());
    let Some(run) = load_run(ports, key).await?.filter(|run| run.status.is_final()) else {
        return Ok(());
    };
    let pending = crate::transact::read(ports, std::slice::from_ref(&outbox_key)).await?.pop().flatten();
    if pending.is_none() {
        return Ok(());
    }
    let post =
        Post { key: format!("{}/briefing", key.run), run: key.clone(), text: text_of(ports, &run).await? };
    ports.delivery.post(&post).await?;

    let keys = [outbox_key, Key::Sequence(key.clone())];
    let now = ports.clock.now_ms();
    let channel = ports.delivery.channel().to_owned();
    let own = transact(ports, &keys, |rows| {
        if rows.get(&keys[0]).is_none() {
            return Ok(Decision::Leave(false));
        }
        let mut changes = vec![rows.delete(keys[0].clone())];
        changes.extend(events::append(
            rows,
            key,
            now,
            vec![EventKind::Delivered { channel: channel.clone() }],
        ));
        Ok(Decision::Write(changes, true))
    })
    .await?;
    trace::posted(ports, &run, now, own);
    Ok(())
}

/// The community's post if there is one, else the briefing itself, else why there is none.
async fn text_of(ports: &Ports, run: &Run) -> Result<String> {
    for agent in ports.catalogue.agents.iter().rev() {
        let Some(data) = data_of(ports, run, &agent.id).await?.filter(|data| data["posts"].is_array()) else {
            continue;
        };
        if let Some(text) = post_for(&data, ports.delivery.channel()) {
            return Ok(text);
        }
    }
    if let Some(curator) = ports.catalogue.curator()
        && let Some(briefing) = data_of(ports, run, &curator.id).await?
    {
        return Ok(short_briefing(&briefing));
    }
    let why = run.failure.as_ref().map(|failure| format!(": {}", failure.message)).unwrap_or_default();
    Ok(format!("{} ended {} without a briefing{why}", run.source.name, run.status.name()))
}

/// The post written for this channel, else the plain one.
fn post_for(data: &Value, channel: &str) -> Option<String> {
    let posts = data["posts"].as_array()?;
    let written_for = |name: &str| posts.iter().find(|post| post["channel"] == name);
    written_for(channel).or_else(|| written_for("text")).or(posts.first())?["text"]
        .as_str()
        .map(str::to_owned)
}

async fn data_of(ports: &Ports, run: &Run, agent: &AgentId) -> Result<Option<Value>> {
    let Some(step) = load_step(ports, run, agent, &ItemId::none()).await? else {
        return Ok(None);
    };
    let result = result_of(ports, &step).await?;
    Ok(result.and_then(|result| result.data().cloned()))
}

fn short_briefing(briefing: &Value) -> String {
    let mut text = briefing["title"].as_str().unwrap_or("Briefing").to_owned();
    for row in briefing["summary"].as_array().into_iter().flatten() {
        // Writing to a string cannot fail.
        let _ = write!(text, "\n- {}", row["text"].as_str().unwrap_or_default());
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::post_for;

    #[test]
    fn a_channel_gets_its_own_post_and_only_that() {
        let data = json!({"posts": [{"channel": "discord", "text": "d"}, {"channel": "text", "text": "t"}]});
        assert_eq!(post_for(&data, "discord").as_deref(), Some("d"));
        assert_eq!(post_for(&data, "folder").as_deref(), Some("t"));
        assert_eq!(post_for(&json!({"posts": []}), "text"), None);
    }
}
