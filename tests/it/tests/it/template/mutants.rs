//! Bundles with one small thing wrong, made without a look at the rules.

use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use super::bundle::Bundle;

/// What is done to one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Operator {
    /// A key or an element goes.
    Delete,
    /// A text becomes `*`.
    Widen,
    /// A number becomes half as much.
    Halve,
    /// A number becomes twice as much.
    Double,
    /// A place and the next one of its list or map change their values.
    Swap,
    /// True becomes false, false true.
    Flip,
}

/// One change to one place.
#[derive(Clone, Debug)]
pub(crate) struct Mutant {
    /// The file it is made in.
    pub(crate) file: String,
    /// The place: keys and positions.
    pub(crate) path: Vec<String>,
    /// The change.
    pub(crate) operator: Operator,
}

impl fmt::Display for Mutant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operator = format!("{:?}", self.operator).to_lowercase();
        write!(formatter, "{operator} {} {}", self.file, self.path.join("/"))
    }
}

/// Every mutant of every file, in the order of the files.
pub(crate) fn every(bundle: &Bundle) -> Vec<Mutant> {
    let mut mutants = Vec::new();
    for (file, content) in &bundle.files {
        let mut path = Vec::new();
        places(content, &mut path, &mut |path, operator| {
            mutants.push(Mutant { file: file.clone(), path: path.to_vec(), operator });
        });
    }
    mutants
}

/// As many of them as asked for, drawn without putting back.
pub(crate) fn draw(mut mutants: Vec<Mutant>, count: usize, mut seed: u64) -> Vec<Mutant> {
    let mut drawn = Vec::new();
    while drawn.len() < count && !mutants.is_empty() {
        // Steele, Lea and Flood's SplitMix64.
        seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let at = usize::try_from((bits ^ (bits >> 31)) % mutants.len() as u64).unwrap();
        drawn.push(mutants.swap_remove(at));
    }
    drawn
}

fn places(value: &Value, path: &mut Vec<String>, make: &mut dyn FnMut(&[String], Operator)) {
    match value {
        Value::String(text) if text != "*" => make(path, Operator::Widen),
        Value::Bool(_) => make(path, Operator::Flip),
        Value::Number(number) if number.as_f64() != Some(0.0) => {
            make(path, Operator::Halve);
            make(path, Operator::Double);
        }
        _ => {}
    }
    let children: Vec<(String, &Value)> = match value {
        Value::Object(entries) => entries.iter().map(|(key, inner)| (key.clone(), inner)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(at, inner)| (at.to_string(), inner)).collect(),
        _ => Vec::new(),
    };
    for (at, (name, inner)) in children.iter().enumerate() {
        path.push(name.clone());
        make(path, Operator::Delete);
        if let Some((_, next)) = children.get(at + 1)
            && next != inner
        {
            make(path, Operator::Swap);
        }
        places(inner, path, make);
        path.pop();
    }
}

impl Mutant {
    /// The bundle with this change.
    pub(crate) fn of(&self, bundle: &Bundle) -> Bundle {
        let mut files = bundle.files.clone();
        let mut place = Arc::make_mut(files.get_mut(&self.file).unwrap());
        let (last, before) = self.path.split_last().unwrap();
        for step in before {
            place = child(place, step);
        }
        match self.operator {
            Operator::Delete => delete(place, last),
            Operator::Swap => swap(place, last),
            Operator::Widen => *child(place, last) = Value::from("*"),
            Operator::Halve => scale(child(place, last), 1, 2),
            Operator::Double => scale(child(place, last), 2, 1),
            Operator::Flip => {
                let flag = child(place, last);
                *flag = Value::from(flag != &Value::Bool(true));
            }
        }
        Bundle { files }
    }
}

fn child<'a>(value: &'a mut Value, step: &str) -> &'a mut Value {
    match value {
        Value::Object(entries) => entries.get_mut(step).unwrap(),
        Value::Array(items) => &mut items[step.parse::<usize>().unwrap()],
        other => panic!("{other} has no {step}"),
    }
}

fn delete(value: &mut Value, step: &str) {
    match value {
        Value::Object(entries) => drop(entries.remove(step)),
        Value::Array(items) => drop(items.remove(step.parse::<usize>().unwrap())),
        other => panic!("{other} has no {step}"),
    }
}

fn swap(value: &mut Value, step: &str) {
    match value {
        Value::Object(entries) => {
            let next = entries.keys().skip_while(|key| *key != step).nth(1).unwrap().clone();
            let (first, second) = (entries[step].clone(), entries[&next].clone());
            entries.insert(step.to_owned(), second);
            entries.insert(next, first);
        }
        Value::Array(items) => {
            let at: usize = step.parse().unwrap();
            items.swap(at, at + 1);
        }
        other => panic!("{other} has no {step}"),
    }
}

fn scale(value: &mut Value, by: u64, over: u64) {
    *value = match value.as_u64() {
        Some(number) => Value::from(number * by / over),
        None => Value::from(value.as_f64().unwrap() * by as f64 / over as f64),
    };
}
