//! `SIGKILL` right behind the answer.

use super::*;
use crate::support::ServerProcess;

#[tokio::test]
async fn what_was_answered_is_there_after_a_kill() {
    let data = tempfile::tempdir().unwrap();
    let mut server = ServerProcess::start(data.path(), &[]);
    let session = server.owner().await;
    for round in 1..=5 {
        let owner = Editor::member(server.http, &session);
        let made = owner.post(&anvil()).await;
        assert_eq!((made.status.as_u16(), header(&made, "location")), (201, &*format!("/products/{}", 2 * round - 1)));
        let replaced = owner.put(2 * round - 1, &named("Rocket")).await;
        let gone = owner.makes(&anvil()).await;
        assert_eq!(owner.delete(gone).await.status, 204);
        server.kill();
        server = ServerProcess::start(data.path(), &[]);
        let owner = Editor::member(server.http, &session);
        assert_eq!(owner.get(header(&made, "location")).await.body, replaced.body);
        assert_eq!(owner.get(&format!("/products/{gone}")).await.status, 404);
    }
    assert!(server.terminate().success());
}
