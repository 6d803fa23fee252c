//! Products: rows that change, and what their watchers are told.
//!
//! Where PostgreSQL holds them, others write them too. A trigger there says what changes, whoever changes it, so here
//! only the row is written; and a row that somebody else has locked is not waited for, since everybody's messages would
//! wait with it.

use super::{
    commit::{Batch, Decision},
    db::{Db, Row, corrupt},
    log,
};
use crate::{
    model::{
        FeedName, NewProduct, OnlyIf, Price, Product, ProductId, Publication, ROW_CHANGED, RowAction, RowChange,
        RowTopic, TopicName, UnixMillis,
    },
    storage::{
        self, Committed, Keep, MAX_PAGE_BYTES, NewPublication, Once, Outcome, ProductEdit, ProductPage, Refusal,
        RowsAt, StoreError, Wanted, postgres::Undone,
    },
};
use std::ops::ControlFlow;

/// The topics of products, whatever table the settings call so.
const TOPIC: &str = "products";
/// Ids that others have given away by hand, in a row, until we give up to find a free one.
const MAX_TAKEN: usize = 8;

/// The columns that [`read`] takes; the price as text on both engines, with two decimals.
macro_rules! columns {
    () => {
        "product_id, manufacturer, CAST(price_per_unit AS TEXT), units_available, product_name"
    };
}

/// A statement that each engine wants in its own words.
struct InEach {
    sqlite: &'static str,
    postgres: &'static str,
}

const FIND: &str = concat!("SELECT ", columns!(), " FROM products WHERE product_id = $1");
/// For whoever is going to change it.
const FIND_TO_CHANGE: InEach = InEach {
    sqlite: FIND,
    postgres: concat!("SELECT ", columns!(), " FROM products WHERE product_id = $1 FOR UPDATE SKIP LOCKED"),
};
/// No row: somebody has given this id away by hand.
const INSERT: InEach = InEach {
    sqlite: concat!(
        "INSERT INTO products (manufacturer, price_per_unit, units_available, product_name) VALUES ($1, $2, $3, $4) RETURNING ",
        columns!()
    ),
    postgres: concat!(
        "INSERT INTO products (manufacturer, price_per_unit, units_available, product_name) \
         VALUES ($1, CAST(CAST($2 AS TEXT) AS NUMERIC(12, 2)), $3, $4) ON CONFLICT DO NOTHING RETURNING ",
        columns!()
    ),
};
/// Lets the next id be the first free one above the last that was tried.
const SKIP_TAKEN: &str = "SELECT setval(pg_get_serial_sequence('products', 'product_id'), min(product_id)) FROM products \
     WHERE product_id >= currval(pg_get_serial_sequence('products', 'product_id')) \
     AND NOT EXISTS (SELECT 1 FROM products AS next WHERE next.product_id = products.product_id + 1)";
const UPDATE: InEach = InEach {
    sqlite: concat!(
        "UPDATE products SET manufacturer = $1, price_per_unit = $2, units_available = $3, product_name = $4 \
         WHERE product_id = $5 RETURNING ",
        columns!()
    ),
    postgres: concat!(
        "UPDATE products SET manufacturer = $1, price_per_unit = CAST(CAST($2 AS TEXT) AS NUMERIC(12, 2)), \
         units_available = $3, product_name = $4 WHERE product_id = $5 RETURNING ",
        columns!()
    ),
};
const DELETE: &str = "DELETE FROM products WHERE product_id = $1";

