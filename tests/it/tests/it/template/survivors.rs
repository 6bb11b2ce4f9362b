//! Mutants that may survive, each with the reason, from `survivors.txt`.

use super::mutants::Mutant;

/// Mutants of one kind that do not matter.
pub(crate) struct Survivor {
    /// Where it is listed.
    pub(crate) line: usize,
    operators: Vec<&'static str>,
    file: &'static str,
    path: Vec<&'static str>,
}

/// A line is operators, file, place and reason with bars between. In a place `*` is any one step, `**` any steps.
pub(crate) fn listed() -> Vec<Survivor> {
    let lines = include_str!("survivors.txt").lines().enumerate();
    let lines = lines.filter(|(_, line)| !line.starts_with('#') && !line.trim().is_empty());
    lines
        .map(|(at, line)| {
            let fields: Vec<&str> = line.split('|').map(str::trim).collect();
            let [operators, file, path, reason] = fields[..] else { panic!("line {}: {line}", at + 1) };
            assert!(reason.len() > 10, "line {} has no reason", at + 1);
            Survivor {
                line: at + 1,
                operators: operators.split(' ').collect(),
                file,
                path: path.split('/').collect(),
            }
        })
        .collect()
}

impl Survivor {
    /// Whether it is one of these.
    pub(crate) fn is(&self, mutant: &Mutant) -> bool {
        let operator = format!("{:?}", mutant.operator).to_lowercase();
        let file = self.file == "*" || self.file == mutant.file;
        let path: Vec<&str> = mutant.path.iter().map(String::as_str).collect();
        file && self.operators.contains(&operator.as_str()) && fits(&self.path, &path)
    }
}

fn fits(pattern: &[&str], path: &[&str]) -> bool {
    match pattern.split_first() {
        None => path.is_empty(),
        Some((&"**", rest)) => (0..=path.len()).any(|skipped| fits(rest, &path[skipped..])),
        Some((step, rest)) => path
            .split_first()
            .is_some_and(|(first, after)| (*step == "*" || step == first) && fits(rest, after)),
    }
}
