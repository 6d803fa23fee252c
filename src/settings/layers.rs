//! Defaults, file, environment and flags, one over the other.
//!
//! A deserializer stops at the first error, so every key that was given is first tried alone
//! over the defaults: an error is then that key's, and none hides another.

use super::{Fault, Settings, SettingsError, TlsMode, store_url::without_password};
use config::{Config, ConfigError, Environment, File, FileFormat, Source as _, Value, ValueKind};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    path::{Path, PathBuf},
};

const DEFAULTS: &str = include_str!("../../config/default.toml");
const PREFIX: &str = "SWITCHBOARD";
const SEPARATOR: &str = "__";

/// What flags of the command line say; `None` leaves the setting alone.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// `server.listen`
    pub listen: Option<SocketAddr>,
    /// `server.data_dir`
    pub data_dir: Option<PathBuf>,
    /// `tls.mode`
    pub tls: Option<TlsMode>,
    /// `http.frontend_dir`
    pub frontend_dir: Option<PathBuf>,
}

/// The process environment. A variable that is not Unicode is kept, damaged: its name decides
/// whether that matters.
pub fn environment() -> impl Iterator<Item = (String, String)> {
    let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    std::env::vars_os().map(move |(name, value)| (text(name), text(value)))
}

/// `table.key` to its value.
type Keys = BTreeMap<String, Value>;

/// Every key that was given, checked, and what is wrong with the rest.
pub(super) struct Layers {
    defaults: Keys,
    given: BTreeMap<String, (Value, String)>,
    faults: Vec<Fault>,
    /// Keys with a fault of their own: relations with other keys are not judged.
    faulty: BTreeSet<String>,
}

impl Layers {
    pub(super) fn read(
        file: Option<&Path>,
        env: impl IntoIterator<Item = (String, String)>,
        overrides: Overrides,
    ) -> Self {
        let defaults = flatten(DEFAULTS).expect("config/default.toml is tested").0;
        let mut layers = Self { defaults, given: BTreeMap::new(), faults: Vec::new(), faulty: BTreeSet::new() };
        if let Some(path) = file {
            layers.read_file(path);
        }
        layers.read_environment(env);
        layers.read_overrides(overrides);
        layers
    }

