//! The command line as it is typed, against a store that only knows accounts and keys.

use super::*;
use crate::{
    model::{
        Account, ApiKey, Credential, DocumentId, DocumentName, DocumentVersion, Epoch, InvitationId, KeyId, Offset,
        Product, ProductId, Publication, Role, RoomName, SessionId, TopicName, UnixMillis, User, UserId, UserName,
        VersionId,
    },
    storage::*,
};
use async_trait::async_trait;
use clap::CommandFactory as _;
use std::sync::Mutex;

/// Accounts, invitations and keys in memory; everything else is closed.
#[derive(Default)]
struct Accounts {
    accounts: Mutex<Vec<Account>>,
    invitations: Mutex<Vec<NewInvitation>>,
    keys: Mutex<Vec<ApiKey>>,
}

type Answer<T> = Result<T, StoreError>;

#[async_trait]
#[rustfmt::skip]
impl Store for Accounts {
    async fn create_account(&self, new: NewAccount) -> Answer<User> {
        if self.account(&new.name).await?.is_some() {
            return Err(StoreError::NameTaken);
        }
        let mut accounts = self.accounts.lock().unwrap();
        let user = User { id: UserId(accounts.len() as i64 + 1), name: new.name, role: new.role };
        let password_hash = new.password_hash;
        accounts.push(Account { user: user.clone(), password_hash, disabled: false, created_at: new.at });
        Ok(user)
    }
    async fn create_first_account(&self, new: NewAccount) -> Answer<User> {
        if !self.accounts.lock().unwrap().is_empty() {
            return Err(StoreError::AlreadySetUp);
        }
        self.create_account(new).await
    }
    async fn account(&self, name: &UserName) -> Answer<Option<Account>> {
        Ok(self.accounts.lock().unwrap().iter().find(|account| account.user.name.key() == name.key()).cloned())
    }
    async fn accounts(&self) -> Answer<Vec<Account>> {
        Ok(self.accounts.lock().unwrap().clone())
    }
    async fn disable_account(&self, name: &UserName) -> Answer<bool> {
        let mut accounts = self.accounts.lock().unwrap();
        let found = accounts.iter_mut().find(|account| account.user.name.key() == name.key());
        Ok(found.map(|account| account.disabled = true).is_some())
    }
    async fn enable_account(&self, name: &UserName) -> Answer<bool> {
        let mut accounts = self.accounts.lock().unwrap();
        let found = accounts.iter_mut().find(|account| account.user.name.key() == name.key());
        Ok(found.map(|account| account.disabled = false).is_some())
    }
    async fn reset_password(&self, name: &UserName, hash: &str) -> Answer<bool> {
        let mut accounts = self.accounts.lock().unwrap();
        let found = accounts.iter_mut().find(|account| account.user.name.key() == name.key());
        Ok(found.map(|account| account.password_hash = hash.to_owned()).is_some())
    }
    async fn create_invitation(&self, new: NewInvitation) -> Answer<InvitationId> {
        self.invitations.lock().unwrap().push(new);
        Ok(InvitationId(1))
    }
    fn epoch(&self) -> &Epoch { panic!("not asked for") }
    async fn commit(&self, _: Vec<Draft>) -> Answer<Vec<Result<Committed, Refusal>>> { Err(StoreError::Closed) }
    async fn products(&self, _: Option<ProductId>, _: u32) -> Answer<ProductPage> { Err(StoreError::Closed) }
    async fn product(&self, _: ProductId) -> Answer<Option<Product>> { Err(StoreError::Closed) }
    async fn product_rows(&self, _: Vec<TopicName>, _: usize) -> Result<Vec<RowsAt>, RowsError> { Err(StoreError::Closed.into()) }
    async fn document(&self, _: &DocumentName, _: Option<UserId>) -> Answer<Option<FoundDocument>> { Err(StoreError::Closed) }
    async fn documents_of(&self, _: &RoomName, _: Option<UserId>, _: Option<DocumentName>, _: u32) -> Answer<Option<DocumentPage>> { Err(StoreError::Closed) }
    async fn documents(&self, _: Option<DocumentName>, _: u32) -> Answer<DocumentPage> { Err(StoreError::Closed) }
    async fn document_content(&self, _: DocumentId) -> Answer<Option<StoredContent>> { Err(StoreError::Closed) }
    async fn document_updates(&self, _: DocumentId, _: Offset) -> Answer<Vec<StoredUpdate>> { Err(StoreError::Closed) }
    async fn compact_document(&self, _: DocumentId, _: Offset, _: Vec<u8>) -> Answer<bool> { Err(StoreError::Closed) }
    async fn stale_documents(&self, _: UnixMillis, _: Option<(UnixMillis, DocumentId)>, _: u32) -> Answer<Vec<StaleDocument>> { Err(StoreError::Closed) }
    async fn document_versions(&self, _: DocumentId) -> Answer<Vec<DocumentVersion>> { Err(StoreError::Closed) }
    async fn document_version(&self, _: DocumentId, _: VersionId) -> Answer<Option<StoredVersion>> { Err(StoreError::Closed) }
    async fn topic_states(&self, _: Wanted) -> Answer<Vec<TopicState>> { Err(StoreError::Closed) }
    async fn topic_states_for(&self, _: Credential, _: Wanted, _: UnixMillis) -> Answer<Option<Vec<TopicState>>> { Err(StoreError::Closed) }
    async fn read_log(&self, _: LogRange, _: u32) -> Answer<Vec<Publication>> { Err(StoreError::Closed) }
    async fn read_log_end(&self, _: LogRange, _: u32) -> Answer<Vec<Publication>> { Err(StoreError::Closed) }
    async fn trim_log(&self, _: UnixMillis, _: i64, _: u32) -> Answer<u32> { Err(StoreError::Closed) }
    async fn feed_progress(&self, _: &str) -> Answer<FeedProgress> { Err(StoreError::Closed) }
    async fn forget_feed(&self, _: &str) -> Answer<()> { Err(StoreError::Closed) }
    async fn rooms_for(&self, _: UserId) -> Answer<RoomList> { Err(StoreError::Closed) }
    async fn history(&self, _: UserId, _: &RoomName, _: HistoryPage) -> Answer<Option<History>> { Err(StoreError::Closed) }
    async fn rehash_password(&self, _: UserId, _: &str, _: &str) -> Answer<()> { Err(StoreError::Closed) }
    async fn create_session(&self, _: NewSession) -> Answer<SessionId> { Err(StoreError::Closed) }
    async fn use_session(&self, _: TokenHash, _: UnixMillis, _: SessionLimits) -> Answer<Option<Session>> { Err(StoreError::Closed) }
    async fn sweep(&self, _: Vec<SessionId>, _: UnixMillis, _: SweepLimits) -> Answer<()> { Err(StoreError::Closed) }
    async fn end_session(&self, _: SessionId) -> Answer<()> { Err(StoreError::Closed) }
    async fn live_sessions(&self, _: Vec<SessionId>) -> Answer<Vec<SessionId>> { Err(StoreError::Closed) }
    async fn revocations(&self) -> Answer<i64> { Err(StoreError::Closed) }
    async fn remember_device(&self, _: UserId, _: TokenHash, _: UnixMillis) -> Answer<()> { Err(StoreError::Closed) }
    async fn knows_device(&self, _: UserId, _: TokenHash) -> Answer<bool> { Err(StoreError::Closed) }
    async fn invitations(&self, _: UnixMillis) -> Answer<Vec<Invitation>> { Err(StoreError::Closed) }
    async fn invitation(&self, _: TokenHash, _: UnixMillis) -> Answer<Option<Invitation>> { Err(StoreError::Closed) }
    async fn revoke_invitation(&self, _: InvitationId) -> Answer<bool> { Err(StoreError::Closed) }
    async fn accept_invitation(&self, _: TokenHash, _: NewAccount) -> Answer<User> { Err(StoreError::Closed) }
    async fn create_key(&self, new: NewKey) -> Answer<ApiKey> {
        let mut keys = self.keys.lock().unwrap();
        if keys.iter().any(|key| key.name.key() == new.name.key()) {
            return Err(StoreError::NameTaken);
        }
        let NewKey { name, hint, scopes, expires_at, at: created_at, .. } = new;
        let id = KeyId(keys.len() as i64 + 1);
        keys.push(ApiKey { id, name, hint, scopes, created_at, last_used: None, expires_at });
        Ok(keys[keys.len() - 1].clone())
    }
    async fn key(&self, _: TokenHash, _: UnixMillis) -> Answer<Option<ApiKey>> { Err(StoreError::Closed) }
    async fn keys(&self) -> Answer<Vec<ApiKey>> { Ok(self.keys.lock().unwrap().clone()) }
    async fn touch_key(&self, _: KeyId, _: UnixMillis) -> Answer<()> { Err(StoreError::Closed) }
    async fn revoke_key(&self, id: KeyId) -> Answer<bool> {
        let mut keys = self.keys.lock().unwrap();
        let before = keys.len();
        keys.retain(|key| key.id != id);
        Ok(keys.len() < before)
    }
    async fn live_keys(&self, _: Vec<KeyId>, _: UnixMillis) -> Answer<Vec<KeyId>> { Err(StoreError::Closed) }
    async fn probe(&self) -> Answer<()> { Err(StoreError::Closed) }
    async fn close(&self) {}
}

