//! One Redis connection: each request writes a key, reads it back and asks who answers.

use std::io;

use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::outcome::{Answer, Trouble};
use crate::report::{Cause, UNKNOWN};
use crate::resp::{self, Reply};

/// Keys live this long, in seconds.
const KEY_LIFETIME: &str = "60";

/// A connection; closed when dropped.
#[derive(Debug)]
pub struct RedisConnection {
    stream: BufReader<TcpStream>,
}

impl RedisConnection {
    /// Speaks RESP over a connected stream.
    pub fn over(stream: TcpStream) -> RedisConnection {
        RedisConnection { stream: BufReader::new(stream) }
    }

    /// Whether the other side has ended it, or sent something nobody asked for.
    pub fn is_closed(&self) -> bool {
        let read = self.stream.get_ref().try_read(&mut [0]);
        !matches!(read, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    /// `SET`, `GET` and `INFO server` in one write; request `n` uses a key of its own.
    pub async fn exchange(&mut self, n: u64) -> Result<Answer, Trouble> {
        let (key, value) = (format!("sluice-load:{n}"), format!("value-{n}"));
        let mut wire = resp::command(&["SET", &key, &value, "EX", KEY_LIFETIME]);
        wire.extend(resp::command(&["GET", &key]));
        wire.extend(resp::command(&["INFO", "server"]));
        let written = self.stream.get_mut().write_all(&wire).await;
        written.map_err(|e| Trouble::exchanging(&e, true))?;
        let set = resp::read(&mut self.stream).await;
        let untouched = self.stream.buffer().is_empty();
        let set = set.map_err(|e| Trouble::exchanging(&e, untouched))?;
        let got = self.next().await?;
        let info = self.next().await?;
        judge(&set, &got, &info, &value)
    }

    async fn next(&mut self) -> Result<Reply, Trouble> {
        let reply = resp::read(&mut self.stream).await;
        reply.map_err(|e| Trouble::exchanging(&e, false))
    }
}

fn judge(set: &Reply, got: &Reply, info: &Reply, value: &str) -> Result<Answer, Trouble> {
    let field = |name| match info {
        Reply::Bulk(Some(text)) => resp::info(text, name).unwrap_or(UNKNOWN),
        _ => UNKNOWN,
    };
    let answer = |status: &str, good| Answer {
        status: status.to_owned(),
        good,
        hostname: field("run_id").to_owned(),
        version: field("redis_version").to_owned(),
    };
    for reply in [set, got, info] {
        if let Reply::Error(text) = reply {
            return Ok(answer(text.split(' ').next().unwrap_or("ERR"), false));
        }
    }
    match got {
        Reply::Bulk(Some(text)) if text == value => Ok(answer("OK", true)),
        other => Err(Trouble::new(Cause::BadBody, format!("wrote {value}, read {other:?}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info() -> Reply {
        Reply::Bulk(Some("redis_version:7.2.0\r\nrun_id:abc\r\n".into()))
    }

    #[test]
    fn the_server_is_known_by_its_run_id() {
        let (set, got) = (Reply::Simple("OK".into()), Reply::Bulk(Some("v".into())));
        let answer = judge(&set, &got, &info(), "v").unwrap();
        assert_eq!((answer.hostname.as_str(), answer.version.as_str()), ("abc", "7.2.0"));
        assert!(answer.good);
    }

    #[test]
    fn a_redis_error_is_an_answer_with_its_code() {
        let set = Reply::Error("READONLY You can't write against a read only replica.".into());
        let answer = judge(&set, &Reply::Bulk(None), &info(), "v").unwrap();
        assert_eq!((answer.status.as_str(), answer.good), ("READONLY", false));
        assert_eq!(answer.hostname, "abc");
    }

    #[test]
    fn another_value_than_the_written_one_is_a_bad_body() {
        let trouble = judge(&Reply::Simple("OK".into()), &Reply::Bulk(None), &info(), "v").unwrap_err();
        assert_eq!(trouble.cause, Cause::BadBody);
    }
}
