//! Figures, their medians, and how they are printed: one JSON line for programs, one table for people.

use crate::{pin::Cores, proc};
use serde_json::{Map, Value, json};
use std::fmt::{self, Write};

/// What one run found, in the order it is shown; the name carries the unit.
#[derive(Debug, Clone, Default)]
pub(crate) struct Figures(Vec<(String, f64)>);

impl Figures {
    pub(crate) fn add(&mut self, name: impl Into<String>, value: f64) {
        self.0.push((name.into(), value));
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (name, value)) in self.0.iter().enumerate() {
            write!(f, "{}{name} {}", if place == 0 { "" } else { ", " }, number(*value))?;
        }
        Ok(())
    }
}

/// A scenario's runs.
pub(crate) struct Report {
    scenario: String,
    options: Value,
    runs: Vec<Figures>,
}

impl Report {
    pub(crate) fn new(scenario: impl Into<String>, options: Value) -> Self {
        Self { scenario: scenario.into(), options, runs: Vec::new() }
    }

    pub(crate) fn add(&mut self, figures: Figures) {
        self.runs.push(figures);
    }

    /// Name and values of all runs, ascending.
    fn columns(&self) -> Vec<(&str, Vec<f64>)> {
        let names = self.runs.first().into_iter().flat_map(|run| &run.0).map(|(name, _)| name.as_str());
        let values = |name: &str| {
            let mut values: Vec<_> =
                self.runs.iter().flat_map(|run| &run.0).filter(|(other, _)| other == name).map(|(_, v)| *v).collect();
            values.sort_by(f64::total_cmp);
            values
        };
        names.map(|name| (name, values(name))).collect()
    }

    pub(crate) fn json(&self, cores: Cores) -> Value {
        let medians: Map<_, _> =
            self.columns().into_iter().map(|(name, values)| (name.to_owned(), json!(median(&values)))).collect();
        let runs: Vec<Map<_, _>> = self
            .runs
            .iter()
            .map(|run| run.0.iter().map(|(name, value)| (name.clone(), json!(value))).collect())
            .collect();
        json!({
            "scenario": self.scenario,
            "options": self.options,
            "medians": medians,
            "runs": runs,
            "pinned": cores.server.is_some(),
            "machine": proc::machine(),
        })
    }

    pub(crate) fn table(&self) -> String {
        let mut table = format!(
            "\n{} ({} runs)\n{:<40}{:>12}{:>12}{:>12}\n",
            self.scenario,
            self.runs.len(),
            "",
            "median",
            "least",
            "most"
        );
        for (name, values) in self.columns() {
            let ends = (values.first().copied().unwrap_or(0.0), values.last().copied().unwrap_or(0.0));
            let (middle, least, most) = (number(median(&values)), number(ends.0), number(ends.1));
            let _ = writeln!(table, "{name:<40}{middle:>12}{least:>12}{most:>12}");
        }
        table
    }
}

fn median(ascending: &[f64]) -> f64 {
    match ascending.len() {
        0 => 0.0,
        count if count % 2 == 1 => ascending[count / 2],
        count => f64::midpoint(ascending[count / 2 - 1], ascending[count / 2]),
    }
}

/// Enough digits to compare, not more.
fn number(value: f64) -> String {
    match value.abs() {
        0.0..10.0 => format!("{value:.3}"),
        10.0..1000.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

/// Times in microseconds, as they came.
#[derive(Debug, Default)]
pub(crate) struct Latencies(Vec<u32>);

impl Latencies {
    pub(crate) fn extend(&mut self, micros: impl IntoIterator<Item = u32>) {
        self.0.extend(micros);
    }

    /// The value below which a share of all lies, in milliseconds.
    pub(crate) fn quantile_ms(&mut self, share: f64) -> f64 {
        self.0.sort_unstable();
        let place = (share * self.0.len() as f64).ceil() as usize;
        self.0.get(place.saturating_sub(1)).map_or(0.0, |micros| f64::from(*micros) / 1000.0)
    }

    /// Adds p50 and p99 under names that begin with `what`.
    pub(crate) fn add_to(&mut self, figures: &mut Figures, what: &str) {
        figures.add(format!("{what}_p50_ms"), self.quantile_ms(0.50));
        figures.add(format!("{what}_p99_ms"), self.quantile_ms(0.99));
    }
}
