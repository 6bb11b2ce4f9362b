//! `assay run`.

use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::pin::{Pin, pin};
use std::process::ExitCode;

use boot::Config;
use engine::RunRequest;
use engine::error::{Error, ErrorKind, Result};
use engine::model::{Depth, Event, EventKind, NanoUsd, RunKey, RunStatus, Source, TenantId};
use futures::StreamExt as _;
use futures::channel::mpsc::UnboundedReceiver;
use futures::future::{Either, join4, select};
use render::{Form, Report, Style};

use super::session::{self, Session};
use super::{FAILED, INTERRUPTED, print, say};
use crate::cli::{RunArguments, StateArguments};
use crate::host::{self, Concurrency};
use crate::input::{self, About, Input};
use crate::live::{LiveView, Screen, plan};
use crate::state::{BriefingFolder, State, try_to_write, write_whole};
use crate::terminal;

const REDRAW_MS: u64 = 100;
/// The columns of a briefing that goes to no terminal.
const DEFAULT_WIDTH: usize = 100;
/// The columns and lines of a terminal that does not say how large it is.
const DEFAULT_TERMINAL: (usize, usize) = (80, 24);

/// Analyses the inputs one after the other and prints their briefings.
pub(super) async fn run(config: &Config, arguments: &RunArguments) -> Result<ExitCode> {
    let out = arguments.out.as_deref();
    let out = out.map(|path| Form::of_file(path).map(|form| (form, path))).transpose()?;
    if arguments.out.is_some() && arguments.inputs.len() > 1 {
        return Err(Error::new(ErrorKind::InvalidInput, "--out takes one input at a time"));
    }
    if arguments.link.is_some() && arguments.inputs.len() > 1 {
        return Err(Error::new(ErrorKind::InvalidInput, "--link takes one input at a time"));
    }
    let about = About { link: arguments.link.as_deref(), episode: arguments.episode.as_deref() };
    // All inputs are read and checked before anything is stored or spent.
    let inputs: Vec<Input> =
        arguments.inputs.iter().map(|input| input::read(config, input, about)).collect::<Result<_>>()?;
    if let Some((_, path)) = out {
        check_out(path, &arguments.inputs)?;
    }
    let mut state = State::open(&arguments.state.folder)?;
    let folder = state.folder();
    let _owner = state.own()?;
    let mut session = session::open(config, &folder).await?;
    run_all(config, arguments, out, &inputs, &mut session)
        .await
        .map_err(|error| session::in_folder(error, &folder))
}

async fn run_all(
    config: &Config,
    arguments: &RunArguments,
    out: Option<(Form, &Path)>,
    inputs: &[Input],
    session: &mut Session,
) -> Result<ExitCode> {
    let several = inputs.len() > 1;
    let mut requests = Vec::new();
    for input in inputs {
        if !several {
            say_begin(arguments, input);
        }
        requests.push(request(&session.ports, arguments, input).await?);
    }
    // An interrupted command goes on where it stopped: what it has done before is not done again.
    let done = engine::ended_before(&session.ports, &requests).await?;
    let mut code = ExitCode::SUCCESS;
    // One for all inputs, so that it is heard between two of them as well.
    let mut interrupt = pin!(tokio::signal::ctrl_c());
    for ((input, request), done) in inputs.iter().zip(&requests).zip(done) {
        if several && done.is_none() {
            say_begin(arguments, input);
        }
        let ended = match done {
            Some(run) => {
                say(&format!("{}: done before, as run {}", render::safe(&request.source.name), run.run));
                Some(Ended { run, unposted: None })
            }
            None => run_one(config, session, request, interrupt.as_mut()).await?,
        };
        let Some(Ended { run, unposted }) = ended else {
            say("\ninterrupted; the same command goes on where it stopped");
            return Ok(ExitCode::from(INTERRUPTED));
        };
        let report = Report::load(&session.ports, &run).await?;
        show(config, &report, arguments.json, several)?;
        if let Some((form, path)) = out {
            let StateArguments { folder, tenant } = &arguments.state;
            let again =
                format!("cargo assay show {} --state {} --tenant {tenant}", run.run, folder.display());
            let kept = |error: Error| error.with("the briefing is kept", again);
            write_out(&report, form, path).map_err(kept)?;
        }
        if let Some(why) = &unposted {
            say(&format!("the briefing is not posted yet: {why}; the same command tries again"));
        }
        if report.run.status == RunStatus::Failed || unposted.is_some() {
            code = ExitCode::from(FAILED);
        }
    }
    Ok(code)
}

