//! `POST /publish`: a back end, or a member where that is allowed, reaches every subscriber of a channel.

use super::{
    ApiError, bearer,
    client_address::client_address,
    guarded::guarded,
    json_body::read_raw_json,
    pace::Pace,
    refusals::{BODY, DOOR, refusals},
    session_cookie,
};
use crate::{
    auth::{AuthError, Door, Keys, Secret},
    events::{Author, ChannelError, Channels, MAX_PUBLICATIONS, NewPublish, Published},
    manager::{HandlerError, Manager},
    model::{ChannelName, Epoch, Offset},
    protocol::{ErrorCode, compact},
    settings::Settings,
};
use axum::{
    Json,
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use std::{net::IpAddr, sync::Arc};
use utoipa::{ToSchema, openapi::OpenApi};
use utoipa_axum::{router::OpenApiRouter, routes};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
pub(super) const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
/// What a body may have beside the data: names, and white space of those who write by hand.
const ENVELOPE_BYTES: usize = 64 * 1024;

/// What publishing needs.
#[derive(Clone)]
pub struct PublishState {
    /// Judges keys.
    pub keys: Arc<Keys>,
    /// Judges sessions.
    pub door: Arc<Door>,
    /// Publishes.
    pub channels: Arc<Channels>,
    /// Knows who listens.
    pub manager: Arc<Manager>,
    /// Limits, origins, proxies.
    pub settings: Arc<Settings>,
    /// How fast members send.
    pub pace: Arc<Pace>,
}

/// Publishing, guarded against foreign pages and never cached.
pub(super) fn routes(state: PublishState) -> (axum::Router, OpenApi) {
    let settings = state.settings.clone();
    let (routes, description) = OpenApiRouter::new().routes(routes!(publish)).split_for_parts();
    (guarded(routes, settings).with_state(state), description)
}

/// One of `channel`, `channels` and `batch`; the capitalised names of older senders mean the same.
#[derive(Deserialize, ToSchema)]
#[schema(as = Publish, examples(
    json!({"channel": "bunno", "data": {"message": {"text": "oh hai", "username": "jufisch"}}}),
    json!({"channels": ["news.sport", "news.all"], "data": "1:0"}),
    json!({"batch": [{"channel": "a", "data": 1}, {"channel": "b", "data": null}]}),
    json!({"Channel": "bunno", "Data": {"message": {"text": "oh hai", "username": "jufisch"}}}),
))]
struct Wanted {
    /// Where to.
    #[serde(alias = "Channel")]
    channel: Option<String>,
    /// Where to, all of them; at most 100.
    #[serde(alias = "Channels")]
    #[schema(min_items = 1, max_items = 100)]
    channels: Option<Vec<String>>,
    /// Any JSON.
    #[serde(alias = "Data", default, deserialize_with = "present")]
    #[schema(value_type = Option<serde_json::Value>)]
    data: Option<Box<RawValue>>,
    /// Publications with data of their own; at most 100.
    #[serde(alias = "Batch")]
    #[schema(min_items = 1, max_items = 100)]
    batch: Option<Vec<WantedOne>>,
}

/// A publication of a batch; `Channel` and `Data` mean the same.
#[derive(Deserialize, ToSchema)]
#[schema(as = PublishOne)]
struct WantedOne {
    /// Where to.
    #[serde(alias = "Channel")]
    channel: String,
    /// Any JSON.
    #[serde(alias = "Data")]
    #[schema(value_type = serde_json::Value)]
    data: Box<RawValue>,
}

/// `null` is data too.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::<RawValue>::deserialize(deserializer).map(Some)
}

/// Where a publication went.
#[derive(Serialize, ToSchema)]
#[schema(as = Published, examples(json!({"channel": "bunno", "offset": 7, "epoch": "9c4f1d0ab3e24b6f", "subscribers": 3})))]
struct Answer<'a> {
    #[schema(value_type = String)]
    channel: &'a ChannelName,
    /// Its place in the channel.
    #[schema(value_type = u64)]
    offset: Offset,
    /// What the offset belongs to.
    #[schema(value_type = String)]
    epoch: &'a Epoch,
    /// How many clients of this server were listening.
    subscribers: u64,
}

