//! Tells the senders when the slowest client has got so many messages.

use std::cell::{Cell, RefCell};
use tokio::sync::Notify;

/// Shared by all clients of a fleet. Costs a client two comparisons per read.
#[derive(Default)]
pub(crate) struct Fence {
    target: Cell<u64>,
    missing: Cell<usize>,
    changed: Notify,
    failure: RefCell<Option<String>>,
}

impl Fence {
    /// Sets how many messages each client has to have; `heard` is what each has now.
    pub(crate) fn set(&self, target: u64, heard: impl Iterator<Item = u64>) {
        self.target.set(target);
        self.missing.set(heard.filter(|heard| *heard < target).count());
    }

    /// A client had `before` and has `now`.
    pub(crate) fn moved(&self, before: u64, now: u64) {
        let target = self.target.get();
        if before < target && now >= target {
            self.missing.set(self.missing.get() - 1);
            if self.missing.get() == 0 {
                self.changed.notify_one();
            }
        }
    }

    /// A client can go no further; whoever waits is told.
    pub(crate) fn fail(&self, why: String) {
        self.failure.borrow_mut().get_or_insert(why);
        self.changed.notify_one();
    }

    /// The first client's misfortune, if there was any.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        match &*self.failure.borrow() {
            Some(why) => anyhow::bail!("{why}"),
            None => Ok(()),
        }
    }

    /// Waits until every client has as many as were asked for.
    pub(crate) async fn reached(&self) -> anyhow::Result<()> {
        loop {
            self.check()?;
            if self.missing.get() == 0 {
                return Ok(());
            }
            self.changed.notified().await;
        }
    }
}
