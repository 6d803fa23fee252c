//! One core for the server, another one for the generator.

use std::process::{Command, Stdio};

/// The cores in use; `None` where fewer than two were granted or there is no `taskset`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cores {
    pub(crate) server: Option<u32>,
    pub(crate) generator: Option<u32>,
}

impl Cores {
    /// The first two cores this process may run on: in a container they need not be 0 and 1.
    pub(crate) fn granted() -> Self {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap_or_default();
        let cores = parse_list(list);
        let has_taskset = Command::new("taskset").arg("--version").stdout(Stdio::null()).status().is_ok();
        match *cores {
            [server, generator, ..] if has_taskset => Self { server: Some(server), generator: Some(generator) },
            _ => {
                eprintln!("server and generator share their cores: figures will be worse than they should be");
                Self { server: None, generator: None }
            }
        }
    }

    /// Keeps every thread of this process on the generator's core.
    pub(crate) fn pin_generator(self) {
        let Some(core) = self.generator else { return };
        let (core, pid) = (core.to_string(), std::process::id().to_string());
        let pinned = Command::new("taskset").args(["-a", "-c", "-p", &core, &pid]).stdout(Stdio::null()).status();
        if !pinned.is_ok_and(|status| status.success()) {
            eprintln!("the generator could not be pinned to core {core}");
        }
    }

    /// A command that starts `program` on the server's core.
    pub(crate) fn server_command(self, program: &std::path::Path) -> Command {
        let Some(core) = self.server else { return Command::new(program) };
        let mut command = Command::new("taskset");
        command.arg("-c").arg(core.to_string()).arg(program);
        command
    }
}

/// `0-1,4` as in `/proc/self/status`.
fn parse_list(list: &str) -> Vec<u32> {
    let ranges = list.trim().split(',').filter_map(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        Some(first.parse().ok()?..=last.parse().ok()?)
    });
    ranges.flatten().collect()
}