    fn read_file(&mut self, path: &Path) {
        let shown = path.display().to_string();
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => return self.fault(shown, format!("cannot be read: {error}")),
        };
        match flatten(&text) {
            Ok((keys, stray)) => {
                for name in stray {
                    self.fault(format!("{name} ({shown})"), "belongs into a table such as [server]".to_owned());
                }
                for (key, value) in keys {
                    self.give(key, value, shown.clone(), &accept_typed);
                }
            }
            Err(error) => self.fault(shown, one_line(&error)),
        }
    }

    fn read_environment(&mut self, env: impl IntoIterator<Item = (String, String)>) {
        let source = Environment::with_prefix(PREFIX).separator(SEPARATOR).source(Some(env.into_iter().collect()));
        let variables = source.collect().unwrap_or_default();
        for (key, value) in variables.into_iter().collect::<BTreeMap<_, _>>() {
            let name = format!("{PREFIX}{SEPARATOR}{}", key.replace('.', SEPARATOR).to_uppercase());
            self.give(key, value, name, &accept_text);
        }
    }

    fn read_overrides(&mut self, overrides: Overrides) {
        let path = |path: PathBuf| path.to_string_lossy().into_owned();
        let mode = |mode| if mode == TlsMode::On { "on".to_owned() } else { "off".to_owned() };
        for (key, flag, value) in [
            ("server.listen", "--listen", overrides.listen.map(|listen| listen.to_string())),
            ("server.data_dir", "--data-dir", overrides.data_dir.map(path)),
            ("tls.mode", "--tls", overrides.tls.map(mode)),
            ("http.frontend_dir", "--frontend", overrides.frontend_dir.map(path)),
        ] {
            if let Some(value) = value {
                self.give(key.to_owned(), value.into(), flag.to_owned(), &accept_typed);
            }
        }
    }

    fn fault(&mut self, place: String, message: String) {
        self.faults.push(Fault { place, message });
    }

    fn give(&mut self, key: String, value: Value, origin: String, accept: &Accept) {
        let checked = match self.defaults.get(&key) {
            None => Err(match self.closest(&key) {
                Some(known) => format!("no such setting; did you mean {known}?"),
                None => "no such setting".to_owned(),
            }),
            Some(default) => accept(&key, value, &default.kind).and_then(|value| {
                let alone = build([(key.as_str(), &value)]).and_then(Config::try_deserialize::<Settings>);
                alone.map(|_| value).map_err(|error| cause(&error))
            }),
        };
        match checked {
            Ok(value) => {
                self.given.insert(key, (value, origin));
            }
            Err(message) => {
                self.fault(format!("{key} ({origin})"), message);
                self.faulty.insert(key);
            }
        }
    }

    /// The known key that was probably meant: the same name elsewhere, one that goes on, or one
    /// within two slips.
    fn closest(&self, key: &str) -> Option<&str> {
        let name = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
        let score = |known: &String| match slips(known, key) {
            slips if slips <= 2 => slips,
            _ if name(known) == name(key) || known.starts_with(&format!("{key}_")) => 2,
            slips => slips,
        };
        let best = self.defaults.keys().min_by_key(|known| score(known))?;
        (score(best) <= 2).then_some(best)
    }

    pub(super) fn settings(mut self) -> Result<Settings, SettingsError> {
        let pairs = self.given.iter().map(|(key, (value, _))| (key.as_str(), value));
        match build(pairs).and_then(Config::try_deserialize::<Settings>) {
            Ok(settings) => {
                let relations = super::validate::relations(&settings);
                for relation in relations.into_iter().filter(|relation| !relation.concerns(&self.faulty)) {
                    let origin = |key| self.given.get(key).map(|(_, origin): &(_, String)| origin.as_str());
                    self.faults.push(relation.fault(origin));
                }
                if self.faults.is_empty() { Ok(settings) } else { Err(SettingsError { faults: self.faults }) }
            }
            Err(error) => {
                self.fault(String::new(), cause(&error));
                Err(SettingsError { faults: self.faults })
            }
        }
    }

    /// Every table of a list that is in force.
    fn show_list(&self, list: &str) -> String {
        let (value, origin) = match self.given.get(list) {
            Some((value, origin)) => (value, format!(" # {origin}")),
            None => (&self.defaults[list], String::new()),
        };
        let ValueKind::Array(tables) = &value.kind else { return String::new() };
        let show = |table: &Value| {
            let ValueKind::Table(keys) = &table.kind else { return String::new() };
            let keys: BTreeMap<_, _> = keys.iter().collect();
            let lines: String = keys.into_iter().map(|(key, value)| format!("{key} = {}\n", toml(value))).collect();
            format!("\n[[{list}]]{origin}\n{lines}")
        };
        tables.iter().map(show).collect()
    }

    /// Follows the order of the default file.
    pub(super) fn show(self) -> Result<String, SettingsError> {
        let (mut text, mut table) = (String::new(), "");
        for line in DEFAULTS.lines() {
            if let Some(list) = List::ALL.iter().find(|list| line == format!("[[{}]]", list.name)) {
                table = list.name;
                text += &self.show_list(table);
            } else if let Some(name) = line.strip_prefix('[') {
                table = name.trim_end_matches(']');
                text += &format!("{}[{table}]\n", if text.is_empty() { "" } else { "\n" });
            } else if List::of(table).is_some() {
                // Its defaults stand here, but a file replaces them as a whole.
            } else if let Some((name, _)) = line.split_once(" = ").filter(|_| !line.starts_with('#')) {
                let key = format!("{table}.{name}");
                text += &match self.given.get(&key) {
                    Some((value, origin)) => format!("{name} = {} # {origin}\n", shown(&key, value)),
                    None => format!("{name} = {}\n", toml(&self.defaults[&key])),
                };
            }
        }
        self.settings().map(|_| text)
    }
}

/// A list of tables.
struct List {
    /// As it stands in double brackets.
    name: &'static str,
    /// What one of its tables is called in messages.
    what: &'static str,
    /// The keys that every table must have itself, the first of them its name; what it leaves out otherwise is as in
    /// the default's first one.
    own: &'static [&'static str],
}

impl List {
    const ALL: &'static [Self] = &[
        Self { name: "namespace", what: "namespace", own: &["pattern"] },
        Self { name: "feed.table", what: "table", own: &["table", "key", "topic"] },
        Self { name: "document.namespace", what: "namespace", own: &["pattern"] },
    ];

    fn of(key: &str) -> Option<&'static Self> {
        Self::ALL.iter().find(|list| list.name == key)
    }
}

/// `table.key` to value, and the names that stand outside any table.
fn flatten(text: &str) -> Result<(Keys, Vec<String>), ConfigError> {
    let (mut keys, mut stray) = (Keys::new(), Vec::new());
    for (name, value) in File::from_str(text, FileFormat::Toml).collect()? {
        match value.kind {
            ValueKind::Table(table) => {
                keys.extend(table.into_iter().map(|(key, value)| (format!("{name}.{key}"), value)));
            }
            ValueKind::Array(_) if List::of(&name).is_some() => drop(keys.insert(name, value)),
            _ => stray.push(name),
        }
    }
    stray.sort();
    Ok((keys, stray))
}

fn build<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a Value)>) -> Result<Config, ConfigError> {
    let mut builder = Config::builder().add_source(File::from_str(DEFAULTS, FileFormat::Toml));
    for (key, value) in pairs {
        builder = builder.set_override(key, value.clone())?;
    }
    builder.build()
}

