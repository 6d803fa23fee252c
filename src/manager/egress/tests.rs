//! What waits, in which order, and what happens when it is too much.

use super::*;
use std::collections::HashMap;
use std::iter;

fn frame(text: &str) -> Frame {
    Frame::text(text.as_bytes())
}

fn replayed(heads: &[(&TopicName, u64)]) -> Replayed {
    let heads = heads.iter().map(|(topic, head)| ((*topic).clone(), Offset(*head))).collect();
    Replayed { heads, until: 1 }
}

fn egress(events: usize, bytes: usize) -> Egress {
    let egress = Egress::new(EgressLimits { events, bytes }, Arc::default());
    egress.go_live(Some(frame("caught_up")), replayed(&[]));
    egress
}

async fn texts(egress: &Egress) -> Vec<String> {
    let Outgoing::Frames(frames) = egress.next().await else { return Vec::new() };
    frames.iter().map(|frame| String::from_utf8_lossy(&frame.bytes()[2..]).into_owned()).collect()
}

#[tokio::test]
async fn all_that_waits_comes_at_once_and_in_order() {
    let egress = egress(10, 1000);
    egress.enqueue(frame("a"));
    egress.enqueue(frame("b"));
    assert_eq!(texts(&egress).await, ["caught_up", "a", "b"]);
}

#[tokio::test]
async fn either_bound_overflows_and_taking_makes_room() {
    let by_events = egress(2, 1000);
    assert_eq!(by_events.enqueue(frame("a")), Enqueued::Waiting);
    assert_eq!(by_events.enqueue(frame("b")), Enqueued::Overflow);
    by_events.next().await;
    assert_eq!(by_events.enqueue(frame("b")), Enqueued::Waiting);

    let by_bytes = egress(100, 20);
    assert_eq!(by_bytes.enqueue(frame("0123456789")), Enqueued::Overflow);
}

#[tokio::test]
async fn held_back_events_that_were_replayed_are_dropped() {
    let egress = Egress::new(EgressLimits { events: 10, bytes: 1000 }, Arc::default());
    let topic = TopicName::parse("room.a").unwrap();
    egress.enqueue_live(&topic, Offset(4), 1, &frame("four"));
    egress.enqueue_live(&topic, Offset(5), 2, &frame("five"));
    egress.enqueue(frame("replayed"));
    egress.go_live(Some(frame("caught_up")), replayed(&[(&topic, 4)]));
    assert_eq!(texts(&egress).await, ["replayed", "caught_up", "five"]);
}

/// The journal publishes after it has committed, and a replay may read in between.
#[tokio::test]
async fn a_batch_that_was_replayed_does_not_come_again_when_it_is_delivered_late() {
    let egress = Egress::new(EgressLimits { events: 10, bytes: 1000 }, Arc::default());
    let topic = TopicName::parse("room.a").unwrap();
    egress.go_live(Some(frame("caught_up")), replayed(&[(&topic, 4)]));
    egress.enqueue_live(&topic, Offset(4), 1, &frame("four"));
    egress.enqueue_live(&topic, Offset(5), 2, &frame("five"));
    assert_eq!(texts(&egress).await, ["caught_up", "five"]);
}

#[tokio::test]
async fn one_topic_is_held_back_while_the_others_go_on() {
    let egress = egress(10, 1000);
    let (old, new) = (TopicName::parse("room.a").unwrap(), TopicName::parse("channel.b").unwrap());
    egress.hold(&[new.clone()].into(), iter::empty());
    egress.enqueue_live(&new, Offset(7), 2, &frame("seven"));
    egress.enqueue_live(&old, Offset(1), 2, &frame("one"));
    egress.enqueue_live(&new, Offset(8), 3, &frame("eight"));
    egress.replay(frame("replayed"));
    egress.go_live(None, Replayed { heads: [(new, Offset(7))].into(), until: 3 });
    assert_eq!(texts(&egress).await, ["caught_up", "one", "replayed", "eight"]);
}

/// What was read from the log before, at another subscription, stays known.
#[tokio::test]
async fn a_second_replay_does_not_forget_the_first() {
    let egress = Egress::new(EgressLimits { events: 10, bytes: 1000 }, Arc::default());
    let (first, second) = (TopicName::parse("room.a").unwrap(), TopicName::parse("channel.b").unwrap());
    egress.go_live(None, replayed(&[(&first, 4)]));
    egress.hold(&[second.clone()].into(), iter::empty());
    egress.go_live(None, replayed(&[(&second, 2)]));
    egress.enqueue_live(&first, Offset(4), 1, &frame("four"));
    egress.enqueue_live(&second, Offset(2), 1, &frame("two"));
    egress.enqueue_live(&first, Offset(5), 2, &frame("five"));
    assert_eq!(texts(&egress).await, ["five"]);
}

