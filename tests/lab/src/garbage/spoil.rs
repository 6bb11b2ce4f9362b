//! Ways in which an answer comes to be none.

use engine::memory::SeededRandom;
use engine::model::Usage;
use engine::ports::{ModelReply, Random as _, ToolCall};
use serde_json::{Value, json};

use crate::scripted::{Face, body};

/// An answer on its way.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) is_streamed: bool,
    pub(super) face: Face,
    /// What it says, before it is spoilt.
    pub(super) reply: ModelReply,
    pub(super) body: Vec<u8>,
}

type Spoil = fn(&mut Answer, &SeededRandom);

/// Each by its name. The first leaves an answer as it is, so that runs come as far as they come with a good model.
pub(super) const SPOILINGS: [(&str, Spoil); 20] = [
    ("as it is", |_, _| {}),
    ("as it is, again", |_, _| {}),
    ("cut", |answer, random| {
        let at = below(random, answer.body.len());
        answer.body.truncate(at);
    }),
    ("bytes that are no UTF-8", |answer, random| {
        for _ in 0..1 + below(random, 8) {
            let at = below(random, answer.body.len());
            if let Some(byte) = answer.body.get_mut(at) {
                *byte |= 0x80;
            }
        }
    }),
    ("bytes changed at random", |answer, random| {
        for _ in 0..1 + below(random, 20) {
            let at = below(random, answer.body.len());
            if let Some(byte) = answer.body.get_mut(at) {
                *byte = random.next_u64().to_le_bytes()[0];
            }
        }
    }),
    ("random bytes", |answer, random| {
        answer.body = (0..below(random, 4_000)).map(|_| random.next_u64().to_le_bytes()[0]).collect();
    }),
    ("HTML", |answer, random| {
        let page = "<!doctype html><html><head><title>502 Bad Gateway</title></head><body>"
            .repeat(1 + below(random, 50));
        answer.body = page.into_bytes();
    }),
    ("nothing", |answer, random| {
        let nothings: [&[u8]; 7] = [b"", b" ", b"null", b"[]", b"{}", b"\n\n\n", b"data: [DONE]\n\n"];
        answer.body = nothings[below(random, nothings.len())].to_vec();
    }),
    ("too deep", |answer, random| {
        let deep = ["[", "{\"a\":", "[{\"choices\":"][below(random, 3)].repeat(200 + below(random, 20_000));
        answer.body = deep.into_bytes();
    }),
    ("large", |answer, random| {
        say(answer, &"and so on ".repeat(2_000 + below(random, 20_000)));
    }),
    ("another schema", |answer, random| {
        let others = [
            json!({"answer": 42}),
            json!([1, 2, 3]),
            json!("a text"),
            json!(null),
            json!({}),
            json!({"claims": "none", "summary": [], "verdict": 7, "topics": {}}),
        ];
        say(answer, &others[below(random, others.len())].to_string());
    }),
    ("a field of another type", |answer, random| {
        let mut said: Value = serde_json::from_str(&answer.reply.text).unwrap_or_default();
        change_a_leaf(&mut said, random);
        say(answer, &said.to_string());
    }),
    ("a field too many", |answer, _| {
        let mut said: Value = serde_json::from_str(&answer.reply.text).unwrap_or_default();
        if let Some(fields) = said.as_object_mut() {
            fields.insert("and_this".to_owned(), json!(true));
        }
        say(answer, &said.to_string());
    }),
    ("a field too few", |answer, random| {
        let mut said: Value = serde_json::from_str(&answer.reply.text).unwrap_or_default();
        if let Some(fields) = said.as_object_mut() {
            let name = fields.keys().nth(below(random, fields.len())).cloned();
            name.map(|name| fields.remove(&name));
        }
        say(answer, &said.to_string());
    }),
    ("words around it", |answer, _| {
        say(answer, &format!("Sure! Here is the JSON:\n```json\n{}\n```", answer.reply.text.clone()));
    }),
    ("cut JSON in a whole answer", |answer, random| {
        let letters: Vec<char> = answer.reply.text.chars().collect();
        let kept: String = letters[..below(random, letters.len())].iter().collect();
        say(answer, &kept);
    }),
    ("absurd usage", |answer, random| {
        let absurd = [
            json!(-5),
            json!(1e300),
            json!(0.5),
            json!("many"),
            json!(null),
            json!(u64::MAX),
            json!([]),
            json!({}),
            json!(4_000_000_000_000u64),
            json!(1_000_000_000),
        ];
        change_usage(answer, &absurd[below(random, absurd.len())], random);
    }),
    ("tools nobody has", |answer, random| {
        let names = ["rm", "search_memory", "", "\u{0}", "../../etc/passwd"];
        let arguments =
            [json!({}), json!("no object"), json!([[[]]]), json!({"query": "x".repeat(5_000)}), json!(null)];
        answer.reply.tool_calls = (0..1 + below(random, 3))
            .map(|number| ToolCall {
                id: format!("call_{number}"),
                name: names[below(random, names.len())].to_owned(),
                arguments: arguments[below(random, arguments.len())].clone(),
            })
            .collect();
        write(answer);
    }),
    ("an error in a good status", |answer, random| {
        let errors = [
            json!({"error": {"message": "Provider returned error", "code": 429}}),
            json!({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}),
            json!({"error": "insufficient_quota"}),
            json!({"error": [1]}),
            json!({"error": {"message": {"a": 1}, "code": "x", "type": 9}}),
        ];
        let error = errors[below(random, errors.len())].to_string();
        answer.body = if answer.is_streamed { format!("data: {error}\n\n") } else { error }.into_bytes();
    }),
    ("another status", |answer, random| {
        let statuses =
            [201, 204, 307, 400, 401, 402, 403, 404, 408, 413, 418, 429, 500, 502, 503, 504, 524, 529, 599];
        answer.status = statuses[below(random, statuses.len())];
        let bodies: [&[u8]; 5] = [
            b"",
            b"<html>",
            b"{\"error\":{\"message\":\"Your credit balance is too low\",\"type\":\"invalid_request_error\"}}",
            b"{\"error\":{\"code\":\"insufficient_quota\",\"message\":\"\xff\xfe\"}}",
            b"[{\"error\":{\"code\":429,\"status\":\"RESOURCE_EXHAUSTED\"}}]",
        ];
        answer.body = bodies[below(random, bodies.len())].to_vec();
    }),
];

