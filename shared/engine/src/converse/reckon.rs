//! What a call may take and what it took: tokens, rates, and the usual price.

use std::sync::Arc;

use crate::agent::ModelSpec;
use crate::model::{NanoUsd, Usage};
use crate::money::Settlement;
use crate::ports::{ModelMessage, ModelRequest, Ports, Take, Used};
use crate::prompt;

/// What a usual call of an agent costs with a model; `None` if its price is not in the catalogue.
pub(crate) fn usual_cost(model: &Arc<ModelSpec>) -> Option<NanoUsd> {
    const INPUT_TOKENS: u64 = 4_000;
    const OUTPUT_TOKENS: u64 = 500;
    model.price.map(|price| price.worst_case(INPUT_TOKENS, OUTPUT_TOKENS))
}

/// Puts what a call used in the place of what it took of the rates; a call whose end nobody saw used all of it. Where that
/// fails the call counts as it was taken until its window ends, which is never too little.
pub(super) async fn settle_rates(ports: &Ports, take: &Take, settlement: Settlement) {
    let settled = match settlement {
        Settlement::NeverMade => ports.limits.refund(take).await,
        Settlement::Used(usage, _) => ports.limits.settle(take, &used(&usage)).await,
        Settlement::Unknown => {
            let Take { input_tokens, output_tokens, .. } = *take;
            ports.limits.settle(take, &Used { input_tokens, output_tokens }).await
        }
    };
    if let Err(error) = settled {
        tracing::warn!(call = %take.id, %error, "what a call took of the rates was not settled");
    }
}

/// What a call used, as rates count it: what the provider read from its own cache was sent all the same.
fn used(usage: &Usage) -> Used {
    let sent = [
        usage.input_tokens,
        usage.cached_tokens,
        usage.cache_write_tokens,
        usage.cache_write_1h_tokens,
        usage.audio_tokens,
    ];
    Used {
        input_tokens: sent.into_iter().fold(0, u64::saturating_add),
        output_tokens: usage.output_tokens.saturating_add(usage.reasoning_tokens),
    }
}

/// At most so many tokens are sent by this request, its schema aside.
pub(super) fn tokens_at_most(request: &ModelRequest) -> u64 {
    const PER_MESSAGE: u64 = 16;
    let text = |message: &ModelMessage| match message {
        ModelMessage::System { text } | ModelMessage::User { text } | ModelMessage::Tool { text, .. } => {
            prompt::tokens_at_most(text)
        }
        ModelMessage::Assistant { text, tool_calls, kept } => {
            prompt::tokens_at_most(text)
                + kept.iter().map(|part| prompt::tokens_at_most(&part.to_string())).sum::<u64>()
                + tool_calls
                    .iter()
                    .map(|call| prompt::tokens_at_most(&call.arguments.to_string()) + PER_MESSAGE)
                    .sum::<u64>()
        }
    };
    let tools: u64 =
        request.tools.iter().map(|tool| prompt::tokens_at_most(&serde_json::json!(tool).to_string())).sum();
    tools + request.messages.iter().map(|message| text(message) + PER_MESSAGE).sum::<u64>()
}
