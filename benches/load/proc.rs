//! What the kernel says about the server's process and about the machine.

use crate::{pin::Cores, report::Figures};
use anyhow::{Context, Result};
use std::{
    fs,
    time::{Duration, Instant},
};

/// The unit of CPU times in `/proc`: `USER_HZ`, 100 on every architecture but Alpha.
const TICKS_PER_SEC: u32 = 100;

/// CPU time of a process so far, in user and in kernel mode. Time in the loopback's receive path counts too: it runs
/// in the sender's context.
pub(crate) fn cpu(pid: u32) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).context("the server's process is gone")?;
    // The name in parentheses may hold anything, spaces too.
    let fields = stat.rsplit_once(')').context("/proc/PID/stat has a name")?.1;
    let mut fields = fields.split_ascii_whitespace().skip(11).map(str::parse::<u32>);
    let mut next = || fields.next().context("/proc/PID/stat has utime and stime")?.context("a number of ticks");
    Ok(Duration::from_secs(1) * (next()? + next()?) / TICKS_PER_SEC)
}

/// Bytes of memory that are the process's alone.
pub(crate) fn private_bytes(pid: u32) -> Result<u64> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).context("the server's process is gone")?;
    let kib = |key: &str| {
        let line = rollup.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0)
    };
    Ok(1024 * (kib("Private_Clean:") + kib("Private_Dirty:")))
}

/// As many descriptors as the hard limit allows; children inherit it.
pub(crate) fn raise_descriptor_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        eprintln!("the descriptor limit stays as it is: {error}");
    }
}

/// What a stretch of time cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    pub(crate) elapsed: Duration,
    pub(crate) server_cpu: Duration,
    pub(crate) generator_cpu: Duration,
    /// Share of the server's core that went to others: foreign noise, and what of the kernel's work belongs to nobody.
    pub(crate) foreign: f64,
}

impl Cost {
    /// Shares of a core, which tell what limited a run and whether something else disturbed it.
    pub(crate) fn add_to(&self, figures: &mut Figures) {
        let share = |time: Duration| 100.0 * time.as_secs_f64() / self.elapsed.as_secs_f64();
        figures.add("server_cpu_percent", share(self.server_cpu));
        figures.add("generator_cpu_percent", share(self.generator_cpu));
        figures.add("foreign_cpu_percent", 100.0 * self.foreign);
    }
}

/// Measures a stretch of time.
pub(crate) struct Meter {
    pid: u32,
    cores: Cores,
    started: Instant,
    server: Duration,
    generator: Duration,
    core: Duration,
}

impl Meter {
    pub(crate) fn start(pid: u32, cores: Cores) -> Result<Self> {
        Ok(Self {
            pid,
            cores,
            server: cpu(pid)?,
            generator: cpu(std::process::id())?,
            core: busy(cores),
            started: Instant::now(),
        })
    }

    pub(crate) fn stop(&self) -> Result<Cost> {
        let elapsed = self.started.elapsed();
        let server_cpu = cpu(self.pid)?.saturating_sub(self.server);
        let generator_cpu = cpu(std::process::id())?.saturating_sub(self.generator);
        let foreign = busy(self.cores).saturating_sub(self.core).saturating_sub(server_cpu);
        Ok(Cost { elapsed, server_cpu, generator_cpu, foreign: foreign.as_secs_f64() / elapsed.as_secs_f64() })
    }
}

/// How long the server's core has been busy since the machine started, time stolen by the hypervisor included.
fn busy(cores: Cores) -> Duration {
    let Some(core) = cores.server else { return Duration::ZERO };
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let line = stat.lines().find_map(|line| line.strip_prefix(&format!("cpu{core} "))).unwrap_or_default();
    let ticks: Vec<u32> = line.split_ascii_whitespace().map_while(|ticks| ticks.parse().ok()).collect();
    // user nice system idle iowait irq softirq steal
    let busy = ticks.iter().take(8).enumerate().filter(|(place, _)| !matches!(place, 3 | 4)).map(|(_, ticks)| ticks);
    Duration::from_secs(1) * busy.sum() / TICKS_PER_SEC
}

/// The machine, for the report.
pub(crate) fn machine() -> serde_json::Value {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map(|(_, model)| model);
    let memory = read("/proc/meminfo");
    let memory_kib: u64 = memory.split_ascii_whitespace().nth(1).and_then(|kib| kib.parse().ok()).unwrap_or(0);
    serde_json::json!({
        "cpu": model,
        "cores": cpu.lines().filter(|line| line.starts_with("processor")).count(),
        "memory_mib": memory_kib / 1024,
        "kernel": read("/proc/sys/kernel/osrelease").trim(),
    })
}