/// Prints a report in the form asked for.
pub(super) fn show(config: &Config, report: &Report, json: bool, one_line: bool) -> Result<()> {
    if json {
        let text = render::json::render(report);
        return print(&if one_line { one_line_of(&text) } else { text });
    }
    let output = std::io::stdout();
    let columns = terminal::size(&output).map(|(columns, _)| columns).or(config.columns);
    let width = columns.unwrap_or(DEFAULT_WIDTH).clamp(40, 120);
    print(&render::text::render(report, style(config, output.is_terminal()), width))
}

/// The same JSON on one line: line breaks occur between its parts only.
fn one_line_of(json: &str) -> String {
    json.lines().map(str::trim_start).collect::<String>() + "\n"
}

/// Refuses a file to write to that is one of the inputs or cannot be written, before anything is spent.
fn check_out(out: &Path, inputs: &[String]) -> Result<()> {
    let is_out = |input: &String| match (out.canonicalize(), Path::new(input).canonicalize()) {
        (Ok(out), Ok(input)) => out == input,
        _ => false,
    };
    if inputs.iter().any(is_out) {
        let what =
            format!("{}: is the input, which it would replace; give --out another file", out.display());
        return Err(Error::new(ErrorKind::InvalidInput, what));
    }
    try_to_write(out).map_err(|error| unwritten(out, error))
}

/// Writes a report to a file, whole or not at all.
pub(super) fn write_out(report: &Report, form: Form, path: &Path) -> Result<()> {
    write_whole(path, form.render(report).as_bytes()).map_err(|error| unwritten(path, error))
}

fn unwritten(path: &Path, error: std::io::Error) -> Error {
    let what = format!("{}: cannot be written ({error}); give --out another file", path.display());
    Error::new(ErrorKind::InvalidInput, what).because(error)
}

fn style(config: &Config, terminal: bool) -> Style {
    if terminal && !config.no_color { Style::Ansi } else { Style::Plain }
}

/// A run that has ended.
struct Ended {
    run: RunKey,
    /// Why its briefing is not posted, if it is not.
    unposted: Option<String>,
}

fn say_begin(arguments: &RunArguments, input: &Input) {
    let size = match input.media_type {
        Source::LINK => String::new(),
        _ => format!(" {} bytes,", input.bytes.len()),
    };
    say(&format!("{}:{size} {} depth", render::safe(&input.name), Depth::from(arguments.depth).name()));
}

/// Runs one request to its end; `None` if it was interrupted.
async fn run_one(
    config: &Config,
    session: &mut Session,
    request: &RunRequest,
    interrupt: Pin<&mut impl Future<Output = std::io::Result<()>>>,
) -> Result<Option<Ended>> {
    let depth = request.depth;
    let Session { ports, queues, workflow, rows, briefings, events } = session;
    // This process ends with its run, and would take a call with it that makes an answer ahead.
    ports.settings.waiting_hour = NanoUsd::ZERO;
    let key = match engine::unfinished_run(ports, request).await? {
        Some(key) => {
            say(&format!("going on with run {}", key.run));
            engine::resume_run(ports, &key).await?;
            key
        }
        None => engine::start_run(ports, request).await?.0,
    };
    let shown = key.clone();
    let style = style(config, std::io::stderr().is_terminal());
    let mut view = LiveView::new(depth, plan(&ports.catalogue, depth), style);
    for event in engine::events_after(ports, &key, 0).await? {
        view.apply(&event);
    }
    let platform = pin!(join4(
        host::serve(ports, queues, Concurrency(config.concurrency)),
        workflow.run(),
        host::sweep_beside(ports, &shown),
        prepare(ports, &shown),
    ));
    let watched = pin!(watch(ports, &shown, &mut view, events, briefings, config.columns));
    let work = pin!(async {
        match select(watched, platform).await {
            Either::Left((watched, _)) => watched,
            Either::Right(_) => Err(Error::new(ErrorKind::Internal, "the platform stopped by itself")),
        }
    });
    let broken = pin!(rows.broken());
    match select(work, select(interrupt, broken)).await {
        Either::Left((watched, _)) => watched.map(|unposted| Some(Ended { run: key, unposted })),
        Either::Right((Either::Left(_), _)) => Ok(None),
        Either::Right((Either::Right((error, _)), _)) => Err(error),
    }
}

