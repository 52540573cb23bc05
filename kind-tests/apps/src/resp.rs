//! As much of the Redis protocol (RESP 2) as a health check needs.

use std::io::{Error, ErrorKind, Result};

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};

const MAX_BULK: usize = 1 << 20;
const MAX_LINE: u64 = 64 << 10;

/// One reply of the server. Arrays are not asked for, so they are refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// `+OK`
    Simple(String),
    /// `-ERR ...`, without the dash.
    Error(String),
    /// `:1`
    Integer(i64),
    /// A string, or nothing where there is no such key.
    Bulk(Option<String>),
}

/// A command in wire form.
pub fn command(parts: &[&str]) -> Vec<u8> {
    let mut wire = format!("*{}\r\n", parts.len());
    for part in parts {
        wire.push_str(&format!("${}\r\n{part}\r\n", part.len()));
    }
    wire.into_bytes()
}

/// Reads one reply.
///
/// # Errors
///
/// `UnexpectedEof` when the connection ends, `InvalidData` when it is not RESP.
pub async fn read<R: AsyncBufRead + Unpin>(reader: &mut R) -> Result<Reply> {
    let line = line(reader).await?;
    let Some(kind) = line.chars().next() else {
        return Err(invalid("an empty line"));
    };
    let rest = &line[kind.len_utf8()..];
    let number = || rest.parse::<i64>().map_err(|_| invalid(&line));
    match kind {
        '+' => Ok(Reply::Simple(rest.to_owned())),
        '-' => Ok(Reply::Error(rest.to_owned())),
        ':' => Ok(Reply::Integer(number()?)),
        '$' => match number()? {
            -1 => Ok(Reply::Bulk(None)),
            length => bulk(reader, length).await.map(|text| Reply::Bulk(Some(text))),
        },
        _ => Err(invalid(&line)),
    }
}

/// The value of a field in the text that `INFO` answers.
pub fn info<'a>(text: &'a str, field: &str) -> Option<&'a str> {
    let pairs = text.lines().filter_map(|line| line.split_once(':'));
    pairs.into_iter().find(|(name, _)| *name == field).map(|(_, value)| value.trim())
}

async fn line<R: AsyncBufRead + Unpin>(reader: &mut R) -> Result<String> {
    let mut line = Vec::new();
    reader.take(MAX_LINE).read_until(b'\n', &mut line).await?;
    if line.is_empty() {
        return Err(Error::new(ErrorKind::UnexpectedEof, "the connection was closed"));
    }
    let line = String::from_utf8(line).map_err(|_| invalid("bytes that are no text"))?;
    let whole = line.strip_suffix("\r\n");
    whole.map(str::to_owned).ok_or_else(|| Error::new(ErrorKind::UnexpectedEof, "half a line"))
}

async fn bulk<R: AsyncBufRead + Unpin>(reader: &mut R, length: i64) -> Result<String> {
    let length = usize::try_from(length).ok().filter(|length| *length <= MAX_BULK);
    let length = length.ok_or_else(|| invalid("a string of impossible length"))?;
    let mut text = vec![0; length + 2];
    reader.read_exact(&mut text).await?;
    text.truncate(length);
    String::from_utf8(text).map_err(|_| invalid("bytes that are no text"))
}

fn invalid(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, format!("not a Redis reply: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read_all(mut wire: &[u8]) -> Vec<Result<Reply>> {
        let mut replies = Vec::new();
        while !wire.is_empty() {
            replies.push(read(&mut wire).await);
        }
        replies
    }

    #[test]
    fn a_command_is_an_array_of_bulk_strings() {
        assert_eq!(command(&["GET", "k"]), b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n");
    }

    #[tokio::test]
    async fn every_kind_of_reply_is_read_in_turn() {
        let replies = read_all(b"+OK\r\n$5\r\na\r\nbc\r\n$-1\r\n:42\r\n-READONLY no\r\n").await;
        let replies: Vec<Reply> = replies.into_iter().map(|r| r.unwrap()).collect();
        let want = [
            Reply::Simple("OK".into()),
            Reply::Bulk(Some("a\r\nbc".into())),
            Reply::Bulk(None),
            Reply::Integer(42),
            Reply::Error("READONLY no".into()),
        ];
        assert_eq!(replies, want);
    }

    #[tokio::test]
    async fn an_end_in_the_middle_is_an_end_of_file() {
        for mut wire in [&b""[..], b"+OK", b"$5\r\nab"] {
            let error = read(&mut wire).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
        }
    }

    #[tokio::test]
    async fn other_protocols_are_refused() {
        for mut wire in [&b"HTTP/1.1 400 Bad\r\n"[..], b"\r\n", b"$x\r\n", b"$-7\r\n", b"\xff\r\n"] {
            let error = read(&mut wire).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidData);
        }
    }

    #[test]
    fn fields_of_info_are_found() {
        let text = "# Server\r\nredis_version:7.0.15\r\nrun_id:abc\r\n";
        assert_eq!(info(text, "redis_version"), Some("7.0.15"));
        assert_eq!(info(text, "uptime"), None);
    }
}