/// For `channels` and `batch`: where each publication went, in the order of the request.
#[derive(Serialize, ToSchema)]
#[schema(as = PublishedEach)]
struct Answers<'a> {
    results: Vec<Answer<'a>>,
}

/// For `channel`, or for the others.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
enum OneOrMany<'a> {
    One(Answer<'a>),
    Many(Answers<'a>),
}

refusals!(PublishRefusals: BODY, DOOR, [
    BadChannel, NoSuchNamespace, BadKey, Unauthorized, Forbidden, Conflict, TooManyAttempts, TooManyRequests
]);

/// Publish to channels.
///
/// All of it or nothing: when the answer says so, it is on disk and on its way to every subscriber.
#[utoipa::path(
    post,
    path = "/publish",
    tag = "channels",
    security(("key" = []), ("session" = [])),
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters: within 24 hours \
        a repeat with the same body publishes nothing and gets the first answer.")),
    request_body = Wanted,
    responses(
        (status = 200, body = OneOrMany, description = "Published.", headers(
            ("Idempotent-Replayed" = String, description = "`true` when this is the answer to an earlier request."),
        )),
        PublishRefusals
    ),
)]
async fn publish(State(state): State<PublishState>, request: Request) -> Result<Response, ApiError> {
    bearer::refuse_in_url(request.uri())?;
    let address = client_address(request.extensions(), request.headers(), &state.settings)?;
    let key = bearer::key(request.headers());
    let publisher = state.publisher(key.as_ref(), request.headers(), address).await?;
    let refused = match state.publish(&publisher, request, address).await {
        Ok(answer) => return Ok(answer),
        Err(refused) => refused,
    };
    match publisher {
        Author::Key(_) => Err(state.or_of_the_key(refused, key.as_ref(), address).await),
        Author::Member(_) => Err(refused),
    }
}

/// How the answer is to look.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    One,
    Many,
}

impl Wanted {
    fn publications(self) -> Result<(Vec<NewPublish>, Form), ApiError> {
        let bad = |problem: &str| Err(ApiError::new(ErrorCode::BadPayload, problem.to_owned()));
        let (channels, data, form) = match self {
            Self { channel: Some(channel), channels: None, data: Some(data), batch: None } => {
                return Ok((vec![NewPublish { channel: parse(&channel, "channel")?, data: tight(&data) }], Form::One));
            }
            Self { channel: None, channels: Some(channels), data: Some(data), batch: None } => {
                (channels, data, Form::Many)
            }
            Self { channel: None, channels: None, data: None, batch: Some(batch) } => {
                check_count(batch.len(), "batch")?;
                let publication = |(place, one): (usize, WantedOne)| {
                    let channel = parse(&one.channel, &format!("batch[{place}].channel"))?;
                    Ok(NewPublish { channel, data: tight(&one.data) })
                };
                let new = batch.into_iter().enumerate().map(publication).collect::<Result<_, ApiError>>()?;
                return Ok((new, Form::Many));
            }
            Self { channel: None, channels: None, batch: None, .. } => return bad("`channel`: is missing"),
            Self { data: None, batch: None, .. } => return bad("`data`: is missing"),
            _ => return bad("`channel`: exactly one of `channel`, `channels` and `batch`, the last without `data`"),
        };
        check_count(channels.len(), "channels")?;
        let data = tight(&data);
        let publication = |(place, name): (usize, &String)| {
            Ok(NewPublish { channel: parse(name, &format!("channels[{place}]"))?, data: data.clone() })
        };
        let new = channels.iter().enumerate().map(publication).collect::<Result<_, ApiError>>()?;
        Ok((new, form))
    }
}

fn parse(name: &str, path: &str) -> Result<ChannelName, ApiError> {
    ChannelName::parse(name).map_err(|error| {
        let error = ChannelError::from(error);
        ApiError::new(error.code(), format!("`{path}`: {error}"))
    })
}

fn check_count(count: usize, field: &str) -> Result<(), ApiError> {
    if (1..=MAX_PUBLICATIONS).contains(&count) {
        return Ok(());
    }
    Err(ApiError::new(ErrorCode::BadPayload, format!("`{field}`: must be 1 to {MAX_PUBLICATIONS}, not {count}")))
}

