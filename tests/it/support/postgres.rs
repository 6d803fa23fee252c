//! A PostgreSQL of the tests' own, from the machine's packages: in a temporary directory, on a socket in it, and gone
//! however the tests end. The tests of the library include this file too.

use std::{
    env, fs,
    io::{BufRead, BufReader, Lines, Write, stderr},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{
        Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

/// Keeps a database server until its standard input ends, which it does however whoever holds the other end goes.
///
/// Nothing survives the machine, so nothing waits for the disk, unless a test wants to know.
const KEEPER: &str = r#"
set -eu
bin=$1
options=$2
dir=$(mktemp -d "${TMPDIR:-/tmp}/switchboard-postgres.XXXXXX")
trap 'kill -QUIT $server 2>/dev/null || true; wait; rm -rf "$dir"' EXIT
"$bin/initdb" -D "$dir/data" -A trust -U postgres -N --locale=C -E UTF8 >"$dir/log" 2>&1
echo "listen_addresses = ''" >>"$dir/data/postgresql.conf"
start() {
  "$bin/postgres" -D "$dir/data" -k "$dir" $options \
    -c max_connections=300 -c autovacuum_naptime=10 </dev/null >>"$dir/log" 2>&1 &
  server=$!
  until "$bin/pg_isready" -q -h "$dir"; do
    kill -0 $server || { cat "$dir/log" >&2; exit 1; }
    sleep 0.05
  done
}
start
echo "$dir"
while read -r order; do
  case $order in
    start) start ;;
    stop) kill -INT $server; wait $server || true ;;
    crash) kill -QUIT $server; wait $server || true ;;
  esac
  echo done
done
"#;

/// A database server.
pub struct Cluster {
    dir: PathBuf,
    bin: PathBuf,
    /// Its end is the server's.
    keeper: Mutex<(ChildStdin, Lines<BufReader<ChildStdout>>)>,
    _process: Child,
}

impl Cluster {
    /// The one that this test binary's tests share; `None`, and a line on standard error, when the machine has no
    /// PostgreSQL. In CI that is a failure: what is skipped there is skipped for ever.
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<Cluster>> = OnceLock::new();
        SHARED.get_or_init(Self::start).as_ref()
    }

    /// One of the test's own, to be stopped and started.
    pub fn start() -> Option<Self> {
        Self::start_with("-c fsync=off -c full_page_writes=off")
    }

    /// One of the test's own that waits for the disk as others do.
    pub fn start_durable() -> Option<Self> {
        Self::start_with("")
    }

    fn start_with(options: &str) -> Option<Self> {
        let Some(bin) = binaries() else {
            assert!(env::var_os("CI").is_none(), "there is no PostgreSQL: apt-get install postgresql");
            // Not `eprintln!`, which a test that passes does not show.
            let _ = writeln!(stderr(), "skipped what needs PostgreSQL: apt-get install postgresql");
            return None;
        };
        // It refuses to run as root.
        let is_root = fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
        let mut command = Command::new(if is_root { "runuser" } else { "sh" });
        if is_root {
            command.args(["-u", "postgres", "--", "sh"]);
        }
        command.args(["-c", KEEPER, "keeper"]).arg(&bin).arg(options).current_dir("/");
        // In a group of its own: Ctrl-C is for the tests, and the keeper tidies up after them.
        let command = command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().expect("the keeper starts");
        let orders = process.stdin.take().expect("piped");
        let mut answers = BufReader::new(process.stdout.take().expect("piped")).lines();
        let dir = answers.next().expect("PostgreSQL starts").expect("UTF-8").into();
        Some(Self { dir, bin, keeper: Mutex::new((orders, answers)), _process: process })
    }

    /// A new, empty database; its URL.
    pub fn database(&self) -> String {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let name = format!("t{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let _one_at_a_time = self.keeper();
        self.sql("postgres", &format!("CREATE DATABASE {name} TEMPLATE template0 STRATEGY file_copy"));
        self.url(&name)
    }

    /// Where a database is.
    pub fn url(&self, name: &str) -> String {
        format!("postgres://postgres@{}/{name}", self.dir.display().to_string().replace('/', "%2F"))
    }

    /// Has `psql` do something; what it prints.
    pub fn sql(&self, database: &str, sql: &str) -> String {
        let mut psql = Command::new(self.bin.join("psql"));
        psql.arg("-h").arg(&self.dir).args([
            "-U",
            "postgres",
            "-d",
            database,
            "-XAtq",
            "-v",
            "ON_ERROR_STOP=1",
            "-c",
            sql,
        ]);
        let done = psql.stdin(Stdio::null()).output().expect("psql starts");
        assert!(done.status.success(), "{sql}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stdout).trim().to_owned()
    }

    /// A `psql` that does what it is told on its standard input, as far as it gets.
    pub fn psql(&self, database: &str) -> Command {
        let mut psql = Command::new(self.bin.join("psql"));
        psql.arg("-h").arg(&self.dir).args(["-U", "postgres", "-d", database, "-Xq"]);
        psql.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        psql
    }

    /// `start`, `stop` (cleanly) or `crash`, and it is done.
    pub fn order(&self, order: &str) {
        let mut keeper = self.keeper();
        writeln!(keeper.0, "{order}").expect("the keeper is there");
        keeper.1.next().expect("it is done").expect("UTF-8");
    }

    fn keeper(&self) -> MutexGuard<'_, (ChildStdin, Lines<BufReader<ChildStdout>>)> {
        self.keeper.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where `initdb` and `postgres` are: Debian keeps them out of the path, a folder for each version.
fn binaries() -> Option<PathBuf> {
    let has_all = |dir: &Path| ["initdb", "postgres", "psql", "pg_isready"].iter().all(|name| dir.join(name).exists());
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<_> = versions.map(|version| version.path().join("bin")).collect();
    versions.sort();
    let path = env::var_os("PATH").unwrap_or_default();
    versions.into_iter().rev().chain(env::split_paths(&path)).find(|dir| has_all(dir))
}