/// A subscription that failed lets nothing of its topic through; the next one must not lose anything by that.
#[tokio::test]
async fn what_was_unwanted_is_held_back_once_it_is_wanted_again() {
    let egress = egress(10, 1000);
    let topic = TopicName::parse("channel.b").unwrap();
    egress.hold(&[topic.clone()].into(), iter::empty());
    egress.go_live(None, replayed(&[(&topic, u64::MAX)]));
    egress.hold(&[topic.clone()].into(), iter::empty());
    egress.enqueue_live(&topic, Offset(5), 1, &frame("five"));
    egress.go_live(None, replayed(&[(&topic, 4)]));
    assert_eq!(texts(&egress).await, ["caught_up", "five"]);
}

/// A replay waits for the socket, and so does the read pump of the same client.
#[tokio::test]
async fn everyone_who_waits_is_woken() {
    let egress = Arc::new(egress(10, 1000));
    egress.replay(frame("page"));
    let waits = || {
        let egress = egress.clone();
        tokio::spawn(async move { egress.drained().await })
    };
    let both = (waits(), waits());
    tokio::task::yield_now().await;
    egress.next().await;
    both.0.await.unwrap();
    both.1.await.unwrap();
}

/// Otherwise the read pump would wait for a queue that is empty, for ever and without a pause.
#[tokio::test]
async fn what_is_held_back_does_not_stop_the_answers() {
    let egress = egress(4, 1000);
    let topic = TopicName::parse("channel.a").unwrap();
    egress.hold(&[topic.clone()].into(), iter::empty());
    for offset in 1..=3 {
        egress.enqueue_live(&topic, Offset(offset), offset + 1, &frame("held"));
    }
    assert!(!egress.is_half_full());
    egress.next().await;
    assert_eq!(egress.waiting().0, 3);
    egress.go_live(None, Replayed { heads: HashMap::new(), until: 0 });
    assert!(egress.is_half_full());
}

/// Whoever waits for a client that is gone would wait without a pause.
#[test]
fn nobody_waits_for_a_client_that_is_gone() {
    let half_full = || {
        let egress = egress(4, 1000);
        egress.enqueue(frame("a"));
        egress.enqueue(frame("b"));
        assert!(egress.is_half_full());
        egress
    };
    let (gone, cut) = (half_full(), half_full());
    gone.end();
    cut.close(CloseReason::SlowConsumer);
    assert!(!gone.is_half_full() && !cut.is_half_full());
}

#[tokio::test]
async fn nothing_follows_a_close_frame() {
    let egress = egress(10, 1000);
    assert!(egress.close(CloseReason::GoingAway));
    assert!(!egress.close(CloseReason::Internal));
    assert_eq!(egress.enqueue(frame("late")), Enqueued::Closing);
    let Outgoing::Frames(frames) = egress.next().await else { panic!("frames") };
    assert_eq!(frames.back().unwrap().bytes(), Frame::close(CloseReason::GoingAway).bytes());
    assert!(matches!(egress.next().await, Outgoing::End));
}

#[tokio::test]
async fn a_slow_client_is_closed_without_what_waited() {
    let egress = egress(10, 1000);
    egress.enqueue(frame("a"));
    egress.close(CloseReason::SlowConsumer);
    let Outgoing::Frames(frames) = egress.next().await else { panic!("frames") };
    assert_eq!(frames.len(), 1);
}

/// A client looks anew at what it hears already: an earlier replay may still matter if it is not shown anything.
#[tokio::test]
async fn what_is_heard_already_can_be_held_back_and_is_cut_only_where_it_was_shown() {
    let egress = Egress::new(EgressLimits { events: 10, bytes: 1000 }, Arc::default());
    let (shown, not_shown) = (TopicName::parse("rows.a").unwrap(), TopicName::parse("rows.b").unwrap());
    egress.go_live(None, Replayed { heads: replayed(&[(&shown, 4), (&not_shown, 4)]).heads, until: 2 });
    egress.hold(&HashSet::new(), [shown.clone(), not_shown.clone()].into_iter());
    egress.enqueue(frame("before"));
    for topic in [&shown, &not_shown] {
        egress.enqueue_live(topic, Offset(4), 1, &frame("four"));
        egress.enqueue_live(topic, Offset(5), 2, &frame("five"));
        egress.enqueue_live(topic, Offset(6), 2, &frame("six"));
    }
    egress.enqueue(frame("answer"));
    egress.go_live(None, Replayed { heads: replayed(&[(&shown, 5)]).heads, until: 3 });
    assert_eq!(texts(&egress).await, ["before", "answer", "six", "five", "six"]);
}
