//! Room for the library's recursion, which goes as deep as types are inside each other and as clients build on each
//! other.

use crate::documents::guard::BadUpdate;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::mpsc,
};

/// Levels of recursion that fit on the stack of any thread; above, room is made for each.
const DEPTH_OF_ANY_STACK: usize = 256;
const LEAST_STACK: usize = 1 << 20;
const STACK_PER_LEVEL: usize = 1 << 10;

type Job = Box<dyn FnOnce() + Send>;

/// Where work is done that recurses deeply: a thread of its own, from when it is needed until this is dropped.
#[derive(Debug, Default)]
pub(super) struct Stack {
    deep: Option<Deep>,
}

#[derive(Debug)]
struct Deep {
    levels: usize,
    jobs: mpsc::Sender<Job>,
}

impl Stack {
    /// Runs it with room for so many levels.
    ///
    /// # Errors
    /// [`BadUpdate`]: it panicked, or there is no memory for so many.
    pub(super) fn run<T: Send + 'static>(
        &mut self,
        levels: usize,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, BadUpdate> {
        const FAILED: BadUpdate = BadUpdate("the library failed on the update");
        let run = move || catch_unwind(AssertUnwindSafe(work)).map_err(|_| FAILED);
        if levels <= DEPTH_OF_ANY_STACK {
            return run();
        }
        let (done, result) = mpsc::sync_channel(1);
        // Whoever waits for it is there until it is done.
        let job = Box::new(move || drop(done.send(run())));
        self.with_levels(levels)?.jobs.send(job).map_err(|_| FAILED)?;
        result.recv().map_err(|_| FAILED)?
    }

    fn with_levels(&mut self, levels: usize) -> Result<&Deep, BadUpdate> {
        if self.deep.as_ref().is_none_or(|deep| deep.levels < levels) {
            let levels = levels.next_power_of_two();
            let (jobs, work) = mpsc::channel::<Job>();
            let thread = std::thread::Builder::new().name("documents".into());
            thread
                .stack_size(LEAST_STACK + levels * STACK_PER_LEVEL)
                .spawn(move || work.into_iter().for_each(|job| job()))
                .map_err(|_| BadUpdate("there is no memory for the update"))?;
            self.deep = Some(Deep { levels, jobs });
        }
        self.deep.as_ref().ok_or(BadUpdate("there is no memory for the update"))
    }
}
