//! What the family of `subscribe` asks the families whose topics they are.

use crate::{
    manager::Refused,
    metrics::{Metrics, TopicMeter},
    model::{Person, RowTopic, TopicName},
    protocol::ErrorCode,
    storage::RowSource,
};
use std::sync::Arc;

/// Where the topics of one kind are counted; `None`: the topic is of another kind.
pub type MeterOfKind = Box<dyn Fn(&TopicName) -> Option<Arc<TopicMeter>> + Send + Sync>;

/// One kind of topic that can be subscribed to; the family that has it judges.
pub trait TopicKind: Send + Sync + 'static {
    /// The topic that a client's `name` stands for, as it is spelt here, or why there is none; `None`: that is another
    /// kind's to say.
    fn topic(&self, name: &str) -> Option<Result<TopicName, Refused>>;

    /// The code of a name that is none, or is not written as it is spelt here.
    fn bad_name(&self) -> ErrorCode;

    /// Whether `person` may hear a topic of this kind; `listed`: whether an external user's OTP lists a topic.
    ///
    /// # Errors
    /// Why not.
    fn may_hear(&self, person: &Person, listed: &dyn Fn(&TopicName) -> bool, topic: &TopicName) -> Result<(), Refused>;

    /// Whether an OTP for the external user `id` may list a topic of this kind.
    ///
    /// # Errors
    /// Why not.
    fn may_list(&self, id: &str, topic: &TopicName) -> Result<(), Refused>;

    /// Whether `person` may publish there, beside listening.
    fn may_publish(&self, _person: &Person, _topic: &TopicName) -> bool {
        false
    }

    /// What a topic is about and where that is read, when it is about rows.
    fn watched(&self, _topic: &TopicName) -> Option<(RowTopic, Arc<dyn RowSource>)> {
        None
    }

    /// Where topics of this kind are counted.
    fn meters(&self, metrics: &Metrics) -> MeterOfKind;
}

/// What is said of a name that is written in another way than its topic's.
pub(super) fn spelt_otherwise(code: ErrorCode, canonical: &TopicName) -> Refused {
    Refused { code, message: format!("write it as `{canonical}`") }
}