fn parse(line: &str) -> Cli {
    Cli::try_parse_from(line.split_whitespace()).unwrap()
}

fn refused(line: &str) -> String {
    Cli::try_parse_from(line.split_whitespace()).unwrap_err().to_string()
}

fn hash(_: &UserName, password: &str) -> Result<String, String> {
    Ok(format!("hashed {password}"))
}

async fn make(store: &Accounts, name: &str, role: Option<Role>) -> Result<String, CliError> {
    let mut out = Vec::new();
    account::make(store, UserName::parse(name).unwrap(), role, "hash".into(), &mut out).await?;
    Ok(String::from_utf8(out).unwrap())
}

async fn run(store: &Accounts, line: &str) -> Result<String, CliError> {
    let mut out = Vec::new();
    match parse(line).command {
        Some(Command::Account(command)) => account::run(command, store, &hash, &mut out).await?,
        Some(Command::Invite(command)) => invite::run(command, store, &Settings::defaults(), &mut out).await?,
        Some(Command::Key(command)) => key::run(command, store, &mut out).await?,
        _ => panic!("not such a command"),
    }
    Ok(String::from_utf8(out).unwrap())
}

#[test]
fn the_definition_is_sound_and_every_command_has_help() {
    fn all(command: &clap::Command) {
        assert!(command.get_about().is_some(), "{} says nothing", command.get_name());
        command.get_subcommands().for_each(all);
    }
    Cli::command().debug_assert();
    all(&Cli::command());
}

