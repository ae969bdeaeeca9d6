//! [`Jar`]: the cookies of a server, kept and sent back (row B9, contract I14). [RFC 6265 §5]
//!
//! Owns reading `Set-Cookie`, dates included, and the choice of what is sent. It is written here and not by a cookie
//! library, since those bring a calendar along. Leaves out `SameSite`, as there is no site around a client, and public
//! suffixes, as a client talks to one host only: nothing leaks where a cookie is for all of `com`.

use std::time::{Duration, SystemTime};

use http::HeaderValue;

/// Cookies that are kept; the oldest go first. [RFC 6265 §6.1]
const MAX_COOKIES: usize = 50;
/// The longest `Set-Cookie` that is looked at.
const MAX_COOKIE_BYTES: usize = 4096;
/// How long a cookie may live at most, whatever it says.
const MAX_AGE: Duration = Duration::from_secs(400 * 24 * 3600);

/// Where a request goes, as far as cookies care.
#[derive(Clone, Copy, Debug)]
pub(super) struct Site<'a> {
    /// In lower case, an IPv6 address without its brackets.
    pub(super) host: &'a str,
    pub(super) path: &'a str,
    pub(super) secure: bool,
}

/// At most [`MAX_COOKIES`] × [`MAX_COOKIE_BYTES`], 200 KB.
#[derive(Default)]
pub(super) struct Jar {
    /// In the order in which they were first set.
    cookies: Vec<Cookie>,
}

struct Cookie {
    name: String,
    value: String,
    domain: String,
    /// Only this very host, not those below it.
    host_only: bool,
    path: String,
    secure: bool,
    /// `None`: as long as the jar.
    expires: Option<SystemTime>,
}

impl Jar {
    /// Keeps what a `Set-Cookie` of an answer says; nothing, where it is not allowed to or cannot be read.
    pub(super) fn set(&mut self, header: &HeaderValue, site: Site<'_>, now: SystemTime) {
        let Some(cookie) = Some(header)
            .filter(|header| header.len() <= MAX_COOKIE_BYTES)
            .and_then(|header| header.to_str().ok())
            .and_then(|header| Cookie::parse(header, site, now))
        else {
            return;
        };
        let is_same =
            |old: &Cookie| (&old.name, &old.domain, &old.path) == (&cookie.name, &cookie.domain, &cookie.path);
        let place = self.cookies.iter().position(is_same);
        if cookie.is_expired(now) {
            place.map(|place| self.cookies.remove(place));
        } else if let Some(old) = place.and_then(|place| self.cookies.get_mut(place)) {
            *old = cookie;
        } else {
            self.cookies.retain(|old| !old.is_expired(now));
            if self.cookies.len() >= MAX_COOKIES {
                self.cookies.remove(0);
            }
            self.cookies.push(cookie);
        }
    }

    /// What stands in the header `Cookie` of a request; `None` where there is nothing to send.
    pub(super) fn cookies(&self, site: Site<'_>, now: SystemTime) -> Option<String> {
        let mut cookies: Vec<_> = self.cookies.iter().filter(|cookie| cookie.is_for(site, now)).collect();
        // Those with the longest path first; the sort keeps the older ones in front. [RFC 6265 §5.4]
        cookies.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        let pairs: Vec<_> = cookies.iter().map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }
}

impl Cookie {
    /// [RFC 6265 §5.2, §5.3]
    fn parse(header: &str, site: Site<'_>, now: SystemTime) -> Option<Self> {
        let mut parts = header.split(';');
        let (name, value) = parts.next()?.split_once('=')?;
        let (name, value) = (name.trim().to_owned(), value.trim().to_owned());
        if name.is_empty() || header.bytes().any(|byte| byte.is_ascii_control()) {
            return None;
        }
        let mut cookie = Self {
            name,
            value,
            domain: site.host.to_owned(),
            host_only: true,
            path: default_path(site.path).to_owned(),
            secure: false,
            expires: None,
        };
        let (mut max_age, mut domain) = (None, "");
        for part in parts {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            let value = value.trim();
            match &*key.trim().to_ascii_lowercase() {
                "domain" => domain = value.strip_prefix('.').unwrap_or(value),
                "path" if value.starts_with('/') => value.clone_into(&mut cookie.path),
                "path" => default_path(site.path).clone_into(&mut cookie.path),
                "secure" => cookie.secure = true,
                "max-age" => max_age = parse_max_age(value).or(max_age),
                "expires" => cookie.expires = parse_date(value).or(cookie.expires),
                _ => {}
            }
        }
        if let Some(age) = max_age {
            // Without an age it has ended long ago.
            cookie.expires = Some(age.map_or(SystemTime::UNIX_EPOCH, |age| now + age));
        }
        cookie.expires = cookie.expires.map(|expires| expires.min(now + MAX_AGE));
        if !domain.is_empty() {
            let domain = domain.to_ascii_lowercase();
            if !domain_matches(site.host, &domain) {
                return None;
            }
            (cookie.domain, cookie.host_only) = (domain, false);
        }
        // A secret is not one that came in the clear.
        (!cookie.secure || site.secure).then_some(cookie)
    }

