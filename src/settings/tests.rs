//! Every fault is reported, with the key and where it was given.

use super::*;
use crate::model::DocumentName;
use std::io::Write as _;

fn load(toml: &str, env: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(toml.as_bytes()).unwrap();
    let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Settings::load(Some(file.path()), env, Overrides::default())
}

fn faults(toml: &str, env: &[(&str, &str)]) -> Vec<String> {
    load(toml, env).unwrap_err().faults.iter().map(ToString::to_string).collect()
}

#[test]
fn the_defaults_are_good() {
    let settings = Settings::defaults();
    assert_eq!(settings.socket.pong_wait, Duration::from_secs(60));
    assert_eq!(settings.auth.session_idle, Duration::from_secs(7 * 86_400));
    assert_eq!(settings.http.frontend_dir, None);
}

#[test]
fn each_layer_overrides_the_one_below() {
    let toml = "[socket]\npong_wait_secs = 40\nping_period_secs = 10.5\n[server]\nname = \"From file\"";
    let file = load(toml, &[]).unwrap();
    assert_eq!(file.socket.ping_period, Duration::from_millis(10_500));
    let env = load(
        toml,
        &[
            ("SWITCHBOARD__SOCKET__PONG_WAIT_SECS", "30"),
            ("SWITCHBOARD__HTTP__HOSTS", "a.example, b.example"),
            ("SWITCHBOARD__TLS__ALLOW_PLAIN_ON_NETWORK", "true"),
            ("SWITCHBOARD__SERVER__NAME", "42"),
            ("SWITCHBOARD_PORT", "tcp://10.0.0.1:80"), // Kubernetes makes such ones
        ],
    )
    .unwrap();
    assert_eq!(env.socket.pong_wait, Duration::from_secs(30));
    assert_eq!(env.http.hosts, ["a.example", "b.example"]);
    assert_eq!(env.server.name, "42");
    assert!(env.tls.allow_plain_on_network);
    let overrides = Overrides {
        listen: Some(([127, 0, 0, 1], 0).into()),
        data_dir: Some("elsewhere".into()),
        tls: Some(TlsMode::Off),
        frontend_dir: Some("frontend".into()),
    };
    let flags = Settings::load(None, [("SWITCHBOARD__TLS__MODE".into(), "on".into())], overrides).unwrap();
    assert_eq!(flags.server.listen.port(), 0);
    assert_eq!(flags.tls.mode, TlsMode::Off);
    assert_eq!(flags.tls_files().0, Path::new("elsewhere/server.crt"));
    assert_eq!(flags.http.frontend_dir.as_deref(), Some(Path::new("frontend")));
}

#[test]
fn every_fault_is_in_one_message() {
    let toml = "stray = 1\n[socket]\npong_wait_sec = 30\nmax_in_flight = -1\nping_period_secs = true\n[tls]\nmode = \"maybe\"\n\
                [http]\ntrusted_proxies = [\"10.0.0.0/8\", \"ten\"]\n[nowhere]\na = 1\n[storage]\nurl = \"redis\"\n";
    let error =
        load(toml, &[("SWITCHBOARD__OTP__TTL_SECS", "soon"), ("SWITCHBOARD__OTP__TTL", "1")]).unwrap_err().to_string();
    for expected in [
        "stray",
        "socket.pong_wait_sec (",
        "did you mean socket.pong_wait_secs?",
        "socket.max_in_flight (",
        "socket.ping_period_secs (",
        "must be a number, not true",
        "tls.mode (",
        "`ten` is no address or network",
        "nowhere.a (",
        "otp.ttl_secs (SWITCHBOARD__OTP__TTL_SECS): must be a number, not \"soon\"",
        "otp.ttl (SWITCHBOARD__OTP__TTL): no such setting; did you mean otp.ttl_secs?",
        "storage.url (",
    ] {
        assert!(error.contains(expected), "{expected:?} is missing from:\n{error}");
    }
    assert_eq!(error.lines().count(), 11, "{error}");
}

#[test]
fn a_key_with_a_fault_of_its_own_is_not_blamed_for_a_relation() {
    let found = faults("[socket]\npong_wait_secs = \"long\"\nping_period_secs = 100\n", &[]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("socket.pong_wait_secs"), "{found:?}");
}