#[test]
fn flags_override_settings() {
    let cli = parse("switchboard serve --listen [::1]:0 --tls off --frontend page --data-dir /tmp/x");
    let overrides = cli.overrides();
    assert_eq!(overrides.listen, Some("[::1]:0".parse().unwrap()));
    assert_eq!(overrides.tls, Some(TlsMode::Off));
    assert_eq!(overrides.frontend_dir, Some("page".into()));
    assert_eq!(overrides.data_dir, Some("/tmp/x".into()));
    assert!(parse("switchboard").command.is_none());
    assert_eq!(parse("switchboard account list --config a.toml").config, Some("a.toml".into()));
}

#[test]
fn wrong_usage_says_what_is_right() {
    assert!(refused("switchboard serve --listen 8080").contains("--listen <ADDR:PORT>"));
    assert!(refused("switchboard serve --tls maybe").contains("maybe"));
    assert!(refused("switchboard account add a/b").contains("letters, digits"));
    assert!(refused("switchboard account add a --role king").contains("owner, admin or member"));
    assert!(refused("switchboard account add a --password secret").contains("--password-stdin"));
    assert!(refused("switchboard invite --role owner").contains("account add NAME --role owner"));
    assert!(refused("switchboard invite --expires 7x").contains("try 24h or 7d"));
    assert!(refused("switchboard key create shop").contains("--scope <SCOPE>"));
    assert!(refused("switchboard key create shop --scope root").contains("`publish:PATTERN`"));
    assert!(refused("switchboard key create a/b --scope otp").contains("letters, digits"));
    assert!(refused("switchboard key create shop --scope otp --expires 7x").contains("try 24h or 90d"));
}