    fn is_expired(&self, now: SystemTime) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }

    fn is_for(&self, site: Site<'_>, now: SystemTime) -> bool {
        let is_host = if self.host_only { site.host == self.domain } else { domain_matches(site.host, &self.domain) };
        is_host && path_matches(site.path, &self.path) && (site.secure || !self.secure) && !self.is_expired(now)
    }
}

/// Whether a cookie of that domain may go to that host: both in lower case. [RFC 6265 §5.1.3]
fn domain_matches(host: &str, domain: &str) -> bool {
    let is_address = host.contains(':') || host.parse::<std::net::Ipv4Addr>().is_ok();
    let is_below = |host: &str| host.strip_suffix(domain).is_some_and(|below| below.ends_with('.'));
    host == domain || !is_address && is_below(host)
}

/// The folder of a request's path. [RFC 6265 §5.1.4]
fn default_path(path: &str) -> &str {
    path.rsplit_once('/').map_or("/", |(folder, _)| if folder.starts_with('/') { folder } else { "/" })
}

/// Whether a cookie of that path goes along with a request for the other. [RFC 6265 §5.1.4]
fn path_matches(path: &str, of_cookie: &str) -> bool {
    let rest = path.strip_prefix(of_cookie);
    rest.is_some_and(|rest| rest.is_empty() || of_cookie.ends_with('/') || rest.starts_with('/'))
}

/// The age in an attribute; `Some(None)` where it is over at once, `None` where it is no number. [RFC 6265 §5.2.2]
fn parse_max_age(value: &str) -> Option<Option<Duration>> {
    let digits = value.strip_prefix('-').unwrap_or(value);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // What has more digits than a number can have is longer than a cookie may live.
    let seconds = digits.parse().unwrap_or(u64::MAX);
    let is_over = value.starts_with('-') || seconds == 0;
    Some((!is_over).then(|| Duration::from_secs(seconds).min(MAX_AGE)))
}

/// A date as servers write it: a time, a day, a month and a year, in this or another order. [RFC 6265 §5.1.1]
fn parse_date(value: &str) -> Option<SystemTime> {
    const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let (mut time, mut day, mut month, mut year) = (None, None, None, None);
    for token in value.split(|c: char| !c.is_ascii_alphanumeric() && c != ':') {
        let is_number = |len: std::ops::RangeInclusive<usize>| {
            len.contains(&token.len()) && token.bytes().all(|byte| byte.is_ascii_digit())
        };
        if time.is_none() && token.contains(':') {
            time = Some(parse_time(token)?);
        } else if day.is_none() && is_number(1..=2) {
            day = token.parse::<u64>().ok();
        } else if month.is_none() && token.len() >= 3 && !token.starts_with(|c: char| c.is_ascii_digit()) {
            let name = token.get(..3)?.to_ascii_lowercase();
            month = MONTHS.iter().position(|month| *month == name).or(month);
        } else if year.is_none() && is_number(2..=4) {
            year = token.parse::<u64>().ok().map(|year| match year {
                70..=99 => year + 1900,
                0..=69 => year + 2000,
                _ => year,
            });
        }
    }
    let (time, day, month, year) = (time?, day?, month?, year?);
    // A date before 1970 has passed like any other.
    if !(1..=31).contains(&day) || !(1601..=9999).contains(&year) {
        return None;
    }
    let since = days_since_1970(year.max(1970), month, day) * 24 * 3600 + time;
    Some(SystemTime::UNIX_EPOCH + Duration::from_secs(if year < 1970 { 0 } else { since }))
}

