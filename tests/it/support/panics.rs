//! A panic in a task of the server is caught by the runtime and seen by nobody, so it is counted.

use std::{
    panic,
    sync::{
        Once,
        atomic::{AtomicUsize, Ordering},
    },
};

static PANICS: AtomicUsize = AtomicUsize::new(0);

/// From now on counts panics anywhere but in the tests themselves, which fail by them.
pub fn watch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if info.location().is_none_or(|location| !location.file().starts_with("tests/")) {
                PANICS.fetch_add(1, Ordering::SeqCst);
            }
            usual(info);
        }));
    });
}

/// Fails if the server panicked in any test so far.
pub fn assert_none() {
    assert_eq!(
        PANICS.load(Ordering::SeqCst),
        0,
        "the server panicked; the output of this or an earlier test says where"
    );
}