#[test]
fn a_fault_alone_is_one_line() {
    let error = load("[otp]\nttl_secs = 0\n", &[]).unwrap_err().to_string();
    assert_eq!(error.lines().count(), 1);
    assert!(error.contains("otp.ttl_secs") && error.contains("more than zero"), "{error}");
    let syntax = load("[otp\n", &[]).unwrap_err().to_string();
    assert_eq!(syntax.lines().count(), 1, "{syntax}");
    let missing = Settings::load(Some(Path::new("/nowhere.toml")), [], Overrides::default()).unwrap_err().to_string();
    assert!(missing.contains("/nowhere.toml: cannot be read"), "{missing}");
}

#[test]
fn feeds_that_cannot_be_are_refused() {
    let table =
        |table, key, topic| format!("[[feed.table]]\ntable = \"{table}\"\nkey = \"{key}\"\ntopic = \"{topic}\"\n");
    let ours = table("products", "product_id", "products");
    let twice = table("public.products", "product_id", "products");
    for (toml, key) in [
        ("[feed]\nurl = \"sqlite\"".to_owned(), "feed.url"),
        ("[feed]\nprobe_secs = 0".to_owned(), "feed.probe_secs"),
        ("[feed]\nschema = \"pg_feed\"".to_owned(), "feed.schema"),
        ("[feed]\nschema = \"feed; DROP\"".to_owned(), "feed.schema"),
        (table("orders", "id", "orders"), "feed.table"), // there is no PostgreSQL
        (table("products", "id", "products"), "feed.table"),
        (table("products", "product_id", "room"), "feed.table"),
        (format!("[feed]\nurl = \"postgres://a@h/d\"\n{ours}{twice}"), "feed.table"),
        (format!("[feed]\nurl = \"postgres://a@h/d\"\n{}", table("", "id", "t")), "feed.table"),
        (format!("{ours}history_hours = 721"), "feed.table"),
        (format!("{ours}history_count = 1000001"), "feed.table"),
        (format!("{ours}subscribe = \"everybody\""), "feed.table"),
        (format!("{ours}history = 1"), "feed.table"),
    ] {
        let found = faults(&toml, &[]);
        assert!(found.len() == 1 && found[0].contains(key), "{toml}: {found:?}");
    }
    load(&format!("{ours}history_hours = 720\nhistory_count = 1000000"), &[]).unwrap();
    load(&format!("[feed]\nurl = \"postgres://a@h/d\"\n{ours}{}", table("orders", "id", "orders")), &[]).unwrap();
}

#[test]
fn limits_of_documents_are_kept() {
    for (toml, key) in [
        ("max_update_bytes = 1023", "document.max_update_bytes"),
        (
            "max_update_bytes = 16777217\nmax_bytes = 268435456\n[socket]\negress_bytes = 33554432",
            "document.max_update_bytes",
        ),
        ("max_bytes = 1048575", "document.max_bytes"),
        ("max_bytes = 268435457", "document.max_bytes"),
        ("max_update_bytes = 1023\nmax_bytes = 1023", "document.max_bytes"),
        ("messages_per_sec = 0", "document.messages_per_sec"),
        ("messages_burst = 0", "document.messages_burst"),
        ("max_awareness_bytes = 255", "document.max_awareness_bytes"),
        ("max_awareness_bytes = 1048577", "document.max_awareness_bytes"),
        ("idle_secs = 0", "document.idle_secs"),
        ("compact_updates = 0", "document.compact_updates"),
        ("compact_updates = 1000001", "document.compact_updates"),
        ("compact_bytes = 1023", "document.compact_bytes"),
        ("compact_bytes = 268435457", "document.compact_bytes"),
        ("compact_hours = 0", "document.compact_hours"),
        ("max_per_room = 0", "document.max_per_room"),
        ("max_per_room = 1000001", "document.max_per_room"),
        ("max_per_namespace = 0", "document.max_per_namespace"),
        ("max_versions_bytes = 0", "document.max_versions_bytes"),
        ("max_open_bytes = 16777215", "document.max_open_bytes"),
        ("max_versions = 0", "document.max_versions"),
        ("max_versions = 100001", "document.max_versions"),
        ("max_pages = 1", "document.max_pages"),
    ] {
        let found = faults(&format!("[document]\n{toml}"), &[]);
        assert!(!found.is_empty() && found.iter().any(|fault| fault.contains(key)), "{toml}: {found:?}");
    }
    let least = "max_update_bytes = 1024\nmax_bytes = 1024\nmax_awareness_bytes = 256\ncompact_bytes = 1024";
    load(&format!("[document]\n{least}"), &[]).unwrap();
}