/// True if an answer spoilt so states its usage as before, where it states one.
pub(super) fn keeps_usage(spoiling: &str) -> bool {
    !matches!(
        spoiling,
        "bytes changed at random"
            | "bytes that are no UTF-8"
            | "random bytes"
            | "absurd usage"
            | "another status"
    )
}

fn below(random: &SeededRandom, most: usize) -> usize {
    usize::try_from(random.next_u64() % (most.max(1) as u64)).unwrap_or(0)
}

/// The same answer with another text.
fn say(answer: &mut Answer, text: &str) {
    text.clone_into(&mut answer.reply.text);
    write(answer);
}

fn write(answer: &mut Answer) {
    answer.body = body(answer.face, 7, &answer.reply, answer.is_streamed);
}

/// Changes a value somewhere inside to one of another type.
fn change_a_leaf(value: &mut Value, random: &SeededRandom) {
    let others = [json!(null), json!(-1), json!("x"), json!([]), json!({"a": 1}), json!(true), json!(1e300)];
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            let at = below(random, fields.len());
            if let Some(field) = fields.values_mut().nth(at) {
                change_a_leaf(field, random);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            let at = below(random, items.len());
            change_a_leaf(&mut items[at], random);
        }
        leaf => *leaf = others[below(random, others.len())].clone(),
    }
}

/// Puts `count` in the place of one of the counts the answer states, wherever it states them.
fn change_usage(answer: &mut Answer, count: &Value, random: &SeededRandom) {
    answer.reply.usage = Usage { input_tokens: 90_001, output_tokens: 90_002, ..answer.reply.usage };
    write(answer);
    let place = ["90001", "90002"][below(random, 2)];
    let text = String::from_utf8_lossy(&answer.body).replace(place, &count.to_string());
    answer.body = text.into_bytes();
}