async fn request(
    ports: &engine::ports::Ports,
    arguments: &RunArguments,
    input: &Input,
) -> Result<RunRequest> {
    let tenant = TenantId::new(&arguments.state.tenant);
    let content = ports.content.put(&tenant, &input.bytes).await?;
    Ok(RunRequest {
        tenant,
        workspace: "default".to_owned(),
        source: Source {
            name: input.name.clone(),
            media_type: input.media_type.to_owned(),
            bytes: input.bytes.len() as u64,
            content,
            link: input.link.clone(),
        },
        depth: arguments.depth.into(),
        use_cache: !arguments.fresh,
        idempotency_key: None,
        trace: None,
    })
}

/// Prepares what later steps need while the first waits for its model.
async fn prepare(ports: &engine::ports::Ports, run: &RunKey) {
    const FIRST_CALL_IS_OUT_MS: u64 = 8;
    if ports.model.is_some() {
        ports.clock.sleep(FIRST_CALL_IS_OUT_MS).await;
    }
    // One after the other: what is built takes a processor that reading needs.
    engine::remind(ports, run).await;
    boot::prepare(&ports.catalogue).await;
}

/// Shows what happens in a run until its briefing is delivered, or cannot be; then why not. What happens meanwhile in others,
/// such as the end of one that was making an answer ahead, is not shown.
async fn watch(
    ports: &engine::ports::Ports,
    run: &RunKey,
    view: &mut LiveView,
    events: &mut UnboundedReceiver<(RunKey, Event)>,
    briefings: &BriefingFolder,
    columns: Option<usize>,
) -> Result<Option<String>> {
    /// A briefing is posted so long after its run's end at the latest.
    const POSTED_MS: u64 = 10_000;
    let mut errors = std::io::stderr();
    let terminal = errors.is_terminal();
    let mut screen = Screen::default();
    let mut ended_ms = None;
    loop {
        let ticks = terminal || view.is_finished();
        let tick = pin!(async {
            if ticks { ports.clock.sleep(REDRAW_MS).await } else { futures::future::pending().await }
        });
        let event = match select(events.next(), tick).await {
            Either::Left((Some((of, _)), _)) if of != *run => continue,
            Either::Left((event, _)) => event.map(|(_, event)| event),
            Either::Right(_) => None,
        };
        if let Some(event) = &event {
            view.apply(event);
        }
        let delivered = matches!(event, Some(Event { kind: EventKind::Delivered { .. }, .. }));
        let now = ports.clock.now_ms();
        let unposted = if view.is_finished() && !delivered {
            let waited_ms = now.saturating_sub(*ended_ms.get_or_insert(now));
            let late = || (waited_ms > POSTED_MS).then(|| "it takes too long".to_owned());
            briefings.refused(run).or_else(late)
        } else {
            None
        };
        let is_last = delivered || unposted.is_some();
        // It may be made larger or smaller at any time.
        let (width, height) =
            terminal::size(&errors).unwrap_or((columns.unwrap_or(DEFAULT_TERMINAL.0), DEFAULT_TERMINAL.1));
        let text = match &event {
            Some(event) if !terminal => view.line(event) + "\n",
            None if !terminal => String::new(),
            _ if is_last => screen.last_frame(view, now, width, height),
            _ => screen.frame(view, now, width, height).unwrap_or_default(),
        };
        // The run goes on although nobody watches.
        let _ = errors.write_all(text.as_bytes());
        if is_last {
            return Ok(unposted);
        }
    }
}
