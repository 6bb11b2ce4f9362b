//! The process that runs a stack after `up` has returned.

use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};

use super::{UpArguments, say};
use crate::scripted::{Script, ScriptedServer};
use crate::stack::{Result, Stack};

/// Starts the stack and runs it until it is asked to end. If it is asked while it starts, its servers end with this process.
pub(super) fn keep(arguments: &UpArguments) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (started, mut outcome) = tokio::sync::oneshot::channel();
    let mut options = arguments.options()?;
    options.build = false;
    let (model, url) = match (&arguments.model_url, arguments.no_model) {
        (_, true) => (None, None),
        (Some(url), _) => (None, Some(url.clone())),
        (None, _) => {
            let model = ScriptedServer::start(Script::new(Vec::new()))?;
            let url = model.url();
            (Some(model), Some(url))
        }
    };
    if let Some(url) = url {
        let name = arguments.model.as_deref().unwrap_or("scripted");
        options = options.model(&url, name, &arguments.model_price);
    }
    std::thread::spawn(move || drop(started.send(Stack::start_saying(&options, &mut say))));
    let stack = runtime.block_on(async {
        let mut asked = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let stack = tokio::select! {
            started = &mut outcome => started??,
            _ = asked.0.recv() => return Ok(None),
            _ = asked.1.recv() => return Ok(None),
        };
        say("up");
        tokio::select! {
            _ = asked.0.recv() => {}
            _ = asked.1.recv() => {}
        }
        Result::Ok(Some(stack))
    })?;
    drop(stack);
    drop(model);
    Ok(ExitCode::SUCCESS)
}
