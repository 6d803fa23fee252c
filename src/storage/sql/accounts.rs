//! Accounts.

use super::{
    db::{Db, Row, corrupt},
    rooms, sessions,
};
use crate::{
    model::{Account, Role, User, UserId, UserName},
    storage::{NewAccount, StoreError, role_from_text},
};

/// Makes an account with `role`, whatever the new account asks for, and puts it into `general`.
pub(super) fn create(db: Db<'_>, account: &NewAccount, role: Role) -> Result<User, StoreError> {
    if db.any("SELECT 1 FROM account WHERE name_key = $1", [account.name.key()])? {
        return Err(StoreError::NameTaken);
    }
    let id = UserId(db.insert(
        "INSERT INTO account (name, name_key, role, password_hash, created_at) VALUES ($1, $2, $3, $4, $5)",
        (account.name.as_str(), account.name.key(), role.as_str(), &account.password_hash, account.at),
    )?);
    rooms::join_general(db, id, account.at)?;
    Ok(User { id, name: account.name.clone(), role })
}

/// Makes the first account; two who try at once take turns, so one of them finds it made.
pub(super) fn create_first(db: Db<'_>, account: &NewAccount) -> Result<User, StoreError> {
    if db.any("SELECT 1 FROM account", ())? {
        return Err(StoreError::AlreadySetUp);
    }
    create(db, account, account.role)
}

pub(super) fn find(db: Db<'_>, name: &UserName) -> Result<Option<Account>, StoreError> {
    db.one(
        "SELECT id, name, role, password_hash, disabled, created_at FROM account WHERE name_key = $1",
        [name.key()],
        read,
    )
}

/// All accounts, by name.
pub(super) fn list(db: Db<'_>) -> Result<Vec<Account>, StoreError> {
    db.all("SELECT id, name, role, password_hash, disabled, created_at FROM account ORDER BY name_key", (), read)
}

/// Disables an account and ends its sessions.
pub(super) fn disable(db: Db<'_>, name: &UserName) -> Result<bool, StoreError> {
    let Some(id) = id(db, name)? else { return Ok(false) };
    db.run("UPDATE account SET disabled = 1 WHERE id = $1", [id.0])?;
    sessions::end_all(db, id)?;
    Ok(true)
}

/// Enables a disabled account. A session that was opened while it was being disabled must not
/// come to life now, so all end; those of an account that was not disabled go on.
pub(super) fn enable(db: Db<'_>, name: &UserName) -> Result<bool, StoreError> {
    let Some(id) = id(db, name)? else { return Ok(false) };
    if db.any("SELECT 1 FROM account WHERE id = $1 AND disabled = 1", [id.0])? {
        sessions::end_all(db, id)?;
        db.run("UPDATE account SET disabled = 0 WHERE id = $1", [id.0])?;
    }
    Ok(true)
}

/// Sets another password hash and ends the account's sessions.
pub(super) fn reset_password(db: Db<'_>, name: &UserName, password_hash: &str) -> Result<bool, StoreError> {
    let Some(id) = id(db, name)? else { return Ok(false) };
    db.run("UPDATE account SET password_hash = $1 WHERE id = $2", (password_hash, id.0))?;
    sessions::end_all(db, id)?;
    Ok(true)
}

/// Replaces one hash of a password by another.
pub(super) fn rehash_password(db: Db<'_>, user: UserId, weak: &str, strong: &str) -> Result<(), StoreError> {
    let replace = "UPDATE account SET password_hash = $1 WHERE id = $2 AND password_hash = $3";
    db.run(replace, (strong, user.0, weak)).map(drop)
}

fn id(db: Db<'_>, name: &UserName) -> Result<Option<UserId>, StoreError> {
    db.one("SELECT id FROM account WHERE name_key = $1", [name.key()], |row| Ok(UserId(row.get(0)?)))
}

/// Reads `id, name, role` as the columns from `first` on.
pub(super) fn user(row: &Row<'_>, first: usize) -> Result<User, StoreError> {
    Ok(User {
        id: UserId(row.get(first)?),
        name: UserName::parse(row.text(first + 1)?).map_err(corrupt)?,
        role: role_from_text(row.text(first + 2)?)?,
    })
}

fn read(row: &Row<'_>) -> Result<Account, StoreError> {
    Ok(Account { user: user(row, 0)?, password_hash: row.get(3)?, disabled: row.get(4)?, created_at: row.get(5)? })
}