#[test]
fn namespaces_of_documents_say_whose_they_are() {
    let [app] = &Settings::defaults().document.namespace[..] else { panic!("there is one") };
    assert_eq!((app.pattern.to_string().as_str(), app.members), ("app.*", NamespaceMembers::Nothing));
    let toml = "[[document.namespace]]\npattern = \"wiki.*\"\nmembers = \"write\"\n\
                [[document.namespace]]\npattern = \"WIKI\"\nmembers = \"read\"";
    let documents = load(toml, &[]).unwrap().document;
    let members =
        |name: &str| documents.namespace_of(&DocumentName::parse(name).unwrap()).map(|namespace| namespace.members);
    assert_eq!(members("wiki.start"), Some(NamespaceMembers::Write));
    assert_eq!(members("wiki"), Some(NamespaceMembers::Read));
    assert_eq!((members("app.plan"), members("wikis")), (None, None));
    assert!(load("[document]\nnamespace = []", &[]).unwrap().document.namespace.is_empty());
    for (toml, says) in [
        ("pattern = \"app*\"", "ends in"),
        ("pattern = \"app.*\"\nmembers = \"all\"", "all"),
        ("members = \"read\"", "pattern"),
        ("pattern = \"a\"\nsubscribe = \"user\"", "subscribe"),
    ] {
        let found = faults(&format!("[[document.namespace]]\n{toml}"), &[]);
        let named = found.len() == 1 && found[0].contains("document.namespace") && found[0].contains(says);
        assert!(named, "{toml}: {found:?}");
    }
}

#[test]
fn contradictions_are_refused() {
    for (toml, key) in [
        ("[socket]\npong_wait_secs = 25", "socket.pong_wait_secs"),
        ("[server]\ndrain_wait_secs = 4", "server.drain_wait_secs"),
        ("[auth]\nargon2_memory_kib = 19455", "auth.argon2_memory_kib"),
        ("[auth]\nargon2_passes = 1", "auth.argon2_passes"),
        ("[auth]\nargon2_lanes = 0", "auth.argon2_lanes"),
        ("[auth]\nsession_max_days = 1", "auth.session_max_days"),
        ("[auth]\nthrottle_keys_per_minute = 0", "auth.throttle_keys_per_minute"),
        ("[server]\nlisten = \"0.0.0.0:80\"\n[tls]\nmode = \"off\"", "tls.mode"),
        ("[socket]\negress_bytes = 131071", "socket.egress_bytes"),
        ("[rooms]\nmax_joined = 0", "rooms.max_joined"),
        ("[journal]\nqueue = 0", "journal.queue"),
        ("[journal]\nmax_batch = 0", "journal.max_batch"),
        ("[storage]\nreaders = 0", "storage.readers"),
        ("[[namespace]]\npattern = \"a.*\"\n[[namespace]]\npattern = \"a.b\"", "namespace"),
        ("[[namespace]]\npattern = \"a.*\"\nsubscribe = \"user\"", "namespace"),
        ("[[namespace]]\npattern = \"a.{user}\"", "namespace"),
        ("[[namespace]]\npattern = \"a\"\nmax_data_bytes = 0", "namespace"),
        ("[[namespace]]\npattern = \"a\"\nhistory_hours = 721", "namespace"),
        ("[recovery]\nmax_publications = 0", "recovery.max_publications"),
        ("[server]\npublic_url = \"https://chat.example.org/\"", "server.public_url"),
        ("[server]\npublic_url = \"http://chat.example.org\"", "server.public_url"),
        ("[http]\nallowed_origins = [\"chat.example.org\"]", "http.allowed_origins"),
        ("[http]\nallowed_origins = [\"https://a:443\"]", "http.allowed_origins"),
        ("[http]\nallowed_origins = [\"https://*.example.org/x\"]", "http.allowed_origins"),
        ("[http]\nhosts = [\"::1\"]", "http.hosts"),
        ("[http]\nhosts = [\"*.a.example\"]", "http.hosts"),
        ("[http]\nhosts = [\"https://a.example\"]", "http.hosts"),
        ("[http]\nwrite_wait_secs = 0", "http.write_wait_secs"),
        ("[http]\nidle_wait_secs = 60", "http.idle_wait_secs"),
        ("[log]\nfilter = \"switchboard=loud\"", "log.filter"),
        ("[server]\nname = \"\"", "server.name"),
        (
            "[storage]\nurl = \"postgres://a@h/d\"\n[feed]\nurl = \"postgresql://b:c@h:5432/d?sslmode=disable\"",
            "feed.url",
        ),
        ("[feed]\nurl = \"mysql://a@h/d\"", "feed.url"),
        ("[journal]\nretention_days = 1e300", "journal.retention_days"),
    ] {
        let found = faults(toml, &[]);
        assert!(found.len() == 1 && found[0].contains(key), "{toml}: {found:?}");
    }
    load("[tls]\nmode = \"off\"\nallow_plain_on_network = true\n[server]\nlisten = \"0.0.0.0:80\"", &[]).unwrap();
    for other in ["", "postgres://a@h/d", "postgres://a@h/e", "postgres://a@h:5433/d", "postgres://a@i/d"] {
        load(&format!("[storage]\nurl = \"postgres://a@h/d\"\n[feed]\nurl = \"{other}\""), &[]).unwrap();
    }
    load("[http]\nallowed_origins = [\"https://[::1]:8443\", \"http://a\"]\nhosts = [\"[::1]:80\", \"A:80\"]", &[])
        .unwrap();
}