impl InEach {
    fn of(&self, db: Db<'_>) -> &'static str {
        match db {
            Db::Sqlite(_) => self.sqlite,
            Db::Postgres(_) => self.postgres,
        }
    }
}

impl Batch<'_> {
    pub(super) fn edit_product(
        &mut self,
        edit: &ProductEdit,
        keep: Keep,
        once: Option<&Once>,
        at: UnixMillis,
    ) -> Decision {
        if let Some(known) = self.first_answer(once)? {
            let answer = |product| Committed {
                publications: Vec::new(),
                outcome: Outcome::Product { product, duplicate: true },
            };
            return Ok(known.map(answer));
        }
        let changed = match self.db {
            Db::Sqlite(_) => change(self.db, edit)?,
            Db::Postgres(client) => client.apart(|| change(self.db, edit))?.unwrap_or_else(|why| Err(why.into())),
        };
        let (action, product) = match changed {
            Ok(changed) => changed,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let publications = match self.db {
            Db::Sqlite(_) => self.tell_watchers(action, &product, keep, at)?,
            Db::Postgres(_) => Vec::new(), // the feed does
        };
        self.keep_receipt(once, &product, at)?;
        Ok(Ok(Committed { publications, outcome: Outcome::Product { product, duplicate: false } }))
    }

    fn tell_watchers(
        &mut self,
        action: RowAction,
        product: &Product,
        keep: Keep,
        at: UnixMillis,
    ) -> Result<Vec<Publication>, StoreError> {
        let feed = feed()?;
        let (key, row) = (product.product_id.to_string(), product.to_json());
        let change = RowChange { action: action.as_str(), key: &key, row: Some(&row), omitted: None };
        let payload = change.to_json();
        let topics = feed.row(&key).into_iter().chain([feed.table()]);
        let publish = |topic| {
            let payload = payload.clone();
            let event_type = ROW_CHANGED.into();
            self.append(&NewPublication { topic, event_type, payload, keep: Some(keep), subscribers: 0 }, at)
        };
        topics.map(publish).collect()
    }
}

/// Writes the row: what has happened, and to what.
fn change(db: Db<'_>, edit: &ProductEdit) -> Result<Result<(RowAction, Product), Refusal>, StoreError> {
    let (id, only_if) = match edit {
        ProductEdit::Create(new) => return Ok(Ok((RowAction::Insert, insert(db, new)?))),
        ProductEdit::Replace { id, only_if, .. } | ProductEdit::Delete { id, only_if } => (*id, only_if),
    };
    let found = match find_to_change(db, id, only_if)? {
        Ok(found) => found,
        Err(refusal) => return Ok(Err(refusal)),
    };
    if let ProductEdit::Replace { to, .. } = edit {
        return Ok(Ok((RowAction::Update, update(db, id, to)?)));
    }
    db.run(DELETE, [id.0])?;
    Ok(Ok((RowAction::Delete, found)))
}

impl From<Undone> for Refusal {
    fn from(why: Undone) -> Self {
        match why {
            Undone::Locked => Self::RowLocked,
            Undone::Rejected => Self::Rejected,
            Undone::Failed => Self::CannotStore,
        }
    }
}

/// The product, if it may be changed so; from now on nobody else changes it.
fn find_to_change(db: Db<'_>, id: ProductId, only_if: &OnlyIf) -> Result<Result<Product, Refusal>, StoreError> {
    Ok(match db.one(FIND_TO_CHANGE.of(db), [id.0], read)? {
        Some(product) if only_if.holds(product.version()) => Ok(product),
        Some(_) => Err(Refusal::Changed),
        // Skipped, or not there.
        None if db.any(FIND, [id.0])? => Err(Refusal::RowLocked),
        None => Err(Refusal::NoSuchProduct),
    })
}

fn insert(db: Db<'_>, new: &NewProduct) -> Result<Product, StoreError> {
    let price = new.price_per_unit().to_string();
    for _ in 0..MAX_TAKEN {
        let values = (new.manufacturer(), price.as_str(), new.units_available(), new.product_name());
        if let Some(product) = written(db.all(INSERT.of(db), values, read)?) {
            return Ok(product);
        }
        db.all(SKIP_TAKEN, (), |_| Ok(()))?;
    }
    Err(StoreError::Unavailable("others take every id of a product before it is given".to_owned()))
}

fn update(db: Db<'_>, id: ProductId, to: &NewProduct) -> Result<Product, StoreError> {
    let price = to.price_per_unit().to_string();
    let values = (to.manufacturer(), price.as_str(), to.units_available(), to.product_name(), id.0);
    let rows = db.all(UPDATE.of(db), values, read)?;
    written(rows)
        .ok_or_else(|| StoreError::Unavailable("a trigger of the database's kept a product from changing".to_owned()))
}

/// The row as it was written. All rows have been asked for: what a trigger says against a statement comes behind them.
fn written(rows: Vec<Product>) -> Option<Product> {
    rows.into_iter().next()
}

pub(super) fn find(db: Db<'_>, id: ProductId) -> Result<Option<Product>, StoreError> {
    db.one(FIND, [id.0], read)
}

/// The next products, by id.
pub(super) fn page(db: Db<'_>, after: Option<ProductId>, limit: u32) -> Result<ProductPage, StoreError> {
    const FIRST: &str = concat!("SELECT ", columns!(), " FROM products ORDER BY product_id LIMIT $1");
    const NEXT: &str =
        concat!("SELECT ", columns!(), " FROM products WHERE product_id > $1 ORDER BY product_id LIMIT $2");
    let (one_more, most) = (i64::from(limit) + 1, (limit, MAX_PAGE_BYTES));
    let (products, more) = match after {
        None => db.page(FIRST, [one_more], most, Product::json_bytes, read)?,
        Some(after) => db.page(NEXT, (after.0, one_more), most, Product::json_bytes, read)?,
    };
    Ok(ProductPage { products, more })
}

/// The rows that these topics are about and where each one's log stands; the caller's transaction makes it one snapshot.
/// `None`: they are more than `max_bytes`.
pub(super) fn rows(db: Db<'_>, topics: &[TopicName], max_bytes: usize) -> Result<Option<Vec<RowsAt>>, StoreError> {
    const ALL: &str = concat!("SELECT ", columns!(), " FROM products ORDER BY product_id");
    let feed = feed()?;
    let states = log::states(db, &Wanted { heard_by: None, named: topics.to_vec() })?;
    let (mut answer, mut bytes) = (Vec::with_capacity(topics.len()), 0);
    for state in states {
        let mut rows = Vec::new();
        let visit = |row: &Row<'_>| {
            let product = read(row)?;
            let row = storage::Row { key: product.product_id.to_string(), row: product.to_json() };
            bytes += row.row.get().len();
            rows.push(row);
            Ok(if bytes > max_bytes { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        };
        match feed.topic(&state.topic) {
            Some(RowTopic::Table) => db.visit(ALL, (), visit)?,
            Some(RowTopic::Row(key)) => id_of(&key).map_or(Ok(()), |id| db.visit(FIND, [id.0], visit))?,
            None => return Err(corrupt(format_args!("`{}` is not a topic of products", state.topic))),
        }
        if bytes > max_bytes {
            return Ok(None);
        }
        answer.push(RowsAt { state, rows });
    }
    Ok(Some(answer))
}

/// The id that a key stands for, written as ids are.
fn id_of(key: &str) -> Option<ProductId> {
    key.parse().ok().map(ProductId).filter(|id| id.to_string() == key)
}

fn feed() -> Result<FeedName, StoreError> {
    FeedName::parse(TOPIC).map_err(corrupt)
}

/// Reads [`columns!`].
fn read(row: &Row<'_>) -> Result<Product, StoreError> {
    Ok(Product {
        product_id: ProductId(row.get(0)?),
        manufacturer: row.get(1)?,
        price_per_unit: Price::parse(row.text(2)?).map_err(corrupt)?,
        units_available: row.get(3)?,
        product_name: row.get(4)?,
    })
}