#[tokio::test]
async fn the_first_account_is_the_owner_and_later_ones_are_members() {
    let store = Accounts::default();
    assert_eq!(make(&store, "alice", None).await.unwrap(), "account alice is there, role owner\n");
    assert_eq!(make(&store, "bob", None).await.unwrap(), "account bob is there, role member\n");
    assert_eq!(make(&store, "carol", Some(Role::Admin)).await.unwrap(), "account carol is there, role admin\n");
    assert!(matches!(make(&store, "ALICE", None).await, Err(CliError::Store(StoreError::NameTaken))));
}

#[tokio::test]
async fn accounts_are_listed_disabled_and_enabled() {
    let store = Accounts::default();
    assert_eq!(run(&store, "switchboard account list").await.unwrap(), "");
    make(&store, "alice", None).await.unwrap();
    make(&store, "björn.with-a-long-name", None).await.unwrap();
    run(&store, "switchboard account disable Björn.with-a-long-name").await.unwrap();
    let listed = run(&store, "switchboard account list").await.unwrap();
    let lines: Vec<_> = listed.lines().collect();
    assert!(lines[0].starts_with("NAME                    ROLE    STATE     MADE"), "{listed}");
    assert!(lines[1].starts_with("alice                   owner   active    20"), "{listed}");
    assert!(lines[2].starts_with("björn.with-a-long-name  member  disabled  20"), "{listed}");
    run(&store, "switchboard account enable björn.with-a-long-name").await.unwrap();
    assert!(!run(&store, "switchboard account list").await.unwrap().contains("disabled"));
    for command in ["disable", "enable"] {
        let missing = run(&store, &format!("switchboard account {command} nobody")).await.unwrap_err();
        assert!(missing.to_string().contains("no account `nobody`"));
    }
    let missing = run(&store, "switchboard account reset-password nobody").await;
    assert!(matches!(missing, Err(CliError::NoSuchAccount(_))));
}

#[tokio::test]
async fn an_invitation_is_a_link_alone_on_its_line() {
    let store = Accounts::default();
    make(&store, "alice", None).await.unwrap();
    let link = run(&store, "switchboard invite --uses 3 --expires 1h --role admin").await.unwrap();
    let token = link.strip_prefix("https://localhost:8080/#invite=").unwrap().strip_suffix('\n').unwrap();
    assert_eq!(token.len(), 43);
    let invitation = store.invitations.lock().unwrap()[0].clone();
    assert_eq!(invitation.expires_at - invitation.at, 3_600_000);
    assert_eq!((invitation.role, invitation.uses), (Role::Admin, 3));
    use sha2::Digest as _;
    assert_eq!(invitation.token_hash.as_slice(), sha2::Sha256::digest(token).as_slice());
    assert_ne!(run(&store, "switchboard invite").await.unwrap(), link);
}