#[test]
fn what_is_shown_can_be_loaded() {
    let env = [("SWITCHBOARD__OTP__TTL_SECS".to_owned(), "2.5".to_owned())];
    let shown = Settings::show(None, env, Overrides::default()).unwrap();
    assert!(shown.contains("ttl_secs = 2.5 # SWITCHBOARD__OTP__TTL_SECS\n"), "{shown}");
    let settings = load(&shown, &[]).unwrap();
    assert_eq!(settings.otp.ttl, Duration::from_millis(2500));
    assert_eq!(format!("{:?}", settings.server), format!("{:?}", Settings::defaults().server));
}

#[test]
fn namespaces_of_a_file_replace_the_default_and_keep_its_other_keys() {
    assert_eq!(Settings::defaults().namespace[0].pattern.as_str(), "*");
    let toml = "[[namespace]]\npattern = \"news.*\"\nhistory_hours = 0.5\n[[namespace]]\npattern = \"orders.{user}.*\"\n\
                subscribe = \"user\"\npublish = \"members\"\nhistory_count = 0";
    let settings = load(toml, &[]).unwrap();
    let [news, orders] = &settings.namespace[..] else { panic!("{:?}", settings.namespace) };
    assert_eq!((news.subscribe, news.publish), (Subscribers::Members, Publishers::Keys));
    assert_eq!((news.history_count, news.history_age), (1000, Duration::from_secs(1800)));
    assert_eq!((orders.subscribe, orders.publish), (Subscribers::User, Publishers::Members));
    assert_eq!((orders.history_count, orders.max_data_bytes), (0, 65_536));
    assert!(load("[log]\nformat = \"json\"\n", &[]).unwrap().namespace.len() == 1);
    assert!(load("namespace = []", &[]).unwrap().namespace.is_empty());
}

#[test]
fn a_faulty_namespace_is_named() {
    for (toml, says) in [
        ("[[namespace]]\npattern = \"a..b\"", "segments"),
        ("[[namespace]]\nsubscribe = \"members\"", "pattern"),
        ("[[namespace]]\npattern = \"a\"\nsubscribe = \"all\"", "all"),
        ("[[namespace]]\npattern = \"a\"\nhistory_count = \"many\"", "history_count of the namespace \"a\""),
        ("[[namespace]]\npattern = \"a\"\nhistory = 3", "history"),
        ("[namespace]\npattern = \"a\"", "namespace"),
    ] {
        let found = faults(toml, &[]);
        assert!(found.len() == 1 && found[0].contains("namespace") && found[0].contains(says), "{toml}: {found:?}");
    }
    let found = faults("", &[("SWITCHBOARD__NAMESPACE", "news.*")]);
    assert!(found[0].contains("in a file"), "{found:?}");
}

#[test]
fn namespaces_are_shown() {
    let shown = |toml: &str| {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(toml.as_bytes()).unwrap();
        Settings::show(Some(file.path()), [], Overrides::default()).unwrap()
    };
    assert!(shown("").contains("\n[[namespace]]\nhistory_count = 1000\n"), "{}", shown(""));
    let own = shown("[[namespace]]\npattern = \"news.*\"\n[[namespace]]\npattern = \"b\"");
    assert_eq!(own.matches("[[namespace]] # ").count(), 2, "{own}");
    assert!(own.contains("pattern = \"news.*\"") && !own.contains("pattern = \"*\""), "{own}");
}
