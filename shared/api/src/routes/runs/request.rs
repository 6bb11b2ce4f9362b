//! The body of a request for a run, and what it asks for.

use engine::RunRequest;
use engine::error::{Error, ErrorKind, Result};
use engine::model::{Depth, Source, TenantId, Traceparent};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{DEPTHS, name_schema};
use crate::Api;

/// What may be asked for. Which of the three sources it is decides what the other fields may be.
pub(super) fn schema() -> Value {
    let link =
        |about: &str| json!({ "type": "string", "minLength": 1, "maxLength": 2000, "description": about });
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "url": link("A link to an article, a feed or captions."),
            "text": { "type": "string", "minLength": 1, "description": "A transcript." },
            "upload": { "type": "string", "pattern": "^[0-9A-Z]{26}$", "description": "An upload that was filled." },
            "name": name_schema(),
            "link": link("Where a text or an upload is published; times in the briefing then link to it."),
            "episode": {
                "type": "string", "minLength": 1, "maxLength": 300,
                "description": "Which episode of a feed: its position, 1 is the newest, or words of its title.",
            },
            "depth": { "type": "string", "enum": DEPTHS, "default": "standard" },
            "workspace": {
                "type": "string", "pattern": "^[A-Za-z0-9_.-]{1,64}$", "default": "default",
                "description": "A label for the ledger.",
            },
            "fresh": {
                "type": "boolean", "default": false,
                "description": "Ask every question anew instead of using stored answers.",
            },
        },
        "oneOf": [{ "required": ["url"] }, { "required": ["text"] }, { "required": ["upload"] }],
        "dependentSchemas": {
            "url": { "properties": { "name": false, "link": false } },
            "upload": { "properties": { "name": false, "episode": false } },
            "text": { "properties": { "episode": false } },
        },
    })
}

#[derive(Deserialize)]
struct Wanted {
    url: Option<String>,
    text: Option<String>,
    upload: Option<String>,
    name: Option<String>,
    link: Option<String>,
    episode: Option<String>,
    #[serde(default = "standard")]
    depth: Depth,
    workspace: Option<String>,
    #[serde(default)]
    fresh: bool,
}

fn standard() -> Depth {
    Depth::Standard
}

/// The request in a body that fits the schema; its content is checked and stored. Errors: those of the checks, `NotFound`
/// for an upload that is not there, `NotReady` for one that is empty, storage errors.
pub(super) async fn read(
    api: &Api,
    tenant: &TenantId,
    body: &Value,
    idempotency_key: Option<String>,
    trace: Option<Traceparent>,
) -> Result<RunRequest> {
    let wanted = Wanted::deserialize(body).map_err(|error| {
        Error::new(ErrorKind::Internal, "a body that fits its schema could not be read").because(error)
    })?;
    let link = wanted.link.as_deref().map(|link| boot::check_link(&api.config, link)).transpose()?;
    let source = match (&wanted.url, &wanted.text, &wanted.upload) {
        (Some(url), ..) => of_link(api, tenant, url, wanted.episode.as_deref()).await?,
        (_, Some(text), _) => {
            let name = wanted.name.as_deref().unwrap_or("text.txt");
            of_text(api, tenant, name, text.as_bytes(), link).await?
        }
        (.., Some(upload)) => of_upload(api, tenant, upload, link).await?,
        _ => return Err(Error::new(ErrorKind::Internal, "a body without a source fits its schema")),
    };
    Ok(RunRequest {
        tenant: tenant.clone(),
        workspace: wanted.workspace.unwrap_or_else(|| "default".to_owned()),
        source,
        depth: wanted.depth,
        use_cache: !wanted.fresh,
        idempotency_key,
        trace,
    })
}

/// A link is stored as it is; the step that acquires it fetches it.
async fn of_link(api: &Api, tenant: &TenantId, url: &str, episode: Option<&str>) -> Result<Source> {
    let mut link = boot::check_link(&api.config, url)?;
    if let Some(episode) = episode {
        link = boot::link_of_episode(&link, episode)?;
    }
    let content = api.ports.content.put(tenant, link.as_bytes()).await?;
    Ok(Source {
        name: link.clone(),
        media_type: Source::LINK.to_owned(),
        bytes: link.len() as u64,
        content,
        link: Some(link),
    })
}

async fn of_text(
    api: &Api,
    tenant: &TenantId,
    name: &str,
    bytes: &[u8],
    link: Option<String>,
) -> Result<Source> {
    boot::check_content(name, bytes)?;
    let content = api.ports.content.put(tenant, bytes).await?;
    Ok(Source {
        name: name.to_owned(),
        media_type: boot::media_type(name).to_owned(),
        bytes: bytes.len() as u64,
        content,
        link,
    })
}

async fn of_upload(api: &Api, tenant: &TenantId, id: &str, link: Option<String>) -> Result<Source> {
    let mut upload = engine::load_upload(&api.ports, tenant, id).await?;
    if upload.content.is_none()
        && let Some(bytes) = api.ports.content.uploaded(tenant, id, boot::LARGEST_INPUT_BYTES).await?
    {
        boot::check_content(&upload.name, &bytes)?;
        upload = engine::fill_upload(&api.ports, tenant, id, &bytes).await?;
    }
    let content = upload.content.ok_or_else(|| {
        Error::new(ErrorKind::NotReady, format!("nothing has been put into the upload {id} yet"))
    })?;
    Ok(Source {
        media_type: boot::media_type(&upload.name).to_owned(),
        name: upload.name,
        bytes: upload.bytes,
        content,
        link,
    })
}
