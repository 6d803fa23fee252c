//! What a handler may refuse a request with, for the description: the codes are named beside the handler.

use super::{
    error::{ErrorBody, Problem},
    problem,
};
use crate::protocol::ErrorCode;
use std::{borrow::Cow, collections::BTreeMap};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        AllOfBuilder, ContentBuilder, HeaderBuilder, ObjectBuilder, Ref, RefOr, Response, ResponseBuilder, Schema, Type,
    },
};

/// Of any request: the host is not ours, or we failed.
const ALWAYS: &[ErrorCode] = &[ErrorCode::Misdirected, ErrorCode::Internal];

/// Of a request with a body.
pub(super) const BODY: &[ErrorCode] = &[
    ErrorCode::BadJson,
    ErrorCode::BadPayload,
    ErrorCode::TooLarge,
    ErrorCode::UnsupportedMediaType,
    ErrorCode::Timeout,
];

/// Of what is guarded against foreign pages and asks the store.
pub(super) const DOOR: &[ErrorCode] =
    &[ErrorCode::ForbiddenOrigin, ErrorCode::StorageUnavailable, ErrorCode::Unavailable];

/// Of what takes a password: guesses are counted, and few are hashed at once.
pub(super) const PASSWORD: &[ErrorCode] = &[ErrorCode::TooManyAttempts, ErrorCode::Unavailable];

/// Of a link that makes an account.
pub(super) const NEW_ACCOUNT: &[ErrorCode] =
    &[ErrorCode::BadToken, ErrorCode::BadName, ErrorCode::WeakPassword, ErrorCode::NameTaken];

/// They say when another try makes sense.
const COME_BACK: &[ErrorCode] =
    &[ErrorCode::TooManyAttempts, ErrorCode::TooManyRequests, ErrorCode::StorageUnavailable, ErrorCode::Unavailable];

/// Names a type for the `responses` of a handler: `refusals!(LoginRefusals: BODY, DOOR, [BadCredentials]);`, or
/// `refusals!(problems GetRefusals: DOOR, [NotFound]);` where they are told as problem details.
macro_rules! refusals {
    (problems $name:ident: $($group:ident),* $(, [$($code:ident),*])?) => {
        refusals!(@ problems $name [$($group),*] [$($($code),*)?]);
    };
    ($name:ident: $($group:ident),* $(, [$($code:ident),*])?) => {
        refusals!(@ responses $name [$($group),*] [$($($code),*)?]);
    };
    ($name:ident: [$($code:ident),*]) => {
        refusals!(@ responses $name [] [$($code),*]);
    };
    (@ $form:ident $name:ident [$($group:ident),*] [$($code:ident),*]) => {
        struct $name;

        impl utoipa::IntoResponses for $name {
            fn responses()
            -> std::collections::BTreeMap<String, utoipa::openapi::RefOr<utoipa::openapi::Response>> {
                crate::http::refusals::$form(&[$($group,)* &[$(crate::protocol::ErrorCode::$code),*]])
            }
        }
    };
}
pub(super) use refusals;

/// How a refusal is told: its content type and schema.
#[derive(Clone, Copy)]
struct Form(&'static str, fn() -> Cow<'static, str>);

/// One response per status.
pub(super) fn responses(groups: &[&[ErrorCode]]) -> BTreeMap<String, RefOr<Response>> {
    in_form(groups, Form("application/json", ErrorBody::name))
}

/// As [`responses`], in the form of RFC 9457.
pub(super) fn problems(groups: &[&[ErrorCode]]) -> BTreeMap<String, RefOr<Response>> {
    in_form(groups, Form(problem::CONTENT_TYPE, Problem::name))
}

fn in_form(groups: &[&[ErrorCode]], form: Form) -> BTreeMap<String, RefOr<Response>> {
    let mut by_status: BTreeMap<u16, Vec<ErrorCode>> = BTreeMap::new();
    for code in ALWAYS.iter().chain(groups.iter().copied().flatten()) {
        let codes = by_status.entry(code.http_status()).or_default();
        if !codes.contains(code) {
            codes.push(*code);
        }
    }
    by_status.into_iter().map(|(status, codes)| (status.to_string(), response(&codes, form).into())).collect()
}

fn response(codes: &[ErrorCode], Form(content_type, name): Form) -> Response {
    let meanings: Vec<_> = codes.iter().map(|code| format!("`{}`: {}", code.as_str(), code.meaning())).collect();
    let content = ContentBuilder::new().schema(Some(body(codes, &name()))).build();
    let mut response = ResponseBuilder::new().description(meanings.join("\n\n")).content(content_type, content);
    if codes.iter().any(|code| COME_BACK.contains(code)) {
        response = response.header("Retry-After", retry_after());
    }
    if codes.contains(&ErrorCode::BadKey) {
        response = response.header("WWW-Authenticate", authenticate());
    }
    response.build()
}

/// An error's body with one of these codes and no other.
fn body(codes: &[ErrorCode], name: &str) -> Schema {
    let code = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(codes.iter().map(|code| code.as_str())));
    let error = ObjectBuilder::new().property("code", code);
    let of_these = ObjectBuilder::new().property("error", error);
    AllOfBuilder::new().item(Ref::from_schema_name(name)).item(of_these).into()
}

fn retry_after() -> utoipa::openapi::Header {
    let seconds = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1));
    HeaderBuilder::new().schema(Some(seconds)).description(Some("Seconds until another try makes sense.")).build()
}

fn authenticate() -> utoipa::openapi::Header {
    let scheme = ObjectBuilder::new().schema_type(Type::String);
    HeaderBuilder::new().schema(Some(scheme)).description(Some("`Bearer`, beside `bad_key`.")).build()
}

impl PartialSchema for ErrorCode {
    fn schema() -> RefOr<Schema> {
        let meanings: Vec<_> =
            Self::ALL.iter().map(|code| format!("- `{}`: {}", code.as_str(), code.meaning())).collect();
        ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(Self::ALL.iter().map(|code| code.as_str())))
            .description(Some(format!("What to branch on. More may come.\n\n{}", meanings.join("\n"))))
            .into()
    }
}

impl ToSchema for ErrorCode {}