/// The data without white space between its parts.
fn tight(data: &RawValue) -> Arc<RawValue> {
    match RawValue::from_string(compact(data.get())) {
        Ok(compact) => compact.into(),
        Err(_) => data.to_owned().into(), // what was JSON is JSON still
    }
}

/// What the client calls the request, so that a repeat is known.
pub(super) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let mut keys = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(key) = keys.next() else { return Ok(None) };
    let good = |key: &HeaderValue| {
        let length = 1..=255;
        length.contains(&key.len()) && key.as_bytes().iter().all(u8::is_ascii_graphic)
    };
    match key.to_str() {
        Ok(text) if good(key) && keys.next().is_none() => Ok(Some(text.to_owned())),
        _ => {
            let message = "`Idempotency-Key`: one header of 1 to 255 visible ASCII characters";
            Err(ApiError::new(ErrorCode::BadPayload, message))
        }
    }
}

fn answer(form: Form, names: &[ChannelName], published: &Published) -> Response {
    let answer = |(channel, placed): (_, &crate::storage::Placed)| Answer {
        channel,
        offset: placed.offset,
        epoch: &published.epoch,
        subscribers: placed.subscribers,
    };
    let mut results: Vec<_> = names.iter().zip(&published.places).map(answer).collect();
    let body = match form {
        Form::One if results.len() == 1 => OneOrMany::One(results.swap_remove(0)),
        _ => OneOrMany::Many(Answers { results }),
    };
    let mut response = Json(body).into_response();
    if published.duplicate {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    response
}

impl PublishState {
    async fn publish(&self, publisher: &Author, request: Request, address: IpAddr) -> Result<Response, ApiError> {
        let once = idempotency_key(request.headers())?;
        let max_bytes = self.settings.publish_limit() + ENVELOPE_BYTES;
        let (wanted, text) = read_raw_json::<Wanted>(request, max_bytes, self.settings.http.body_wait).await?;
        let (new, form) = wanted.publications()?;
        if let Author::Member(user) = publisher {
            let sizes = new.iter().map(|one| one.data.get().len());
            self.pace.check(user.id, sizes, &self.settings.socket)?;
        }
        let once = once.map(|key| (key, Sha256::digest(text).into()));
        let names: Vec<_> = new.iter().map(|one| one.channel.clone()).collect();
        match self.channels.publish(&self.manager, publisher, new, once).await {
            Ok(published) => Ok(answer(form, &names, &published)),
            Err(error) => Err(self.refusal(publisher, error, address)),
        }
    }

    /// Who publishes: the key that is presented counts before the session.
    async fn publisher(&self, key: Option<&Secret>, headers: &HeaderMap, address: IpAddr) -> Result<Author, ApiError> {
        if let (None, Some(session)) = (key, session_cookie::session(headers)) {
            return Ok(Author::Member(self.door.session(Some(&session)).await?.user));
        }
        Ok(Author::Key(self.keys.recognise(key, address).await?))
    }

    /// It was recognised from memory: one that has ended is told so, whatever else is wrong with the request. A failure
    /// of ours stays what it is, for it says whether anything may be stored.
    async fn or_of_the_key(&self, refused: ApiError, key: Option<&Secret>, address: IpAddr) -> ApiError {
        if refused.is_ours() {
            return refused;
        }
        match self.keys.authenticate(key, address).await {
            Err(error @ (AuthError::BadKey | AuthError::TooManyAttempts { .. })) => error.into(),
            _ => refused,
        }
    }

    /// Whoever uses a key for what it does not allow is slowed down; the message names the channel.
    fn refusal(&self, publisher: &Author, error: HandlerError, address: IpAddr) -> ApiError {
        let of_key = matches!(publisher, Author::Key(_)) && error.code() == ErrorCode::Forbidden;
        match of_key.then(|| ApiError::from(self.keys.forbidden(address))) {
            Some(throttled) if throttled.code() == ErrorCode::TooManyAttempts => throttled,
            _ => error.into(),
        }
    }
}
