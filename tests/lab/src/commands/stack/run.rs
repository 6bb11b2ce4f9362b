//! `stack run`: a job through the whole bundle, and its briefing.

use std::path::Path;
use std::process::ExitCode;

use axum::body::Bytes;
use axum::http::Request;
use clap::Args;
use serde_json::{Value, json};

use super::{BAD_INPUT, FAILED, INTERRUPTED, NameArguments, say};
use crate::stack::{Answer, Folder, Http, Result, Status};

/// What API Gateway and a function take in one request, with room for the rest of it.
const LARGEST_TEXT_BYTES: usize = 4 << 20;

#[derive(Debug, Args)]
pub(in crate::commands) struct Arguments {
    /// A file or a link
    #[arg(value_name = "INPUT")]
    input: String,
    #[command(flatten)]
    stack: NameArguments,
    /// How deep to look: quick, standard, deep, comprehensive, experimental
    #[arg(long, default_value = "standard", value_name = "DEPTH")]
    depth: String,
    /// Print the briefing as JSON instead of Markdown
    #[arg(long)]
    json: bool,
}

/// Starts a run, follows it, prints its briefing. Ctrl-C cancels it.
pub(super) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let folder = Folder::of(&arguments.stack.name)?;
    let status = folder.status().filter(|_| folder.is_owned().unwrap_or(false));
    let status = status.ok_or("no stack is up; start one with: cargo lab stack up")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let api = Api { http: Http::new(), status };
    runtime.block_on(async {
        let Some(id) = api.start(arguments).await? else { return Ok(ExitCode::from(BAD_INPUT)) };
        say(&format!("run {id}"));
        tokio::select! {
            followed = api.follow(&id) => followed?,
            _ = tokio::signal::ctrl_c() => {
                say("\ninterrupted; cancelling the run");
                let answer = api.ask("DELETE", &format!("/runs/{id}"), None, Bytes::new()).await?;
                let asked = matches!(answer.status, 200 | 202);
                say(&if asked { "the run is cancelled".to_owned() } else { complaint(&answer) });
                return Ok(ExitCode::from(INTERRUPTED));
            }
        }
        api.show(&id, arguments.json).await
    })
}

struct Api {
    http: Http,
    status: Status,
}

impl Api {
    /// The id of the new run; `None` if the API refuses what is asked, which it then has said.
    async fn start(&self, arguments: &Arguments) -> Result<Option<String>> {
        let input = &arguments.input;
        let mut wanted = json!({ "depth": arguments.depth });
        if input.starts_with("https://") || input.starts_with("http://") {
            wanted["url"] = input.as_str().into();
        } else {
            let path = Path::new(input);
            let bytes = std::fs::read(path).map_err(|error| format!("{input}: {error}"))?;
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            match String::from_utf8(bytes) {
                Ok(text) if text.len() <= LARGEST_TEXT_BYTES => {
                    wanted["text"] = text.into();
                    wanted["name"] = name.into();
                }
                Ok(text) => wanted["upload"] = self.upload(&name, text.into_bytes()).await?.into(),
                Err(error) => wanted["upload"] = self.upload(&name, error.into_bytes()).await?.into(),
            }
        }
        let answer = self.ask("POST", "/runs", Some("application/json"), wanted.to_string().into()).await?;
        match answer.json()["run_id"].as_str() {
            Some(id) if matches!(answer.status, 200 | 202) => Ok(Some(id.to_owned())),
            _ => {
                say(&format!("error: {}", complaint(&answer)));
                Ok(None)
            }
        }
    }

    /// Puts content where the API says. Errors: it does not take it.
    async fn upload(&self, name: &str, bytes: Vec<u8>) -> Result<String> {
        let body = json!({ "name": name }).to_string();
        let opened = self.ask("POST", "/uploads", Some("application/json"), body.into()).await?;
        let place = opened.json();
        let (Some(id), Some(url)) = (place["upload"].as_str(), place["put"]["url"].as_str()) else {
            return Err(complaint(&opened).into());
        };
        let filled = if url.starts_with('/') {
            self.ask("PUT", url, place["put"]["headers"]["content-type"].as_str(), bytes.into()).await?
        } else {
            let mut request = Request::builder().method("PUT").uri(url);
            for (name, value) in place["put"]["headers"].as_object().into_iter().flatten() {
                request = request.header(name, value.as_str().unwrap_or_default());
            }
            self.http.answer(request.body(bytes.into())?).await?
        };
        if filled.status >= 300 {
            return Err(complaint(&filled).into());
        }
        Ok(id.to_owned())
    }

    /// Tells what happens until nothing more will.
    async fn follow(&self, id: &str) -> Result<()> {
        let (mut after, mut began_ms) = (0, None);
        loop {
            let path = format!("/runs/{id}/events?after={after}&wait_ms=20000");
            let page = self.ask("GET", &path, None, Bytes::new()).await?;
            if page.status != 200 {
                return Err(complaint(&page).into());
            }
            let page = page.json();
            for event in page["events"].as_array().into_iter().flatten() {
                let at_ms = event["at_ms"].as_u64().unwrap_or_default();
                say(&line(event, at_ms - *began_ms.get_or_insert(at_ms)));
            }
            after = page["next"].as_u64().unwrap_or(after);
            if page["over"] == true {
                return Ok(());
            }
        }
    }

    async fn show(&self, id: &str, json: bool) -> Result<ExitCode> {
        let form = if json { "json" } else { "md" };
        let path = format!("/runs/{id}/briefing?format={form}");
        let briefing = self.ask("GET", &path, None, Bytes::new()).await?;
        if briefing.status != 200 {
            say(&format!("error: {}", complaint(&briefing)));
            return Ok(ExitCode::from(FAILED));
        }
        super::super::print(briefing.text().trim_end());
        let run = self.ask("GET", &format!("/runs/{id}"), None, Bytes::new()).await?;
        Ok(if run.json()["status"] == "failed" { ExitCode::from(FAILED) } else { ExitCode::SUCCESS })
    }

    async fn ask(&self, method: &str, path: &str, content_type: Option<&str>, body: Bytes) -> Result<Answer> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.status.api_url));
        request = request.header("authorization", format!("Bearer {}", self.status.key));
        if let Some(content_type) = content_type {
            request = request.header("content-type", content_type);
        }
        self.http.answer(request.body(body)?).await
    }
}

/// An event as people read it: `00:07 step_finished analysis_cartographer ok`.
fn line(event: &Value, after_ms: u64) -> String {
    let text = |name: &str| event[name].as_str().map(|text| format!(" {text}")).unwrap_or_default();
    let seconds = after_ms / 1_000;
    let parts = ["event", "agent", "item", "status", "reason"].map(text).concat();
    format!("{:02}:{:02}{}", seconds / 60, seconds % 60, render_safe(&parts))
}

/// Without what a terminal would obey.
fn render_safe(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).collect()
}

/// What an answer complains of: the problem's detail, or the answer as it is.
fn complaint(answer: &Answer) -> String {
    let problem = answer.json();
    let told = ["detail", "title", "message"].iter().find_map(|name| problem[*name].as_str());
    format!("{} (status {})", told.unwrap_or(&answer.text()), answer.status)
}
