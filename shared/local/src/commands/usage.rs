//! `assay usage`.

use std::fmt::Write as _;
use std::process::ExitCode;

use boot::Config;
use engine::error::{Error, ErrorKind, Result};
use engine::model::{Budget, Charge, ChargeState, NanoUsd, TenantId};
use engine::spending::{By, Period, Spending, Standing, for_each_call, spending, standing};

use super::session;
use crate::cli::UsageArguments;
use crate::state::State;

/// Prints what was spent: sums for people, or every call as CSV.
pub(super) async fn usage(config: &Config, arguments: &UsageArguments) -> Result<ExitCode> {
    let mut state = State::open(&arguments.state.folder)?;
    let folder = state.folder();
    let _owner = state.own()?;
    let session = session::open(config, &folder).await?;
    let (ports, tenant) = (&session.ports, TenantId::new(&arguments.state.tenant));
    let to_date = Period::month_to_date(ports.clock.now_ms());
    let period = Period {
        from: arguments.from.clone().unwrap_or(to_date.from),
        to: arguments.to.clone().unwrap_or(to_date.to),
    };
    let text = if arguments.csv {
        let mut charges = Vec::new();
        for_each_call(ports, &tenant, &period, |charge| charges.push(charge.clone())).await?;
        csv_of(&charges)?
    } else {
        let by = By::from(arguments.by);
        let sums: Vec<_> = spending(ports, &tenant, &period, by).await?.into_iter().collect();
        page(&period, by, &sums, &standing(ports, &tenant).await?)
    };
    super::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn page(period: &Period, by: By, sums: &[(String, Spending)], standing: &Standing) -> String {
    let mut text = format!("spent from {} to {} (UTC), by {}\n\n", period.from, period.to, by.name());
    let mut total = Spending::default();
    // Writing to a string cannot fail.
    let _ =
        writeln!(text, "{:<34} {:>7} {:>11} {:>11} {:>14}", "", "CALLS", "TOKENS IN", "TOKENS OUT", "COST");
    let mut line = |name: &str, spending: &Spending| {
        let out = spending.usage.output_tokens.saturating_add(spending.usage.reasoning_tokens);
        let _ = writeln!(
            text,
            "{:<34} {:>7} {:>11} {:>11} {:>14}",
            render::safe(name),
            spending.calls,
            spending.usage.prompt_tokens(),
            out,
            spending.cost.to_string(),
        );
    };
    for (name, spending) in sums {
        line(name, spending);
        total = total + spending;
    }
    line("in all", &total);
    if total.unsettled_calls > 0 {
        let _ = writeln!(
            text,
            "\n{} of it for {} calls whose caller was lost, booked at their worst case",
            total.unsettled, total.unsettled_calls
        );
    }
    let _ = writeln!(text);
    for (window, budget) in [&standing.today, &standing.month] {
        let _ = writeln!(text, "{window:<10}  {}", budget_line(budget));
    }
    let _ = match &standing.forecast {
        Some(forecast) => writeln!(
            text,
            "month end   {} expected, {} to {} in nine of ten months, from {} days",
            cents(forecast.expected),
            cents(forecast.low),
            cents(forecast.high),
            forecast.days
        ),
        None => writeln!(text, "month end   unknown: a forecast needs seven days with spending"),
    };
    if standing.is_unusual == Some(true) {
        let _ = writeln!(text, "today has cost more than twice what the dearest of the days before did");
    }
    text
}

fn budget_line(budget: &Budget) -> String {
    let mut line = format!("{} spent", budget.spent);
    if budget.allotted > NanoUsd::ZERO {
        let _ = write!(line, ", {} drawn by runs at work", budget.allotted);
    }
    match budget.limit {
        Some(limit) => {
            let _ = write!(line, ", of {limit} ({} %)", budget.spent_percent());
        }
        None => line.push_str(", no limit"),
    }
    line
}

/// An amount in whole cents, for what is no more exact than that.
fn cents(amount: NanoUsd) -> String {
    const CENT: i64 = 10_000_000;
    NanoUsd(amount.0.saturating_add(CENT / 2) / CENT * CENT).to_string()
}

fn csv_of(charges: &[Charge]) -> Result<String> {
    let failed =
        |error: csv::Error| Error::new(ErrorKind::Internal, "the ledger cannot be written").because(error);
    let mut writer = csv::Writer::from_writer(Vec::new());
    let header = [
        "reserved_ms",
        "run",
        "agent",
        "item",
        "lease",
        "call",
        "workspace",
        "model",
        "price_as_of",
        "state",
        "cost_usd",
        "worst_case_usd",
        "input_tokens",
        "cached_tokens",
        "cache_write_tokens",
        "cache_write_1h_tokens",
        "audio_tokens",
        "output_tokens",
        "reasoning_tokens",
        "audio_ms",
        "queries",
    ];
    writer.write_record(header).map_err(failed)?;
    for charge in charges {
        let (step, usage) = (&charge.call.step, &charge.usage);
        let state = match charge.state {
            ChargeState::Reserved => "reserved",
            ChargeState::Settled => "settled",
            ChargeState::Unsettled => "unsettled",
            ChargeState::Void => "void",
        };
        let counts = [
            usage.input_tokens,
            usage.cached_tokens,
            usage.cache_write_tokens,
            usage.cache_write_1h_tokens,
            usage.audio_tokens,
            usage.output_tokens,
            usage.reasoning_tokens,
            usage.audio_ms,
            usage.queries,
        ];
        let mut cells = vec![
            charge.reserved_ms.to_string(),
            step.run.run.to_string(),
            step.agent.to_string(),
            cell(step.item.as_str()),
            charge.call.epoch.to_string(),
            charge.call.call.to_string(),
            cell(&charge.workspace),
            cell(&charge.model),
            charge.price_as_of.clone().unwrap_or_default(),
            state.to_owned(),
            dollars(charge.cost),
            dollars(charge.worst_case),
        ];
        cells.extend(counts.map(|count| count.to_string()));
        writer.write_record(&cells).map_err(failed)?;
    }
    let bytes = writer.into_inner().map_err(|error| failed(error.into_error().into()))?;
    String::from_utf8(bytes)
        .map_err(|error| Error::new(ErrorKind::Internal, "the ledger is no text").because(error))
}

/// Text that no spreadsheet takes for a formula.
fn cell(text: &str) -> String {
    match text.chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r') if text != "-" => format!("'{text}"),
        _ => text.to_owned(),
    }
}

