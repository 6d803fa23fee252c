//! Under which origin people, and the commands beside the server, find it.

use super::{Settings, TlsMode, validate};
use std::{fs, io, net::SocketAddr};

/// Below `data_dir`: the origin of the server that started last. Flags of `serve` change it,
/// and other commands do not see those.
const FILE: &str = "server.url";

impl Settings {
    /// The origin people open: `server.public_url`, or [`Settings::local_url`].
    #[must_use]
    pub fn origin(&self, listen: SocketAddr) -> String {
        if self.server.public_url.is_empty() { self.local_url(listen) } else { self.server.public_url.clone() }
    }

    /// The origin under which this machine reaches a server that listens there.
    #[must_use]
    pub fn local_url(&self, listen: SocketAddr) -> String {
        let (scheme, usual) = match self.tls.mode {
            TlsMode::On => ("https", 443),
            TlsMode::Off => ("http", 80),
        };
        // A name is what browsers tie certificates, cookies and passkeys to; the rest is an address.
        let ip = listen.ip();
        let host = if ip.is_unspecified() || ip == std::net::Ipv4Addr::LOCALHOST || ip == std::net::Ipv6Addr::LOCALHOST
        {
            "localhost".to_owned()
        } else {
            SocketAddr::new(ip, 0).to_string().trim_end_matches(":0").to_owned()
        };
        if listen.port() == usual {
            format!("{scheme}://{host}")
        } else {
            format!("{scheme}://{host}:{}", listen.port())
        }
    }

    /// Leaves the origin of a server that listens there where [`Settings::found_origin`] looks.
    /// A failure is only logged: links can be had with `server.public_url` too.
    pub fn leave_origin(&self, listen: SocketAddr) {
        let path = self.server.data_dir.join(FILE);
        let write = || {
            // Renamed into place: a command that reads meanwhile sees the old one or the new one.
            let new = path.with_extension("url.new");
            fs::write(&new, self.origin(listen) + "\n")?;
            fs::rename(&new, &path)
        };
        if let Err(error) = write() {
            tracing::warn!(?path, %error, "`switchboard invite` will not know where this server is");
        }
    }

    /// The origin for links made beside the server: `server.public_url`, or where the server
    /// started last, or what the settings say. `None`: they say port 0, and none has started.
    ///
    /// # Errors
    /// When the file that tells is there and cannot be read.
    pub fn found_origin(&self) -> io::Result<Option<String>> {
        if self.server.public_url.is_empty() {
            match fs::read_to_string(self.server.data_dir.join(FILE)) {
                Ok(text) if validate::origin(text.trim_end()).is_ok() => return Ok(Some(text.trim_end().to_owned())),
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(_) | Err(_) => {}
            }
        }
        let known = !self.server.public_url.is_empty() || self.server.listen.port() != 0;
        Ok(known.then(|| self.origin(self.server.listen)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_origin_is_what_people_open() {
        let mut settings = Settings::defaults();
        assert_eq!(settings.origin(([127, 0, 0, 1], 8080).into()), "https://localhost:8080");
        assert_eq!(settings.origin(([10, 0, 0, 1], 443).into()), "https://10.0.0.1");
        settings.tls.mode = TlsMode::Off;
        assert_eq!(settings.origin("[2001:db8::1]:8080".parse().unwrap()), "http://[2001:db8::1]:8080");
        settings.server.public_url = "https://chat.example.org".into();
        assert_eq!(settings.origin(([127, 0, 0, 1], 1).into()), "https://chat.example.org");
    }

    #[test]
    fn other_commands_find_the_server_that_started_last() {
        let directory = tempfile::tempdir().unwrap();
        let mut beside = Settings::defaults();
        beside.server.data_dir = directory.path().to_owned();
        assert_eq!(beside.found_origin().unwrap().as_deref(), Some("https://localhost:8080"));

        let mut serving = beside.clone();
        serving.tls.mode = TlsMode::Off; // a flag
        serving.leave_origin(([127, 0, 0, 1], 4711).into());
        assert_eq!(beside.found_origin().unwrap().as_deref(), Some("http://localhost:4711"));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        beside.server.public_url = "https://chat.example.org".into();
        assert_eq!(beside.found_origin().unwrap().as_deref(), Some("https://chat.example.org"));

        beside.server.public_url.clear();
        beside.server.listen.set_port(0);
        fs::write(directory.path().join(FILE), "javascript:alert(1)\n").unwrap();
        assert_eq!(beside.found_origin().unwrap(), None);
    }
}