/// Seconds of `hh:mm:ss`.
fn parse_time(token: &str) -> Option<u64> {
    let mut parts = token.split(':').map(|part| {
        let is_number = (1..=2).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
        if is_number { part.parse::<u64>().ok() } else { None }
    });
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    (hour < 24 && minute < 60 && second < 60 && parts.next().is_none()).then_some(hour * 3600 + minute * 60 + second)
}

/// Days of the calendar, from the first of January 1970; `month` counts from 0.
fn days_since_1970(year: u64, month: usize, day: u64) -> u64 {
    const BEFORE: [u64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let leap_days = |before: u64| before / 4 - before / 100 + before / 400;
    let is_leap = year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    let days = (year - 1970) * 365 + leap_days(year - 1) - leap_days(1969);
    days + BEFORE.get(month).copied().unwrap_or(0) + u64::from(is_leap && month > 1) + day - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const SITE: Site<'static> = Site { host: "chat.example.com", path: "/engine.io/", secure: true };

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn jar(headers: &[&str], site: Site<'_>) -> Jar {
        let mut jar = Jar::default();
        for header in headers {
            jar.set(&HeaderValue::from_str(header).unwrap(), site, at(1000));
        }
        jar
    }

    fn sent(headers: &[&str], site: Site<'_>) -> String {
        jar(headers, SITE).cookies(site, at(1001)).unwrap_or_default()
    }

    /// B9, I14.
    #[test]
    fn a_cookie_goes_where_its_domain_and_path_say() {
        let host = |host| Site { host, ..SITE };
        let path = |path| Site { path, ..SITE };
        let plain = Site { secure: false, ..SITE };
        let cases = [
            ("a=1", SITE, true),
            ("a=1", host("other.chat.example.com"), false),
            ("a=1", host("example.com"), false),
            ("a=1; Domain=example.com", SITE, true),
            ("a=1; Domain=.Example.COM", host("example.com"), true),
            ("a=1; domain=example.com", host("x.example.com"), true),
            ("a=1; Domain=example.com", host("badexample.com"), false),
            ("a=1; Domain=chat.example.com", host("x.chat.example.com"), true),
            // A domain that does not cover the host that sets it.
            ("a=1; Domain=other.com", SITE, false),
            ("a=1; Domain=other.com", host("other.com"), false),
            ("a=1; Domain=x.chat.example.com", host("x.chat.example.com"), false),
            ("a=1; Domain=ample.com", SITE, false),
            // The folder of the request, unless it says otherwise.
            ("a=1", path("/engine.io"), true),
            ("a=1", path("/engine.io/x"), true),
            ("a=1", path("/engine.iox"), false),
            ("a=1", path("/"), false),
            ("a=1; Path=/", path("/x"), true),
            ("a=1; Path=/x", path("/x/y"), true),
            ("a=1; Path=/x/", path("/x/y"), true),
            ("a=1; Path=/x/", path("/x"), false),
            ("a=1; Path=/x", path("/xy"), false),
            ("a=1; Path=x", path("/engine.io/"), true),
            ("a=1; Path=/x; Path=/", SITE, true),
            ("a=1; Secure", SITE, true),
            ("a=1; Secure", plain, false),
            ("a=1; HttpOnly; SameSite=Strict; Whatever=5", plain, true),
        ];
        for (header, site, expected) in cases {
            assert_eq!(sent(&[header], site), if expected { "a=1" } else { "" }, "{header} {site:?}");
        }
        let address = Site { host: "10.0.0.1", ..SITE };
        assert!(jar(&["a=1; Domain=0.0.1"], address).cookies.is_empty(), "no domain is above an address");
        assert_eq!(jar(&["a=1; Domain=10.0.0.1"], address).cookies(address, at(0)).unwrap(), "a=1");
        assert!(jar(&["a=1; Secure"], plain).cookies.is_empty(), "what came in the clear is no secret");
    }

    #[test]
    fn a_cookie_ends_when_it_says() {
        let lives = |header: &str, seconds| jar(&[header], SITE).cookies(SITE, at(seconds)).is_some();
        for (header, last) in [
            ("a=1; Max-Age=10", 1009),
            ("a=1; Max-Age=10; Expires=Thu, 01 Jan 1970 00:00:00 GMT", 1009),
            ("a=1; Expires=Thu, 01 Jan 1970 01:00:00 GMT", 3599),
            ("a=1; Expires=Thursday, 01-Jan-70 01:00:00 GMT", 3599),
            ("a=1; Expires=Thu Jan  1 01:00:00 1970", 3599),
            ("a=1; Expires=Thu, 01-Jan-1970 01:00:00 GMT", 3599),
            ("a=1; Expires=Fri, 07 Aug 2099 23:59:59 GMT", 1000 + MAX_AGE.as_secs() - 1),
            ("a=1; Max-Age=99999999999999999999999", 1000 + MAX_AGE.as_secs() - 1),
        ] {
            assert!(lives(header, last) && !lives(header, last + 1), "{header}");
        }
        for header in ["a=1; Max-Age=0", "a=1; Max-Age=-1", "a=1; Expires=Wed, 31 Dec 1969 00:00:00 GMT"] {
            assert!(!lives(header, 1000), "{header}");
        }
        for header in ["a=1", "a=1; Max-Age=x", "a=1; Max-Age=", "a=1; Max-Age=+5", "a=1; Expires=never"] {
            assert!(lives(header, 1 << 40), "{header}");
        }
    }

    #[test]
    fn a_date_is_read_in_each_form_that_servers_write() {
        for (date, seconds) in [
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(784_111_777)),
            ("Sun Nov  6 08:49:37 1994", Some(784_111_777)),
            ("08:49:37 6 november 1994", Some(784_111_777)),
            ("Thu, 29 Feb 2024 00:00:00 GMT", Some(1_709_164_800)),
            ("Fri, 01 Mar 2024 00:00:00 GMT", Some(1_709_251_200)),
            ("Wed, 01 Mar 2000 00:00:00 GMT", Some(951_868_800)),
            ("Mon, 01 Mar 2100 00:00:00 GMT", Some(4_107_542_400)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", Some(253_402_300_799)),
            ("Mon, 01 Jan 1601 00:00:00 GMT", Some(0)),
            ("Sun, 06 Nov 1994", None),
            ("Sun, 06 Nov 1994 24:00:00 GMT", None),
            ("Sun, 06 Nov 1994 08:60:00 GMT", None),
            ("Sun, 06 Nov 1994 08:49:37:11 GMT", None),
            ("Sun, 32 Nov 1994 08:49:37 GMT", None),
            ("Sun, 06 Nix 1994 08:49:37 GMT", None),
            ("06 Nov 1600 08:49:37", None),
            ("", None),
            (":::", None),
        ] {
            assert_eq!(parse_date(date), seconds.map(at), "{date}");
        }
    }

    #[test]
    fn the_longest_path_comes_first_and_a_new_value_takes_the_place_of_the_old() {
        let headers = ["a=1; Path=/", "b=2", "c=3; Path=/", "a=4; Path=/", "d=", "e = 5 = 6 "];
        assert_eq!(sent(&headers, SITE), "b=2; d=; e=5 = 6; a=4; c=3");
        assert_eq!(sent(&["a=1", "b=2", "a=; Max-Age=0"], SITE), "b=2");
    }

    /// S27: a server cannot fill the jar.
    #[test]
    fn a_jar_is_bounded_in_cookies_and_bytes() {
        let headers: Vec<_> = (0..1000).map(|i| format!("c{i}={i}")).collect();
        let mut jar = jar(&headers.iter().map(|header| &**header).collect::<Vec<_>>(), SITE);
        assert_eq!(jar.cookies.len(), MAX_COOKIES);
        assert_eq!(jar.cookies[0].name, "c950", "the oldest have gone");
        let big = HeaderValue::from_str(&format!("big={}", "x".repeat(4093))).unwrap();
        jar.set(&big, SITE, at(1000));
        assert!(jar.cookies.iter().all(|cookie| cookie.name != "big"));
        for header in ["", "=", "=x", "novalue", ";a=1", "a\t=1"] {
            assert_eq!(sent(&[header], SITE), "", "{header:?}");
        }
        jar.set(&HeaderValue::from_bytes(b"a=\xff").unwrap(), SITE, at(1000));
        assert!(jar.cookies.iter().all(|cookie| cookie.name != "a"));
    }
}