/// Decimal dollars, exact, without a sign of the currency.
fn dollars(amount: NanoUsd) -> String {
    amount.to_string().replace('$', "")
}

#[cfg(test)]
mod tests {
    use engine::model::{AgentId, CallId, ItemId, RunId, RunKey, Usage};

    use super::*;

    fn charge(workspace: &str, state: ChargeState, cost: i64) -> Charge {
        let run = RunKey { tenant: TenantId::new("t"), run: RunId::new("R") };
        Charge {
            call: CallId { step: run.step(&AgentId::new("a"), &ItemId::none()), epoch: 1, call: 2 },
            model: "m".to_owned(),
            workspace: workspace.to_owned(),
            state,
            worst_case: NanoUsd(5_000_000_000),
            output_tokens: 9,
            price_as_of: Some("2026-11-22".to_owned()),
            cost: NanoUsd(cost),
            usage: Usage { input_tokens: 7, output_tokens: 3, ..Usage::default() },
            reserved_ms: 1_795_305_600_000,
            provider: "p".to_owned(),
            failed: None,
            took_ms: None,
        }
    }

    #[test]
    fn a_call_is_a_line_that_no_spreadsheet_runs() {
        let csv =
            csv_of(&[charge("=cmd()", ChargeState::Settled, 1), charge("a,\"b\"", ChargeState::Void, 0)]);
        let csv = csv.unwrap();
        let lines: Vec<&str> = csv.lines().collect();
        assert_eq!(
            lines[1],
            "1795305600000,R,a,-,1,2,'=cmd(),m,2026-11-22,settled,0.000000001,5.00,7,0,0,0,0,3,0,0,0"
        );
        assert!(lines[2].contains(r#","a,""b""","#) && lines.len() == 3);
    }

    #[test]
    fn what_is_booked_is_summed_and_what_is_unsettled_is_said() {
        let mut spending = Spending::default();
        for state in [ChargeState::Settled, ChargeState::Unsettled, ChargeState::Void, ChargeState::Reserved]
        {
            spending.book(&charge("w", state, 2_000_000_000));
        }
        let day = ("2026-11-22".to_owned(), Budget::of(Some(NanoUsd::from_usd(20))));
        let month = ("2026-11".to_owned(), Budget { spent: NanoUsd::from_usd(4), ..Budget::of(None) });
        let standing = Standing { today: day, month, forecast: None, is_unusual: Some(true) };
        let period = Period { from: "2026-11-01".to_owned(), to: "2026-11-22".to_owned() };
        let text = page(&period, By::Agent, &[("a".to_owned(), spending)], &standing);
        for part in [
            "a                                        2          14           6          $4.00",
            "in all                                   2          14           6          $4.00",
            "$2.00 of it for 1 calls whose caller was lost",
            "2026-11-22  $0.00 spent, of $20.00 (0 %)",
            "2026-11     $4.00 spent, no limit",
            "unknown: a forecast needs seven days",
            "more than twice",
        ] {
            assert!(text.contains(part), "{part} is not in:\n{text}");
        }
        assert_eq!(
            (cents(NanoUsd(14_999_999)), cents(NanoUsd(15_000_000))),
            ("$0.01".into(), "$0.02".into())
        );
    }
}