#[tokio::test]
async fn an_invitation_waits_for_the_owner_and_keeps_to_the_bounds_of_the_page() {
    let store = Accounts::default();
    let early = run(&store, "switchboard invite").await.unwrap_err();
    assert!(early.to_string().contains("setup link"), "{early}");
    make(&store, "alice", None).await.unwrap();
    for (line, problem) in [
        ("switchboard invite --uses 0", "1 to 1000"),
        ("switchboard invite --uses 1001", "1 to 1000"),
        ("switchboard invite --expires 59s", "a minute to a year"),
        ("switchboard invite --expires 2y", "a minute to a year"),
    ] {
        let refused = run(&store, line).await.unwrap_err();
        assert!(refused.to_string().contains(problem), "{line}: {refused}");
    }
    assert!(store.invitations.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_key_is_alone_on_its_line_and_listed_without_its_secret() {
    let store = Accounts::default();
    assert_eq!(run(&store, "switchboard key list").await.unwrap(), "");
    let key = run(&store, "switchboard key create Shop --scope publish:* --scope otp --expires 90d").await.unwrap();
    let secret = key.strip_suffix('\n').unwrap();
    assert!(secret.starts_with("sbk_") && secret.len() == 47, "{key}");
    let kept = store.keys.lock().unwrap()[0].clone();
    assert_eq!(kept.expires_at, Some(kept.created_at + 90 * 86_400_000));
    run(&store, "switchboard key create deploy --scope admin").await.unwrap();
    {
        let mut keys = store.keys.lock().unwrap();
        (keys[0].last_used, keys[1].expires_at) = (Some(1_700_000_000_000), Some(1_700_000_000_000));
    }
    let listed = run(&store, "switchboard key list").await.unwrap();
    let lines: Vec<_> = listed.lines().collect();
    assert!(
        lines[0].starts_with("ID  NAME    BEGINS WITH  SCOPES          MADE                  LAST USED"),
        "{listed}"
    );
    assert!(lines[1].starts_with(&format!("1   Shop    {}…  publish:*, otp  20", &secret[..10])), "{listed}");
    assert!(lines[1].contains("2023-11-14T22:13:20Z  20") && !lines[1].contains("expired"), "{listed}");
    assert!(lines[2].ends_with("never                 2023-11-14T22:13:20Z (expired)"), "{listed}");
    assert!(!listed.contains(secret) && lines.len() == 3, "{listed}");
}

#[tokio::test]
async fn a_key_that_nobody_saw_is_to_be_revoked() {
    struct ClosedPipe;
    impl io::Write for ClosedPipe {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let store = Accounts::default();
    let create =
        key::Create { name: KeyName::parse("shop").unwrap(), scopes: vec!["otp".parse().unwrap()], expires: None };
    let unseen = key::run(key::KeyCommand::Create(create), &store, &mut ClosedPipe).await.unwrap_err();
    assert!(unseen.to_string().contains("`switchboard key revoke shop`"), "{unseen}");
    assert_eq!(store.keys.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_key_is_revoked_by_its_name_or_else_its_id() {
    let store = Accounts::default();
    for name in ["shop", "2", "web"] {
        run(&store, &format!("switchboard key create {name} --scope otp")).await.unwrap();
    }
    let taken = run(&store, "switchboard key create SHOP --scope otp").await.unwrap_err();
    assert!(taken.to_string().contains("key revoke SHOP"), "{taken}");
    assert_eq!(run(&store, "switchboard key revoke SHOP").await.unwrap(), "key shop is revoked\n");
    assert_eq!(run(&store, "switchboard key revoke 3").await.unwrap(), "key web is revoked\n");
    assert_eq!(run(&store, "switchboard key revoke 2").await.unwrap(), "key 2 is revoked\n");
    for which in ["shop", "2", "a/b"] {
        let missing = run(&store, &format!("switchboard key revoke {which}")).await.unwrap_err();
        assert!(missing.to_string().contains(&format!("no key `{which}`")), "{missing}");
    }
}

#[tokio::test]
async fn a_key_keeps_to_the_bounds_of_the_api() {
    let store = Accounts::default();
    let many: String = (0..21).map(|n| format!(" --scope publish:n{n}")).collect();
    for (line, problem) in [
        (format!("switchboard key create shop{many}"), "--scope must be 1 to 20"),
        ("switchboard key create shop --scope otp --expires 59s".to_owned(), "a minute to ten years"),
        ("switchboard key create shop --scope otp --expires 11y".to_owned(), "a minute to ten years"),
    ] {
        let refused = run(&store, &line).await.unwrap_err();
        assert!(refused.to_string().contains(problem), "{line}: {refused}");
    }
    assert!(store.keys.lock().unwrap().is_empty());
    run(&store, "switchboard key create shop --scope otp --expires 10y").await.unwrap();
}

#[test]
fn exit_codes_tell_what_helps() {
    assert_eq!(store_exit_code(&StoreError::Unavailable("disk full".into())), 69);
    assert_eq!(store_exit_code(&StoreError::NewerSchema { found: 2, known: 1 }), 78);
    assert_eq!(store_exit_code(&StoreError::UnfinishedCopy), 78);
    assert_eq!(store_exit_code(&StoreError::InUse), 69);
    assert_eq!(store_exit_code(&StoreError::NameTaken), 1);
    assert_eq!(copy_exit_code(&CopyError::Store { place: "sqlite".into(), error: StoreError::InUse }), 69);
    assert_eq!(copy_exit_code(&CopyError::Occupied("sqlite".into())), 1);
}