/// Whether a value is of its default's kind; `config` itself would turn `true` into 1.
type Accept = dyn Fn(&str, Value, &ValueKind) -> Result<Value, String>;

fn takes_fractions(key: &str) -> bool {
    key.ends_with("_secs") || key.ends_with("_days") || key.ends_with("_hours")
}

fn accept_typed(key: &str, value: Value, like: &ValueKind) -> Result<Value, String> {
    if let Some(list) = List::of(key) {
        return accept_tables(list, value, like);
    }
    let is_text = |value: &Value| matches!(value.kind, ValueKind::String(_));
    let expected = match (like, &value.kind) {
        (ValueKind::Boolean(_), ValueKind::Boolean(_))
        | (ValueKind::I64(_), ValueKind::I64(_))
        | (ValueKind::String(_), ValueKind::String(_)) => return Ok(value),
        (ValueKind::I64(_), ValueKind::Float(_)) if takes_fractions(key) => return Ok(value),
        (ValueKind::Array(_), ValueKind::Array(items)) if items.iter().all(is_text) => return Ok(value),
        (ValueKind::Boolean(_), _) => "true or false",
        (ValueKind::I64(_), _) if takes_fractions(key) => "a number",
        (ValueKind::I64(_), _) => "a whole number",
        (ValueKind::Array(_), _) => "a list of strings",
        _ => "a string",
    };
    Err(format!("must be {expected}, not {}", toml(&value)))
}

/// Tables that leave keys out get those of the default's first one, except those that make it what it is.
fn accept_tables(list: &List, value: Value, like: &ValueKind) -> Result<Value, String> {
    let refusal = || format!("must be a list of tables, each under [[{}]] in a file", list.name);
    let (ValueKind::Array(items), ValueKind::Array(defaults)) = (value.kind, like) else { return Err(refusal()) };
    let Some(ValueKind::Table(default)) = defaults.first().map(|first| &first.kind) else { return Err(refusal()) };
    let fill = |(place, item): (usize, Value)| {
        let ValueKind::Table(mut table) = item.kind else { return Err(refusal()) };
        let name = table.get(list.own[0]).map_or_else(|| format!("number {}", place + 1), toml);
        for (key, value) in default.iter().filter(|(key, _)| !list.own.contains(&key.as_str())) {
            let given = table.entry(key.clone()).or_insert_with(|| value.clone());
            let accepted = accept_typed(key, given.clone(), &value.kind);
            accepted.map_err(|message| format!("{key} of the {} {name} {message}", list.what))?;
        }
        Ok(Value::from(table))
    };
    let tables = items.into_iter().enumerate().map(fill).collect::<Result<Vec<_>, _>>()?;
    Ok(tables.into())
}

fn accept_text(key: &str, value: Value, like: &ValueKind) -> Result<Value, String> {
    let text = value.into_string().map_err(|error| cause(&error))?;
    let kind = match like {
        ValueKind::Boolean(_) => text.parse().map(ValueKind::Boolean).ok(),
        ValueKind::I64(_) => {
            let whole = text.parse().map(ValueKind::I64).ok();
            whole.or_else(|| text.parse().map(ValueKind::Float).ok())
        }
        ValueKind::Array(_) => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            Some(ValueKind::Array(items.map(Value::from).collect()))
        }
        _ => None,
    };
    accept_typed(key, kind.unwrap_or(ValueKind::String(text)).into(), like)
}

fn cause(error: &ConfigError) -> String {
    match error {
        ConfigError::At { error, .. } => cause(error),
        ConfigError::Type { unexpected, expected, .. } => format!("must be {expected}, not {unexpected}"),
        ConfigError::FileParse { cause, .. } => cause.to_string(),
        other => other.to_string(),
    }
}

fn one_line(error: &ConfigError) -> String {
    let text = cause(error);
    let lines = text.lines().map(str::trim).filter(|line| !line.trim_matches(['|', '^', ' ']).is_empty());
    lines.collect::<Vec<_>>().join(" ")
}

/// A value as TOML, without the password that it may hold.
fn shown(key: &str, value: &Value) -> String {
    match &value.kind {
        ValueKind::String(url) if matches!(key, "storage.url" | "feed.url") => toml(&without_password(url).into()),
        _ => toml(value),
    }
}

/// A value as TOML; its strings are those of JSON.
fn toml(value: &Value) -> String {
    match &value.kind {
        ValueKind::String(text) => serde_json::Value::from(text.as_str()).to_string(),
        ValueKind::Array(items) => format!("[{}]", items.iter().map(toml).collect::<Vec<_>>().join(", ")),
        ValueKind::Float(number) => format!("{number:?}"),
        ValueKind::Table(_) => "a table".to_owned(),
        _ => value.to_string(),
    }
}

/// How many characters must be added, dropped or changed to make `a` into `b`.
fn slips(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.chars().enumerate() {
            let change = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = change.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}
