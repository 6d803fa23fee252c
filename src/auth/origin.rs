//! Whether a page may talk to us: exact equality of scheme, host and port (RFC 6454 section 5). Pure.

use crate::settings::split_authority;

/// A page's origin in normal form, its port always said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    scheme: Scheme,
    host: String,
    port: u16,
}

/// What pages come over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// `http`, by default on port 80.
    Http,
    /// `https`, by default on port 443.
    Https,
}

/// The page is not one of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the origin is not one of ours")]
pub struct ForeignOrigin;

impl Origin {
    /// Reads `scheme://host[:port]` and nothing more: no path, no user, no `null`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, authority) = text.split_once("://")?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return None,
        };
        Self::of_authority(scheme, authority)
    }

    /// The origin of pages that come from `authority` (a `Host` header or `:authority`) over `scheme`.
    #[must_use]
    pub fn of_authority(scheme: Scheme, authority: &str) -> Option<Self> {
        let (host, port) = split_authority(authority)?;
        let default = match scheme {
            Scheme::Http => 80,
            Scheme::Https => 443,
        };
        Some(Self { scheme, host, port: port.unwrap_or(default) })
    }
}

/// Which origins are ours.
#[derive(Debug, Clone)]
pub struct OurOrigins {
    /// What people's `Host` may come over.
    schemes: Vec<Scheme>,
    /// `server.public_url`, unless it is none.
    public: Option<Origin>,
    /// `http.allowed_origins`; those that are none are left out.
    allowed: Vec<Origin>,
}

impl OurOrigins {
    /// With TLS of our own, pages of our host are `https`; without, they are what `server.public_url` says, and when
    /// that is empty we cannot know: a proxy may do TLS for us.
    #[must_use]
    pub fn new(settings: &crate::settings::Settings) -> Self {
        let public = Origin::parse(settings.server.public_url.trim_end_matches('/'));
        let schemes = match (settings.tls.mode, &public) {
            (crate::settings::TlsMode::On, _) => vec![Scheme::Https],
            (crate::settings::TlsMode::Off, Some(public)) => vec![public.scheme],
            (crate::settings::TlsMode::Off, None) => vec![Scheme::Https, Scheme::Http],
        };
        let allowed = settings.http.allowed_origins.iter().filter_map(|text| Origin::parse(text.trim_end_matches('/')));
        Self { schemes, public, allowed: allowed.collect() }
    }

    /// Whether a page of `origin` may talk to us, who were called by `authority`.
    ///
    /// # Errors
    /// [`ForeignOrigin`].
    pub fn check(&self, origin: &str, authority: Option<&str>) -> Result<(), ForeignOrigin> {
        let origin = Origin::parse(origin).ok_or(ForeignOrigin)?;
        if self.is_own(&origin, authority) || self.allowed.contains(&origin) { Ok(()) } else { Err(ForeignOrigin) }
    }

    /// Whether such a page is another app's, which `http.allowed_origins` lets in.
    #[must_use]
    pub fn is_guest(&self, origin: &str, authority: Option<&str>) -> bool {
        Origin::parse(origin).is_some_and(|origin| self.allowed.contains(&origin) && !self.is_own(&origin, authority))
    }

    fn is_own(&self, origin: &Origin, authority: Option<&str>) -> bool {
        let by_host = |scheme: &Scheme| authority.and_then(|authority| Origin::of_authority(*scheme, authority));
        self.public.as_ref() == Some(origin) || self.schemes.iter().filter_map(by_host).any(|ours| ours == *origin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{auth::testing, settings::TlsMode};
    use proptest::prelude::*;

    fn ours(tls: TlsMode, public_url: &str, allowed: &[&str]) -> OurOrigins {
        let mut settings = testing::settings();
        settings.tls.mode = tls;
        settings.server.public_url = public_url.to_owned();
        settings.http.allowed_origins = allowed.iter().map(|text| (*text).to_owned()).collect();
        OurOrigins::new(&settings)
    }

    #[test]
    fn our_own_page_is_ours() {
        let ours = ours(TlsMode::On, "", &[]);
        for (origin, authority) in [
            ("https://chat.example:8080", "chat.example:8080"),
            ("https://chat.example", "chat.example"),
            ("https://chat.example", "chat.example:443"),
            ("https://chat.example:443", "CHAT.example"),
            ("https://127.0.0.1:8080", "127.0.0.1:8080"),
            ("https://[::1]:8080", "[::1]:8080"),
        ] {
            assert_eq!(ours.check(origin, Some(authority)), Ok(()), "{origin} at {authority}");
        }
    }

    #[test]
    fn look_alikes_are_foreign() {
        let ours = ours(TlsMode::On, "", &[]);
        for origin in [
            "null",
            "",
            "http://chat.example:8080",
            "https://chat.example",
            "https://chat.example:8081",
            "https://chat.example:08080x",
            "https://evil-chat.example:8080",
            "https://chat.example.evil.example:8080",
            "https://example:8080",
            "https://sub.chat.example:8080",
            "https://chat.example.:8080",
            "https://chat.example:8080/",
            "https://chat.example:8080.evil.example",
            "https://chat.example:8080@evil.example",
            "https://evil.example#chat.example:8080",
            "https://chat。example:8080",
            "https://chat.examp1e:8080",
            "https://chat.example:8080 https://evil.example",
            "file://chat.example:8080",
            "https:chat.example:8080",
            "chat.example:8080",
            "https://:8080",
            "https://chat.example:",
            "https://chat.example:0",
            "https://chat.example:73616",
        ] {
            assert_eq!(ours.check(origin, Some("chat.example:8080")), Err(ForeignOrigin), "{origin:?}");
        }
        assert_eq!(ours.check("https://chat.example:8080", None), Err(ForeignOrigin));
    }

    #[test]
    fn without_tls_the_public_url_tells_the_scheme() {
        let unknown = ours(TlsMode::Off, "", &[]);
        assert!(unknown.check("http://chat.example", Some("chat.example")).is_ok());
        assert!(unknown.check("https://chat.example", Some("chat.example")).is_ok());
        assert!(unknown.check("https://chat.example", Some("chat.example:80")).is_err());
        let behind_proxy = ours(TlsMode::Off, "https://chat.example/", &[]);
        assert!(behind_proxy.check("http://chat.example", Some("chat.example")).is_err());
        assert!(behind_proxy.check("https://chat.example", Some("127.0.0.1:8080")).is_ok(), "the proxy changed Host");
    }

    #[test]
    fn listed_origins_are_ours_exactly() {
        let ours = ours(TlsMode::On, "", &["https://app.example"]);
        assert!(ours.check("https://app.example", Some("chat.example")).is_ok());
        assert!(ours.is_guest("https://app.example", Some("chat.example")));
        assert!(!ours.is_guest("https://app.example", Some("app.example")), "it is our own host");
        assert!(!ours.is_guest("https://chat.example", Some("chat.example")));
        assert!(ours.check("http://app.example", Some("chat.example")).is_err());
        assert!(ours.check("https://app.example:8443", Some("chat.example")).is_err());
    }

    proptest! {
        #[test]
        fn only_equal_authorities_pass(origin in "[a-c.:\\[\\]0-9@/-]{0,14}", authority in "[a-c.:\\[\\]0-9]{0,14}") {
            if ours(TlsMode::On, "", &[]).check(&format!("https://{origin}"), Some(&authority)).is_ok() {
                let (one, other) = (split_authority(&origin).unwrap(), split_authority(&authority).unwrap());
                prop_assert_eq!((one.0, one.1.unwrap_or(443)), (other.0, other.1.unwrap_or(443)));
            }
        }
    }
}
